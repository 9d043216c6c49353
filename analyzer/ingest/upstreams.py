"""What proxies built on nginx log of the servers they tried, several values in one field.

``502, 200`` are two servers of one group, ``502 : 200`` two groups (an internal redirect lies
between them). All fields of a line should have as many values as servers were tried; real lines do
not always, so that shorter fields are padded at their end and nothing fails.
"""

from __future__ import annotations

import polars as pl

from analyzer import columns
from analyzer.ingest import fields

FIELDS = (
    "upstream_addr", "upstream_status", "upstream_connect_time", "upstream_header_time",
    "upstream_response_time", "upstream_response_length", "upstream_bytes_received",
)  # fmt: skip
"""The fields by nginx's names; times in seconds."""
PATTERN = r"[^ ,]+(?:(?:, | : )[^ ,]+)*(?: : )?"
"""One such field between blanks, whose values hold none."""
TOLD = (
    "upstream_status", "upstream_address", "upstream_tries", "proxy_detail", "connect_ms",
    "ttfb_ms", "phase",
)  # fmt: skip
"""The canonical columns that :func:`read` gives."""

_CLIENT_LEFT = 499
_SAID_ITSELF = (502, 504, _CLIENT_LEFT)
"""Statuses that nginx notes as the upstream's when the upstream said nothing."""


def values(text: pl.Expr) -> pl.Expr:
    """Return the values of a field, one per try, as texts; null where it is not logged."""
    whole = text.str.strip_suffix(" : ").str.strip_suffix(" :").str.strip_suffix(",")
    return whole.str.replace_all(" : ", ", ", literal=True).str.split(", ")


def tries(*texts: pl.Expr) -> pl.Expr:
    """Return how many values the longest of these fields has; null if none is logged."""
    return pl.max_horizontal(values(text).list.len().cast(pl.Int64) for text in texts)


def padded(text: pl.Expr, count: pl.Expr) -> pl.Expr:
    """Return the values of a field, filled up with nulls to ``count``."""
    return values(text).list.gather(pl.int_ranges(0, count.fill_null(0)), null_on_oob=True)


def last(text: pl.Expr, count: pl.Expr) -> pl.Expr:
    """Return the value of the last of ``count`` tries; null for ``-`` and where it is missing."""
    return fields.known(values(text).list.get(count - 1, null_on_oob=True).str.strip_chars())


def earlier_ms(text: pl.Expr, count: pl.Expr) -> pl.Expr:
    """Return how long all tries but the last took together, from seconds; 0 if there were none."""
    before = (
        values(text).list.head(count - 1).list.eval(pl.element().cast(pl.Float64, strict=False))
    )
    return (before.list.sum().fill_null(0.0) * 1000).round(3)


def read(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``rows`` with the columns :data:`TOLD`, read from those of :data:`FIELDS`.

    ``rows`` has ``status`` (Int32) and any of the fields as texts, where null means that the line
    has no such field, and ``-`` or blank that it has one and nothing is in it.
    """
    logged = [name for name in FIELDS if name in rows.columns and not _empty(rows[name])]
    if not logged:
        nothing = {name: pl.lit(None, columns.dtype_of(name)) for name in TOLD}
        return rows.with_columns(**nothing)
    made = _Tried(frozenset(logged), _split(rows, logged))
    return made.columns()


def _empty(series: pl.Series) -> bool:
    return series.null_count() == series.len()


def _split(rows: pl.DataFrame, logged: list[str]) -> pl.DataFrame:
    """Add ``_last_<field>`` texts, ``_count`` and ``_earlier`` (ms)."""
    several = [name for name in logged if rows[name].str.contains(r", | :").any()]
    if not several:
        one = {f"_last_{name}": fields.known(pl.col(name).str.strip_chars()) for name in logged}
        return rows.with_columns(**one, _count=pl.lit(1, pl.Int64()), _earlier=pl.lit(0.0))
    rows = rows.with_columns(_count=tries(*(pl.col(name) for name in logged)))
    ends = {f"_last_{name}": last(pl.col(name), pl.col("_count")) for name in logged}
    took = pl.lit(0.0)
    if "upstream_response_time" in several:
        took = earlier_ms(pl.col("upstream_response_time"), pl.col("_count"))
    return rows.with_columns(**ends, _earlier=took)


class _Tried:
    """The last try of every row, as expressions."""

    def __init__(self, logged: frozenset[str], rows: pl.DataFrame) -> None:
        self._logged = logged
        self._rows = rows
        self._status = fields.status(self._text("upstream_status"))
        self._left = (pl.col("status") == _CLIENT_LEFT).fill_null(False)

    def columns(self) -> pl.DataFrame:
        address = self._text("upstream_addr")
        header = fields.millis(self._text("upstream_header_time"))
        detail = pl.col("upstream_status") if "upstream_status" in self._logged else pl.lit(None)
        servers = pl.col("_count") - self._nobody().cast(pl.Int64)
        silent = self._silent() | self._nobody()
        own = self._status.is_in(_SAID_ITSELF).fill_null(False)
        made = self._rows.with_columns(
            upstream_status=pl.when(~(silent & own)).then(self._status),
            upstream_address=address,
            upstream_tries=pl.when(self._tried()).then(servers).when(self._untried()).then(0),
            proxy_detail=fields.known(detail.cast(pl.String)),
            connect_ms=fields.millis(self._text("upstream_connect_time")),
            # The client waits through the tries that failed, then for the last one's head.
            ttfb_ms=(pl.col("_earlier") + header).round(3),
            phase=self._phase(),
        )
        return made.drop("_count", "_earlier", *(f"_last_{name}" for name in self._logged))

    def _text(self, field: str) -> pl.Expr:
        return pl.col(f"_last_{field}") if field in self._logged else pl.lit(None, pl.String())

    def _has(self, field: str) -> pl.Expr:
        """Whether the line has the field, with or without a value."""
        return pl.col(field).is_not_null() if field in self._logged else pl.lit(False)

    def _told(self) -> pl.Expr:
        return pl.any_horizontal(self._has(field) for field in FIELDS)

    def _tried(self) -> pl.Expr:
        """Whether any server was chosen; a length alone says nothing."""
        chosen = (
            "upstream_addr", "upstream_status", "upstream_connect_time", "upstream_response_time",
        )  # fmt: skip
        return pl.any_horizontal(self._text(field).is_not_null() for field in chosen)

    def _untried(self) -> pl.Expr:
        """Whether surely no server was chosen."""
        # By its status alone, a client that left while it waited looks like one never sent on.
        sure = self._has("upstream_addr") | self._has("upstream_response_time")
        unsure = self._left & ~sure
        return self._told() & ~self._tried() & ~unsure

    def _nobody(self) -> pl.Expr:
        """Whether no server of the group was alive: nginx then writes the group's name."""
        address = self._text("upstream_addr")
        named = address.is_not_null() & ~address.str.contains(":", literal=True).fill_null(True)
        own = self._status.is_null() | self._status.is_in(_SAID_ITSELF)
        return (named & own).fill_null(False)

    def _answered(self) -> pl.Expr:
        """Whether a head surely came from behind."""
        header = fields.number(self._text("upstream_header_time")).is_not_null()
        body = (fields.number(self._text("upstream_response_length")) > 0).fill_null(False)
        other = self._status.is_not_null() & ~self._status.is_in(_SAID_ITSELF).fill_null(False)
        return header | body | other

    def _silent(self) -> pl.Expr:
        """Whether surely no head came: the upstream's 502 or 504 is then nginx's own."""
        headless = self._has("upstream_header_time") & ~self._is_number("upstream_header_time")
        apart = self._has("upstream_connect_time") & ~self._is_number("upstream_connect_time")
        nothing = fields.number(self._text("upstream_bytes_received")) == 0
        none = self._has("upstream_status") & self._status.is_null()
        # Nobody answers 499 to a proxy of which the client has left: both are nginx's word.
        none |= self._left & (self._status == _CLIENT_LEFT).fill_null(False)
        sign = headless | apart | nothing.fill_null(False) | none
        return self._tried() & sign & ~self._answered()

    def _is_number(self, field: str) -> pl.Expr:
        return fields.number(self._text(field)).is_not_null()

    def _phase(self) -> pl.Expr:
        """Return how far the request came; null where the logged fields do not tell."""
        received = (fields.number(self._text("upstream_bytes_received")) > 0).fill_null(False)
        connected = self._is_number("upstream_connect_time") | received
        apart = self._has("upstream_connect_time")
        return (
            pl.when(self._nobody() | self._untried())
            .then(pl.lit("not_sent"))
            .when(self._answered() & self._left)
            .then(pl.lit("body"))
            .when(self._answered())
            .then(pl.lit("done"))
            .when(self._silent() & connected)
            .then(pl.lit("sent"))
            .when(self._silent() & apart)
            .then(pl.lit("connecting"))
        )
