"""To count lines that are alike gives the same as to read them all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sifted import analysed

from analyzer import cells, columns
from analyzer.ingest.base import Reading
from analyzer.ingest.sifting import SIFTED, Sifting

NGINX = (
    '203.0.113.{n} - - [22/Nov/2026:09:0{m}:{s:02} +0000] "POST {path} HTTP/1.1" {status} {size} '
    '"-" "{agent}" rt={took} ua="{server}" us="{upstream}" ut="{took}" uc="{connect}" uh="{head}" '
    'model="{model}"'
)
FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" rt=$request_time ua="$upstream_addr" '
    'us="$upstream_status" ut="$upstream_response_time" uc="$upstream_connect_time" '
    'uh="$upstream_header_time" model="$upstream_http_x_model"'
)
COMBINED = (
    '203.0.113.{n} - - [22/Nov/2026:09:0{m}:{s:02} +0000] "POST {path} HTTP/1.1" {status} {size} '
    '"-" "{agent}"'
)
OTHERS = (
    "", "   ", "no line of any log", '203.0.113.9 - - [22/Nov/2026:09:00:00 +0000] "GET',
    '{"level":"info","ts":1795338000.1,"logger":"http.log.access","msg":"handled request",'
    '"request":{"remote_ip":"203.0.113.7","remote_port":"1","method":"POST","host":"llm.example",'
    '"uri":"/v1/messages"},"duration":0.2,"size":3,"status":502}',
    '203.0.113.9 - - [31/Feb/2026:09:00:00 +0000] "POST /v1/messages HTTP/1.1" 200 1 "-" "x"',
)  # fmt: skip
DASH = "-"


def _told(status: int, upstream: str = "", server: str = "192.0.2.1:80", **more: Any) -> dict:
    return {"status": status, "upstream": upstream or status, "server": server, **more}


TOLD = st.sampled_from(
    [
        _told(200), _told(200), _told(200), _told(204), _told(304), _told(429), _told(503),
        _told(502, "502, 502", "192.0.2.1:80, 192.0.2.2:80", connect="0.001, -", head="-, -"),
        _told(200, "502, 200", "192.0.2.1:80, 192.0.2.2:80", connect="0.001, 0.002", head="-, 0.1"),
        _told(502, DASH, "backend"), _told(499, DASH, connect=DASH, head=DASH),
        _told(200, size=DASH), _told(200, size="many"), _told(200, connect="soon"),
        _told(200, took=DASH), _told(200, took="1e3"), _told(200, path="/favicon.ico"),
        _told(404, path="/messages"), _told(101, path="/v1/realtime"),
    ]
)  # fmt: skip
VALUES = st.fixed_dictionaries(
    {
        "n": st.integers(1, 3), "m": st.integers(0, 2), "s": st.integers(0, 59),
        "size": st.integers(0, 5000), "agent": st.sampled_from(["curl/8.5.0", "openai-python/1"]),
        "took": st.sampled_from(["0.010", "2.500", "60.001"]),
        "path": st.sampled_from(["/v1/messages", "/v1/chat/completions", "/", "/v1/models?x=1"]),
        "connect": st.sampled_from(["0.001", "0.000"]), "head": st.sampled_from(["0.2", "1.25"]),
        "model": st.sampled_from(["gpt-4o", "claude-sonnet-4-5", "-"]),
    }
)  # fmt: skip


@st.composite
def logs(draw: st.DrawFn, line: str) -> str:
    """Draw the text of a log: lines that fit, and some that do not."""
    fits = st.tuples(VALUES, TOLD).map(lambda both: line.format(**{**both[0], **both[1]}))
    drawn = draw(st.lists(st.one_of(fits, fits, fits, st.sampled_from(OTHERS)), max_size=60))
    first = line.format(**draw(VALUES), **_told(200))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join([first] * 3 + drawn) + draw(st.sampled_from(["", end]))


@pytest.mark.parametrize(
    ("line", "reading"),
    [(NGINX, Reading(log_format=FORMAT)), (NGINX, Reading()), (COMBINED, Reading())],
)
@pytest.mark.parametrize("every", [True, False])
@settings(
    max_examples=12, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    data=st.data(), block=st.sampled_from([300, 2000, 1 << 20]), most=st.sampled_from([0.2, 1.0])
)
def test_counting_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, reading: Reading, every: bool,
    data: st.DataObject, block: int, most: float,
) -> None:  # fmt: skip
    path = tmp_path / "access.log"
    path.write_bytes(data.draw(logs(line)).encode())
    told = {"reading": reading, "all_traffic": every}
    counted = analysed(path, monkeypatch, block, most, **told)
    assert counted == analysed(path, monkeypatch, None, **told)


START = datetime(2026, 11, 22, 9, tzinfo=UTC)
KINDS = {1: "ok", 2: "failed", 3: "other site", 4: "notice", 5: "session", 6: "undecided"}


def rows_of(text: pl.DataFrame) -> pl.DataFrame | None:
    """Read lines that are the names of their kinds: one row each, but for notices."""
    rows = text.filter(pl.col("line") != "notice").with_columns(
        ok=pl.when(pl.col("line") == "failed").then(False)
        .when(pl.col("line") == "undecided").then(None).otherwise(True),
        llm=pl.col("line") != "other site",
        session_id=pl.when(pl.col("line") == "session").then(pl.lit("s")),
    )  # fmt: skip
    return rows if rows.height else None


def block(*kinds: int | None) -> tuple[pl.DataFrame, Any]:
    """Return what a reader tells of lines of these kinds, and what gives these lines."""
    texts = pl.Series("line", [KINDS.get(kind or 0, "failed") for kind in kinds])
    record = pl.Series("record", range(1, len(kinds) + 1), dtype=pl.Int64)
    sifted = pl.DataFrame(
        {
            "kind": kinds,
            "started_at": START,
            "duration_ms": 1.0,
            "time_precision_ms": 1.0,
            "record": record,
        },
        schema={**SIFTED, "record": pl.Int64},
    )
    return sifted, lambda chosen: pl.DataFrame([record, texts]).filter(chosen)


@pytest.mark.parametrize(
    ("kinds", "read", "counted"),
    [
        ([1] * 20, [], 20),
        ([3] * 20, [], 20),
        ([2] * 20, list(range(1, 21)), 0),
        ([6] * 4 + [1] * 20, [1, 2, 3, 4], 20),
        ([5] * 4 + [1] * 20, [1, 2, 3, 4], 20),
        ([4] * 4 + [1] * 20, [], 20),
        ([None] * 4 + [1] * 20, [1, 2, 3, 4], 20),
        ([None] * 4, [1, 2, 3, 4], 0),
    ],
)
def test_what_is_read_and_what_is_counted(
    kinds: list[int | None], read: list[int], counted: int
) -> None:
    sieve = Sifting(columns.conform, rows_of, rows_of)
    sieve.take(*block(*kinds))
    found = sieve.give()
    assert (found.rows["record"].to_list() if found.rows is not None else []) == read
    assert (found.counted.rows.height if found.counted else 0) == counted
    assert found.lines == len(kinds)


def test_kinds_are_remembered_and_new_ones_learnt_when_they_are_few() -> None:
    sieve = Sifting(columns.conform, rows_of, rows_of)
    sieve.take(*block(*[1] * 20))
    sieve.give()
    sieve.take(*block(*[1] * 30, 3))
    found = sieve.give()
    assert found.rows is not None
    assert found.counted is not None
    assert (found.rows["record"].to_list(), found.counted.rows.height) == ([31], 30)
    sieve.take(*block(*[1] * 30, 3))
    found = sieve.give()
    assert found.rows is None
    assert found.counted is not None
    assert found.counted.rows.height == 31
    assert sorted(found.counted.kinds["llm"]) == [False, True]
    assert sieve.give().lines == 0


def test_a_kind_that_is_learnt_while_it_waits_is_learnt_once() -> None:
    sieve = Sifting(columns.conform, rows_of, rows_of)
    sieve.take(*block(*[1] * 20))
    sieve.take(*block(*[1] * 30, 3))
    sieve.take(*block(*[1] * 3, *[3] * 3))
    found = sieve.give()
    assert found.counted is not None
    assert found.counted.rows.height == 56
    sieve.take(*block(3, 3, 3))
    found = sieve.give()
    assert found.counted is not None
    assert found.counted.rows.height == 3


def test_lines_that_are_all_different_do_not_pay() -> None:
    sieve = Sifting(columns.conform, rows_of, rows_of)
    sieve.take(*block(*range(100, 120)))
    assert not sieve.pays
    assert list(sieve.while_it_pays(iter([1, 2]))) == []


def test_counted_attempts_are_counted_as_their_rows_would_be() -> None:
    rows = pl.DataFrame(
        {
            "started_at": [
                START,
                START + timedelta(seconds=1),
                START + timedelta(minutes=12),
                START,
            ],
            "duration_ms": [10.0, None, 0.0, 250.0],
            "kind": [7, 7, 8, 8],
        },
        schema_overrides={"started_at": columns.TIME, "kind": pl.UInt64},
    )
    names = {7: "gpt-4o", 8: "claude"}
    kinds = columns.conform(
        pl.DataFrame({"model": list(names.values()), "hop": "gateway", "llm": True})
    ).select(
        "llm",
        "resend_count",
        "model_served",
        "method",
        *cells.KIND,
        kind=pl.Series([7, 8], dtype=pl.UInt64),
    )
    full = columns.conform(
        rows.with_columns(model=pl.col("kind").replace_strict(names), hop=pl.lit("gateway"))
        .with_columns(ok=pl.lit(True), llm=pl.lit(True))
    )  # fmt: skip
    one, two = cells.fold_counted(cells.Counted(rows, kinds)), cells.fold(full)
    assert_frame_equal(one.counts, two.counts, check_row_order=False, check_column_order=False)
    assert_frame_equal(one.latency, two.latency, check_row_order=False, check_column_order=False)
