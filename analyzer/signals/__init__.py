"""What each row says of itself.

Bodies are read at ingest (:mod:`analyzer.signals.body`); the rest works on whole frames, here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analyzer.columns import Frame
    from analyzer.signals.catalogue import SignalData

__all__ = ["apply", "headers_needed", "load_data"]


def apply(
    frame: Frame, data: SignalData, *, declared: Sequence[str] = (), all_traffic: bool = False
) -> Frame:
    """Return ``frame`` with what its rows say of themselves.

    Takes any subset of the canonical columns and the header columns of :func:`headers_needed`
    and returns all canonical columns. Sources that filled a column keep what they said.
    ``declared`` are hosts (or base URLs) that somebody calls gateways. Markers are added later and
    only to failures: :func:`analyzer.signals.markers.add`. For many batches make one
    :class:`analyzer.signals.rows.Signals`, which remembers what it has looked up.
    """
    from analyzer.signals.rows import Signals

    return Signals(data, declared=declared, all_traffic=all_traffic)(frame)


def headers_needed(data: SignalData) -> frozenset[str]:
    """Return the ``req_header.`` and ``resp_header.`` columns that signals look at."""
    from analyzer.signals import client, markers, outcome

    products = (sign for product in data.products for sign in product.headers)
    return frozenset(
        (
            outcome.AWS_ERROR,
            *client.columns_used(data),
            *markers.columns_used(data),
            *(f"resp_header.{sign.name}" for sign in products),
        )
    )


def load_data(knowledge_root: Path, extra: Sequence[Path] = ()) -> SignalData:
    """Return what signals know; see :func:`analyzer.signals.catalogue.load_data`."""
    from analyzer.signals import catalogue

    return catalogue.load_data(knowledge_root, extra)
