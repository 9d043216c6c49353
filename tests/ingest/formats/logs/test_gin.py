from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.gin import FORMAT

LINE = "[GIN] 2026/01/02 - 10:00:00 | {} | {:>13} | {:>15} | {:<7} {}"


def line(status="200", took="11.2ms", peer="10.0.0.1", verb="POST", path='"/api/chat"') -> str:
    return LINE.format(status, took, peer, verb, path)


def read(run, *lines, **more):
    return run("".join(f"{text}\n" for text in lines).encode(), FORMAT, **more)


DURATIONS = [("1m2.5s", 62_500.0), ("11.209367ms", 11.209367), ("357.1µs", 0.3571),
             ("29m59s", 1_799_000.0), ("0s", 0.0), ("1h2m3s", 3_723_000.0)]  # fmt: skip


@pytest.mark.parametrize(("text", "millis"), DURATIONS)
def test_durations_and_end(run, text, millis) -> None:
    row = read(run, line(took=text)).row
    end = datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert row["duration_ms"] == pytest.approx(millis)
    assert (row["ended_at"], row["time_kind"]) == (end, "end")
    assert end - row["started_at"] == pytest.approx(
        timedelta(milliseconds=millis), abs=timedelta(microseconds=1)
    )
    assert (row["status"], row["method"], row["path"]) == (200, "POST", "/api/chat")


def test_errors_behind_a_row_belong_to_it(run) -> None:
    got = read(run, line("500"), "Error #01: write tcp: broken pipe", "Error #02: x", line())
    assert got.frame["proxy_detail"].to_list() == ["write tcp: broken pipe; x", None]
    assert sorted(got.kinds) == ["assumed_zone", "notice"]


def test_colours_quotes_and_keys(run) -> None:
    coloured = (
        "[GIN] 2026/01/02 - 10:00:00 |\x1b[97;42m 200 \x1b[0m|   11.2ms |   2001:db8::1 |"
        '\x1b[97;44m GET     \x1b[0m "/v1/x?key=sk-0123456789abcdef0123"'
    )
    assert FORMAT.claims(coloured.encode())
    row = read(run, coloured).row
    assert (row["path"], row["method"]) == ("/v1/x", "GET")
    assert row["key_tag"] == "key:sk-0123456789abcdef0123"


def test_a_console_is_told_by_all_its_lines(source, run) -> None:
    lines = ["[GIN-debug] GET /", "time=2026-01-02T10:00:00Z level=INFO msg=x", line()]
    data = "".join(f"{text}\n" for text in lines).encode()
    assert detect.detect(source(data)) is FORMAT
    got = read(run, *lines, "nonsense")
    assert [problem.record for problem in got.problems if problem.kind == "bad_line"] == [4]


def test_lines_with_a_request_id_are_not_gins(run) -> None:
    other = "[GIN] 2026/01/02 - 10:00:00 | 2026010210000012345678 | 200 | 1ms | 10.0.0.1 | GET /x"
    assert not FORMAT.claims(other.encode())
    got = read(run, line(), other)
    assert got.frame["format"].to_list() == ["gin", "new-api"]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200), at=st.integers(0, 80))
def test_any_bytes(run, data, at) -> None:
    run(line().encode()[:at] + data + f"\n{line()}\nError #01: ".encode() + data, FORMAT)
