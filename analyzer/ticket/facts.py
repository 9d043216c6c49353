"""What the failures of a ticket have in common, as short texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from analyzer.analysis.evidence import lasted
from analyzer.engine.support import Fact
from analyzer.pipeline import Result
from analyzer.ticket.censor import Censor
from analyzer.ticket.choose import OWN, Chosen

OFFSET = "+00:00"
_TOP = 3


def weight(rows: pl.DataFrame) -> int:
    """Return how many failed attempts the rows stand for."""
    return round(float(rows["weight"].sum()))


def top(rows: pl.DataFrame, value: pl.Expr) -> list[tuple[str, int]]:
    """Return the values of an expression with how often they occur, commonest first."""
    counted = (
        rows.select(value.cast(pl.String).alias("value"), "weight")
        .drop_nulls("value")
        .group_by("value")
        .agg(pl.col("weight").sum())
        .sort("weight", "value", descending=[True, False])
    )
    return [(text, round(count)) for text, count in counted.iter_rows()]


def listed(
    values: Iterable[tuple[str, int]], censor: Censor, most: int = _TOP, chars: int = 60
) -> str:
    """Return ``a (3), b (2) and 4 more``; one value alone stands without its count."""
    seen = list(values)
    if len(seen) == 1:
        return censor.text(seen[0][0], chars)
    told = ", ".join(f"{censor.text(text, chars)} ({count:,})" for text, count in seen[:most])
    return told + (f" and {len(seen) - most} more" if len(seen) > most else "")


def moment(time: datetime | None, precision_ms: float = 1.0) -> str:
    """Return a time in UTC with its offset, as exact as the log has it."""
    if time is None:
        return "time not recorded"
    whole = f"{time:%Y-%m-%d %H:%M:%S}"
    if precision_ms < 1000:
        whole += f".{time.microsecond // 1000:03d}"
    return f"{whole} {OFFSET}"


def period(first: datetime | None, last: datetime | None, precision_ms: float) -> str:
    """Return from when to when, in UTC with its offset; the date once where it is one day."""
    end = moment(last, precision_ms)
    if first is None or last is None or first == last:
        return end
    start = moment(first, precision_ms).removesuffix(f" {OFFSET}")
    return f"{start} to {end[11:] if first.date() == last.date() else end}"


def window(rows: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last time of the rows."""
    times: list[datetime] = rows["started_at"].drop_nulls().sort().to_list()
    return (times[0], times[-1]) if times else (None, None)


def around(result: Result, rows: pl.DataFrame) -> str:
    """Return how the same models fared at the same hosts in the minutes of the failures."""
    first, last = window(rows)
    if first is None or last is None:
        return ""
    counts = result.counted.counts.filter(
        pl.col("minute").is_between(first - timedelta(minutes=1), last, closed="right"),
        *(
            pl.col(name).is_in(rows[name].unique().implode(), nulls_equal=True)
            for name in ("host", "model_name", "hop")
        ),
    )
    attempts, good = int(counts["attempts"].sum()), int(counts["ok"].sum())
    if attempts <= weight(rows):
        return "" if good else "In these minutes no attempt of this kind succeeded."
    return f"In the same minutes {good:,} of {attempts:,} attempts with the same models succeeded."


def answers() -> pl.Expr:
    """Return an expression for ``529 overloaded_error`` or ``200 stream truncated``."""
    status = pl.col("status").cast(pl.String)
    # Some repeat the status as their code, which tells nothing more.
    own = pl.when(~pl.col("error_code").eq_missing(status)).then("error_code")
    code = pl.coalesce(
        pl.when(pl.col("error_type") != own).then(pl.format("{} / {}", "error_type", own)),
        own, "error_type",
    )  # fmt: skip
    broken = pl.when(pl.col("stream_state").is_in(["truncated", "error"])).then(
        pl.format("stream {}", "stream_state")
    )
    parts = [
        status.fill_null("no answer"),
        code,
        broken,
        pl.when(pl.col("status").is_null()).then("client_error"),
    ]
    return pl.concat_str(parts, separator=" ", ignore_nulls=True)


def message(chosen: Chosen, censor: Censor) -> str:
    """Return the commonest error message that the receiver may see, without quoted passages."""
    rows = chosen.rows
    if chosen.party.kind == "provider":
        # What a gateway says in its own words may name the gateway's inside.
        rows = rows.filter(pl.col(OWN) | (pl.col("emitted_by") == "upstream"))
    title = pl.format("HTML page titled {}", "html_title")
    found = top(rows, pl.coalesce("error_message", title))
    return censor.text(found[0][0]) if found else ""


def asked_to_wait(rows: pl.DataFrame) -> str:
    """Return whether the answers name a time to wait; empty where the log could not tell."""
    able = rows.filter(pl.col("status").is_not_null() & (pl.col("format") == "har"))
    if not able.height:
        return ""
    named = able.filter(pl.col("retry_after_s").is_not_null())
    if not named.height:
        return f"absent on {weight(able):,} of {weight(able):,}"
    low, high = float(str(named["retry_after_s"].min())), float(str(named["retry_after_s"].max()))
    span = lasted(low * 1000) if low == high else f"{lasted(low * 1000)} to {lasted(high * 1000)}"
    return f"stated on {weight(named):,} of {weight(able):,}: {span}"


def fields(rows: pl.DataFrame, wanted: Iterable[Fact], own: bool, censor: Censor) -> list[str]:
    """Return ``name: value`` for the fields that have one.

    With ``own``, only of requests to the receiver's own host: elsewhere somebody else set them.
    """
    source = rows.filter(pl.col(OWN)) if own else rows
    told = []
    for fact in wanted:
        if fact.column not in source.columns:
            continue
        found = top(source, pl.col(fact.column))
        if found:
            told.append(f"{fact.name}: {_range(found) or listed(found, censor, 2)}")
    return told


def _range(found: list[tuple[str, int]]) -> str:
    """Return ``12 to 340`` where there are many numbers."""
    try:
        numbers = sorted((float(text), text) for text, _ in found)
    except ValueError:
        return ""
    return f"{numbers[0][1]} to {numbers[-1][1]}" if len(numbers) > _TOP else ""
