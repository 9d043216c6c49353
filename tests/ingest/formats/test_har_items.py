"""One row per promise about HAR: what each producer writes, and the attempt that comes of it.

The columns are those after signals with ``--all-traffic``, so that ``ok`` is in the table.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import polars as pl
import pytest
from eventstream import event

from analyzer import data, signals
from analyzer.ingest import capture
from analyzer.ingest.formats.har import Har

SSE = 'data: {"model":"m","choices":[{"delta":{"content":"hi"}}]}\n\n'
DONE = "data: [DONE]\n\n"
OK_JSON = '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
EMPTY = {"size": 0, "mimeType": "", "text": "", "encoding": "base64"}
FRAMES = base64.b64encode(
    event("contentBlockDelta", {"delta": {"text": "hi"}})
    + event("messageStop", {"stopReason": "end_turn"})
).decode()


@pytest.fixture(scope="module")
def known():
    return signals.load_data(data.root("knowledge"))


def received(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "receive", "time": 1.7e9, "opcode": 1, "data": json.dumps(value), **more}


ASKED = {"type": "send", "time": 1.7e9, "opcode": 1, "data": '{"type":"response.create"}'}
BEGUN = received({"type": "response.created", "response": {"status": "in_progress"}})
ENDED = received({"type": "response.done", "response": {"status": "completed", "output": [{}]}})
REFUSED = received({"type": "error", "error": {"code": "invalid_api_key", "message": "no"}})
SOCKET = {
    "request": {
        "method": "GET",
        "url": "wss://api.openai.com/v1/realtime?model=m",
        "postData": None,
    },
    "response": {"status": 101, "content": {"size": 0, "mimeType": "x-unknown"}},
    "_resourceType": "websocket",
}
WITHOUT = {"status": 0, "statusText": "", "headers": [], "content": EMPTY}


def content(text: str | None, kind: str = "application/json", **more: Any) -> dict[str, Any]:
    made = {"size": len(text or ""), "mimeType": kind, **more}
    return made if text is None else {**made, "text": text}


def answer(text: str | None, kind: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"headers": [{"name": "Content-Type", "value": kind}], "content": content(text, kind),
            **more}  # fmt: skip


ITEMS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    # name, creator, changes to an entry, columns
    ("WebPagetest: numbers as text", "WebPagetest",
     {"time": "812", "_ttfb_ms": "700", "response": {"status": "200", "content": content(OK_JSON)},
      "timings": {"blocked": "-1", "dns": "12", "connect": "30", "ssl": "20", "send": "1",
                  "wait": "700", "receive": "69"}},
     {"status": 200, "duration_ms": 812.0, "ttfb_ms": 743.0, "tls_ms": 20.0, "ok": True}),
    ("WebPagetest: no answer", "WebPagetest", {"response": {"status": "-1"}, "time": "30000"},
     {"status": None, "ok": False, "duration_ms": 30_000.0}),
    ("WebPagetest: a Windows error as status", "WebPagetest", {"response": {"status": 12999}},
     {"status": None, "ok": False}),
    ("chrome-har: initiator as text", "sitespeed.io/chrome-har",
     {"_initiator": "https://h.test/", "_initiator_detail": "{}", "timings": {"_queued": 3.5},
      "response": answer(OK_JSON)}, {"status": 200, "ok": True}),
    ("BrowserMob: refused", "BrowserMob Proxy",
     {"response": {**WITHOUT, "_error": "Unable to connect to host"}},
     {"status": None, "client_error": "Unable to connect to host", "phase": "sent", "ok": False}),
    ("BrowserMob: timed out", "BrowserMob Proxy",
     {"response": {**WITHOUT, "_error": "Response timed out"}},
     {"client_error": "Response timed out", "phase": "sent", "ok": False}),
    ("BrowserMob: unknown host", "BrowserMob Proxy",
     {"response": {**WITHOUT, "_error": "Could not resolve host"}, "timings": {"send": 0, "wait": 0}},
     {"client_error": "Could not resolve host", "phase": "not_sent", "ok": False}),
    ("Splash: cancelled", "Splash",
     {"response": {**WITHOUT, "statusText": "cancelled", "ok": False},
      "_splash_processing_state": "finished"}, {"client_error": "cancelled", "ok": False}),
    ("Splash: unknown host", "Splash",
     {"response": {**WITHOUT, "statusText": "invalid_hostname"}, "timings": {"send": 0, "wait": 0}},
     {"client_error": "invalid_hostname", "phase": "not_sent", "ok": False}),
    ("Splash: taken while it came", "Splash",
     {"response": answer(SSE, "text/event-stream"), "_splash_processing_state": "headers_received"},
     {"stream_state": "capture_cut", "ok": None}),
    ("Splash: nothing yet", "Splash",
     {"response": {"status": None, "bodySize": -1}, "_splash_processing_state": "created", "time": 0,
      "timings": {"send": 0, "wait": 0, "receive": 0}}, {"status": None}),
    ("Firebug: aborted", "Firebug", {"response": {**WITHOUT, "statusText": "Aborted"}},
     {"client_error": "Aborted", "ok": False}),
    ("Firebug: all zero from the cache", "Firebug",
     {"time": 0, "timings": {"dns": 0, "connect": 0, "blocked": 0, "send": 0, "wait": 0,
                             "receive": 0}, "response": answer(OK_JSON)},
     {"status": 200, "duration_ms": 0.0, "ok": True}),
    ("Internet Explorer: 1.1, local time", "Internet Explorer Network Inspector",
     {"startedDateTime": "2015-03-03T10:00:00.000-08:00", "response": answer(OK_JSON)},
     {"status": 200, "ok": True}),
    ("Insomnia: all time in wait", "Insomnia REST Client",
     {"time": 80, "timings": {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0,
                              "wait": 80, "receive": 0}, "comment": "my request",
      "response": answer(OK_JSON)}, {"ttfb_ms": 80.0, "duration_ms": 80.0, "ok": True}),
    ("Proxyman: only the sum", "Proxyman",
     {"time": 321, "timings": {"send": -1, "wait": -1, "receive": -1}, "_webSocketMessages": None,
      "_clientName": "Cursor", "response": answer(OK_JSON)},
     {"duration_ms": 321.0, "ttfb_ms": None, "wait_ms": None, "stream_state": None, "ok": True}),
    ("HTTP Toolkit: aborted", "HTTP Toolkit", {"response": WITHOUT, "time": 900},
     {"status": None, "client_error": None, "ok": False}),
    ("HTTP Toolkit: body too large to export", "HTTP Toolkit",
     {"request": {"postData": None, "_requestBodyStatus": "discarded:too-large"},
      "response": answer(None, size=900_000)}, {"body_kind": "absent", "ok": True}),
    ("HTTP Toolkit: socket closed by the server", "HTTP Toolkit",
     {**SOCKET, "_webSocketMessages": [ASKED, BEGUN],
      "_webSocketClose": {"code": 1011, "reason": "overloaded"}},
     {"stream_state": "error", "error_code": "1011", "error_message": "overloaded", "ok": False}),
    ("HTTP Toolkit: socket torn down", "HTTP Toolkit",
     {**SOCKET, "_webSocketMessages": [ASKED, BEGUN], "_webSocketClose": "aborted"},
     {"stream_state": "empty", "ok": False}),
    ("capture-har: an object as error", "capture-har",
     {"response": {**WITHOUT, "_error": {"message": "getaddrinfo", "code": "ENOTFOUND"}},
      "timings": {"send": 0, "wait": 0}},
     {"client_error": "ENOTFOUND", "phase": "not_sent", "ok": False}),
    ("Charles: complete", "Charles Proxy",
     {"response": {**answer(OK_JSON), "_charlesStatus": "COMPLETE", "redirectURL": None,
                   "statusText": None}}, {"client_error": None, "ok": True}),
    ("Charles: failed", "Charles Proxy",
     {"response": {**WITHOUT, "_charlesStatus": "FAILED"}}, {"client_error": "FAILED", "ok": False}),
    ("Polly: chunks and gzip", "Polly.JS",
     {"response": {"headers": [{"name": "content-encoding", "value": "gzip"}],
                   "content": {"encoding": "base64", "mimeType": "application/json", "size": 60,
                               "text": json.dumps([base64.b64encode(
                                   zlib.compress(OK_JSON.encode(), wbits=31)).decode()])}}},
     {"body_kind": "json", "finish_reason": "stop", "ok": True}),
    ("Bedrock frames", "WebInspector",
     {"response": {"headers": [], "content": {
         "mimeType": "application/vnd.amazon.eventstream", "encoding": "base64", "text": FRAMES}}},
     {"body_kind": "eventstream", "stream_state": "complete", "finish_reason": "end_turn",
      "ok": True}),
    ("realtime: answered", "WebInspector", {**SOCKET, "_webSocketMessages": [ASKED, BEGUN, ENDED]},
     {"stream_state": "complete", "stream_events": 2, "endpoint": "realtime", "ok": True}),
    ("realtime: an error", "WebInspector", {**SOCKET, "_webSocketMessages": [ASKED, REFUSED]},
     {"stream_state": "error", "error_code": "invalid_api_key", "ok": False}),
    ("realtime: exported midway", "WebInspector", {**SOCKET, "_webSocketMessages": [ASKED, BEGUN]},
     {"stream_state": "capture_cut", "ok": None}),
    ("realtime: torn", "WebInspector",
     {**SOCKET, "_webSocketMessages": [ASKED, BEGUN, {"type": "error", "data": "reset"}]},
     {"stream_state": "error", "error_message": "reset", "ok": False}),
    ("realtime: messages of odd types", "WebInspector",
     {**SOCKET, "_webSocketMessages": [1, None, "x", {"type": 5, "data": {"a": 1}}, ASKED, ENDED,
                                       {"type": "receive", "opcode": 2, "data": "!!"},
                                       {"type": "receive", "opcode": 9, "data": ""}]},
     {"stream_state": "complete", "ok": True}),
    ("realtime: Gemini's JSON in binary frames", "Playwright",
     {**SOCKET, "_webSocketMessages": [received(None, opcode=2, data=base64.b64encode(
         b'{"serverContent":{"turnComplete":true}}').decode())]},
     {"stream_state": "complete", "finish_reason": "turn_complete", "ok": True}),
    ("socket without messages", "WebInspector", {**SOCKET, "_webSocketMessages": []},
     {"stream_state": None, "ok": True}),
    ("socket of no list", "WebInspector", {**SOCKET, "_webSocketMessages": {"a": [1, 2, 3]}},
     {"stream_state": None, "ok": True}),
    ("redirect", "WebInspector",
     {"response": {"status": 307, "redirectURL": "https://h.test/x", "content": EMPTY}},
     {"status": 307, "ok": None}),
    ("from the cache", "WebInspector",
     {"_fromCache": "disk", "response": answer(OK_JSON, _transferSize=0, bodySize=0)}, {"ok": True}),
    ("304", "WebInspector", {"response": {"status": 304, "content": EMPTY, "bodySize": 0}},
     {"ok": True}),
    ("preflight", "WebInspector",
     {"request": {"method": "OPTIONS", "postData": None}, "_resourceType": "preflight",
      "response": {"status": 204, "content": content(None, "x-unknown")}}, {"llm": False}),
    ("preflight that failed", "WebInspector",
     {"request": {"method": "OPTIONS"}, "_resourceType": "preflight",
      "response": {**WITHOUT, "_error": "net::ERR_FAILED"}}, {"llm": False}),
    ("data: URL", "WebInspector", {"request": {"url": "data:text/plain,x"}, "response": WITHOUT},
     {"llm": False}),
    ("benign abort of a finished body", "WebInspector",
     {"response": answer(OK_JSON, _error="net::ERR_ABORTED")}, {"client_error": None, "ok": True}),
    ("benign abort of a finished stream", "WebInspector",
     {"response": answer(SSE + DONE, "text/event-stream", _error="net::ERR_ABORTED")},
     {"client_error": None, "stream_state": "complete", "ok": True}),
    ("abort of an unfinished stream", "WebInspector",
     {"response": answer(SSE, "text/event-stream", _error="net::ERR_ABORTED")},
     {"client_error": "net::ERR_ABORTED", "stream_state": "truncated", "ok": False}),
    ("benign abort of HEAD", "WebInspector",
     {"request": {"method": "HEAD", "postData": None},
      "response": {"content": content(None, "text/plain"), "_error": "net::ERR_ABORTED"}},
     {"client_error": None, "ok": True}),
    ("benign abort of 204", "WebInspector",
     {"response": {"status": 204, "content": content(None, ""), "_error": "net::ERR_ABORTED"}},
     {"client_error": None, "ok": True}),
    ("wrong sizes", "x", {"response": answer(OK_JSON, bodySize=-400, headersSize=-7)
                          | {"content": content(OK_JSON, size=-1, compression=-99)}},
     {"response_bytes": len(OK_JSON), "ok": True}),
    ("negative timings", "WebInspector",
     {"time": 99.0, "timings": {"blocked": -0.9, "dns": -3, "connect": -1, "ssl": -1, "send": -0.2,
                                "wait": 99, "receive": -5}, "response": answer(OK_JSON)},
     {"duration_ms": 99.0, "ttfb_ms": 99.0, "receive_ms": None, "ok": True}),
    ("timings counted twice", "Firefox",
     {"time": 200.0, "timings": {"blocked": 0, "dns": 0, "connect": 50, "ssl": 30, "send": 0,
                                 "wait": 100, "receive": 20}, "response": answer(OK_JSON)},
     {"duration_ms": 170.0, "ok": True}),
    ("everything null", "x",
     {"startedDateTime": None, "time": None, "timings": None, "cache": None, "pageref": None,
      "request": {"method": None, "url": "https://h.test/v1", "headers": None, "cookies": None,
                  "postData": None, "bodySize": None},
      "response": {"status": None, "headers": None, "cookies": None, "content": None}},
     {"status": None, "method": None, "duration_ms": None, "ok": False}),
    ("everything of another type", "x",
     {"startedDateTime": 5, "time": [], "timings": "fast", "cache": [], "pageref": {},
      "request": {"method": 1, "url": "https://h.test/v1", "headers": "a: b", "cookies": 3,
                  "postData": "x", "bodySize": "9"},
      "response": {"status": 200.0, "headers": {"Server": "nginx", "x": [1]}, "cookies": "c",
                   "content": "text"}}, {"status": 200, "server": "nginx", "ok": True}),
    ("events listed apart", "har-generator",
     {"response": answer(None, "text/event-stream"),
      "_eventSourceMessages": [{"time": "1", "eventName": "message", "eventId": "", "data": line}
                               for line in (SSE[6:].strip(), "[DONE]")]},
     {"stream_state": "complete", "stream_events": 1, "visible_output": True, "ok": True}),
    ("no events listed", "har-generator",
     {"response": answer(OK_JSON), "_eventSourceMessages": []}, {"body_kind": "json", "ok": True}),
    ("events of odd types", "har-generator",
     {"response": answer(None, "text/event-stream"), "_eventSourceMessages": [1, {"data": 5}]},
     {"stream_state": None}),
    ("a request in base64", "ReadMe",
     {"request": {"postData": {"mimeType": "application/json", "encoding": "base64", "text":
                               base64.b64encode(b'{"model":"m2","messages":[]}').decode()}},
      "response": answer(OK_JSON)}, {"model": "m2", "request_bytes": 28, "ok": True}),
    ("a request that only says base64", "ReadMe",
     {"request": {"postData": {"mimeType": "application/json", "encoding": "base64",
                               "text": '{"model":"m2","messages":[]}'}},
      "response": answer(OK_JSON)}, {"model": "m2", "ok": True}),
    ("stream not recorded", "WebInspector", {"response": answer(None, "text/event-stream")},
     {"stream_state": "not_recorded", "ok": True}),
    ("stream cut by Firefox", "Firefox",
     {"response": answer((SSE * 20_000)[: 1 << 20], "text/event-stream")},
     {"stream_state": "capture_cut", "ok": None}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("creator", "changes", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ITEMS]
)
def test_items(run, entry, har, known, creator, changes, expected) -> None:
    got = run(har(entry(**changes), creator=creator))
    assert {p.kind for p in got.problems} <= {"bad_time"}
    row = signals.apply(got.frame, known, all_traffic=True).row(0, named=True)
    assert {name: row[name] for name in expected} == expected


WRAPPED = {
    "plain": lambda made: made,
    "byte-order mark": lambda made: b"\xef\xbb\xbf" + made,
    "UTF-16": lambda made: made.decode().encode("utf-16"),
    "UTF-16 without mark": lambda made: made.decode().encode("utf-16-le"),
    "zlib": zlib.compress,
    "gzip": lambda made: zlib.compress(made, wbits=31),
    "JSONP": lambda made: b"onInputData(" + made + b");\n",
    "padded with zeros": lambda made: made + b"\0" * 512,
    "carriage returns": lambda made: made.replace(b"\n", b"\r\n"),
    "NaN": lambda made: made.replace(b'"time": 120.0', b'"time": NaN'),
    "control characters": lambda made: made.replace(
        b'"statusText": ""', b'"statusText": "\x00\x1b"'
    ),
    "lone surrogates": lambda made: made.replace(b'"statusText": ""', b'"statusText": "\\ud83d"'),
    "bad UTF-8": lambda made: made.replace(b'"statusText": ""', b'"statusText": "\xff"'),
    "trailing comma": lambda made: made.replace(b"\n    ]\n  }\n}", b",\n    ]\n  }\n}"),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
def test_wrapped_in_another_way_the_entries_are_all_there(tmp_path, entry, har, wrap) -> None:
    path = tmp_path / "x.har"
    path.write_bytes(wrap(har(entry(), entry(response={"status": 503}), entry())))
    problems: list[Any] = []
    frame = capture.read_frame([str(path)], problems=problems)
    assert problems == []
    assert frame["status"].to_list() == [200, 503, 200]
    assert frame["host"].unique().to_list() == ["api.gateway.test"]


@pytest.mark.parametrize("block", [1, 3_000, 1 << 20])
def test_a_layout_that_changes_midway(run, entry, block) -> None:
    indented = json.dumps([entry(time=1e3 + n) for n in range(20)], indent=2)[1:-1].rstrip()
    compact = ",".join(json.dumps(entry(time=1e3 + n)) for n in range(20, 40))
    tight = ",".join(
        json.dumps({"_first": 1, **entry(time=1e3 + n)}, separators=(",", ":"))
        for n in range(40, 60)
    )
    made = '{"log":{"entries":[' + ",".join((indented, compact, tight, indented)) + "]}}"
    got = run(made.encode(), Har(block))
    assert got.problems == []
    assert got.frame["duration_ms"].to_list() == [1e3 + n for n in (*range(60), *range(20))]


TLS = [{"hostname": "api.openai.com", "cause": "cert-rejected"}, {"cause": "reset"}, 5]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("before", [False, True])
def test_failed_handshakes_are_told_and_are_no_entries(run, entry, indent, before) -> None:
    entries = {"entries": [entry()]}
    log = {"_tlsErrors": TLS, **entries} if before else {**entries, "_tlsErrors": TLS, "x": 1}
    got = run(json.dumps({"log": log}, indent=indent).encode())
    assert got.frame.height == 1
    assert [(p.kind, p.count, p.lost) for p in got.problems] == [("tls_failed", 3, False)]
    assert "api.openai.com (1)" in got.problems[0].message


@pytest.mark.parametrize("errors", ["[]", "null", "{}", "[1", '"x"'])
def test_no_failed_handshakes(run, entry, errors) -> None:
    made = '{"log":{"entries":[' + json.dumps(entry()) + '],"_tlsErrors":' + errors + "}}"
    got = run(made.encode())
    assert got.frame.height == 1
    assert got.problems == []


def test_a_frame_of_every_item_at_once_has_one_schema(run, entry, har) -> None:
    got = run(har(*[entry(**changes) for _, _, changes, _ in ITEMS], creator=None))
    assert got.frame.height == len(ITEMS)
    assert isinstance(got.frame, pl.DataFrame)
