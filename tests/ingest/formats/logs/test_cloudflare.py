from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.cloudflare import FORMAT

USUAL = {
    "EdgeStartTimestamp": 1795341600250000000, "EdgeEndTimestamp": 1795341604500000000,
    "EdgeResponseStatus": 200, "EdgeResponseBytes": 900, "EdgeResponseBodyBytes": 700,
    "EdgeResponseContentType": "text/event-stream; charset=utf-8", "EdgeTimeToFirstByteMs": 640,
    "EdgePathingSrc": "macro", "EdgePathingOp": "wl", "EdgePathingStatus": "nr",
    "EdgeServerIP": "172.70.131.84", "ClientRequestBytes": 512,
    "ClientRequestHost": "api.gateway.test", "ClientRequestMethod": "POST",
    "ClientRequestURI": "/v1/chat/completions?x=1", "ClientRequestPath": "/v1/chat/completions",
    "ClientRequestScheme": "https", "ClientRequestSource": "eyeball",
    "ClientRequestUserAgent": "OpenAI/Python 1.0", "ClientRequestReferer": "",
    "CacheCacheStatus": "dynamic", "OriginIP": "192.0.2.80", "OriginResponseStatus": 200,
    "OriginResponseDurationMs": 630, "OriginResponseTime": 630000000,
    "OriginResponseHeaderReceiveDurationMs": 600, "OriginRequestHeaderSendDurationMs": 1,
    "OriginTCPHandshakeDurationMs": 10, "OriginTLSHandshakeDurationMs": 15,
    "RayID": "87a1b2c3d4e5f001", "ParentRayID": "00", "SecurityAction": "", "SecurityActions": [],
    "SecuritySources": [], "WorkerSubrequest": False, "WorkerStatus": "unknown",
    "WorkerSubrequestCount": 0,
}  # fmt: skip


def item(*without: str, **changes) -> dict:
    return {key: value for key, value in (USUAL | changes).items() if key not in without}


def line(*without: str, **changes) -> str:
    return json.dumps(item(*without, **changes))


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="cf.json", **more)


def test_a_record(run) -> None:
    got = read(run, line(), headers=("req_header.user-agent", "req_header.referer"))
    row = got.row
    assert row["started_at"] == datetime(2026, 11, 22, 10, 0, 0, 250000, UTC)
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 4, 500000, UTC)
    assert (row["duration_ms"], row["ttfb_ms"]) == (4250.0, 640.0)
    assert (row["time_kind"], row["time_precision_ms"]) == ("start", 0.001)
    assert (row["connect_ms"], row["tls_ms"], row["send_ms"], row["wait_ms"]) == (25, 15, 1, 600)
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "api.gateway.test", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["status"], row["edge_status"], row["upstream_status"]) == (200, 200, 200)
    assert (row["request_bytes"], row["response_bytes"]) == (512, 700)
    assert (row["ray_id"], row["content_type"]) == ("87a1b2c3d4e5f001", "text/event-stream")
    assert (row["proxy_flags"], row["proxy_detail"], row["phase"]) == (None, None, "done")
    assert (row["upstream_address"], row["edge"], row["hop"]) == (
        "192.0.2.80",
        "cloudflare",
        "edge",
    )
    assert (row["req_header.user-agent"], row["req_header.referer"]) == ("OpenAI/Python 1.0", None)
    assert got.problems == []


@pytest.mark.parametrize(
    ("start", "end", "precision", "duration"),
    [
        (1795341600250000000, 1795341604500000000, 0.001, 4250.0),
        (1795341600250000, 1795341604500000, 0.001, 4250.0),
        (1795341600250, 1795341604500, 1.0, 4250.0),
        ("1795341600250", "1795341604500", 1.0, 4250.0),
        (1795341600, 1795341604, 1000.0, None),
        (1795341600, 1795341700, 1000.0, 100000.0),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:04Z", 1000.0, None),
        ("2026-11-22T10:00:00.250Z", "2026-11-22T10:00:04.500Z", 1.0, 4250.0),
        ("2026-11-22 10:00:00", "2026-11-22 10:02:00", 1000.0, 120000.0),
    ],
)
def test_every_spelling_of_time(run, start, end, precision, duration) -> None:
    row = read(run, line(EdgeStartTimestamp=start, EdgeEndTimestamp=end)).row
    assert row["started_at"].replace(microsecond=0) == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert (row["time_precision_ms"], row["duration_ms"]) == (precision, duration)


def test_only_one_stamp(run) -> None:
    row = read(run, line("EdgeStartTimestamp")).row
    assert (row["time_kind"], row["duration_ms"]) == ("end", None)
    assert row["started_at"] == row["ended_at"]


NONE = {
    "OriginResponseStatus": 0, "OriginResponseDurationMs": 0, "OriginResponseTime": 0,
    "OriginResponseHeaderReceiveDurationMs": 0, "OriginTCPHandshakeDurationMs": 0,
    "OriginTLSHandshakeDurationMs": 0, "OriginRequestHeaderSendDurationMs": 0,
}  # fmt: skip
NOBODY = NONE | {"OriginIP": "", "EdgeServerIP": ""}
ENDS = [
    # changes -> upstream status, phase, flags, detail
    ({"EdgeResponseStatus": 503, "OriginResponseStatus": 503}, 503, "done", None, None),
    ({"EdgeResponseStatus": "429", "OriginResponseStatus": "429"}, 429, "done", None, None),
    ({"EdgeResponseStatus": 499}, 200, "body", None, None),
    ({"EdgeResponseStatus": 499} | NONE, None, None, None, None),
    ({"EdgeResponseStatus": 499} | NONE | {"OriginTCPHandshakeDurationMs": 3}, None, "sent", None, None),
    ({"EdgeResponseStatus": 521} | NONE, None, "connecting", None, None),
    ({"EdgeResponseStatus": 522} | NONE, None, "connecting", None, None),
    ({"EdgeResponseStatus": 522} | NONE | {"OriginTCPHandshakeDurationMs": 3}, None, "sent", None, None),
    ({"EdgeResponseStatus": 523} | NONE, None, "connecting", None, None),
    ({"EdgeResponseStatus": 526} | NOBODY, None, "connecting", None, None),
    ({"EdgeResponseStatus": 530} | NOBODY, None, "connecting", None, None),
    ({"EdgeResponseStatus": 524} | NONE, None, "sent", None, None),
    ({"EdgeResponseStatus": 520} | NONE, None, "sent", None, None),
    ({"EdgeResponseStatus": 522} | NONE | {"OriginResponseStatus": 522}, None, "connecting", None, None),
    ({"EdgeResponseStatus": 520, "OriginResponseStatus": 520}, 520, "done", None, None),
    ({"EdgeResponseStatus": 502} | NONE, None, None, None, None),
    ({"EdgeResponseStatus": 503} | NOBODY, None, "not_sent", None, None),
    ({"CacheCacheStatus": "hit"} | NONE, None, "not_sent", None, None),
    ({"WorkerStatus": "ok"} | NOBODY, None, None, None, None),
    ({"WorkerStatus": "exceededCpu", "EdgeResponseStatus": 503} | NOBODY, None, None, None,
     "exceededCpu"),
    ({"EdgeResponseStatus": 403, "SecurityAction": "block", "SecurityActions": ["log", "block"],
      "SecuritySources": ["firewallManaged", "firewallCustom"],
      "SecurityRuleDescription": "No scripts"} | NOBODY,
     None, "not_sent", "block", "firewallManaged,firewallCustom; No scripts"),
    ({"EdgeResponseStatus": 429, "SecurityActions": ["block"], "SecuritySources": ["rateLimit"]}
     | NOBODY, None, "not_sent", "block", "rateLimit"),
    ({"EdgeResponseStatus": 403, "SecurityAction": "managedChallenge"} | NOBODY,
     None, "not_sent", "managedChallenge", None),
    ({"SecurityActions": ["skip", "log"], "SecuritySources": ["waf"]}, 200, "done", None, None),
    ({"EdgeResponseStatus": 403, "WAFAction": "drop"} | NONE, None, "not_sent", "drop", None),
    ({"EdgeResponseStatus": 403, "EdgePathingSrc": "user", "EdgePathingOp": "ban",
      "EdgePathingStatus": "ctry"} | NOBODY, None, "not_sent", "user.ban.ctry", None),
    ({"EdgeResponseStatus": 403, "SecurityAction": "block", "EdgePathingSrc": "user",
      "EdgePathingOp": "ban", "EdgePathingStatus": "ip"} | NOBODY,
     None, "not_sent", "block,user.ban.ip", None),
    ({"EdgeResponseStatus": 409, "EdgePathingSrc": "err", "EdgePathingOp": "errHost",
      "EdgePathingStatus": "dnsErr"} | NOBODY, None, "not_sent", "err.errHost.dnsErr", None),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "answer", "phase", "flags", "detail"), ENDS)
def test_who_answered(run, changes, answer, phase, flags, detail) -> None:
    row = read(run, line(**changes)).row
    assert (row["upstream_status"], row["phase"]) == (answer, phase)
    assert (row["proxy_flags"], row["proxy_detail"]) == (flags, detail)
    assert row["status"] == int(changes.get("EdgeResponseStatus", 200))


def test_a_handshake_of_zero_is_a_connection_used_again(run) -> None:
    row = read(run, line(OriginTCPHandshakeDurationMs=0, OriginTLSHandshakeDurationMs=0)).row
    assert (row["connect_ms"], row["tls_ms"], row["phase"]) == (None, None, "done")


def test_times_of_the_origin_in_other_units(run) -> None:
    head = "OriginResponseHeaderReceiveDurationMs"
    assert read(run, line(head)).row["wait_ms"] == 630.0
    assert read(run, line(head, "OriginResponseDurationMs")).row["wait_ms"] == 630.0


def test_few_fields_say_little(run) -> None:
    got = read(run, '{"EdgeStartTimestamp":1795341600,"EdgeResponseStatus":502}')
    row = got.row
    assert (row["status"], row["phase"], row["upstream_status"]) == (502, None, None)
    assert got.problems == []


PARENT = {"EdgeResponseStatus": 500, "WorkerStatus": "ok", "WorkerSubrequestCount": 1} | NOBODY
CHILD = {"ClientRequestSource": "edgeWorkerFetch", "RayID": "c1", "WorkerSubrequest": True,
         "ParentRayID": "87a1b2c3d4e5f001"}  # fmt: skip


def test_subrequests_are_no_attempts_and_tell_of_the_origin(run) -> None:
    child = line(EdgeResponseStatus=503, OriginResponseStatus=503, **CHILD)
    got = read(run, child, line(**PARENT), line(RayID="other", **PARENT))
    assert got.frame["record"].to_list() == [2, 3]
    assert got.frame["status"].to_list() == [500, 500]
    assert got.frame["upstream_status"].to_list() == [503, None]
    assert got.frame["phase"].to_list() == ["done", None]
    assert got.frame["upstream_address"].to_list() == ["192.0.2.80", None]
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 1)]


def test_of_two_subrequests_none_is_the_answer(run) -> None:
    got = read(run, line(**CHILD), line(**CHILD), line(**PARENT))
    assert (got.row["upstream_status"], got.row["phase"]) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"WorkerSubrequest": "true"},
        {"ParentRayID": "87a1b2c3d4e5f00f"},
        {"ClientRequestSource": "earlyHintsCache"},
        {"ClientRequestSource": "healthcheck"},
        {"ClientRequestSource": 7},
    ],
)
def test_requests_of_cloudflare_itself(run, changes) -> None:
    got = read(run, line(), line(**changes))
    assert got.frame["record"].to_list() == [1]
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 1)]


@pytest.mark.parametrize("source_", ["eyeball", "orangeToOrange", "1", "unknown", ""])
def test_requests_of_clients(run, source_) -> None:
    assert read(run, line(ClientRequestSource=source_)).frame.height == 1


def test_custom_fields(run) -> None:
    changes = {
        "RequestHeaders": {"authorization": "Bearer sk-test-h-1", "x-team": "a"},
        "ResponseHeaders": {"x-request-id": "req-1", "retry-after": "30"},
    }
    got = read(run, line(**changes), headers=("req_header.x-team",))
    row = got.row
    assert (row["key_tag"], row["request_id"], row["retry_after_s"]) == (
        "key:sk-test-h-1", "req-1", 30.0,
    )  # fmt: skip
    assert row["req_header.x-team"] == "a"
    assert "sk-test-h-1" in got.secrets.learnt


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    got = read(run, line(ClientRequestURI="/v1/x?key=sk-test-q-1"))
    assert (got.row["key_tag"], got.row["path"]) == ("key:sk-test-q-1", "/v1/x")


@pytest.mark.parametrize("shape", ["batch", "array", "batches"])
def test_batches(run, source, shape) -> None:
    items = [item(RayID="a"), item(RayID="b")]
    data = {
        "batch": json.dumps({"records": items}),
        "array": json.dumps(items, indent=2),
        "batches": json.dumps({"records": items[:1]}) + "\n" + json.dumps({"records": items[1:]}),
    }[shape].encode()
    assert detect.detect(source(data, "x.json")) is FORMAT
    got = run(data, FORMAT, name="x.json")
    assert got.frame["ray_id"].to_list() == ["a", "b"]
    assert got.problems == []


@pytest.mark.parametrize("separator", [",", "\t"])
def test_csv(run, source, separator) -> None:
    names = ["EdgeStartTimestamp", "EdgeResponseStatus", "ClientRequestUserAgent", "ParentRayID",
             "ClientRequestURI", "RayID", "SecurityActions", "EdgeEndTimestamp"]  # fmt: skip
    header = separator.join(names)

    def cells(ray, parent="00"):
        return separator.join(
            ["1795341600250000000", "403", '"a, ""b"""', f'"{parent}"', '"/v1/x?key=sk-test-q-1"',
             f'"{ray}"', '"[""log"",""block""]"', "1795341604500000000"]
        )  # fmt: skip

    data = "\n".join(
        [header, cells("a"), cells("b"), cells("c", "a"), 'x"', header, cells("d"), ""]
    )
    assert detect.detect(source(data.encode(), "x.csv")) is FORMAT
    got = run(data.encode(), FORMAT, headers=("req_header.user-agent",), name="x.csv")
    assert got.frame["ray_id"].to_list() == ["a", "b", "d"]
    assert got.frame["record"].to_list() == [2, 3, 7]
    row = got.frame.row(0, named=True)
    assert (row["status"], row["path"], row["proxy_flags"]) == (403, "/v1/x", "block")
    assert (row["key_tag"], row["req_header.user-agent"]) == ("key:sk-test-q-1", 'a, "b"')
    assert row["duration_ms"] == 4250.0
    told = [(p.kind, p.record, p.count) for p in got.problems]
    assert told == [("bad_line", 5, 1), ("notice", None, 3)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("hello", "it is no JSON"),
        ('{"RayID": "a", "Action": "block"}', "it lacks EdgeStartTimestamp"),
        ("[1, 2]", "it is no JSON"),
    ],
)
def test_bad_lines_say_what_they_lack(run, bad, reason) -> None:
    got = read(run, line(), bad, line())
    assert got.frame["record"].to_list() == [1, 3]
    (told,) = got.problems
    assert (told.kind, told.record) == ("bad_line", 2)
    assert reason in told.message


def test_mixed_with_another_format(run) -> None:
    squid = (
        "1764000000.123    250 192.0.2.7 TCP_MISS/503 312 POST http://g.test/v1/x - "
        "HIER_DIRECT/192.0.2.1 text/html"
    )
    got = read(run, line(), squid)
    assert got.frame["format"].to_list() == ["cloudflare", "squid"]


@given(st.one_of(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(sorted(USUAL)),
                    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9),
                              st.lists(st.integers(), max_size=2),
                              st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
                    max_size=6).map(lambda d: json.dumps(USUAL | d).encode()),
    st.text(max_size=60).map(lambda t: f"EdgeEndTimestamp,RayID\n{t}\n1795341600,{t}".encode()),
))  # fmt: skip
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_rows_or_located_problems(run, data) -> None:
    got = run(data, FORMAT, name="x.log")
    assert all(p.kind in ("bad_line", "truncated", "notice", "bad_json") for p in got.problems)
    assert got.frame.height <= got.records


@pytest.mark.corpus
def test_corpus(corpus: Path) -> None:
    for path in sorted((corpus / "logs" / "cloudflare_logpush").glob("*.log")):
        (source,), _ = files.expand([str(path)])
        assert detect.detect(source) is FORMAT
        problems: list[Problem] = []
        rows = capture.read_frame([str(path)], problems=problems)
        told = [json.loads(text) for text in path.read_text().splitlines() if text.strip()]
        assert (rows.height, problems) == (len(told), [])
        for want, row in zip(told, rows.iter_rows(named=True), strict=True):
            assert row["status"] == want["EdgeResponseStatus"]
            assert row["upstream_status"] == (want.get("OriginResponseStatus") or None)
            assert row["method"] == want["ClientRequestMethod"]
            assert row["host"] == want["ClientRequestHost"]
            assert row["path"] == want["ClientRequestURI"]
            assert row["response_bytes"] == want["EdgeResponseBytes"]
            assert row["ray_id"] == want["RayID"]
            stamp = want["EdgeStartTimestamp"]
            if isinstance(stamp, int):
                assert row["started_at"].timestamp() == pytest.approx(stamp / 1e9)
                assert row["duration_ms"] == (want["EdgeEndTimestamp"] - stamp) / 1e6
            else:
                assert row["started_at"] == datetime.fromisoformat(stamp)
            if want["WAFAction"] == "block":
                assert (row["proxy_flags"], row["phase"]) == ("block", "not_sent")
