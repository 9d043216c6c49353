"""Which attempts may belong together, as rows with a key, a start, an end and a level.

Two attempts can be one call only if they agree in everything that a retry keeps: host, endpoint,
model, credential, client, session and, where it was recorded, the body. ``level`` is the client's
own counter of resends; where there is none, the body must be known, or the session must have had
nothing else going on.
"""

from __future__ import annotations

import polars as pl

WINDOW_S = 120.0
"""Within this time after a failure an equal request asks again what failed, unless the answer asked
for a longer wait. Clients of providers wait up to a minute between two tries."""
SESSION_WINDOW_S = 30.0
"""The same where only the session tells: a person may have asked something else by then."""
LONGEST_WAIT_S = 3600.0
"""No retry is looked for later than this, whatever the answer asked for."""
SLACK_S = 30.0
"""How long after the wait that the answer asked for a retry may come."""
HABIT = 0.5
"""A body that is sent again after successes too, such as a probe's, tells a retry only if it comes
in less than this share of the shortest pause after a success."""
SAME_SIZE_BYTES = 32
"""Bodies of one session that differ by more are different requests."""

KEPT = ("host", "endpoint", "model", "key_tag", "client", "session_id", "request_hash")
"""What a retry keeps of its request."""
SOURCE = ("format", "host", "client")
"""Of one source, all attempts are counted, or have a session, or none."""
ROWS = pl.Schema(
    {
        "attempt_id": pl.UInt64(), "key": pl.UInt64(), "basis": pl.String(), "level": pl.Int64(),
        "start": pl.Int64(), "end": pl.Int64(), "order": pl.Int64(), "state": pl.Int8(),
        "window": pl.Int64(), "blur": pl.Int64(), "asked_s": pl.Float64(),
    }
)  # fmt: skip
"""Times are microseconds. ``basis``: what would tell a retry: ``counter``, ``request_hash``,
``session``, or null. ``level``: 0 for a first try, null where nobody counts. ``state``: 1 ok, 0
failed, 2 undecided. ``window``: how long after ``end`` a retry may start. ``blur``: the precision
of the times. ``order``: place in time, ties by input and record, so that the order of reading does
not matter."""


def told(attempts: pl.DataFrame, talkers: pl.DataFrame, counting: pl.DataFrame) -> pl.DataFrame:
    """Return :data:`ROWS` of attempts (:func:`narrow`), in time order.

    ``talkers``: those :data:`SOURCE` whose sessions have several attempts. ``counting``: those
    whose clients count their resends.
    """
    of = {
        name: pl.col("source").is_in(sources.select(_source()).to_series().implode())
        for name, sources in (("talks", talkers), ("counts", counting))
    }
    rows = _based(_timed(attempts.with_columns(**of)))
    rows = rows.with_columns(
        _key().alias("key"), pl.int_range(pl.len(), dtype=pl.Int64).alias("order")
    )
    return _windows(_alone(_habits(rows))).select(ROWS.names()).match_to_schema(ROWS)


def narrow(attempts: pl.LazyFrame) -> pl.LazyFrame:
    """Return what :func:`told` needs of slim rows (:data:`analyzer.columns.CHAINED`).

    Numbers stand for what a retry keeps (``kept``) and for the :data:`SOURCE` (``source``), in
    place of texts: there may be hundreds of thousands of rows, and every step copies them.
    """
    return attempts.select(
        "attempt_id", "input", "record", "ok", "started_at", "ended_at", "duration_ms",
        "time_precision_ms", "retry_after_s", "resend_count", "request_bytes",
        source=_source(),
        kept=pl.struct(KEPT).hash(seed=2),
        named=pl.col("session_id").is_not_null(),
        hashed=pl.col("request_hash").is_not_null(),
    )  # fmt: skip


def _source() -> pl.Expr:
    return pl.struct(SOURCE).hash(seed=1)


def _timed(attempts: pl.DataFrame) -> pl.DataFrame:
    """Add times in microseconds and the state; rows without a time can follow nothing."""
    sane = pl.col("duration_ms").is_finite() & (pl.col("duration_ms") >= 0)
    lasted = pl.when(sane).then((pl.col("duration_ms") * 1000).clip(0, 1e13)).cast(pl.Int64)
    start = pl.col("started_at").dt.epoch("us")
    ended = pl.coalesce(pl.col("ended_at").dt.epoch("us"), start + lasted, start)
    return (
        attempts.filter(pl.col("started_at").is_not_null())
        .with_columns(
            start.alias("start"),
            pl.max_horizontal(ended, start).alias("end"),
            pl.when("ok").then(1).when(pl.col("ok").is_null()).then(2).otherwise(0)
            .cast(pl.Int8).alias("state"),
            (pl.col("time_precision_ms").fill_null(1.0).clip(0, 3.6e6) * 1000)
            .cast(pl.Int64).alias("blur"),
            pl.col("retry_after_s").alias("asked_s"),
        )
        .sort("start", "end", "input", "record", "attempt_id", nulls_last=True)
    )  # fmt: skip


def _based(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``level`` and ``basis``.

    OpenTelemetry leaves the counter of first tries out: null is then 0. A session tells only if it
    is one, not a new id for every request.
    """
    sane = pl.when(pl.col("resend_count") >= 0).then("resend_count")
    return rows.with_columns(pl.when("counts").then(sane.fill_null(0)).alias("level")).with_columns(
        pl.when(pl.col("level").is_not_null())
        .then(pl.lit("counter"))
        .when("hashed")
        .then(pl.lit("request_hash"))
        .when(pl.col("named") & pl.col("talks"))
        .then(pl.lit("session"))
        .alias("basis")
    )


def _key() -> pl.Expr:
    return pl.struct("kept", "basis").hash(seed=0)


def _habits(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``habit``: the shortest pause after a success of the same body, where nobody counts."""
    bodies = rows.filter(pl.col("basis") == "request_hash", pl.col("key").is_duplicated()).sort(
        "key", "order"
    )
    same = pl.col("key") == pl.col("key").shift()
    after_success = same & (pl.col("state").shift() == 1)
    pauses = bodies.with_columns(
        habit=pl.when(after_success).then((pl.col("start") - pl.col("end").shift()).clip(0))
    )
    shortest = pauses.group_by("key").agg(pl.col("habit").min())
    return rows.join(shortest, on="key", how="left", maintain_order="left")


def _alone(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``alone``: whether a session did one thing at a time, and then asked the like.

    Nothing of the same key overlaps the attempt, nor the next one, whose body has the same size as
    far as sizes are known.
    """
    earlier = pl.col("end").cum_max().shift().over("key")
    later = pl.col("start").shift(-1).over("key")
    free = (earlier <= pl.col("start") + pl.col("blur")).fill_null(True)
    left = (later >= pl.col("end") - pl.col("blur")).fill_null(True)
    size = pl.col("request_bytes")
    differs = (size.shift(-1).over("key") - size).abs() > SAME_SIZE_BYTES
    next_too = (free & left).shift(-1).over("key").fill_null(True)
    talks = rows.filter(pl.col("basis") == "session")
    marked = talks.select("attempt_id", alone=free & left & next_too & ~differs.fill_null(False))
    return rows.join(marked, on="attempt_id", how="left", maintain_order="left")


def _windows(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``window``; 0 where what follows cannot be told to be a retry."""
    usual = pl.when(pl.col("basis") == "session").then(SESSION_WINDOW_S).otherwise(WINDOW_S)
    asked = (pl.col("asked_s") + SLACK_S).clip(0, LONGEST_WAIT_S).fill_null(0.0)
    wide = (pl.max_horizontal(usual, asked) * 1_000_000).cast(pl.Int64)
    usable = (pl.col("basis") != "session") | pl.col("alone")
    habit = (pl.col("habit") * HABIT).cast(pl.Int64)
    narrow = pl.min_horizontal(wide, habit)
    return rows.with_columns(pl.when(usable).then(narrow).otherwise(0).alias("window"))
