"""The ids that a receiver can look up, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from analyzer.analysis.evidence import place, spread
from analyzer.engine.support import Id
from analyzer.ticket.censor import Censor
from analyzer.ticket.choose import OWN, Chosen
from analyzer.ticket.model import SAMPLES, Sample

IDS_PER_SAMPLE = 3
HAS = "_has_id"
"""Boolean column: the receiver can find the request by an id."""


def wanted(chosen: Chosen) -> list[Id]:
    """Return the ids of the party, those that the gateway's profile names first."""
    own = []
    if chosen.profile is not None:
        for name in chosen.profile.request_id_headers:
            columns = [f"resp_header.{name.lower()}"]
            if name.lower() == "cf-ray":
                columns.append("ray_id")
            own.append(Id.model_validate({"name": name, "from": columns}))
    return [*own, *chosen.party.ids]


def marked(chosen: Chosen) -> pl.DataFrame:
    """Return the rows of a ticket with :data:`HAS`."""
    rows = chosen.rows
    usable = [_value(one, rows) for one in wanted(chosen)]
    found = pl.any_horizontal(value.is_not_null() for value in usable) if usable else pl.lit(False)
    return rows.with_columns(found.alias(HAS))


def _value(one: Id, rows: pl.DataFrame) -> pl.Expr:
    present = [pl.col(name) for name in one.columns if name in rows.columns]
    fits = [
        pl.when(column.str.contains(one.shape)).then(column) if one.shape else column
        for column in (column.replace("", None) for column in present)
    ]
    value = pl.coalesce(*fits) if fits else pl.lit(None, dtype=pl.String)
    return pl.when(pl.col(OWN)).then(value) if one.direct else value


def samples(rows: pl.DataFrame, ids: Sequence[Id], censor: Censor) -> list[Sample]:
    """Return up to five requests spread over the window, those with an id before others.

    The first and the last request are kept where ids allow, so that the window is seen.
    """
    usable = rows.filter(pl.col(HAS))
    source = usable if usable.height else rows
    return [_sample(source.row(i, named=True), ids, censor) for i in spread(source.height, SAMPLES)]


def _sample(row: Mapping[str, Any], ids: Sequence[Id], censor: Censor) -> Sample:
    return Sample(
        time=row["started_at"],
        precision_ms=row["time_precision_ms"] or 1.0,
        status=row["status"],
        model=censor.text(row["model"], 60) if row["model"] else None,
        duration_ms=row["duration_ms"],
        ids=tuple(_ids(row, ids, censor))[:IDS_PER_SAMPLE],
        place=place(row),
    )


def _ids(row: Mapping[str, Any], ids: Sequence[Id], censor: Censor) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for one in ids:
        if one.direct and not row[OWN]:
            continue
        for column in one.columns:
            raw = row.get(column)
            value = censor.id(raw) if raw else None
            # The same id stands in several places; the first name is the party's own.
            if value is None or value in found or (one.shape and not re.search(one.shape, value)):
                continue
            found[value] = one.name
            break
    return [(name, value) for value, name in found.items()]
