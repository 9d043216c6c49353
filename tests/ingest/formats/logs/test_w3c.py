from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.iis import FORMAT as IIS
from analyzer.ingest.formats.logs.w3c import FORMAT as W3C

MOMENT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
SOFTWARE = "#Software: Microsoft Internet Information Services 10.0"
USUAL = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
    "cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken"
)


def iis(
    status: str = "200", sub: str = "0", win32: str = "0", taken: str = "1500", query: str = "-"
) -> str:
    return (
        f"2026-11-22 10:00:01 10.0.0.5 POST /v1/chat/completions {query} 443 - 192.0.2.1 "
        f"OpenAI/Python+1.0 - {status} {sub} {win32} {taken}"
    )


def read(run, *lines: str, fmt=IIS, **more):
    return run("\r\n".join([*lines, ""]).encode(), fmt, name="u_ex.log", **more)


def test_iis(run) -> None:
    got = read(run, SOFTWARE, USUAL, iis(), headers=("req_header.user-agent",))
    row = got.row
    assert (row["ended_at"], row["time_kind"]) == (MOMENT, "end")
    assert row["started_at"] == MOMENT - timedelta(seconds=1.5)
    assert (row["duration_ms"], row["time_precision_ms"]) == (1500.0, 1000.0)
    assert (row["method"], row["path"], row["status"]) == ("POST", "/v1/chat/completions", 200)
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["phase"] is row["proxy_flags"] is row["proxy_detail"] is None
    assert (row["format"], row["hop"], row["record"]) == ("iis", "gateway", 3)
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 2)]


@pytest.mark.parametrize(
    ("fields", "flags", "detail", "phase"),
    [
        (("502", "3", "12002"), "502.3", "sc-win32-status 12002", None),
        (("502", "3", "12029"), "502.3", "sc-win32-status 12029", "connecting"),
        (("502", "3", "12007"), "502.3", "sc-win32-status 12007", "connecting"),
        (("503", "2", "0"), "503.2", None, None),
        (("200", "0", "64"), None, "sc-win32-status 64", None),
    ],
)
def test_substatus_and_windows_error(run, fields, flags, detail, phase) -> None:
    row = read(run, USUAL, iis(*fields)).row
    assert (row["proxy_flags"], row["proxy_detail"], row["phase"]) == (flags, detail, phase)


def test_without_directives_the_usual_fields_count(run) -> None:
    assert IIS.sniff("\n".join([iis(), iis(), ""]).encode(), "u_ex.log") == 0.96
    got = read(run, iis(query="key=AIzaSecret0001&a=b"), iis() + " ")
    assert got.frame["path"].to_list() == ["/v1/chat/completions"] * 2
    assert "AIzaSecret0001" in got.secrets.learnt


def test_fields_may_change_midway(run) -> None:
    other = (
        "#Fields: time cs-method cs-uri-stem sc-status sc-win32-status sc-bytes cs-bytes cs-host"
    )
    got = read(
        run, SOFTWARE, USUAL, iis(), SOFTWARE, "#Date: 2026-11-23 08:00:00", other,
        "08:00:02 GET /v1/models 429 0 12 34 API.test:443", "\ufeff" + USUAL, iis("500"),
    )  # fmt: skip
    assert got.frame["status"].to_list() == [200, 429, 500]
    row = got.frame.row(1, named=True)
    assert row["ended_at"] == datetime(2026, 11, 23, 8, 0, 2, tzinfo=UTC)
    assert (row["response_bytes"], row["request_bytes"], row["host"]) == (12, 34, "api.test")


@pytest.mark.parametrize("size", [60, 200, 800])
def test_directives_hold_across_blocks(run, monkeypatch, size) -> None:
    from analyzer.ingest import lines

    monkeypatch.setattr(
        "analyzer.ingest.textlog.line_blocks",
        lambda stream, longest, **told: lines.line_blocks(stream, longest, size, **told),
    )
    got = read(run, "#Date: 2026-11-23 08:00:00", "#Fields: time cs-method cs-uri sc-status",
               *("08:00:02 GET /v1/models 200" for _ in range(20)), fmt=W3C)  # fmt: skip
    assert got.frame["started_at"].unique().to_list() == [
        datetime(2026, 11, 23, 8, 0, 2, tzinfo=UTC)
    ]
    assert got.frame.height == 20


def test_http_sys(run) -> None:
    fields = (
        "#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status "
        "s-siteid s-reason s-queuename"
    )
    full = "2026-11-22 10:00:01 192.0.2.1 5 10.0.0.5 443 HTTP/1.1 POST /v1/x 503 1 QueueFull pool"
    idle = "2026-11-22 10:00:02 192.0.2.1 5 10.0.0.5 443 - - - - - Timer_ConnectionIdle -"
    lost = "2026-11-22 10:00:03 192.0.2.1 5 10.0.0.5 443 HTTP/1.1 POST /v1/x - 1 Timer_EntityBody p"
    got = read(run, "#Software: Microsoft HTTP API 2.0", fields, full, idle, lost)
    assert got.frame["proxy_flags"].to_list() == ["QueueFull", "Timer_EntityBody"]
    assert got.frame["phase"].to_list() == ["not_sent", None]
    assert got.frame["status"].to_list() == [503, None]
    assert [(p.kind, p.count) for p in got.problems] == [("notice", 3)]


def test_quotes_tabs_and_headers(run) -> None:
    fields = "#Fields: date time cs(User-Agent) cs-uri sc(X-Request-Id) cs(Authorization) sc-status"
    quoted = (
        '"2026-11-22" "10:00:01" "Some ""odd"" agent" "www.gateway.test/v1/x?a=b" "r-1" '
        '"Bearer sk-0123456789" "200"'
    )
    tabs = "2026-11-22\t10:00:01.5\tSome agent\thttps://h.test/v1/y\t-\t-\t504"
    got = read(run, fields, quoted, tabs, fmt=W3C, headers=("req_header.user-agent",))
    first, second = got.frame.rows(named=True)
    assert (first["host"], first["path"], first["scheme"]) == ("www.gateway.test", "/v1/x", None)
    assert (first["request_id"], first["key_tag"]) == ("r-1", "key:sk-0123456789")
    assert (second["host"], second["path"], second["scheme"]) == ("h.test", "/v1/y", "https")
    assert second["req_header.user-agent"] == "Some agent"
    assert (second["time_precision_ms"], second["status"]) == (1.0, 504)


def test_seconds_with_a_fraction(run) -> None:
    fields = "#Fields: date time time-taken cs-method cs-uri-stem sc-status"
    row = read(run, fields, "2026-11-22 10:00:01 0.250 GET /x 200", fmt=W3C).row
    assert row["duration_ms"] == 250.0


def test_an_edges_log_says_so(run) -> None:
    fields = "#Fields: date time cs-method cs-uri sc-action sc-status cs-start"
    line = '"2026-11-22" "10:00:01" "POST" "www.gateway.test/v1/x" "REQ_BAD_TIMEOUT" "504" "{}"'
    start = int(MOMENT.timestamp() * 1000) + 555
    row = read(run, "#Software: Incapsula LOGS API", fields, line.format(start), fmt=W3C).row
    assert (row["hop"], row["edge_status"], row["proxy_flags"]) == ("edge", 504, "REQ_BAD_TIMEOUT")
    assert row["started_at"] == MOMENT + timedelta(milliseconds=555)
    assert row["time_kind"] == "start"


def test_bad_lines_ftp_and_other_formats(run) -> None:
    clf = (
        '192.0.2.1 - - [22/Nov/2026:12:00:01 +0200] "GET /v1/models HTTP/1.1" 200 5 "-" "x" '
        '1 "api@docker" "http://10.0.0.1:80" 2ms'
    )
    fields = "#Fields: time c-ip cs-method cs-uri-stem sc-status"
    got = read(
        run, "early", "#Date: 2026-11-22 10:00:00", fields, "10:00:01 192.0.2.1 GET /x 200",
        "10:00:01 192.0.2.1 [2]USER someone 331", "10:00:01 192.0.2.1 GET /x", "a b c d e", clf,
        fmt=W3C,
    )  # fmt: skip
    bad = {p.record: p.message for p in got.problems if p.kind == "bad_line"}
    assert sorted(bad) == [1, 6, 7]
    assert "no '#Fields:' line is before it" in bad[1]
    assert "it has 4 fields, and '#Fields:' names 5" in bad[6]
    assert "its time is none" in bad[7]
    assert got.frame["format"].to_list() == ["w3c", "traefik"]
    assert [p.count for p in got.problems if p.kind == "notice"] == [3]


@pytest.mark.parametrize(
    ("lines", "scores"),
    [
        ([SOFTWARE, USUAL, iis()], (0.96, 0.0)),
        ([USUAL, iis()], (0.96, 0.0)),
        (["#Version: 1.0", "#Fields: date time cs-method cs-uri sc-status", "x"], (0.0, 0.95)),
        (["#Version: 1.0", "#Fields: date time x-edge-location cs-method sc-status"], (0.0, 0.0)),
        (["#Fields: date-time,connector-id,session-id"], (0.0, 0.0)),
        (["#fields ts uid id.orig_h"], (0.0, 0.0)),
        (["x"], (0.0, 0.0)),
    ],
)
def test_sniffing(lines, scores) -> None:
    head = "\n".join([*lines, ""]).encode()
    assert (IIS.sniff(head, "x.log"), W3C.sniff(head, "x.log")) == scores


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.binary(max_size=80), at=st.integers(0, 400), out=st.integers(0, 9))
def test_any_bytes_give_rows_or_problems(run, noise, at, out) -> None:
    usual = "\n".join([SOFTWARE, USUAL, iis(), iis("502"), ""]).encode()
    got = run(usual[:at] + noise + usual[at + out :] + usual, IIS)
    assert got.frame.height + sum(problem.count for problem in got.problems) == got.records


def whole(path, fmt: str):
    sources, _ = files.expand([str(path)])
    found = detect.detect(sources[0])
    assert found is not None
    assert found.name == fmt
    problems: list = []
    frame = capture.read_frame([str(path)], problems=problems)
    return frame, sum(problem.count for problem in problems), {p.kind for p in problems}


@pytest.mark.corpus
def test_corpus(corpus) -> None:
    logs = corpus / "logs" / "w3c_extended"
    # The first is of an FTP server: nothing of it is HTTP.
    frame, told, kinds = whole(logs / "tstack+lnav__test_logfile_w3c.2.log", "iis")
    assert (frame.height, told, kinds) == (0, 22, {"notice"})
    frame, told, kinds = whole(logs / "tstack+lnav__test_logfile_w3c.4.log", "w3c")
    assert (frame.height, told, kinds) == (2, 4, {"notice"})
    assert frame["proxy_flags"].to_list() == ["REQ_PASSED", "REQ_BAD_SERVER_CLOSED_CONNECTION"]


@pytest.mark.corpus
def test_corpus_fields(corpus) -> None:
    folder = corpus / "logs" / "iis_w3c"
    name = "GoogleCloudPlatform+ops-agent__logging_processor-iis_access"
    frame, told, kinds = whole(folder / f"{name}.log", "iis")
    assert (frame.height, told, kinds) == (4, 3, {"notice"})
    loaded = yaml.safe_load((folder / f"{name}.expected.yaml").read_text())
    entries = next(item["entries"] for item in loaded if "entries" in item)
    for row, entry in zip(frame.iter_rows(named=True), entries, strict=True):
        http, extra = entry["httpRequest"], entry["jsonPayload"]
        if not http["requestMethod"]:
            # They leave a line with a blank at its end unread.
            assert (row["status"], row["path"]) == (404, "/favicon.ico")
            continue
        assert row["method"] == http["requestMethod"]
        assert row["path"] == http["requestUrl"].partition("?")[0]
        assert row["status"] == int(http["status"])
        assert row["duration_ms"] == float(extra["time_taken"])
        assert row["ended_at"] == entry["timestamp"]
