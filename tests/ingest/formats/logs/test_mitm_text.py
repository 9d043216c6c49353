from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect, lines
from analyzer.ingest.formats.logs.mitm_text import FORMAT

OUTPUT = """\
[10:00:00.123] HTTP(S) proxy listening at *:8080.
[10:00:01.123][127.0.0.1:54321] client connect
127.0.0.1:54321: POST https://api.openai.com/v1/chat/completions HTTP/2.0
     << HTTP/2.0 429 Too Many Requests 337b
127.0.0.1:54322: GET https://api.openai.com/v1/models?key=sk-0123456789abcdef0123
              << 200 OK 1.2k
127.0.0.1:54323: POST https://api.x.test:8443/v1/messages
 << Server disconnected
127.0.0.1:54323: POST https://api.x.test:8443/v1/lone
127.0.0.1:54323: POST https://api.x.test:8443/v1/m2…
    content-type: application/json
 << 200 OK (content missing)
 << peer closed
"""


def test_two_lines_a_flow(run, source) -> None:
    assert detect.detect(source(OUTPUT.encode(), "out.txt")) is FORMAT
    got = run(OUTPUT.encode(), FORMAT)
    rows = got.frame
    assert rows["record"].to_list() == [3, 5, 7, 10]
    assert rows["status"].to_list() == [429, 200, None, 200]
    assert rows["client_error"].to_list() == [None, None, "Server disconnected", "peer closed"]
    assert rows["phase"].to_list() == ["done", "done", None, None]
    assert rows["response_bytes"].to_list() == [337, None, None, None]
    assert rows["host"].to_list()[2] == "api.x.test:8443"
    assert rows["path"].to_list() == [
        "/v1/chat/completions", "/v1/models", "/v1/messages", "/v1/m2",
    ]  # fmt: skip
    assert "sk-0123456789abcdef0123" in got.secrets.learnt
    assert [(p.kind, p.record) for p in got.problems if p.kind == "bad_line"] == [("bad_line", 9)]
    assert "no_time" in got.kinds


def test_a_request_and_its_answer_in_two_blocks(run, monkeypatch) -> None:
    whole = lines.line_blocks

    def small(stream, longest, **told):
        return whole(stream, longest, block=90, **told)

    monkeypatch.setattr("analyzer.ingest.textlog.line_blocks", small)
    got = run(OUTPUT.encode(), FORMAT).frame
    assert got["status"].to_list() == [429, 200, None, 200]


def test_time_of_an_envelope(run) -> None:
    text = "".join(
        f"2026-01-02T10:00:0{n}.5Z stdout F {line}\n"
        for n, line in enumerate(OUTPUT.splitlines()[2:6])
    )
    got = run(text.encode(), FORMAT)
    assert got.frame["ended_at"][0].isoformat() == "2026-01-02T10:00:00.500000+00:00"
    assert "no_time" not in got.kinds


def test_colours(run) -> None:
    text = (
        "127.0.0.1:5: \x1b[1m\x1b[35mPOST\x1b[0m \x1b[1mhttps://a.test/v1/messages\x1b[0m\n"
        " \x1b[1m <<\x1b[0m \x1b[31m503\x1b[0m \x1b[31mService Unavailable\x1b[0m \x1b[1m5b\x1b[0m\n"
    )
    assert run(text.encode(), FORMAT).row["status"] == 503


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=100), at=st.integers(0, 600))
def test_any_bytes(run, data, at) -> None:
    whole = OUTPUT.encode()
    run(whole[:at] + data + whole[at:], FORMAT)
