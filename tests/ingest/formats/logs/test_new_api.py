from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect, lines
from analyzer.ingest.formats.logs.new_api import FORMAT

ID = "20260102100001AAAAbbbb"


def access(status="503", id_=ID, took="1.5s", peer="client_ip=10.0.0.1") -> str:
    return f"[GIN] 2026/01/02 - 10:00:02 | {id_} | {status} | {took:>13} | {peer} |    POST /v1/x"


def said(text: str, id_=ID, level="ERR") -> str:
    return f"[{level}] 2026/01/02 - 10:00:01 | {id_} | {text} "


RELAY = "relay error (channel #3, status code: 429): slow down"


def read(run, *texts):
    return run("".join(f"{text}\n" for text in texts).encode(), FORMAT, name="x.log")


@pytest.mark.parametrize("order", [1, -1])
def test_words_of_the_relay_are_folded_into_the_request(run, order) -> None:
    texts = [said(RELAY), said("channel error (channel #4, status code: 503): gone"), access()]
    got = read(run, *texts[::order])
    row = got.row
    last = (429, "channel #3") if order == -1 else (503, "channel #4")
    assert (row["upstream_status"], row["upstream_address"]) == last
    assert (row["upstream_tries"], row["phase"], row["status"]) == (2, "done", 503)
    assert row["proxy_detail"].startswith(("relay error (", "channel error ("))
    assert row["request_id"] == ID
    assert len(row["seen_in"]) == 3
    assert row["gateway"] == "new-api"


def test_across_blocks(run, monkeypatch) -> None:
    whole = lines.line_blocks

    def small(stream, longest, **told):
        return whole(stream, longest, block=120, **told)

    monkeypatch.setattr("analyzer.ingest.textlog.line_blocks", small)
    filler = [access("200", f"2026010210000{n}CCCCdddd") for n in range(3)]
    got = read(run, said(RELAY), *filler, access(), said("relay error: final words"))
    row = got.frame.filter(status=503).row(0, named=True)
    assert row["upstream_status"] == 429
    assert got.frame.height == 4


CASES = [
    ('do request failed: Post "https://x": dial tcp: refused', None, "connecting"),
    ("do_request_failed", None, "connecting"),
    ("context deadline exceeded (Client.Timeout exceeded)", None, "sent"),
    ("context canceled", None, None),
    ("bad response status code 502", 500, "done"),
]


@pytest.mark.parametrize(("text", "behind", "phase"), CASES)
def test_what_the_relay_did_not_get(run, text, behind, phase) -> None:
    row = read(run, said(f"relay error (channel #5, status code: 500): {text}"), access("500")).row
    assert (row["upstream_status"], row["phase"], row["error_message"]) == (behind, phase, text)


@pytest.mark.parametrize(("status", "phase"), [("401", "not_sent"), ("403", "not_sent"),
    ("429", "not_sent"), ("503", "not_sent"), ("500", None), ("200", None)])  # fmt: skip
def test_refused_by_the_relay_itself(run, status, phase) -> None:
    got = read(run, said(RELAY), access("429"), access(status, "20260102100009EEEEffff"))
    row = got.frame.filter(request_id="20260102100009EEEEffff").row(0, named=True)
    assert row["phase"] == phase


def test_not_if_the_file_has_no_words_of_the_relay(run) -> None:
    assert read(run, access("503")).row["phase"] is None


def test_a_success_after_failed_channels(run) -> None:
    row = read(run, said(RELAY), access("200")).row
    assert (row["upstream_tries"], row["phase"], row["upstream_status"]) == (2, "done", None)
    assert row["error_message"] is None


def test_one_api(run, source) -> None:
    texts = [
        said("[relay.go:100] [x] relay error (channel id 7, user id: 12): gone", level="ERROR"),
        said("[relay.go:55] [Relay] relay error happen, status code is 401, won't retry",
             level="ERROR"),
        access("401", peer="10.0.0.1"),
    ]  # fmt: skip
    assert detect.detect(source("".join(f"{text}\n" for text in texts).encode())) is FORMAT
    row = read(run, *texts).row
    assert (row["upstream_status"], row["error_message"]) == (401, "gone")
    assert row["proxy_detail"] == "relay error (channel id 7): gone"
    assert row["gateway"] == "one-api"


def test_notices_and_bad_lines(run) -> None:
    got = read(run, "[SYS] 2026/01/02 - 10:00:00 | started", said("x", "SYSTEM"), "huh", access())
    assert [problem.record for problem in got.problems if problem.kind == "bad_line"] == [3]
    assert sum(p.count for p in got.problems if p.kind == "notice") == 2


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200), at=st.integers(0, 90))
def test_any_bytes(run, data, at) -> None:
    run(access().encode()[:at] + data + f"\n{access()}\n".encode() + data, FORMAT)
