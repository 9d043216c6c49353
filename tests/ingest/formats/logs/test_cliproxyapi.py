from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.ingest import detect
from analyzer.ingest.formats.logs.cliproxyapi import FORMAT

TIME = "[2026-01-02 10:00:10]"
REST = '429 |       23.559s |        10.0.0.5 | POST    "/v1/messages?beta=true"'
LAYOUTS = [
    f"{TIME} [info ] | a1b2c3d4 | {REST}",
    f"{TIME} [a1b2c3d4] [warn ] [gin_logger.go:93] {REST}",
    f"{TIME} [a1b2c3d4] [warn ] {REST}",
]


@pytest.mark.parametrize("line", LAYOUTS)
def test_layouts(run, line) -> None:
    row = run(f"{line} | Error #01: no\n".encode(), FORMAT).row
    assert (row["status"], row["duration_ms"], row["request_id"]) == (429, 23_559.0, "a1b2c3d4")
    assert (row["method"], row["path"]) == ("POST", "/v1/messages")
    assert row["proxy_detail"] == row["error_message"] == "Error #01: no"


def test_other_lines(run, source) -> None:
    lines = [f"{TIME} [debug] [m.go:5] | a1b2c3d4 | Use API key sk-9...0RHO", LAYOUTS[0], "huh",
             f'{TIME} [--------] [info ] [g.go:9] 200 | 0s | 10.0.0.5 | GET     "/"']  # fmt: skip
    data = "".join(f"{text}\n" for text in lines).encode()
    assert detect.detect(source(data)) is FORMAT
    got = run(data, FORMAT)
    assert got.frame["request_id"].to_list() == ["a1b2c3d4", None]
    assert sorted(got.kinds) == ["assumed_zone", "bad_line", "notice"]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200), at=st.integers(0, 90))
def test_any_bytes(run, data, at) -> None:
    run(LAYOUTS[1].encode()[:at] + data + f"\n{LAYOUTS[0]}\n".encode(), FORMAT)
