from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest.base import Limits
from analyzer.ingest.formats.logs.nginx import Nginx
from analyzer.ingest.formats.logs.nginx_layout import format_of

HEAD = '192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] "POST /v1/chat/completions HTTP/1.1"'
UA = '"-" "OpenAI/Python 1.0"'


def line(status: str = "200", tail: str = "", size: str = "5", head: str = HEAD) -> str:
    return f"{head} {status} {size} {UA}{tail}"


def tail(rt="1.500", ua="10.0.0.1:80", us="200", ut="1.400", uc="0.001", uh="0.900") -> str:
    return f' rt={rt} ua="{ua}" us="{us}" ut="{ut}" uc="{uc}" uh="{uh}"'


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), Nginx(), name="access.log", **more)


def test_combined(run) -> None:
    got = read(run, line(), headers=("req_header.user-agent", "req_header.referer"))
    row = got.row
    moment = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    assert (row["ended_at"], row["started_at"], row["time_kind"]) == (moment, moment, "end")
    assert row["time_precision_ms"] == 1000.0
    assert (row["method"], row["path"], row["status"], row["response_bytes"]) == (
        "POST", "/v1/chat/completions", 200, 5,
    )  # fmt: skip
    assert (row["record"], row["input"], row["seen_in"]) == (1, "access.log", ["access.log#1"])
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["req_header.referer"] is None
    assert row["upstream_status"] is row["phase"] is row["duration_ms"] is None
    assert got.problems == []


LAYOUTS = [
    ' rt=1.500 ua="10.0.0.1:80" us="502, 200" ut="0.100, 1.400" uc="-, 0.001" uh="-, 0.900"',
    ' "203.0.113.9" rt="1.500" ua="10.0.0.1:80" us="502, 200" ut="0.100, 1.400" uc="-, 0.001"'
    ' uh="-, 0.900"',
    " rt=1.500 uct=-, 0.001 uht=-, 0.900 urt=0.100, 1.400 us=502, 200",
    ' request_time=1.500 upstream_status="502, 200" upstream_response_time="0.100, 1.400"'
    ' upstream_header_time="-, 0.900" upstream_connect_time="-, 0.001"',
    ' us="502 : 200" ut="0.100 : 1.400" uc="- : 0.001" uh="- : 0.900" rt=1.500 cs=MISS',
]


@pytest.mark.parametrize("fields", LAYOUTS)
@pytest.mark.parametrize("first", [True, False])
def test_upstream_fields_in_every_layout(run, fields, first) -> None:
    # As the layout of the file, and as a line that has another layout than the first ones.
    lines = [line(tail=fields)] if first else [*[line(tail=tail())] * 5, line(tail=fields)]
    got = read(run, *lines)
    assert got.problems == []
    row = got.frame.row(-1, named=True)
    assert row["upstream_status"] == 200
    assert row["proxy_detail"] in ("502, 200", "502 : 200")
    assert row["duration_ms"] == 1500.0
    assert row["ttfb_ms"] == pytest.approx(1000.0)
    assert row["connect_ms"] == 1.0
    assert row["phase"] == "done"
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 1.5


def test_other_fields(run) -> None:
    fields = ' rt=0.1 host="API.Gateway.test:443" rid="req-1" model="gpt-x" rl=321 us="-"'
    row = read(run, line(tail=fields)).row
    assert (row["host"], row["request_id"], row["model"], row["request_bytes"]) == (
        "api.gateway.test", "req-1", "gpt-x", 321,
    )  # fmt: skip


PHASES = [
    # status, upstream fields, phase, upstream status, tries (log-formats.md section 2)
    ("429", tail(ua="-", us="-", ut="-", uc="-", uh="-"), "not_sent", None, 0),
    ("503", tail(us="503"), "done", 503, 1),
    ("502", tail(us="502", uc="-", uh="-"), "connecting", None, 1),
    ("502", tail(us="502", uc="0.001", uh="-"), "sent", None, 1),
    ("502", tail(us="502", uh="0.4"), "done", 502, 1),
    ("504", tail(us="504", uc="-", uh="-"), "connecting", None, 1),
    ("504", tail(us="504", uc="0.001", uh="-"), "sent", None, 1),
    ("499", tail(us="-", uh="-"), "sent", None, 1),
    ("499", tail(us="-", uc="-", uh="-"), "connecting", None, 1),
    ("499", tail(us="499", uc="0.001", uh="-"), "sent", None, 1),
    ("499", tail(us="200"), "body", 200, 1),
    ("500", tail(us="404"), "done", 404, 1),
    ("502", tail(ua="a:1, b:1", us="502, 502", uc="-, 0.1", uh="-, -"), "sent", None, 2),
    ("200", tail(), "done", 200, 1),
    # The name of the group stands where no server of it was live.
    ("502", tail(ua="backend", us="502", ut="0.000", uc="-", uh="-"), "not_sent", None, 0),
    ("502", tail(ua="a:1, backend", us="502, 502", ut="0.1, 0.0", uc="0.1, -", uh="-, -"),
     "sent", None, 1),
    ("502", tail(ua="unix:/run/app.sock", us="502", uc="-", uh="-"), "connecting", None, 1),
    ("502", tail(ua="[::1]:80", us="502", uc="-", uh="-"), "connecting", None, 1),
    # A separator at the end: the last group was not asked.
    ("200", tail(ua="a:1 : ", us="200 : ", ut="0.1 : ", uc="0.1 : ", uh="0.1 : "), "done", 200, 1),
    # Fewer slots than servers.
    ("200", tail(ua="a:1, b:1", us="502, 200", ut="0.1", uc="-, 0.1", uh="-, 0.2"), "done", 200, 2),
    ("502", ' rt=0.1 ua="10.0.0.1:80" us="502" ut="0.0"', None, 502, 1),
    ("504", ' rt=0.1 ua="10.0.0.1:80" us="504" ut="0.0"', None, 504, 1),
    ("429", ' rt=0.1 ua="10.0.0.1:80" us="429" ut="0.0"', "done", 429, 1),
    ("499", ' rt=0.1 ua="10.0.0.1:80" us="-" ut="3.0"', None, None, 1),
    ("499", ' rt=0.1 us="-"', None, None, None),
    ("503", ' rt=0.1 us="-"', "not_sent", None, 0),
    ("502", ' rt=0.1 us="502" uh="-"', None, None, 1),
    ("502", ' rt=0.1 us="502" uc="-"', "connecting", None, 1),
    ("502", ' rt=0.1 us="502" uc="0.1"', None, 502, 1),
    ("502", ' rt=0.1 us="502" ubr="0"', None, None, 1),
]  # fmt: skip


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize(("status", "fields", "phase", "upstream", "tries"), PHASES)
def test_phases(run, status, fields, phase, upstream, tries, alone) -> None:
    # Alone the line is what the format is learnt from; else it is another one than the usual.
    lines = [line(status, fields)] if alone else [line(tail=tail()), line(status, fields)]
    got = read(run, *lines)
    assert got.problems == []
    row = got.frame.row(-1, named=True)
    assert (row["phase"], row["upstream_status"], row["upstream_tries"]) == (phase, upstream, tries)
    assert row["status"] == int(status)


def test_the_server_that_was_tried_last(run) -> None:
    several = tail(ua="10.0.0.1:80, 10.0.0.2:80 : 10.0.1.1:81", us="502, 502 : 200",
                   ut="0.1, 0.2 : 1.0", uc="-, 0.001 : 0.002", uh="-, - : 0.5")  # fmt: skip
    got = read(run, line(tail=tail()), line(tail=several))
    assert got.frame["upstream_address"].to_list() == ["10.0.0.1:80", "10.0.1.1:81"]
    assert got.frame["upstream_tries"].to_list() == [1, 3]
    assert got.frame["ttfb_ms"].to_list() == [900.0, 800.0]
    assert got.frame["connect_ms"].to_list() == [1.0, 2.0]
    assert got.frame["proxy_detail"].to_list() == [None, "502, 502 : 200"]


@pytest.mark.parametrize(
    ("status", "expected"), [("000", None), ("009", None), ("499", 499), ("-", None)]
)
def test_status(run, status, expected) -> None:
    assert read(run, line(status)).row["status"] == expected


@pytest.mark.parametrize(
    ("request_line", "method", "host", "path"),
    [
        ("GET /a?key=K-123456789&x=1 HTTP/1.1", "GET", None, "/a"),
        ("GET http://H.test:80/a?b HTTP/1.1", "GET", "h.test", "/a"),
        ("GET /", "GET", None, "/"),
        ("", None, None, None),
        ("-", None, None, None),
        (r"\x16\x03\x01\x02", None, None, None),
        ("lower /x HTTP/1.1", None, None, None),
    ],
)
def test_request_lines(run, request_line, method, host, path) -> None:
    row = read(run, line(head=HEAD.replace("POST /v1/chat/completions HTTP/1.1", request_line))).row
    assert (row["method"], row["host"], row["path"]) == (method, host, path)


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    keyed = HEAD.replace("completions HTTP", "completions?alt=sse&key=sk-test-q-1 HTTP")
    got = read(run, line(head=keyed), line(), line(head=keyed))
    assert got.frame["key_tag"].to_list() == ["key:sk-test-q-1", None, "key:sk-test-q-1"]
    assert "sk-test-q-1" in got.secrets.learnt


PREFIXES = [
    "10.0.0.2, 10.0.0.1, 127.0.0.1 - - ",
    "example.com:80 192.0.2.1 - alice ",
    "2a02:cf40::4e36 - - ",
    "192.0.2.1 - ",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_stands_before_the_time_does_not_matter(run, prefix) -> None:
    got = read(run, prefix + HEAD[HEAD.index("[") :] + f" 200 5 {UA}")
    assert (got.problems, got.row["status"]) == ([], 200)


@pytest.mark.parametrize(
    ("text", "lack"),
    [
        ("2026-11-22 12:00:01 nothing that is known", "no [day/Mon/year"),
        ("192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] GET / 200", 'no "request"'),
        ('192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] "GET /" x', "no status"),
        ('x "GET /" 200 5 [22/Nov/2026:12:00:01 +0200] "a"', "not in the order"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_number_and_what_it_lacks(run, text, lack) -> None:
    got = read(run, line(), "", text, line())
    ((kind, record, message),) = [(p.kind, p.record, p.message) for p in got.problems]
    assert (kind, record) == ("bad_line", 3)
    assert lack in message
    assert got.frame["record"].to_list() == [1, 4]
    assert got.records == 3


def test_apache_escapes_quotes_otherwise(run) -> None:
    got = read(run, line(), HEAD.replace("/v1/chat", r"/\"v1\"/chat") + f" 404 7 {UA}")
    assert got.problems == []
    assert got.frame["path"].to_list()[1] == r"/\"v1\"/chat/completions"


def test_fields_that_begin_later_in_the_file_are_read(run) -> None:
    got = read(run, *[line()] * 400, line(tail=tail()))
    assert got.frame["upstream_status"].to_list() == [None] * 400 + [200]


def test_a_last_line_that_is_cut_off_is_no_error(run) -> None:
    data = (line() + "\n" + line()[:60]).encode()
    got = run(data, Nginx(), name="access.log")
    assert [(p.kind, p.record, p.lost) for p in got.problems] == [("truncated", 2, False)]
    assert run((line() + "\n" + line()).encode(), Nginx()).frame.height == 2


def test_windows_line_ends_and_odd_bytes(run) -> None:
    data = (line(tail=tail()) + "\r\n").encode() * 2 + line().replace("OpenAI", "\xe9").encode(
        "latin-1"
    )
    got = run(data + b"\r\n", Nginx(), headers=("req_header.user-agent",))
    assert got.problems == []
    assert got.frame["ttfb_ms"].to_list() == [900.0, 900.0, None]
    assert got.frame["req_header.user-agent"].to_list()[2] == "\ufffd/Python 1.0"


def test_a_line_over_the_limit(run) -> None:
    long = HEAD.replace("/v1", "/" + "x" * 40_000_000)
    data = "\n".join([line(), long, line(), ""]).encode()
    got = run(data, Nginx(), limits=Limits(entry_bytes=100_000))
    assert [(p.kind, p.record) for p in got.problems] == [("too_large", 2)]
    assert got.frame["record"].to_list() == [1, 3]
    assert got.records == 3


@pytest.mark.parametrize(
    ("lines", "least", "most"),
    [
        ([line(tail=tail())] * 3, 0.9, 1.0),
        ([line(tail=tail()), line(tail=" rt=0.1"), "x"], 0.6, 0.7),
        ([line(tail=' "203.0.113.9" 0.120 0.118, 0.001')] * 3, 0.9, 1.0),
        ([line()] * 3, 0.0, 0.0),
        ([line(tail=' "203.0.113.9"')] * 3, 0.0, 0.0),
        ([line(tail=" 1234")] * 3, 0.0, 0.0),
        ([line(tail=" 89 0.001 [default-web-8080] [] 172.17.0.5:8080")] * 3, 0.0, 0.0),
        ([line(), "x", "y"], 0.0, 0.0),
        ([], 0.0, 0.0),
        (["{}"], 0.0, 0.0),
    ],
)
def test_sniffing(lines, least, most) -> None:
    head = "\n".join([*lines, ""]).encode()
    assert least <= Nginx().sniff(head, "access.log") <= most


def test_the_format_is_the_one_of_most_lines() -> None:
    form = format_of((line(), line(tail=tail()), line(tail=tail()), "nonsense"))
    assert form is not None
    assert set(form.variables) >= {
        "request_time", "upstream_addr", "upstream_status", "upstream_response_time",
        "upstream_connect_time", "upstream_header_time",
    }  # fmt: skip


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=120), at=st.integers(0, 300), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_problems(run, data, at, out) -> None:
    usual = (line(tail=tail()) + "\n").encode()
    damaged = usual + usual[:at] + data + usual[at + out :] + usual
    got = run(damaged, Nginx())
    assert got.frame["record"].to_list()[0] == 1
    assert got.frame["record"].is_sorted()
    assert got.frame.height + sum(p.count for p in got.problems) == got.records
    assert all(p.record is None or p.record >= 1 for p in got.problems)
