"""Any ``log_format``: strings, names, what is wrong in them, and lines cut by them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import ConfigError
from analyzer.ingest import capture, detect
from analyzer.ingest.base import Reading, Wants
from analyzer.ingest.formats.logs.nginx import FORMAT
from analyzer.ingest.formats.logs.nginx_format import library, parse
from analyzer.ingest.formats.logs.nginx_plan import plan, regex

LOCAL = "22/Nov/2026:12:00:01 +0200"
MOMENT = datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
VALUES = {
    "remote_addr": "192.0.2.1", "remote_user": "-", "time_local": LOCAL,
    "time_iso8601": "2026-11-22T12:00:01+02:00", "msec": "1795341601.250",
    "request": "POST /v1/chat/completions?x=1 HTTP/1.1", "request_method": "POST",
    "request_uri": "/v1/chat/completions?x=1", "uri": "/v1/chat/completions",
    "filtered_request_uri": "/v1/chat/completions", "args": "x=1", "is_args": "?",
    "status": "502", "body_bytes_sent": "157", "bytes_sent": "300", "http_referer": "-",
    "filtered_http_referer": "-", "http_user_agent": "SDK 1.0 (x; y)", "http_host": "Gw.test:8080",
    "http_x_forwarded_for": "203.0.113.9, 10.0.0.1", "host": "gw.test", "server_name": "_",
    "scheme": "https", "request_time": "1.500", "request_length": "321", "gzip_ratio": "-",
    "upstream_addr": "10.0.0.1:80, 10.0.0.2:80", "upstream_status": "502, 502",
    "upstream_response_time": "0.100, 1.400", "upstream_connect_time": "-, 0.001",
    "upstream_header_time": "-, -", "upstream_response_length": "0, 0",
    "upstream_cache_status": "MISS", "proxy_upstream_name": "default-web-80",
    "proxy_alternative_upstream_name": "", "req_id": "r-1", "pipe": ".",
    "kong_request_id": "k-1", "upstream_scheme": "http", "upstream_host": "up.test",
    "upstream_uri": "/v1/chat/completions", "server_protocol": "HTTP/1.1",
    "upstream_http_x_cache": "-", "upstream_http_x_runtime": "-",
}  # fmt: skip


def written(text: str, values: dict[str, str] | None = None) -> str:
    """Return the line that nginx writes for a format."""
    form = parse(text)
    told = VALUES | (values or {})
    return "".join(told[part.text] if part.variable else part.text for part in form.parts)


def read(run, text: str, *lines: str, name: str = "access.log", **more):
    reading = Reading(log_format=text)
    return run("\n".join([*lines, ""]).encode(), FORMAT, name=name, reading=reading, **more)


@pytest.mark.parametrize("name", sorted(library()))
def test_every_known_format_reads_its_lines(run, name) -> None:
    form = library()[name]
    got = read(run, name, *[written(form.text)] * 3)
    assert got.problems == []
    row = got.frame.row(0, named=True)
    assert (row["status"], row["ended_at"], row["method"]) == (502, MOMENT, "POST")
    assert row["path"] == "/v1/chat/completions"
    if "upstream_status" in form.variables:
        assert row["proxy_detail"] == "502, 502"
    if {"upstream_header_time", "upstream_status"} <= set(form.variables):
        assert (row["phase"], row["upstream_status"]) == ("sent", None)
    if "request_time" in form.variables:
        assert row["duration_ms"] == 1500.0
        assert (row["ended_at"] - row["started_at"]).total_seconds() == 1.5


@pytest.mark.parametrize("name", sorted(library()))
def test_a_known_format_with_upstream_fields_is_recognised(source, name) -> None:
    form = library()[name]
    upstream = any(one.startswith("upstream_") for one in form.variables)
    made = source((written(form.text) + "\n").encode() * 3, name="access.log")
    found = detect.detect(made)
    assert found is not None
    told = {True: {"nginx", "nginx-ingress"}, False: {"combined"}}[upstream]
    assert found.name in told, found.name


FORMATS = [
    "$time_iso8601|$status|$request|$upstream_addr|$upstream_status|$upstream_header_time",
    "$remote_addr $time_iso8601 $status $request_method $uri $upstream_status $request_time",
    "$msec $status $request_time $upstream_connect_time $upstream_header_time $request_method $uri",
    '[$time_local] $status $upstream_status "$request" $request_time',
    '$scheme://$host$request_uri [$time_local] $request_method $status rt=$request_time',
    '"$time_local" "$request_method $uri$is_args$args" $status, $upstream_status, $request_time',
    "time=$time_iso8601;status=$status;req=$request;rt=$request_time;us=$upstream_status",
    '{"t":"$time_iso8601","s":$status,"r":"$request","us":"$upstream_status","rt":$request_time}',
    '$time_local$status $request_time "$request"',
    '$http_user_agent [$time_local] "$request" $status $upstream_addr $upstream_status $request_time',
    "$status\t$time_local\t$request\t$upstream_status\t$request_time",
]  # fmt: skip


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("text", FORMATS)
def test_any_format(run, text, windows) -> None:
    end = "\r" if windows else ""
    got = read(run, text, *[written(text) + end] * 2)
    assert got.problems == []
    row = got.frame.row(1, named=True)
    assert (row["status"], row["record"]) == (502, 2)
    assert row["ended_at"].replace(microsecond=0) == MOMENT
    names = parse(text).variables
    assert row["method"] == ("POST" if {"request", "request_method"} & set(names) else None)
    if {"request", "uri", "request_uri"} & set(names):
        assert row["path"] == "/v1/chat/completions"
    if "request_time" in names:
        assert row["duration_ms"] == 1500.0
    if "upstream_status" in names:
        assert row["proxy_detail"] == "502, 502"
    if "upstream_addr" in names:
        assert (row["upstream_address"], row["upstream_tries"]) == ("10.0.0.2:80", 2)


def test_msec_is_exact(run) -> None:
    row = read(run, "$msec $status", "1795341601.250 200").row
    assert row["ended_at"] == MOMENT.replace(microsecond=250_000)
    assert row["time_precision_ms"] == 1.0


COLUMNS = [
    ("$request_id", "r-1", "request_id", "r-1"),
    ("$http_x_request_id", "r-2", "request_id", "r-2"),
    ("$upstream_http_x_request_id", "r-3", "upstream_request_id", "r-3"),
    ("$http_cf_ray", "8f0-FRA", "ray_id", "8f0-FRA"),
    ("$http_traceparent", f"00-{'a1' * 16}-{'b' * 16}-01", "trace_id", "a1" * 16),
    ("$http_traceparent", f"00-{'0' * 32}-{'b' * 16}-01", "trace_id", None),
    ("$http_x_model", "gpt-x", "model", "gpt-x"),
    ("$upstream_http_x_model", "gpt-x", "model", "gpt-x"),
    ("$model", "gpt-x", "model", "gpt-x"),
    ("$http_host", "Gw.Test:443", "host", "gw.test"),
    ("$http_host", "Gw.Test:8080", "host", "gw.test:8080"),
    ("$server_name", "_", "host", None),
    ("$scheme", "https", "scheme", "https"),
    ("$sent_http_content_type", "Text/HTML; charset=utf-8", "content_type", "text/html"),
    ("$upstream_http_retry_after", "30", "retry_after_s", 30.0),
    ("$request_length", "77", "request_bytes", 77),
    ("$bytes_sent", "900", "response_bytes", 900),
    ("$upstream_cache_status", "HIT", "proxy_flags", "HIT"),
    ("$limit_req_status", "REJECTED", "proxy_flags", "REJECTED"),
    ("$limit_req_status", "PASSED", "proxy_flags", None),
    ("$http_user_agent", "SDK 1.0", "req_header.user-agent", "SDK 1.0"),
    ("$sent_http_server", "x", "resp_header.server", "x"),
    ("$http_authorization", "Bearer sk-test-123456", "key_tag", "key:sk-test-123456"),
    ("$arg_key", "sk-test-123456", "key_tag", "key:sk-test-123456"),
]


@pytest.mark.parametrize(("variable", "value", "column", "expected"), COLUMNS)
def test_what_a_variable_means(run, variable, value, column, expected) -> None:
    text = f'[$time_local] $status "{variable}"'
    wanted = ("req_header.user-agent", "resp_header.server")
    row = read(run, text, f'[{LOCAL}] 200 "{value}"', f'[{LOCAL}] 200 "-"', headers=wanted).frame
    assert row[column].to_list() == [expected, None]


def test_two_names_of_a_model(run) -> None:
    text = "[$time_local] $status $http_x_model $upstream_http_x_model $upstream_http_x_request_id"
    row = read(run, text, f"[{LOCAL}] 200 gpt-x gpt-x-2026 r").row
    assert (row["model"], row["model_served"], row["upstream_request_id"]) == (
        "gpt-x", "gpt-x-2026", "r",
    )  # fmt: skip


PASTED = [
    "log_format up escape=json '$time_iso8601 $status'\n    ' \"$request\"';",
    "'$time_iso8601 $status'\n' \"$request\"'",
    '"$time_iso8601 $status \\"$request\\"";',
    '$time_iso8601 $status "$request"',
    '${time_iso8601} ${status} "$request"',
    'log_format up \'$time_iso8601 $status \'   "\\"$request\\"";',
]


@pytest.mark.parametrize("text", PASTED)
def test_a_format_as_it_stands_in_nginx_conf(text) -> None:
    form = parse(text)
    assert [part.text for part in form.parts] == ["", "time_iso8601", " ", "status", ' "',
                                                  "request", '"']  # fmt: skip


WRONG = [
    ("$remote_addr $status", "no time", "$time_local"),
    ("$time_local $request", "no $status", "failure"),
    ("[$time_local] $status$body_bytes_sent$request_time", "$body_bytes_sent and $request_time",
     "character 38"),
    ("[$time_local] $status $ x", "followed by no variable name", "character 23"),
    ("mian", "neither", "Did you mean 'main'"),
    ("[$time_local]\n$status", "line break", "character 14"),
    ("[$time_local] $status $_tail", "$_tail is no variable", "nginx.conf"),
    ("[$time_local] $status " + "x" * 9_000, "longer than", "8192"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "what", "more"), WRONG)
def test_what_is_wrong_is_said_with_its_place(text, what, more, source) -> None:
    wants = Wants(frozenset(), None, reading=Reading(log_format=text))  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as told:
        list(capture.read([source(b"x\n")], wants))
    assert what in str(told.value)
    assert more in str(told.value)


def test_a_format_of_the_configuration(run) -> None:
    reading = Reading(log_format="mine", log_formats={"mine": "$time_iso8601 $status"})
    got = run(b"2026-11-22T12:00:01+02:00 429\n", FORMAT, name="a.log", reading=reading)
    assert (got.row["status"], got.row["ended_at"]) == (429, MOMENT)
    with pytest.raises(ConfigError, match="Did you mean 'mine'"):
        FORMAT.claim(b"x\n", "a", Reading("mime", {"mine": "$time_iso8601 $status"}))


def test_the_given_format_claims_what_fits_at_least_half(source) -> None:
    reading = Reading(log_format="$status $time_iso8601")
    fits = b"200 2026-11-22T12:00:01+02:00\n"
    for data, expected in [(fits * 2 + b"x\n" * 2, "nginx"), (fits + b"x\n" * 2, None)]:
        found = detect.detect(source(data, name="a.log"), reading=reading)
        assert (found.name if found else None) == expected


def test_lines_that_do_not_fit_name_the_variable_and_the_place(run) -> None:
    text = "$time_iso8601 $status $request_time $upstream_status"
    good = "2026-11-22T12:00:01+02:00 200 0.1 200"
    bad = ["yesterday 200 0.1 200", "2026-11-22T12:00:01+02:00 20 0.1 200",
           "2026-11-22T12:00:01+02:00 200 soon 200", f"{good} and more"]  # fmt: skip
    got = read(run, text, good, *bad, good, good, good)
    assert got.frame["record"].to_list() == [1, 6, 7, 8]
    told = [problem.message for problem in got.problems]
    assert [problem.record for problem in got.problems] == [2, 3, 4, 5]
    for message, name, place in zip(
        told, ("time_iso8601", "status", "request_time", "last field"),
        ("character 1", "character 27", "character 31", "character 38"), strict=True,
    ):  # fmt: skip
        assert name in message
        assert place in message


def test_a_line_of_another_format_in_between(run) -> None:
    text = "$time_iso8601 $status $request_time"
    good = "2026-11-22T12:00:01+02:00 200 0.1"
    common = f'192.0.2.1 - - [{LOCAL}] "GET /v1/models HTTP/1.1" 404 5'
    got = read(run, text, good, common, good)
    assert got.problems == []
    assert got.frame["format"].to_list() == ["nginx", "combined", "nginx"]
    assert got.frame["status"].to_list() == [200, 404, 200]


def test_quotes_inside_a_value(run) -> None:
    # escape=json writes \" into a value: the split has a piece too many then.
    text = '[$time_local] "$http_user_agent" $status "$upstream_http_x_model"'
    usual = f'[{LOCAL}] "SDK" 200 "m"'
    odd = f'[{LOCAL}] "a \\"b\\" c" 429 "m"'
    got = read(run, text, usual, odd, usual, headers=("req_header.user-agent",))
    assert got.frame["status"].to_list() == [200, 429, 200]
    assert got.frame["req_header.user-agent"].to_list() == ["SDK", 'a \\"b\\" c', "SDK"]


def test_a_change_of_the_format_in_the_middle(run) -> None:
    text = (
        '[$time_local] $status us="$upstream_status" uh="$upstream_header_time" rt="$request_time"'
    )
    new = f'[{LOCAL}] 502 uh="-" us="502" rt="0.2"'
    got = read(run, text, *[written(text)] * 300, *[new] * 200)
    assert got.frame.height == 300
    assert sum(problem.count for problem in got.problems) == 200


VALUE = {
    "status": st.integers(100, 599).map(str),
    "request_time": st.integers(0, 10**6).map(lambda n: f"{n // 1000}.{n % 1000:03}"),
    "upstream_status": st.lists(st.sampled_from(["200", "502", "504", "-"]), min_size=1).map(
        ", ".join
    ),
    "http_user_agent": st.text("abc /.;()=", max_size=12).map(str.strip),
    "remote_user": st.sampled_from(["-", "a b", "x"]),
    "body_bytes_sent": st.integers(0, 10**9).map(str),
    "upstream_addr": st.sampled_from(["-", "10.0.0.1:80", "10.0.0.1:80, 10.0.0.2:80", "group"]),
}
NAMES = sorted(VALUE)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_plan_cuts_as_the_regex_does(run, data) -> None:
    order = data.draw(st.permutations(NAMES))
    seps = data.draw(
        st.lists(st.sampled_from(['" "', " x=", "|", '" k="']), min_size=6, max_size=6)
    )
    middle = "".join(f"{sep}${name}" for sep, name in zip([*seps, '" "'], order, strict=True))
    text = f'[$time_local] "${{server_name}}{middle}"'
    rows = [{name: data.draw(VALUE[name]) for name in NAMES} for _ in range(3)]
    lines = [written(text, {"time_local": LOCAL, "server_name": "s", **row}) for row in rows]
    form = parse(text)
    cut = plan(form, NAMES)
    block = ("\n".join(lines) + "\n").encode()
    got = cut.scan(block).select(**cut.values, fits=cut.fits()).collect()
    import polars as pl

    groups = pl.Series(lines).str.extract_groups(regex(form)).struct.unnest()
    for index, row in enumerate(got.iter_rows(named=True)):
        if not row["fits"]:
            continue
        for name in NAMES:
            expected = groups[str(form.variables.index(name) + 1)][index]
            assert row[name] == expected, (text, lines[index], name)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200), text=st.sampled_from(FORMATS))
def test_any_bytes_give_rows_or_problems(run, data, text) -> None:
    usual = (written(text) + "\n").encode()
    got = run(usual + data + b"\n" + usual, FORMAT, name="x", reading=Reading(log_format=text))
    assert got.frame["record"].is_sorted()
    lost = sum(problem.count for problem in got.problems)
    assert got.frame.height + lost == got.records
