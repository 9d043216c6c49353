from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.base import Limits
from analyzer.ingest.formats.logs.combined import FORMAT

TIME = "[22/Nov/2026:12:00:01 +0200]"
REQUEST = '"POST /v1/chat/completions HTTP/1.1"'
COMMON = f"192.0.2.1 - - {TIME} {REQUEST} 200 5"
COMBINED = f'{COMMON} "-" "SDK 1.0"'
MOMENT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)


def read(run, *lines: str, **more):
    return run("\n".join([*lines, ""]).encode(), FORMAT, name="access.log", **more)


@pytest.mark.parametrize("text", [COMMON, COMBINED])
def test_a_line(run, text) -> None:
    got = read(run, text, headers=("req_header.user-agent",))
    row = got.row
    assert got.problems == []
    assert (row["ended_at"], row["started_at"], row["time_kind"]) == (MOMENT, MOMENT, "end")
    assert (row["method"], row["path"], row["status"], row["response_bytes"]) == (
        "POST", "/v1/chat/completions", 200, 5,
    )  # fmt: skip
    assert (row["format"], row["hop"], row["record"]) == ("combined", "gateway", 1)
    assert row["phase"] is row["upstream_status"] is row["duration_ms"] is None
    assert row["req_header.user-agent"] == ("SDK 1.0" if text is COMBINED else None)


PREFIXES = [
    "10.0.0.2, 10.0.0.1, 127.0.0.1 - - ",
    '"10.5.102.222, 199.96.1.1" 10.2.1.185 - - ',
    "example.com:443 192.0.2.1 - alice ",
    "www.example.com 192.0.2.1 - - ",
    "2001:db8::4e36 - - ",
    "192.0.2.1 ",
    "192.0.2.1 -  -  ",
    '192.0.2.1 - "two words" ',
    "",
]
TAILS = [
    "", ' "203.0.113.9, 10.0.0.1"', ' "-" "2.75"', " 1234", " 0.120", " 0/1234", ' "-" 12 -',
    "  293", " -", ' "x" y',
]  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("tail", TAILS)
def test_what_stands_around_does_not_matter(run, prefix, tail) -> None:
    odd = f'{prefix}{TIME} {REQUEST} 429 7 "-" "SDK 1.0"{tail}'
    for lines in ([odd] * 2, [COMBINED, odd], [COMMON, COMMON, odd]):
        got = read(run, *lines, headers=("req_header.user-agent",))
        assert got.problems == []
        row = got.frame.row(-1, named=True)
        assert (row["status"], row["response_bytes"], row["path"], row["duration_ms"]) == (
            429, 7, "/v1/chat/completions", None,
        )  # fmt: skip
        assert row["req_header.user-agent"] == "SDK 1.0"


@pytest.mark.parametrize("status", ["000", "009", "-"])
def test_no_status(run, status) -> None:
    odd = COMBINED.replace(" 200 5 ", f" {status} - ")
    for lines in ([odd], [COMBINED, odd]):
        row = read(run, *lines).frame.row(-1, named=True)
        assert (row["status"], row["response_bytes"]) == (None, None)


REQUESTS = [
    ("GET http://H.test:80/a?b HTTP/1.1", "GET", "h.test", "/a"),
    ("GET /", "GET", None, "/"),
    ("GET /a b HTTP/1.1", "GET", None, "/a b"),
    (r"GET /\"x\" HTTP/1.1", "GET", None, r"/\"x\""),
    ("", None, None, None),
    ("-", None, None, None),
    (r"\x16\x03\x01\x02", None, None, None),
    ("HELP", None, None, None),
    ("lower /x HTTP/1.1", None, None, None),
]


@pytest.mark.parametrize(("text", "method", "host", "path"), REQUESTS)
@pytest.mark.parametrize("usual", [COMMON, COMBINED])
def test_request_lines(run, text, method, host, path, usual) -> None:
    got = read(run, usual, usual.replace(REQUEST, f'"{text}"'), usual)
    assert got.problems == []
    row = got.frame.row(1, named=True)
    assert (row["method"], row["host"], row["path"]) == (method, host, path)


def test_a_key_in_the_query_is_a_pseudonym(run) -> None:
    keyed = COMBINED.replace("completions HTTP", "completions?key=sk-test-q-1 HTTP")
    got = read(run, keyed, COMBINED)
    assert got.frame["key_tag"].to_list() == ["key:sk-test-q-1", None]
    assert "sk-test-q-1" in got.secrets.learnt


def test_apache_escapes_quotes(run) -> None:
    odd = COMBINED.replace('"-" "SDK 1.0"', r'"a \\ \"" "SDK \"2\""')
    got = read(run, COMBINED, odd, headers=("req_header.user-agent",))
    assert got.problems == []
    assert got.frame["req_header.user-agent"].to_list() == ["SDK 1.0", r"SDK \"2\""]


def test_zones_may_change(run) -> None:
    winter = COMBINED.replace("+0200", "+0100")
    got = read(run, COMBINED, winter, COMBINED.replace("+0200", "-0330"))
    assert [moment.hour for moment in got.frame["ended_at"]] == [10, 11, 15]


BAD = [
    ("192.0.2.1 nothing at all", "no [day/Mon/year"),
    (f"192.0.2.1 - - {TIME} GET / 200", 'no "request"'),
    (f'192.0.2.1 - - {TIME} "GET /" x', "no status"),
    (f'192.0.2.1 - - {TIME} "GET /" 200 x', "no size"),
    (f'x "GET /" 200 5 {TIME} "a" 200', "not in the order"),
    ("192.0.2.1 - - [99/Nov/2026:12:00:01 +0200] " + REQUEST + " 200 5", "$time_local"),
]


@pytest.mark.parametrize(("text", "lack"), BAD)
@pytest.mark.parametrize("usual", [COMMON, COMBINED])
def test_a_line_that_is_none(run, text, lack, usual) -> None:
    got = read(run, usual, "", text, usual)
    ((kind, record, message),) = [(p.kind, p.record, p.message) for p in got.problems]
    assert (kind, record) == ("bad_line", 3)
    assert lack in message
    assert got.frame["record"].to_list() == [1, 4]
    assert got.records == 3


def test_lines_with_upstream_fields_are_nginx_lines(run) -> None:
    keyed = f'{COMBINED} rt=1.5 us="502" uc="-" uh="-"'
    got = read(run, *[COMBINED] * 100, keyed, COMBINED)
    assert got.problems == []
    assert got.frame["record"].to_list() == list(range(1, 103))
    row = got.frame.row(100, named=True)
    assert (row["format"], row["phase"], row["duration_ms"]) == ("nginx", "connecting", 1500.0)


def test_windows_line_ends_a_cut_line_and_a_long_one(run) -> None:
    long = COMBINED.replace("/v1", "/" + "x" * 40_000_000)
    data = f"{COMBINED}\r\n{long}\r\n\r\n{COMBINED}\r\n{COMBINED[:40]}".encode()
    got = run(data, FORMAT, name="a.log", limits=Limits(entry_bytes=100_000))
    assert [(p.kind, p.record) for p in got.problems] == [("too_large", 2), ("truncated", 5)]
    assert got.frame["record"].to_list() == [1, 4]
    assert got.records == 4


def test_an_envelope(run) -> None:
    lines = [f"Nov 22 10:00:0{n} web1 nginx[7]: {COMBINED}" for n in range(3)]
    got = read(run, *lines, lines[0][:70])
    assert got.frame["status"].to_list() == [200] * 3
    assert [(p.kind, p.record) for p in got.problems] == [("bad_line", 4)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([COMMON] * 3, "combined"),
        ([COMBINED] * 3, "combined"),
        ([COMBINED + ' "203.0.113.9"'] * 3, "combined"),
        ([COMBINED + ' rt=0.1 us="200"'] * 3, "nginx"),
        # Consoles mix requests with other text.
        ([COMBINED, "x", "y"], "combined"),
        (["x", "y"], None),
        (["{}"], None),
    ],
)
def test_detection(source, lines, expected) -> None:
    found = detect.detect(source("\n".join([*lines, ""]).encode(), name="a.log"))
    assert (found.name if found else None) == expected


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=120), at=st.integers(0, 120), out=st.integers(0, 9),
    usual=st.sampled_from([COMMON, COMBINED]),
)  # fmt: skip
def test_any_bytes_give_rows_or_problems(run, data, at, out, usual) -> None:
    text = (usual + "\n").encode()
    got = run(text + text[:at] + data + text[at + out :] + text, FORMAT)
    assert got.frame["record"].to_list()[0] == 1
    assert got.frame["record"].is_sorted()
    assert got.frame.height + sum(p.count for p in got.problems) == got.records


FOLDERS = (
    "apache_combined", "apache_common", "apache_malformed", "litespeed", "nginx_combined",
    "nginx_main", "nginx_malformed", "varnish_ncsa",
)  # fmt: skip
OTHERS = {
    # Most of its lines are another program's.
    "crowdsecurity+hub__hub-nginx_http-catch-npm.log",
    "crowdsecurity+hub__hub-pfsense-rfc5424-nginx.log",
    "crowdsecurity+hub__hub-litespeed-logs.log",
}


def logs(corpus: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((corpus / "logs" / folder).glob("*.log"))


@pytest.mark.corpus
def test_lines_of_other_projects_are_rows_or_told(corpus: Path) -> None:
    for path in logs(corpus):
        if path.name in OTHERS:
            continue
        problems: list[Problem] = []
        (found,), _ = files.expand([str(path)], Limits())
        made = detect.detect(found)
        assert made is FORMAT, (path.name, made and made.name)
        frame = capture.read_frame([str(path)], problems=problems)
        assert "internal" not in {problem.kind for problem in problems}, path.name
        text = path.read_bytes().decode("utf-8", "replace")
        count = sum(bool(line.strip()) for line in text.split("\n"))
        told = sum(p.count for p in problems if p.kind in ("bad_line", "notice", "truncated"))
        assert frame.height + told == count, (path.name, problems)


def _agree(row: dict[str, Any], want: dict[str, Any], names: dict[str, str]) -> None:
    for column, key in names.items():
        if key not in want or want[key] in ("-", ""):
            continue
        got, expected = row[column], want[key]
        if column in ("status", "response_bytes"):
            expected = int(expected)
        if column == "path":
            expected = expected.partition("?")[0]
        if column == "ended_at":
            expected = datetime.fromisoformat(expected)
        assert got == expected, (column, got, expected)


VRL = {"status": "status", "response_bytes": "size", "ended_at": "timestamp",
       "req_header.user-agent": "agent", "method": "method", "path": "path"}  # fmt: skip
CROWDSEC = {"status": "http_status", "method": "http_verb", "path": "http_path"}


@pytest.mark.corpus
@pytest.mark.parametrize(
    "name",
    [
        "apache_common/vectordotdev+vrl__parse_apache_log_common",
        "nginx_combined/vectordotdev+vrl__parse_nginx_log_combined",
        "nginx_main/vectordotdev+vrl__parse_nginx_log_main",
    ],
)
def test_expected_values_of_vrl(corpus: Path, name: str) -> None:
    path = corpus / "logs" / f"{name}.log"
    cases = json.loads(path.with_suffix(".expected.json").read_text())["cases"]
    frame = capture.read_frame([str(path)], ["req_header.user-agent"], problems=[])
    rows = {row["record"]: row for row in frame.filter(format="combined").to_dicts()}
    for record, case in enumerate(cases, 1):
        assert ("want" in case) == (record in rows), record
        if record in rows:
            _agree(rows[record], case["want"], VRL)


@pytest.mark.corpus
@pytest.mark.parametrize(
    "name",
    [
        "apache_combined/crowdsecurity+hub__hub-apache2-logs",
        "apache_malformed/crowdsecurity+hub__hub-apache2-malformed",
        "nginx_malformed/crowdsecurity+hub__hub-nginx-http-malformed",
    ],
)
def test_expected_values_of_crowdsec(corpus: Path, name: str) -> None:
    path = corpus / "logs" / f"{name}.log"
    results = json.loads(path.with_suffix(".expected.json").read_text())["results"]["s01-parse"]
    texts = path.read_bytes().decode("utf-8", "replace").split("\n")
    frame = capture.read_frame([str(path)], problems=[])
    rows = {texts[row["record"] - 1]: row for row in frame.to_dicts()}
    seen = 0
    for events in results.values():
        for event in events:
            message = event.get("Parsed", {}).get("message", "")
            meta = event.get("Meta", {})
            if event.get("Success") and "http_status" in meta and message in rows:
                asked = rows[message]["method"] is not None
                names = CROWDSEC if asked else {"status": "http_status"}
                _agree(rows[message], meta, names)
                seen += 1
    assert seen >= 5
