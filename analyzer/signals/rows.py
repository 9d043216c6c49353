"""The order in which signals are filled, each looked up once per distinct value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from analyzer import cells, columns
from analyzer.columns import Frame
from analyzer.signals import client, endpoint, outcome, provider
from analyzer.signals.catalogue import SignalData

_PLACE = ("method", "host", "path")
_PLACE_FILLS = ("endpoint", "model", "stream", "base_url_problem", "gateway", "provider")
_PLACE_ADDS = ("provider_host", outcome.LLM_PLACE)
_FILLS = (*_PLACE_FILLS, "client")
_TOLD = (*(f"_told_{name}" for name in (*_FILLS, *_PLACE_ADDS)), "_told_family")
_NUMBER = "_kind"
_INTERNAL = (outcome.LLM_PLACE, outcome.LLM_BODY)
_REMEMBERED = 200_000
"""Distinct values of one kind that are kept; a crawler's random paths must not fill the memory."""

Resolve = Callable[[Any], Any]


class Signals:
    """Fills what rows say of themselves.

    Places, programs and models repeat from batch to batch and are remembered, so give all batches
    of a run to the same object. It takes DataFrames and LazyFrames and never collects.
    """

    def __init__(
        self, data: SignalData, *, declared: Sequence[str] = (), all_traffic: bool = False
    ) -> None:
        self._data = data
        self._declared = tuple(declared)
        self._all_traffic = all_traffic
        self._clients = client.columns_used(data)
        self._seen: dict[tuple[str, ...], pl.DataFrame] = {}
        self._kinds: dict[tuple[str, ...], pl.DataFrame] = {}

    def __call__(self, frame: Frame) -> Frame:
        """Return ``frame`` with all canonical columns, filled as far as the rows tell."""
        frame = _complete(frame, [*self._clients, outcome.AWS_ERROR])
        shown = provider.shown_columns(frame)
        used = [name for name in self._clients if name in shown]
        told = self._kind(frame, used)
        filled = [pl.coalesce(name, f"_told_{name}").alias(name) for name in _FILLS]
        added = [pl.col(f"_told_{name}").alias(name) for name in _PLACE_ADDS]
        frame = told.with_columns(*filled, *added)
        frame = provider.add_by_header(frame, self._data, shown)
        family = pl.coalesce("provider", "_told_family").alias("provider")
        frame = frame.with_columns(family).drop(*_TOLD)
        frame = outcome.add(frame, all_traffic=self._all_traffic)
        return frame.drop(*_INTERNAL)

    def _kind(self, frame: Frame, used: Sequence[str]) -> Frame:
        """Add what place, program and model say of rows: :data:`_TOLD`, each kind resolved once."""
        keys = [*_PLACE, "model", *used]
        if not isinstance(frame, pl.DataFrame):
            return _look_up(frame, self._resolve(frame.select(keys).unique(), used), keys)
        numbers = cells.number(frame, keys).alias(_NUMBER)
        kinds = frame.select(*keys, numbers).unique(_NUMBER, keep="any")
        known = self._kinds.get(tuple(keys))
        if known is None or known.height > _REMEMBERED:
            known = self._resolve(kinds, used).select(_NUMBER, *_TOLD)
        elif (fresh := kinds.join(known, on=_NUMBER, how="anti")).height:
            known = pl.concat([known, self._resolve(fresh, used).select(_NUMBER, *_TOLD)])
        self._kinds[tuple(keys)] = known
        joined = frame.with_columns(numbers).join(
            known, on=_NUMBER, how="left", maintain_order="left"
        )
        return joined.drop(_NUMBER)

    def _resolve(self, kinds: Frame, used: Sequence[str]) -> Frame:
        """Resolve distinct kinds; what repeats in them is resolved once as well."""
        blank = [
            pl.lit(None, dtype=columns.dtype_of(name)).alias(name)
            for name in ("endpoint", "stream", "base_url_problem", "gateway", "provider", "client")
        ]
        kinds = kinds.with_columns(*blank, pl.col("model").alias("_asked_model"))
        kinds = self._fill_clients(self._fill_places(kinds), used)
        told = self._distinct(kinds, ("model",), self._families)
        kinds = _look_up(kinds, told, ("model",))
        renamed = {name: f"_told_{name}" for name in (*_FILLS, *_PLACE_ADDS)}
        return kinds.rename(renamed).rename({"_asked_model": "model", "_family": "_told_family"})

    def _fill_places(self, frame: Frame) -> Frame:
        told = self._distinct(frame, _PLACE, self._places)
        joined = _look_up(frame, told, _PLACE)
        filled = [pl.coalesce(name, f"_place_{name}").alias(name) for name in _PLACE_FILLS]
        added = [pl.col(f"_place_{name}").alias(name) for name in _PLACE_ADDS]
        names = [f"_place_{name}" for name in (*_PLACE_FILLS, *_PLACE_ADDS)]
        return joined.with_columns(*filled, *added).drop(*names)

    def _places(self, distinct: Frame) -> Frame:
        """Resolve distinct methods, hosts and paths."""
        blank = (*_PLACE_FILLS, "provider_host")
        places = distinct.with_columns(
            pl.lit(None, dtype=columns.dtype_of(name)).alias(name) for name in blank
        )
        places = endpoint.add(places, self._data)
        places = outcome.add_place(provider.add_by_host(places, self._data, self._declared))
        told = (*_PLACE_FILLS, *_PLACE_ADDS)
        return places.select(*_PLACE, *(pl.col(name).alias(f"_place_{name}") for name in told))

    def _fill_clients(self, frame: Frame, used: Sequence[str]) -> Frame:
        if not used:
            return frame
        told = self._distinct(frame, used, self._programs)
        joined = _look_up(frame, told, used)
        return joined.with_columns(pl.coalesce("client", "_client").alias("client")).drop("_client")

    def _programs(self, distinct: Frame) -> Frame:
        present = distinct.collect_schema().names()
        blank = [name for name in (*self._clients, "client") if name not in present]
        empty = [pl.lit(None, dtype=pl.String()).alias(name) for name in blank]
        named = client.add(distinct.with_columns(*empty), self._data)
        return named.select(*present, pl.col("client").alias("_client"))

    def _families(self, distinct: Frame) -> Frame:
        blank = pl.lit(None, dtype=pl.String()).alias("provider")
        named = provider.add_by_model(distinct.with_columns(blank), self._data)
        return named.rename({"provider": "_family"})

    def _distinct(self, frame: Frame, keys: Sequence[str], resolve: Resolve) -> Any:
        """Return the resolved table of the distinct ``keys``, resolving only what is new."""
        distinct = frame.select(keys).unique()
        if not isinstance(distinct, pl.DataFrame):
            return resolve(distinct)
        known = self._seen.get(tuple(keys))
        if known is None or known.height > _REMEMBERED:
            table: pl.DataFrame = resolve(distinct)
        else:
            fresh = distinct.join(known, on=keys, how="anti", nulls_equal=True)
            table = pl.concat([known, resolve(fresh)]) if fresh.height else known
        self._seen[tuple(keys)] = table
        return table


def _complete(frame: Frame, headers: Sequence[str]) -> Frame:
    """Add the columns that the source did not have, as typed nulls."""
    present = set(frame.collect_schema().names())
    wanted = {column.name: column.dtype for column in columns.ATTEMPTS}
    wanted |= dict.fromkeys(headers, pl.String())
    missing = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in wanted.items()
        if name not in present
    ]
    # What a source says of itself under `llm` is that a body, or the source's nature, speaks.
    said = [name for name in (outcome.LLM_BODY, "llm") if name in present]
    spoken = pl.any_horizontal(said) if said else pl.lit(False)
    return frame.with_columns(*missing, spoken.fill_null(False).alias(outcome.LLM_BODY))


def _look_up(frame: Frame, table: Any, keys: Sequence[str]) -> Frame:
    return frame.join(table, on=keys, how="left", nulls_equal=True, maintain_order="left")
