"""JSON lines (or an array) of anybody's own making, by ``--map`` or by obvious names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from analyzer.ingest.base import Reading, Wants
from analyzer.ingest.formats.logs import generic
from analyzer.ingest.formats.logs.generic_row import rows_of, stamps, status_share
from analyzer.ingest.jsonlog import JsonLog, decode, objects
from analyzer.ingest.reader import Input, Parsed
from analyzer.ingest.zoneless import ZoneNote

_DEEP = 4
_FURTHER = ("method", "host", "duration_ms", "request_id", "model")
_NO_TIME = "it has no time that can be read"


class GenericJsonReader:
    """Reads one input; every object stands alone."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._notes = source.notes
        self._zone = ZoneNote(source.notes, source.wants.reading.zone)
        found = [item for line in source.head if (item := _object(line)) is not None]
        self._paths = _paths(found)
        self._choice = choose(found, source.wants)
        self._told = False

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        self._tell()
        taken = [item.source for item in self._choice.taken]
        if not taken:
            return Parsed(bad=lines.select("record", reason=pl.lit("none of its keys is known")))
        made, bad = decode(lines, _type([self._paths[name] for name in taken]))
        table = made.select(
            "record", *(_at(self._paths[name]).alias(name) for name in dict.fromkeys(taken))
        )
        self._zone.look(stamps(table, self._choice))
        rows = rows_of(table, self._choice, self._wants)
        timed = "started_at" in rows.columns
        if timed:
            lost = rows.filter(pl.col("started_at").is_null())
            bad = pl.concat([bad, lost.select("record", reason=pl.lit(_NO_TIME))])
            rows = rows.filter(pl.col("started_at").is_not_null())
        return Parsed(rows, bad=bad)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            for item in self._choice.missing:
                message = f"--map {item.column}={item.source}: no object has '{item.source}'."
                self._notes.add("missing_column", message, lost=False)
            self._notes.add("columns", self._choice.sentence(), lost=False)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()


def choose(found: Sequence[dict[str, Any]], wants: Wants) -> generic.Choice:
    """Return which keys are taken as what."""
    names = _paths(found)
    if wants.reading.mapping:
        return generic.by_mapping(names, wants.reading.mapping)
    return generic.by_names(names, _sample(found))


def _sample(found: Sequence[dict[str, Any]]) -> dict[str, str | None]:
    """Return a value of each key, from the first object that has one."""
    made: dict[str, str | None] = {}
    for item in found:
        for path, value in _leaves(item):
            if value is not None:
                made.setdefault(".".join(path), str(value))
    return made


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        item = json.loads(line[max(line.find(b"{"), 0) :], strict=False)
    except (ValueError, RecursionError):
        return None
    return item if isinstance(item, dict) else None


def _paths(found: Sequence[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return every key of some objects, dotted where it is nested -> the keys that lead to it."""
    return {".".join(path): path for item in found for path, _ in _leaves(item)}


def _leaves(
    item: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in item.items():
        if isinstance(value, dict) and len(above) < _DEEP:
            yield from _leaves(value, (*above, key))
        elif not isinstance(value, list):
            yield (*above, key), value


def _type(paths: Sequence[tuple[str, ...]]) -> pl.Struct:
    """Return the type of objects of which ``paths`` are read, all as text."""
    tree: dict[str, list[tuple[str, ...]]] = {}
    for first, *rest in paths:
        tree.setdefault(first, []).append(tuple(rest))
    return pl.Struct(
        {key: _type([rest for rest in below if rest]) if any(below) else pl.String()
         for key, below in tree.items()}
    )  # fmt: skip


def _at(path: tuple[str, ...]) -> pl.Expr:
    made = pl.col(path[0])
    for key in path[1:]:
        made = made.struct.field(key)
    return made


class GenericJson(JsonLog):
    """Any JSON access log."""

    name = "generic-json"
    title = "JSON log with obvious or mapped keys"
    hop = "gateway"
    source_kind = "proxy"
    pattern = r"^\{\"__no line of another log is taken for one of these__\":"
    weight = 0.5

    def sniff(self, head: bytes, name: str) -> float:
        """Low: by time, status and what was asked, under names that leave no doubt."""
        found = [item for item in objects(head) if isinstance(item, dict)]
        choice = generic.by_names(_paths(found), _sample(found))
        if not choice.complete():
            return 0.0
        status = next(item.source for item in choice.taken if item.column == "status")
        values = [
            str(value) for item in found for path, value in _leaves(item)
            if ".".join(path) == status
        ]  # fmt: skip
        if len(values) < len(found) / 2 or status_share(values) < 0.5:
            return 0.0
        return score(choice)

    def claim(self, head: bytes, name: str, reading: Reading) -> float:
        """With a mapping: by how many of the mapped keys are there."""
        found = [item for item in objects(head) if isinstance(item, dict)]
        if not reading.mapping:
            return self.sniff(head, name)
        generic.check_mapping(reading.mapping)
        choice = generic.by_mapping(_paths(found), reading.mapping)
        return mapped(choice, reading.mapping)

    def reader(self, source: Input) -> GenericJsonReader:
        """Return a reader for one input."""
        return GenericJsonReader(source)


def mapped(choice: generic.Choice, mapping: Mapping[str, str]) -> float:
    """Return how sure a table is that the user described: nearly, if most of it is there."""
    share = len(choice.taken) / len(mapping)
    return 0.6 + 0.39 * share if share >= 0.5 else 0.0


def score(choice: generic.Choice) -> float:
    """Return how sure a table is by its names alone: 0.35 to 0.5."""
    found = {item.column for item in choice.taken}
    return 0.35 + 0.03 * len(found & set(_FURTHER))


FORMAT = GenericJson()
