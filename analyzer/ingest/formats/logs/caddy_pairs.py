"""Which of Caddy's lines belong to one request: access, error, abort and tries become one row.

Caddy has no id of a request. The lines of one share the client's address and port, the method and
the URI; the error stands just before the access line, or after it where streams were merged. What
may still find its partner is kept, across blocks, until the log's own clock has passed it.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.columns import TIME
from analyzer.ingest.formats.logs import go_error
from analyzer.ingest.formats.logs.caddy_row import ABORT, ACCESS, ERROR, TRIP

_SLACK = pl.duration(seconds=5)
"""How far apart, by the log's clock, the lines that end one request may be written."""
_OLDEST_TRY = pl.duration(hours=1)
_MOST = 100_000
"""Lines of a kind that wait at most; of more the older ones are let go."""
_FORWARDED = (502, 504)
"""Statuses that Caddy's reverse proxy gives by itself only with an error line beside."""
_KEY = ("_peer", "_verb", "_uri")
_SAID = ("_text", "_trace", "_upstream")
_HELPERS = (*_KEY, *_SAID, "_kind", "_nop")


@dataclass(frozen=True, slots=True)
class _Round:
    """One look for partners: which columns agree, and on which side the request stands."""

    by: tuple[str, ...]
    after: bool = True


# An error route may change the status; two equal requests in flight need a second look.
_ERROR_ROUNDS = (
    _Round((*_KEY, "status")), _Round((*_KEY, "status")), _Round(_KEY), _Round(_KEY),
    _Round(_KEY, after=False),
)  # fmt: skip
# The URI of a try may have been rewritten.
_TRY_ROUNDS = (_Round(_KEY), _Round(("_peer", "_verb")))


class Pairs:
    """Collects lines and gives out one row per request."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool: pl.DataFrame | None = None
        self._untold: pl.DataFrame | None = None
        self._errors_logged = False

    def add(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Take the rows of a block; return those that are complete, and the lines let go."""
        pool = rows if self._pool is None else pl.concat([self._pool, rows], how="diagonal_relaxed")
        newest = pl.lit(pool["ended_at"].max(), TIME)
        pool = pool.with_columns(
            _old=(pl.col("ended_at") < newest - _SLACK).fill_null(True),
            _stale=(pl.col("ended_at") < newest - _OLDEST_TRY).fill_null(False),
        )
        return self._resolved(pool)

    def finish(self) -> tuple[pl.DataFrame | None, int]:
        """Return what is left, and the number of tries that belong to no request."""
        if self._pool is None:
            return None, 0
        made, let_go = self._resolved(self._pool.with_columns(_old=True, _stale=True))
        if self._untold is not None:
            made = pl.concat([made, self._told(self._untold)], how="diagonal_relaxed")
        return made.sort("record"), let_go

    def _resolved(self, pool: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Take the requests that nothing can be added to any more out of the pool."""
        access = pool.filter(pl.col("_kind") == ACCESS)
        errors = pool.filter(pl.col("_kind").is_in([ERROR, ABORT]))
        tries = pool.filter(pl.col("_kind") == TRIP)
        self._errors_logged |= bool((errors["_kind"] == ERROR).any())
        links = _paired(errors, access)
        alone = errors.filter("_old").join(links, left_on="record", right_on="line", how="anti")
        ready = _with_errors(access.filter("_old"), errors, links)
        requests = pl.concat([ready, _alone(alone)], how="diagonal_relaxed")
        told, spent, let_go = _with_tries(requests, access, tries)
        mine = links.join(ready, left_on="request", right_on="record", how="semi")
        used = pl.concat([requests["record"], mine["line"], spent]).implode()
        rest = pool.filter(~pl.col("record").is_in(used)).drop("_old", "_stale")
        self._pool = rest
        return self._sure(told.drop("_old", "_stale")), let_go

    def _sure(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give out rows; a 502 without error line waits until one shows that they are logged."""
        if self._errors_logged:
            if self._untold is not None:
                rows = pl.concat([self._untold, rows], how="diagonal_relaxed")
                self._untold = None
            return self._told(rows)
        unsure = _bare() & pl.col("status").is_in(_FORWARDED).fill_null(False)
        sure, waiting = rows.filter(~unsure), rows.filter(unsure)
        if waiting.height:
            before = [] if self._untold is None else [self._untold]
            waiting = pl.concat([*before, waiting], how="diagonal_relaxed")
            over = max(0, waiting.height - _MOST)
            sure = pl.concat([sure, waiting.head(over)], how="diagonal_relaxed")
            self._untold = waiting.tail(_MOST)
        return self._told(sure)

    def _told(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return canonical rows of what is known of each request."""
        text, trace = pl.col("_text"), pl.col("_trace")
        aborted = (pl.col("_ended_by") == ABORT).fill_null(False)
        forwarded = _bare() & pl.lit(self._errors_logged) & pl.col("status").is_in(_FORWARDED)
        behind = (
            pl.when(aborted | forwarded.fill_null(False)).then(pl.coalesce("_answer", "status"))
            .when(text.is_null()).then("_answer")
        )  # fmt: skip
        refused = trace.is_not_null() & ~trace.str.starts_with("reverseproxy.")
        phase = (
            pl.when(aborted).then(pl.lit("body"))
            .when(refused.fill_null(False) | pl.col("_nop")).then(pl.lit("not_sent"))
            .when(text.is_not_null()).then(go_error.phase(text))
            .when(behind.is_not_null()).then(pl.lit("done"))
        )  # fmt: skip
        places = [
            pl.format("{}#{}", pl.lit(self._name), pl.col(at)) for at in ("record", "_beside")
        ]
        return rows.with_columns(
            upstream_status=behind,
            phase=phase,
            proxy_flags=pl.when("_nop").then(pl.lit("NOP")).otherwise(trace),
            proxy_detail=text,
            upstream_address=pl.coalesce("_upstream", go_error.address(text)),
            stream_state=pl.when(aborted).then(pl.lit("truncated")),
            # Eight times as fast as to drop nulls from lists.
            seen_in=pl.concat_str(places, separator="\0", ignore_nulls=True).str.split("\0"),
        ).drop(*_HELPERS, "_beside", "_answer", "_ended_by")


def _bare() -> pl.Expr:
    """Whether an access line has nothing beside it that says more."""
    return pl.col("_ended_by").is_null() & pl.col("_text").is_null() & pl.col("_answer").is_null()


def _paired(errors: pl.DataFrame, access: pl.DataFrame) -> pl.DataFrame:
    """Return ``line request``: which access line each error line stands beside."""
    links = pl.DataFrame(schema={"line": pl.Int64(), "request": pl.Int64()})
    # Every round asks for these: the few lines left of very many make the rounds cheap.
    keys = errors.select(_KEY).unique()
    access = access.join(keys, on=_KEY, how="semi", maintain_order="left")
    for look in _ERROR_ROUNDS:
        left = errors.join(links, left_on="record", right_on="line", how="anti")
        # Behind its request an error is only looked for when none can follow any more.
        left = left if look.after else left.filter("_old")
        free = access.join(links, left_on="record", right_on="request", how="anti")
        if not left.height or not free.height:
            continue
        found = _nearest(left, free, look)
        apart = (pl.col("line") - pl.col("request")).abs()
        links = pl.concat([links, found.sort(apart).unique("request", keep="first")])
    return links


def _nearest(lines: pl.DataFrame, requests: pl.DataFrame, look: _Round) -> pl.DataFrame:
    """Return ``line request``: the next request that agrees and was under way at that time."""
    by = list(look.by)
    asked = requests.select(
        "record", *by, request="record", _from=pl.col("started_at") - _SLACK,
        _until=pl.col("ended_at") + _SLACK,
    )  # fmt: skip
    joined = lines.select("record", *by, "ended_at").sort("record").join_asof(
        asked.sort("record"), on="record", by=by,
        strategy="forward" if look.after else "backward", check_sortedness=False,
    )  # fmt: skip
    within = pl.col("ended_at").is_between("_from", "_until").fill_null(True)
    joined = joined.filter(pl.col("request").is_not_null() & within)
    return joined.select("request", line="record").select("line", "request")


def _with_errors(ready: pl.DataFrame, errors: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Return access lines with what the error line beside each says."""
    said = errors.select(_beside="record", _ended_by="_kind", **{name: name for name in _SAID})
    beside = links.join(said, left_on="line", right_on="_beside", coalesce=False).drop("line")
    return ready.drop(_SAID).join(
        beside, left_on="record", right_on="request", how="left", maintain_order="left"
    )


def _alone(errors: pl.DataFrame) -> pl.DataFrame:
    """Return error lines without access line as requests; what they measured is not all of one."""
    return errors.with_columns(_ended_by="_kind", _beside=pl.lit(None, pl.Int64()))


def _with_tries(
    requests: pl.DataFrame, access: pl.DataFrame, tries: pl.DataFrame
) -> tuple[pl.DataFrame, pl.Series, int]:
    """Return requests with what their tries say, the tries that are used up, and how many for none.

    A try waits for its request, which may stream for long after the head of the answer came.
    """
    if not tries.height:
        return requests.with_columns(_answer=pl.lit(None, pl.Int32())), tries["record"], 0
    place = ["record", *_KEY, "started_at", "ended_at"]
    waiting = access.filter(~pl.col("_old"))
    every = pl.concat([requests.select(place), waiting.select(place)])
    links = pl.DataFrame(schema={"line": pl.Int64(), "request": pl.Int64()})
    for look in _TRY_ROUNDS:
        left = tries.join(links, left_on="record", right_on="line", how="anti")
        links = pl.concat([links, _nearest(left, every, look)])
    mine = links.join(requests, left_on="request", right_on="record", how="semi")
    told = requests.join(_last_tries(tries, mine), on="record", how="left", maintain_order="left")
    unlinked = tries.join(links, left_on="record", right_on="line", how="anti")
    lost = unlinked.filter("_stale") if unlinked.height <= _MOST else unlinked
    spent = pl.concat([mine["line"].alias("record"), lost["record"]])
    return _merged(told), spent, lost.height


def _last_tries(tries: pl.DataFrame, mine: pl.DataFrame) -> pl.DataFrame:
    """Return ``record`` of a request, the number of its tries and what the last one says."""
    joined = mine.join(tries, left_on="line", right_on="record").sort("line")
    return joined.group_by("request", maintain_order=True).agg(
        upstream_tries=pl.len().cast(pl.Int64),
        **{f"_last{name}": pl.col(name).last() for name in ("_text", "_upstream")},
        _answer=pl.when(pl.col("_text").last().is_null()).then(pl.col("status").last()),
        _head_at=pl.col("ended_at").last(),
        wait_ms=pl.col("duration_ms").last(),
    ).rename({"request": "record"})  # fmt: skip


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Put what the last try says where nothing else says it; its line marks the head's arrival."""
    head = (pl.col("_head_at") - pl.col("started_at")).dt.total_microseconds() / 1000
    return rows.with_columns(
        ttfb_ms=pl.when(pl.col("_answer").is_not_null()).then(head),
        _text=pl.coalesce("_text", "_last_text"),
        _upstream=pl.coalesce("_upstream", "_last_upstream"),
    ).drop("_last_text", "_last_upstream", "_head_at")
