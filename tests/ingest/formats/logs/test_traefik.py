from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import capture, detect, files
from analyzer.ingest.formats.logs.traefik import FORMAT as CLF
from analyzer.ingest.formats.logs.traefik_json import FORMAT as JSON

MOMENT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
TAIL = ' 12 "api@docker" "http://10.0.0.1:8000" 1500ms'


def clf(
    status: str = "200", size: str = "512", tail: str = TAIL, client: str = "192.0.2.1",
    request: str = "POST /v1/chat/completions HTTP/1.1", time: str = "22/Nov/2026:12:00:01 +0200",
    heads: str = '"-" "OpenAI/Python 1.0"',
) -> str:  # fmt: skip
    return f'{client} - - [{time}] "{request}" {status} {size} {heads}{tail}'


def record(**changes):
    made = {
        "ClientAddr": "192.0.2.1:39496", "ClientHost": "192.0.2.1", "ClientUsername": "-",
        "DownstreamContentSize": 512, "DownstreamStatus": 200, "Duration": 1_500_250_000,
        "OriginContentSize": 512, "OriginDuration": 1_499_000_000, "OriginStatus": 200,
        "RequestAddr": "LLM.gateway.test:443", "RequestContentSize": 31, "RequestCount": 1,
        "RequestHost": "llm.gateway.test", "RequestMethod": "POST",
        "RequestPath": "/v1/chat/completions", "RequestScheme": "https", "RetryAttempts": 0,
        "RouterName": "api@docker", "ServiceAddr": "10.0.0.1:8000",
        "ServiceURL": "http://10.0.0.1:8000", "StartUTC": "2026-11-22T10:00:01.000250999Z",
        "StartLocal": "2026-11-22T11:00:01.000250999+01:00", "level": "info", "msg": "",
        "time": "2026-11-22T10:00:02Z",
    }  # fmt: skip
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def data(*lines) -> bytes:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return "\n".join([*texts, ""]).encode()


def read(run, *lines, fmt=None, **more):
    chosen = fmt or (CLF if isinstance(lines[0], str) else JSON)
    return run(data(*lines), chosen, name="access.log", **more)


def test_a_line_with_service(run) -> None:
    got = read(run, clf(), headers=("req_header.user-agent", "req_header.referer"))
    row = got.row
    assert (row["started_at"], row["time_kind"]) == (MOMENT, "start")
    assert row["ended_at"] == MOMENT + timedelta(seconds=1.5)
    assert (row["duration_ms"], row["time_precision_ms"]) == (1500.0, 1000.0)
    assert (row["method"], row["path"], row["status"], row["response_bytes"]) == (
        "POST", "/v1/chat/completions", 200, 512,
    )  # fmt: skip
    assert (row["upstream_status"], row["phase"]) == (200, "done")
    assert row["upstream_address"] == "10.0.0.1:8000"
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["req_header.referer"] is None
    assert (row["format"], row["hop"]) == ("traefik", "gateway")
    assert got.problems == []


ODD = [
    (clf(client="203.0.113.5, 10.0.0.7"), {"status": 200}),
    (clf(client="2001:db8::1"), {"status": 200}),
    (clf(tail=""), {"status": 200, "phase": None, "duration_ms": None, "ended_at": None}),
    (clf("502", "11", tail=""), {"status": 502, "phase": None}),
    (clf(tail=' 12 "Host-api "http://10.0.0.1:8000" 3ms'),
     {"upstream_address": "10.0.0.1:8000", "duration_ms": 3.0}),
    (clf(heads='"-" "say \\"hi\\""'), {"req_header.user-agent": 'say "hi"'}),
    (clf(request='GET /a"b c" HTTP/1.1'), {"path": '/a"b c"', "method": "GET"}),
    (clf(request="GET /v1/x?key=AIzaSecret0001 HTTP/1.1"), {"path": "/v1/x"}),
    (clf("-", "-", time="-", tail=' - "-" "-" 0ms'), {"status": None, "started_at": None}),
    (clf("0", "0"), {"status": None, "upstream_status": None}),
    (clf("123", "-", heads="- -", tail=" - - - 0ms"), {"status": 123, "response_bytes": None}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "wanted"), ODD)
def test_odd_lines(run, line, wanted) -> None:
    got = read(run, line, headers=("req_header.user-agent",))
    assert {name: got.row[name] for name in wanted} == wanted
    assert got.problems == []
    assert ("AIzaSecret0001" in line) == ("AIzaSecret0001" in got.secrets.learnt)


NO_SERVICE = ' 12 "api@docker" "-" 0ms'


@pytest.mark.parametrize(
    ("status", "tail", "behind", "phase"),
    [
        ("401", NO_SERVICE, None, "not_sent"),
        ("429", ' 12 "api@docker" - 0ms', None, "not_sent"),
        ("404", ' 12 "-" "-" 0ms', None, "not_sent"),
        ("302", NO_SERVICE, None, None),
        ("429", TAIL, 429, "done"),
        ("503", TAIL, 503, "done"),
        ("499", TAIL, None, None),
        ("500", TAIL, None, None),
        ("502", TAIL, None, None),
        ("504", TAIL, None, None),
    ],
)
def test_who_answered(run, status, tail, behind, phase) -> None:
    row = read(run, clf(status, tail=tail)).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (int(status), behind, phase)


def test_bad_lines_notices_and_other_formats(run) -> None:
    lines = [
        clf(), "bad", 'time="2026-11-22T10:00:00Z" level=error msg="no such service"',
        "2026-11-22T10:00:00Z ERR provider failed", json.dumps(record()), clf("404")[:40], clf(),
    ]  # fmt: skip
    got = read(run, *lines)
    bad = [(p.kind, p.record) for p in got.problems if p.kind == "bad_line"]
    assert bad == [("bad_line", 2), ("bad_line", 6)]
    assert "Traefik access log" in got.problems[0].message
    assert [p.count for p in got.problems if p.kind == "notice"] == [2]
    assert got.frame["format"].to_list() == ["traefik", "traefik-json", "traefik"]


def test_the_shippers_stamp_where_time_is_dropped(run) -> None:
    line = "2026-11-22T10:00:03.5Z stdout F " + clf(time="-")
    assert read(run, line, fmt=CLF).row["ended_at"] == MOMENT + timedelta(seconds=2.5)


def test_a_record(run) -> None:
    heads = {
        "request_User-Agent": "OpenAI/Python 1.0", "request_Authorization": "Bearer sk-0123456789",
        "downstream_Content-Type": "application/json; charset=utf-8", "origin_X-Request-Id": "r1",
        "downstream_Retry-After": "3",
    }  # fmt: skip
    got = read(run, record(**heads), headers=("req_header.user-agent",))
    row = got.row
    start = MOMENT + timedelta(microseconds=250)
    assert (row["started_at"], row["ended_at"]) == (
        start,
        start + timedelta(microseconds=1_500_250),
    )
    assert (row["duration_ms"], row["time_kind"], row["time_precision_ms"]) == (
        1500.25, "start", 0.001,
    )  # fmt: skip
    assert (row["method"], row["scheme"], row["host"], row["path"]) == (
        "POST", "https", "llm.gateway.test", "/v1/chat/completions",
    )  # fmt: skip
    assert (row["status"], row["upstream_status"], row["phase"]) == (200, 200, "done")
    assert (row["request_bytes"], row["response_bytes"]) == (31, 512)
    assert (row["upstream_address"], row["upstream_tries"]) == ("10.0.0.1:8000", 1)
    assert (row["request_id"], row["retry_after_s"]) == ("r1", 3.0)
    assert row["content_type"] == "application/json"
    assert row["req_header.user-agent"] == "OpenAI/Python 1.0"
    assert row["key_tag"] == "key:sk-0123456789"
    assert got.problems == []


VARIANTS = [
    ({"DownstreamStatus": "200", "OriginStatus": "200", "Duration": "2000000"},
     {"status": 200, "upstream_status": 200, "duration_ms": 2.0}),
    ({"ServiceAddr": None, "ServiceURL": {"Scheme": "http", "User": None, "Host": "10.0.0.2:80"}},
     {"upstream_address": "10.0.0.2:80"}),
    ({"ServiceAddr": None}, {"upstream_address": "10.0.0.1:8000"}),
    ({"ClientHost": "203.0.113.5, 10.0.0.7"}, {"status": 200}),
    ({"StartUTC": None}, {"started_at": MOMENT + timedelta(microseconds=250)}),
    ({"StartUTC": None, "StartLocal": None, "Duration": 500_000_000},
     {"ended_at": MOMENT + timedelta(seconds=1), "time_kind": "end",
      "started_at": MOMENT + timedelta(seconds=0.5)}),
    ({"RetryAttempts": 2}, {"upstream_tries": 3}),
    ({"request_Authorization": "REDACTED"}, {"key_tag": None}),
    ({"RequestPath": "/v1/x?key=AIzaSecret0001"}, {"path": "/v1/x"}),
    ({"DownstreamStatus": 0, "OriginStatus": 0}, {"status": None, "phase": None}),
    ({"RequestHost": "llm.test", "RequestAddr": None}, {"host": "llm.test"}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "wanted"), VARIANTS)
def test_variants_of_a_record(run, changes, wanted) -> None:
    got = read(run, record(**changes))
    assert {name: got.row[name] for name in wanted} == wanted


UNREACHED = {"OriginStatus": 0, "OriginContentSize": 0, "OriginDuration": 0, "ServiceAddr": None,
             "ServiceURL": None}  # fmt: skip
ANSWERS = [
    # What Traefik's own proxy writes, told by the size of its text.
    (502, {"OriginStatus": 502, "OriginContentSize": 11}, None, None),
    (504, {"OriginStatus": 504, "OriginContentSize": 15}, None, None),
    (499, {"OriginStatus": 499, "OriginContentSize": 21}, None, None),
    (500, {"OriginStatus": 500, "OriginContentSize": 21}, None, None),
    # Replaced by an errors middleware on the way.
    (503, {"OriginStatus": 502, "OriginContentSize": 11}, None, None),
    # An empty body tells nothing.
    (502, {"OriginStatus": 502, "OriginContentSize": 0}, None, None),
    (502, {"OriginStatus": 502, "OriginContentSize": None}, None, None),
    # The server's own.
    (502, {"OriginStatus": 502, "OriginContentSize": 154}, 502, "done"),
    (502, {"OriginStatus": 502, "OriginContentSize": 11, "origin_Server": "x"}, 502, "done"),
    (500, {"OriginStatus": 500, "OriginContentSize": 90}, 500, "done"),
    (429, {"OriginStatus": 429, "OriginContentSize": 21}, 429, "done"),
    # Traefik's middlewares and router.
    (429, UNREACHED, None, "not_sent"),
    (404, {**UNREACHED, "OriginStatus": None, "OriginDuration": None}, None, "not_sent"),
    (200, UNREACHED, None, None),
    # A version that logs no status of the server at all.
    (500, {"OriginStatus": 0, "OriginContentSize": 0}, None, None),
    # The error in words.
    (502, {"OriginStatus": 502, "OriginContentSize": 90,
           "OriginError": "dial tcp 10.0.0.1:8000: connect: connection refused"},
     None, "connecting"),
    (502, {"OriginStatus": 502, "OriginContentSize": 11, "OriginError": "EOF"}, None, "sent"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "changes", "behind", "phase"), ANSWERS)
def test_who_answered_by_record(run, status, changes, behind, phase) -> None:
    row = read(run, record(DownstreamStatus=status, **changes)).row
    assert (row["status"], row["upstream_status"], row["phase"]) == (status, behind, phase)
    assert row["proxy_detail"] == changes.get("OriginError")


def test_a_word_in_a_path_is_no_header(run) -> None:
    path = '/x?a=,"origin_X":1'
    row = read(run, record(DownstreamStatus=502, OriginStatus=502, OriginContentSize=11,
                           RequestPath=path)).row  # fmt: skip
    assert row["upstream_status"] is None


def test_other_lines_of_json_files(run) -> None:
    program = {"level": "error", "msg": "no such service", "time": "2026-11-22T10:00:00Z"}
    newer = {"level": "info", "message": "started", "time": "2026-11-22T10:00:00Z"}
    lines = [record(), program, newer, "DEBUG: SomePlugin: 2026/11/22 updated", clf(),
             json.dumps(record())[:70], {"x": 1}]  # fmt: skip
    got = read(run, *lines)
    assert got.frame["format"].to_list() == ["traefik-json", "traefik"]
    assert [p.count for p in got.problems if p.kind == "notice"] == [3]
    assert [p.record for p in got.problems if p.kind == "bad_line"] == [6, 7]


def test_an_array_of_records(run) -> None:
    got = run(json.dumps([record(), record(OriginStatus=404)]).encode(), JSON)
    assert got.frame["upstream_status"].to_list() == [200, 404]


@pytest.mark.parametrize(
    ("fmt", "lines", "score"),
    [
        (CLF, [clf(), clf("502"), "x"], 0.65),
        (CLF, [clf(tail="")], 0.0),
        (JSON, [record()], 0.98),
        (JSON, [{"level": "info", "msg": "x"}], 0.0),
    ],
)
def test_sniffing(fmt, lines, score) -> None:
    assert fmt.sniff(data(*lines), "access.log") == pytest.approx(score, abs=0.01)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.binary(max_size=80), at=st.integers(0, 900), out=st.integers(0, 9))
@pytest.mark.parametrize("line", [clf(), record()], ids=["clf", "json"])
def test_any_bytes_give_rows_or_problems(run, line, noise, at, out) -> None:
    usual = data(line, line)
    got = run(
        usual + usual[:at] + noise + usual[at + out :], CLF if isinstance(line, str) else JSON
    )
    assert got.frame.height + sum(problem.count for problem in got.problems) == got.records


def whole(path, fmt: str):
    sources, _ = files.expand([str(path)])
    found = detect.detect(sources[0])
    assert found is not None
    assert found.name == fmt
    problems: list = []
    agent = "req_header.user-agent"
    return capture.read_frame([str(path)], [agent], problems=problems), problems


@pytest.mark.corpus
def test_corpus_clf(corpus) -> None:
    folder = corpus / "logs" / "traefik_clf"
    frame, problems = whole(folder / "elastic+beats__traefik-test.log", "traefik")
    assert (frame.height, problems) == (2, [])
    name = "traefik+traefik__accesslog-unit-tests"
    frame, problems = whole(folder / f"{name}.log", "traefik")
    assert (frame.height, [problem.record for problem in problems]) == (16, [3])
    rows = frame.rows(named=True)
    for case in json.loads((folder / f"{name}.expected.json").read_text())["cases"]:
        told = case["fields"]
        if not told:
            continue
        row = next(row for row in rows if str(row["status"]) == told["OriginStatus"])
        assert row["method"] == told["RequestMethod"]
        assert row["path"] == told["RequestPath"]
        assert str(row["response_bytes"]) == told["OriginContentSize"]
        assert f"{row['duration_ms']:.0f}ms" == told["Duration"]
        assert f'"{row["req_header.user-agent"]}"' == told["RequestUserAgentHeader"]


@pytest.mark.corpus
def test_corpus_json(corpus) -> None:
    folder = corpus / "logs" / "traefik_json"
    name = "crowdsecurity+hub__hub-traefik_json"
    frame, problems = whole(folder / f"{name}.log", "traefik-json")
    assert (frame.height, [problem.kind for problem in problems]) == (6, ["notice"])
    events = json.loads((folder / f"{name}.expected.json").read_text())["results"]["s01-parse"]
    told = [item["Parsed"] for item in events["crowdsecurity/traefik-logs"] if item["Success"]]
    told = [item for item in told if item.get("verb")]
    assert len(told) == frame.height
    for row, item in zip(frame.iter_rows(named=True), told, strict=True):
        assert row["method"] == item["verb"]
        assert row["path"] == item["request"]
        assert row["host"] == item["request_addr"]
        assert str(row["status"]) == item["status"]
        assert str(row["response_bytes"]) == item["body_bytes_sent"]
        # Their name says ms; the log has ns.
        assert f"{row['duration_ms'] * 1e6:.0f}" == item["request_duration_in_ms"]
        assert (row["upstream_address"] or "").partition(":")[0] == item.get("service_addr", "")
