"""Clients: which program called, by what it says in its headers."""

from __future__ import annotations

import polars as pl

from analyzer.columns import Frame
from analyzer.signals.catalogue import SignalData, headers_of


def columns_used(data: SignalData) -> list[str]:
    """Return the header columns that tell clients apart."""
    return sorted({name for client in data.clients for name in headers_of(client.match)})


def add(frame: Frame, data: SignalData) -> Frame:
    """Fill ``client``; the first entry of ``clients.yaml`` that matches wins.

    Programs imitate each other's headers, so this names a fingerprint, not a proof.
    """
    from analyzer.engine.compile import compile_match

    found = [
        pl.when(compile_match(client.match)).then(pl.lit(client.slug)) for client in data.clients
    ]
    return frame.with_columns(pl.coalesce("client", *found).alias("client"))
