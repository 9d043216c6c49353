"""What each producer writes, by har-facts sections 2 to 4, and what becomes of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from analyzer.ingest.formats.har import dialect_of
from analyzer.ingest.formats.har_entry import decode_entry

SSE = 'data: {"model":"m","choices":[{"delta":{"content":"hi"}}]}\n\n'
DONE = "data: [DONE]\n\n"
CHROME_TIMINGS = {
    "blocked": 6.2, "dns": -1, "ssl": -1, "connect": -1, "send": 0, "wait": 0, "receive": 0,
}  # fmt: skip
EVENT_STREAM = [{"name": "content-type", "value": "text/event-stream"}]


def answer(text: str | None, kind: str = "text/event-stream", **more: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"size": len(text or ""), "mimeType": kind}
    if text is not None:
        content["text"] = text
    return {"headers": [{"name": "content-type", "value": kind}], "content": content, **more}


UNANSWERED = [
    ("WebInspector", {"status": 0, "_error": "net::ERR_CONNECTION_REFUSED"}, CHROME_TIMINGS,
     "net::ERR_CONNECTION_REFUSED", "connecting"),
    ("WebInspector", {"status": 0, "_error": "net::ERR_NAME_NOT_RESOLVED"}, CHROME_TIMINGS,
     "net::ERR_NAME_NOT_RESOLVED", "not_sent"),
    ("WebInspector", {"status": 0, "_error": "net::ERR_EMPTY_RESPONSE"}, CHROME_TIMINGS,
     "net::ERR_EMPTY_RESPONSE", "sent"),
    ("WebInspector", {"status": 0, "_error": "net::ERR_CONNECTION_RESET"}, CHROME_TIMINGS,
     "net::ERR_CONNECTION_RESET", None),
    ("WebInspector", {"status": 0, "_error": "net::ERR_BLOCKED_BY_CLIENT"}, CHROME_TIMINGS,
     "net::ERR_BLOCKED_BY_CLIENT", "not_sent"),
    ("WebInspector", {"status": 0, "_error": "net::ERR_ABORTED"}, CHROME_TIMINGS,
     "net::ERR_ABORTED", None),
    ("Firefox", {"status": 0, "content": {"mimeType": "", "size": 0, "encoding": "base64",
     "text": ""}}, {}, None, None),
    ("WebKit Web Inspector", {"status": 0, "_error": "cancelled"}, {}, "cancelled", None),
    ("Playwright", {"status": -1, "_failureText": "net::ERR_TIMED_OUT"},
     {"send": -1, "wait": -1, "receive": -1}, "net::ERR_TIMED_OUT", None),
    ("mitmproxy", {"status": 0, "_error": None, "content": {}},
     {"connect": 20.0, "ssl": 30.0, "send": 0.9, "receive": 0, "wait": 0}, None, "sent"),
    ("mitmproxy", {"status": 0, "_error": "server closed connection", "content": {}},
     {"connect": 20.0, "ssl": 30.0, "send": 0.0, "receive": 0, "wait": 0},
     "server closed connection", "connecting"),
    ("Charles Proxy", {"status": 0, "_charlesStatus": "FAILED"}, {}, "FAILED", None),
    ("Firebug", {"status": 0, "statusText": "Aborted"}, {}, "Aborted", None),
    ("BrowserUp Proxy", {"status": 0, "_error": "Could not resolve host"}, {},
     "Could not resolve host", "not_sent"),
    ("BrowserUp Proxy", {"status": 0, "_error": "Unable to connect to host"}, {},
     "Unable to connect to host", "connecting"),
    ("capture-har", {"status": 0, "_error": {"message": "no", "code": "ECONNREFUSED"}}, {},
     "ECONNREFUSED", "connecting"),
    ("x", {"status": None}, {}, None, None),
    ("x", {"status": "000"}, {}, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("creator", "response", "timings", "error", "phase"), UNANSWERED)
def test_no_answer(run, entry, har, creator, response, timings, error, phase) -> None:
    made = entry(response=response)
    made["timings"] = timings
    row = run(har(made, creator=creator)).row
    assert row["status"] is None
    assert row["client_error"] == error
    assert row["phase"] == phase
    assert row["ttfb_ms"] is None


def test_a_response_that_is_null_is_no_answer(run, entry, har) -> None:
    row = run(har(entry(response=None))).row
    assert (row["status"], row["client_error"], row["phase"]) == (None, None, "sent")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, 200), ("503", 503), (529.0, 529), (True, None), (99, None), (1000, None), ([], None)],
)
def test_status_is_read_whatever_its_type(run, entry, har, status, expected) -> None:
    assert run(har(entry(response={"status": status}))).row["status"] == expected


ABORTED = [
    # method, response, what remains of net::ERR_ABORTED
    ("POST", answer(SSE + DONE), None),
    ("POST", answer(SSE), "net::ERR_ABORTED"),
    ("POST", answer(None), "net::ERR_ABORTED"),
    ("POST", answer('{"a":1}', "application/json"), None),
    ("POST", answer('{"a":', "application/json"), "net::ERR_ABORTED"),
    ("POST", answer("", "application/json"), "net::ERR_ABORTED"),
    ("POST", {**answer("abc", "text/plain"), "headers": [
        {"name": "Content-Length", "value": "10"}]}, "net::ERR_ABORTED"),
    ("POST", {**answer("abc", "text/plain"), "headers": [
        {"name": "Content-Length", "value": "3"}]}, None),
    ("HEAD", answer(None, "text/plain"), None),
    ("GET", {**answer(None), "status": 304}, None),
    ("POST", {**answer(None), "status": 204}, None),
    ("GET", {**answer(None), "status": 302}, None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "response", "error"), ABORTED)
def test_err_aborted_counts_only_where_something_is_missing(
    run, entry, har, method, response, error
) -> None:
    made = entry(request={"method": method}, response={**response, "_error": "net::ERR_ABORTED"})
    row = run(har(made, creator="WebInspector")).row
    assert row["client_error"] == error


@pytest.mark.parametrize(
    ("response", "error", "phase", "stream"),
    [
        (answer(SSE + DONE), None, "done", "complete"),
        (answer(SSE), "net::ERR_HTTP2_PROTOCOL_ERROR", "body", "truncated"),
        (answer(None), "net::ERR_CONNECTION_RESET", "headers", "not_recorded"),
        (answer(SSE), None, "body", "truncated"),
    ],
)
def test_an_answer_that_broke_off_says_how_far_it_came(
    run, entry, har, response, error, phase, stream
) -> None:
    row = run(har(entry(response={**response, "_error": error}), creator="WebInspector")).row
    assert (row["client_error"], row["phase"], row["stream_state"]) == (error, phase, stream)
    assert row["stream"] is True


@pytest.mark.parametrize(
    ("creator", "timings", "time", "duration", "ttfb", "connect"),
    [
        # Chrome: ssl inside connect, time without it; negative remains of a sentinel
        ("WebInspector", {"blocked": 2, "dns": 3, "connect": 50, "ssl": 30, "send": 1, "wait": 100,
         "receive": 44}, 200.0, 200.0, 156.0, 50.0),
        ("WebInspector", {"blocked": -0.9, "dns": -1, "connect": -1, "ssl": -1, "send": 1,
         "wait": 9, "receive": 5}, 15.0, 15.0, 10.0, None),
        # Firefox: the sum counts ssl twice
        ("Firefox", {"blocked": 0, "dns": 0, "connect": 50, "ssl": 30, "send": 0, "wait": 100,
         "receive": 20}, 200.0, 170.0, 150.0, 50.0),
        ("Firefox", {}, None, None, None, None),
        # Playwright: no blocked, no send in the sum, ssl twice
        ("Playwright", {"dns": 5, "connect": 50, "ssl": 30, "send": 0, "wait": 100, "receive": 20},
         205.0, 175.0, 155.0, 50.0),
        ("Playwright", {"send": -1, "wait": 80, "receive": -1}, 80.0, 80.0, 80.0, None),
        # mitmproxy: connect without ssl, both in the sum
        ("mitmproxy", {"connect": 20.0, "ssl": 30.0, "send": 1.0, "wait": 40.0, "receive": 9.0},
         100.0, 100.0, 91.0, 50.0),
        # others
        ("Proxyman", {"send": -1, "wait": -1, "receive": -1}, 321.0, 321.0, None, None),
        ("Charles Proxy", {"send": 2, "wait": 40, "receive": 8}, -1, 50.0, 42.0, None),
        ("x", {"send": 2, "wait": 40, "receive": 8}, 0, 50.0, 42.0, None),
        ("x", {"send": 2, "wait": 40, "receive": 8}, "50", 50.0, 42.0, None),
        ("x", {"send": 2, "wait": 1e300, "receive": 8}, 1e300, 10.0, None, None),
    ],
)  # fmt: skip
def test_times(run, entry, har, creator, timings, time, duration, ttfb, connect) -> None:
    made = entry(time=time)
    made["timings"] = timings
    row = run(har(made, creator=creator)).row
    assert row["duration_ms"] == duration
    assert row["ttfb_ms"] == ttfb
    assert row["connect_ms"] == connect


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-03-29T16:58:59.303-07:00", datetime(2023, 3, 29, 23, 58, 59, 303000, UTC)),
        ("2021-11-23T17:34:02.7221474+01:00", datetime(2021, 11, 23, 16, 34, 2, 722147, UTC)),
        ("2023-07-17T13:04:44+00:00", datetime(2023, 7, 17, 13, 4, 44, 0, UTC)),
        ("2021-11-23T17:34:45.082", datetime(2021, 11, 23, 17, 34, 45, 82000, UTC)),
        ("+03:002021-11-23T17:34:45.082", datetime(2021, 11, 23, 17, 34, 45, 82000, UTC)),
        ("NaN-NaN-NaNTNaN:NaN:NaN.NaN+NaN:NaN", None),
        ("2021", None),
        (1700000000, None),
        (None, None),
    ],
)
def test_start_times(run, entry, har, text, expected) -> None:
    got = run(har(entry(startedDateTime=text)))
    assert got.row["started_at"] == expected
    assert got.kinds == ([] if expected else ["bad_time"])


def test_the_end_is_the_start_and_the_duration(run, entry, har) -> None:
    row = run(har(entry())).row
    assert row["ended_at"] == datetime(2026, 11, 22, 10, 0, 0, 370_000, UTC)
    assert (row["time_kind"], row["time_precision_ms"]) == ("start", 1.0)


BODIES = [
    # creator, content, body_kind, stream_state
    ("x", {"text": base64.b64encode(b'{"a":1}').decode(), "encoding": "base64"}, "json", None),
    ("x", {"text": "not base64!", "encoding": "base64"}, "absent", None),
    ("x", {"size": 10}, "absent", None),
    ("x", {"text": None}, "absent", None),
    ("x", {"text": "", "size": 0}, "empty", None),
    ("x", {"text": "", "size": 700}, "absent", None),
    ("x", {"text": {"a": 1}}, "json", None),
    ("Firefox", {"text": '{"a":"' + "x" * ((1 << 20) - 6), "size": 1 << 20}, "text", "capture_cut"),
]


@pytest.mark.parametrize(("creator", "content", "kind", "state"), BODIES)
def test_bodies(run, entry, har, creator, content, kind, state) -> None:
    content = {"mimeType": "application/json", **content}
    row = run(har(entry(response={"content": content}), creator=creator)).row
    assert row["body_kind"] == kind
    assert row["stream_state"] == state


@pytest.mark.parametrize(
    ("creator", "state"),
    [("WebInspector", "not_recorded"), ("mitmproxy", "not_recorded"), ("Firefox", "empty")],
)
def test_an_empty_text_of_a_stream(run, entry, har, creator, state) -> None:
    response = answer("")
    assert run(har(entry(response=response), creator=creator)).row["stream_state"] == state


def test_firefox_cuts_a_stream_at_one_mebibyte(run, entry, har) -> None:
    text = (SSE * 20_000)[: 1 << 20]
    row = run(har(entry(response=answer(text)), creator="Firefox")).row
    assert (row["stream_state"], row["phase"]) == ("capture_cut", "body")
    row = run(har(entry(response=answer(text)), creator="WebInspector")).row
    assert row["stream_state"] == "truncated"


@pytest.mark.parametrize(
    ("creator", "first", "expected"),
    [
        ("WebInspector", {}, "chrome"),
        ("Firefox", {}, "firefox"),
        ("WebKit Web Inspector", {}, "safari"),
        ("Charles Proxy", {}, "charles"),
        ("Fiddler", {}, "fiddler"),
        ("mitmproxy", {}, "mitmproxy"),
        ("Polly.JS", {"response": {"_failureText": "x"}}, "polly"),
        ("", {"response": {"_failureText": "x"}}, "playwright"),
        ("", {"response": {"_charlesStatus": "COMPLETE"}}, "charles"),
        ("", {"_securityState": "secure"}, "firefox"),
        ("", {"_resourceType": "fetch"}, "chrome"),
        ("", {}, "generic"),
    ],
)
def test_dialects(creator, first, expected) -> None:
    import json

    assert dialect_of(creator, decode_entry(json.dumps(first).encode())) == expected


@pytest.mark.parametrize("behind", [False, True])
def test_the_creator_may_stand_behind_the_entries(run, entry, behind) -> None:
    import json

    creator = {"name": "Firefox", "version": "1"}
    log: dict[str, Any] = {"entries": [entry()]}
    log = log | {"creator": creator} if behind else {"creator": creator} | log
    made = json.dumps({"log": {**log, "pages": [{"title": "x"}]}}, indent=2).encode()
    timings = b'"connect": 50, "ssl": 30'
    made = made.replace(b'"connect": -1,\n          "ssl": -1', timings)
    assert timings in made
    made = made.replace(b'"time": 120.0', b'"time": 200.0')
    assert run(made).row["duration_ms"] == 170.0


def test_the_creator_is_found_at_the_end_of_a_large_file(tmp_path, entry) -> None:
    import json

    from analyzer.ingest import capture

    entries = [entry(time=200.0, timings={"connect": 50, "ssl": 30})] * 9_000
    log = {"entries": entries, "creator": {"name": "Firefox", "version": "1"}}
    path = tmp_path / "large.har"
    path.write_text(json.dumps({"log": log}, indent=1))
    assert path.stat().st_size > 8 << 20
    frame = capture.read_frame([str(path)])
    assert frame["duration_ms"].unique().to_list() == [170.0]


COOKIE = [{"name": "s", "value": "0123456789abcdef"}]
AUTH = [{"name": "Authorization", "value": "Bearer sk-test-1"}]


@pytest.mark.parametrize(
    ("creator", "sent", "response", "expected"),
    [
        ("WebInspector", {}, {}, True),
        ("WebInspector", {"headers": AUTH}, {}, False),
        ("WebInspector", {"cookies": COOKIE}, {}, False),
        ("WebInspector", {}, {"cookies": COOKIE}, False),
        ("WebInspector", {"headers": []}, {}, None),
        ("Firefox", {}, {}, None),
    ],
)
def test_sanitized_is_told_by_what_is_missing(
    run, entry, har, creator, sent, response, expected
) -> None:
    got = run(har(entry(request=sent, response=response), creator=creator))
    assert got.row["sanitized"] is expected


@pytest.mark.parametrize(
    ("url", "scheme", "host", "path"),
    [
        ("https://api.openai.com/v1/models?x=1#f", "https", "api.openai.com", "/v1/models"),
        ("https://API.Gateway.test:443", "https", "api.gateway.test", "/"),
        ("http://localhost:8080/v1", "http", "localhost:8080", "/v1"),
        ("https://[2606:4700::1]:8443/v1", "https", "[2606:4700::1]:8443", "/v1"),
        ("https://user:pass-word-1@h.test/v1", "https", "h.test", "/v1"),
        ("data:text/plain,https://x.test/", "data", None, None),
        ("blob:https://app.test/1", "blob", None, None),
        ("chrome-extension://abc/page.js", "chrome-extension", "abc", "/page.js"),
        ("wss://api.openai.com/v1/realtime", "wss", "api.openai.com", "/v1/realtime"),
        ("", None, None, None),
        (None, None, None, None),
        ("/v1/models", None, None, "/v1/models"),
        ("localhost:3000/v1", None, "localhost:3000", "/v1"),
    ],
)
def test_urls(run, entry, har, url, scheme, host, path) -> None:
    row = run(har(entry(request={"url": url}))).row
    assert (row["scheme"], row["host"], row["path"]) == (scheme, host, path)


def test_what_is_no_failure_is_a_row_all_the_same(run, entry, har) -> None:
    rows = [
        entry(request={"url": "data:,x"}, response={"status": 0}),
        entry(request={"method": "OPTIONS"}, _resourceType="preflight"),
        entry(response={"status": 101}),
        entry(response={"status": 304}),
        entry(_fromCache="disk"),
        entry(response={"status": 302}),
    ]
    assert run(har(*rows, creator="WebInspector")).frame.height == 6
