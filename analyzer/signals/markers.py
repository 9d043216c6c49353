"""Markers: what only an edge, a gateway or a provider leaves when it writes an answer itself."""

from __future__ import annotations

import polars as pl

from analyzer import columns
from analyzer.columns import Frame
from analyzer.signals.catalogue import Fingerprint, SignalData, headers_of

KINDS = ("edge", "gateway", "upstream")


def columns_used(data: SignalData) -> list[str]:
    """Return the header columns that fingerprints look at."""
    return sorted({name for mark in data.fingerprints for name in headers_of(mark.match)})


def add(frame: Frame, data: SignalData) -> Frame:
    """Fill the marker columns of failed rows, and the party that a marker names.

    ``edge_marker``, ``gateway_marker`` and ``upstream_marker`` get the id of the first fingerprint
    of that kind that matches; ``edge``, ``gateway`` and ``provider`` get its product where they are
    empty. That something was only passed on the way (``server: cloudflare`` with a ray id) is no
    marker.
    """
    present = set(frame.collect_schema().names())
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.String()).alias(name)
        for name in columns_used(data)
        if name not in present
    )
    frame = frame.with_columns(
        pl.coalesce(f"{kind}_marker", *_ids(data, kind)).alias(f"{kind}_marker") for kind in KINDS
    )
    return frame.with_columns(
        _party(data, "edge", "edge"),
        _party(data, "gateway", "gateway"),
        _party(data, "upstream", "provider"),
    )


def _ids(data: SignalData, kind: str) -> list[pl.Expr]:
    from analyzer.engine.compile import compile_match

    return [
        pl.when(compile_match(mark.match)).then(pl.lit(mark.id))
        for mark in data.fingerprints
        if mark.kind == kind
    ]


def _party(data: SignalData, kind: str, column: str) -> pl.Expr:
    """Return ``column`` with gaps filled by the product of the marker, if it is of that kind."""
    fits = {p.slug for p in data.products if p.kind == kind}
    if kind == "upstream":
        fits = {provider.slug for provider in data.providers}
    named = {m.id: m.product for m in data.fingerprints if _fits(m, kind, fits)}
    if not named:
        return pl.col(column)
    product = pl.col(f"{kind}_marker").replace_strict(
        list(named), list(named.values()), default=None, return_dtype=columns.dtype_of(column)
    )
    return pl.coalesce(column, product).alias(column)


def _fits(mark: Fingerprint, kind: str, fits: set[str]) -> bool:
    return mark.kind == kind and mark.product in fits
