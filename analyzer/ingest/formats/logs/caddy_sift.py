"""Which access lines of Caddy are of one kind, so that one of them stands for all.

An error line says more of the request beside it. So lines of a client that has one in the same
block are read, and those near the ends of the block, whose error may stand in another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

import polars as pl

from analyzer.ingest import fields, jsonshape, jsonsieve
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import caddy_row, heads
from analyzer.ingest.lines import LineBlock, texts
from analyzer.ingest.sifting import SIFTED, Sifted

_TRY = "upstream roundtrip"
_ERROR, _BROKEN = "http.log.error", "aborting with incomplete response"
_PEER = ("remote_ip", "remote_port", "remote_addr")
_MEASURES = ("duration", "size", "bytes_read", *_PEER, *caddy_row.TIMES)
_PATHS: tuple[jsonshape.Path, ...] = (
    *((name,) for name in ("duration", *caddy_row.TIMES, "logger", "msg")),
    *(("request", name) for name in _PEER),
)
_SEAM = 100
"""Lines at either end of a block that are near it whatever their times are."""
_SEAM_TIME = pl.duration(seconds=1)
"""How near the end of a block lines are read. The two lines of a request are written at once; that
they are looked for over a longer time is for streams that were merged."""
_SECONDS = r"^[0-9]{1,9}\.[0-9]{1,12}$"
"""A duration whose unit is plain: whole numbers may be nanoseconds."""


class Sieves:
    """Sifts the blocks of one input."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        self._last: jsonsieve.Sieve | None = None

    def sifted(self, block: LineBlock) -> Sifted | None:
        """Return the kinds of a block's lines; ``None`` if they cannot be told."""
        sieve = self._sieve(jsonsieve.sample(block.data))
        if sieve is None:
            return None
        raw, lines = sieve.scan(block.data).collect(), texts(block)
        others = lines.filter(raw["kind"].is_null())
        if others.str.contains(_TRY, literal=True).any():
            # A try waits for its request for as long as that lasts.
            return None
        made = _timed(raw, self._wants.reading.zone)
        alone = ~(_near_an_end(made) | _beside_trouble(raw, others))
        kind = pl.when(alone).then("kind").alias("kind")
        told = made.with_columns(kind).select(SIFTED.names()).match_to_schema(SIFTED)
        return Sifted(told, lines)

    def _sieve(self, lines: Sequence[str]) -> jsonsieve.Sieve | None:
        sieve = self._last
        if sieve is None or not sieve.fits(lines):
            logged = heads.Logged(self._wants, heads.in_go)
            logged.look(pl.Series(lines))
            type_ = caddy_row.type_of(logged, joined=True)
            sieve = jsonsieve.sieve_of(lines, type_, _PATHS, _apart, caddy_row.HEADERS)
            self._last = sieve
        return sieve


def _apart(path: jsonshape.Path) -> bool:
    """Whether a value tells nothing of the kind of a line: measures, addresses and ids."""
    if any(key in caddy_row.HEADERS for key in path[:-1]):
        return any(str(key).lower() in heads.MEASURES for key in path)
    return path[-1] in _MEASURES


def _timed(raw: pl.DataFrame, zone: tzinfo | None) -> pl.DataFrame:
    stamp = raw.select(pl.coalesce(*caddy_row.TIMES)).to_series()
    ended, precise = caddy_row.times(stamp, zone)
    plain = raw["duration"].str.contains(_SECONDS) & ended.is_not_null()
    made = raw.select(
        kind=pl.when(plain.fill_null(False)).then("kind"),
        duration_ms=(fields.number(pl.col("duration")) * 1000.0).round(6),
        ended_at=ended,
        time_precision_ms=precise,
    )
    return made.with_columns(started_at=fields.before(pl.col("ended_at"), pl.col("duration_ms")))


def _near_an_end(made: pl.DataFrame) -> pl.Series:
    """Return which lines may have their error in the block before or behind."""
    ended, line = pl.col("ended_at"), pl.int_range(pl.len())
    inside = ended.is_between(ended.min() + _SEAM_TIME, ended.max() - _SEAM_TIME, closed="none")
    inside &= line.is_between(_SEAM, pl.len() - _SEAM, closed="left")
    return made.select(~inside.fill_null(False)).to_series()


def _beside_trouble(raw: pl.DataFrame, others: pl.Series) -> pl.Series:
    """Return which lines are of a client that has an error line in the block.

    ``others`` are the lines of other shapes, among which error lines mostly are.
    """
    said = pl.col("logger").str.starts_with(_ERROR) | (pl.col("msg") == _BROKEN)
    alike = raw.filter(pl.col("kind").is_not_null(), said.fill_null(False))
    lines = others.filter(others.str.contains_any([_ERROR, _BROKEN]))
    parts = [lines.str.extract(rf'"{name}":\s*"([^"]*)"').alias(name) for name in _PEER]
    peer = pl.concat_str(*_PEER, separator=" ", ignore_nulls=True).alias("peer")
    peers = pl.concat([alike.select(peer), pl.DataFrame(parts).select(peer)])["peer"].unique()
    if not peers.len():
        return pl.repeat(False, raw.height, eager=True)
    return raw.select(peer)["peer"].is_in(peers.implode()).fill_null(True)
