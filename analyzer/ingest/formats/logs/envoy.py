"""Envoy's text access logs: the default format and those of Istio.

``envoy_line`` takes the lines apart, ``envoy_row`` says what their fields mean.
"""

from __future__ import annotations

from datetime import tzinfo

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import envoy_line, envoy_row
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.textlog import TextLog
from analyzer.ingest.zoneless import ZoneNote, any_time

_START = "%Y-%m-%dT%H:%M:%S%.fZ"
_KNOWN = (
    "flags", "details", "termination", "transport", "upstream", "cluster", "sni", "agent",
    "request_id",
)  # fmt: skip


class EnvoyReader:
    """Reads one input; every line stands alone."""

    def __init__(self, source: Input) -> None:
        self._wants: Wants = source.wants
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        rows, left = envoy_line.split(lines)
        made = self._rows(rows).sort("record") if rows.height else None
        return Parsed(made, bad=left.select("record", reason=envoy_line.lacks()))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        self._zone.look(rows["start"])
        rows = _mesh(rows).with_columns(
            # A protocol that is not known is written "-", as it is for bare connections.
            pl.col("request").str.strip_suffix(" -"),
            time=_start(rows["start"], self._wants.reading.zone),
            first_byte=pl.lit(None, pl.String()),
            attempts=pl.lit(None, pl.String()),
        )
        rows = rows.with_columns(fields.known(pl.col(name)) for name in _KNOWN)
        rows = fields.request_line(rows, "request", self._wants)
        exact = pl.col("start").str.contains(r"[.,]\d{3}")
        return rows.select(
            "record",
            "key_tag",
            **envoy_row.columns(host_logged=True),
            time_precision_ms=pl.when(exact).then(1.0).otherwise(1000.0),
            **fields.headers(self._wants, {"req_header.user-agent": pl.col("agent")}),
        )


def _start(text: pl.Series, zone: tzinfo | None) -> pl.Series:
    """Read the start, mostly as Envoy writes it unless told otherwise."""
    usual = text.str.to_datetime(_START, strict=False, time_unit="us").dt.replace_time_zone("UTC")
    if not usual.has_nulls():
        return usual
    other = text.to_frame("start").select(any_time(pl.col("start"), zone)).to_series()
    return usual.zip_with(usual.is_not_null(), other)


def _mesh(rows: pl.DataFrame) -> pl.DataFrame:
    """Read what Istio puts behind the upstream host: cluster, addresses, SNI, route."""
    if not rows["tail"].str.contains(r"\S").any():
        nothing = pl.lit(None, pl.String())
        return rows.with_columns(cluster=nothing, sni=nothing)
    words = pl.col("tail").str.strip_chars().str.split(" ")
    return rows.with_columns(
        cluster=words.list.get(0, null_on_oob=True), sni=words.list.get(4, null_on_oob=True)
    )


class Envoy(TextLog):
    """Envoy access log."""

    name = "envoy"
    title = "Envoy access log (default or Istio)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = (
        r'^(?:ACCESS )?\[\d{4}-\d\d-\d\d[T ][^\]]*\] "[^"]*" (?:\d{1,3}|-) '
        r"(?:-|[A-Z][A-Za-z0-9,]*) (?:\S|$)"
    )
    weight = 0.97

    def reader(self, source: Input) -> EnvoyReader:
        """Return a reader for one input."""
        return EnvoyReader(source)


FORMAT = Envoy()
