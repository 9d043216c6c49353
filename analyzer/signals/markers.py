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
    found = _found(frame, data)
    frame = frame.with_columns(
        pl.coalesce(f"{kind}_marker", *found[kind]).alias(f"{kind}_marker") for kind in KINDS
    )
    return frame.with_columns(
        _party(data, "edge", "edge"),
        _party(data, "gateway", "gateway"),
        _party(data, "upstream", "provider"),
    )


def _found(frame: Frame, data: SignalData) -> dict[str, list[pl.Expr]]:
    """Return, by kind, an expression for each fingerprint that the rows may show."""
    from analyzer.engine import prune, tree
    from analyzer.engine.compile import compile_tree

    nodes = [tree.read(mark.match) for mark in data.fingerprints]
    # The values of a lazy frame are not known yet, so nothing can be left out beforehand.
    living = (
        prune.alive(frame, nodes) if isinstance(frame, pl.DataFrame) else dict(enumerate(nodes))
    )
    found: dict[str, list[pl.Expr]] = {kind: [] for kind in KINDS}
    for number, node in living.items():
        mark = data.fingerprints[number]
        found[mark.kind].append(pl.when(compile_tree(node)).then(pl.lit(mark.id)))
    return found


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
