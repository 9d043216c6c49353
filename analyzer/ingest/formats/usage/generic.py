"""Usage exports of anybody's own making: by ``--map``, or a word on what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import polars as pl

from analyzer import columns
from analyzer.ingest.base import Batch, Reading, Source, Wants
from analyzer.ingest.formats.logs import generic as mapped
from analyzer.ingest.formats.usage import headers
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export
from analyzer.ingest.notes import Notes

HOME = __name__.rpartition(".")[0]
_UNMAPPED = 0.32
"""So sure is a table that looks like usage and is not known; whoever knows more is asked first."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("timestamp", "created", "date", r"\bday\b", "start", "datum", "zeit", "日期", "时间",
             "账期", "time"),
    "cost": ("cost", "spend", "charge", "amount", r"\bfee", "price", "betrag", "kosten", "金额",
             "消耗", "费", "total"),
    "model": ("model", "模型", r"\bsku", "meter"),
    "input_tokens": ("input.*tok", "prompt.*tok", "tok.*(?:in|prompt)"),
    "output_tokens": ("output.*tok", "completion.*tok", "tok.*(?:out|completion)"),
    "request_id": ("request.?id", "generation.?id", "log.?id"),
    "currency": ("currency", "币种"),
}  # fmt: skip
"""Canonical column -> what a source's column may be called, the most telling word first."""
_WORDS: Mapping[str, str] = {
    "currency": "[a-z]{3}",
    "grain": "request|minute|hour|day|period",
    "time_kind": "start|end|settled",
}
"""What may be said of all rows at once, where no column says it."""
_ADVISED = ("time", "request_id", "cost", "model", "input_tokens", "output_tokens", "currency")
_MISSING = 4
"""Missing columns that are named; more say nothing."""
_MONEY = ("cost", "input_tokens", "output_tokens")
_LONGEST_NAME = 48
_LOOKED = 8
_DATE = r"^\d{4}-\d\d-\d\d$|^\d{8}$|^\d{1,2}[/.]\d{1,2}[/.]\d{4}$"


class GenericUsage(Export):
    """Any CSV of usage or costs."""

    name = "generic-usage"
    title = "CSV of usage or costs with mapped columns"
    hop = "gateway"
    known = frozenset()
    told = False

    def sniff(self, head: bytes, name: str) -> float:
        """Low: a table with a time (or model) and money or tokens, to say what is missing."""
        header = headers.first(head)
        if header is None or not _table(head, header):
            return 0.0
        likely = guessed(header.names)
        fits = any(item in likely for item in _MONEY)
        return _UNMAPPED if fits and ("time" in likely or "model" in likely) else 0.0

    def claim(self, head: bytes, name: str, reading: Reading) -> float:
        """With a mapping that has ``time``: by how many of its columns are there."""
        if not mapped.for_usage(reading.mapping):
            return 0.0 if reading.mapping else self.sniff(head, name)
        mapped.check_mapping(reading.mapping)
        sources = {source.lower() for source in reading.mapping.values()}
        best = max(
            (len(sources & set(header.names)) for header in headers.candidates(head)), default=0
        )
        share = best / len(sources)
        return 0.6 + 0.395 * share if share >= 0.5 else 0.0

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield the mapped rows, or one problem that says what would be needed."""
        mapping = wants.reading.mapping
        if not mapped.for_usage(mapping):
            notes = Notes(source.name)
            notes.add("unknown_columns", advice(source.head))
            yield Batch(problems=notes.finish())
            return
        wanted = {name: text.lower() for name, text in mapping.items()}
        yield from _Mapped(wanted, self._best(source.head, wanted)).read(source, wants)

    def _best(self, head: bytes, wanted: Mapping[str, str]) -> headers.Header | None:
        sources = set(wanted.values())
        found = headers.candidates(head)
        return max(found, key=lambda h: (len(sources & set(h.names)), -h.line), default=None)

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Not used: rows need a mapping."""
        return columns.empty(columns.USAGE)


class _Mapped(Export):
    """A table whose columns the user named."""

    name = GenericUsage.name
    title = GenericUsage.title
    hop = GenericUsage.hop
    known = frozenset()
    told = False

    def __init__(self, wanted: Mapping[str, str], header: headers.Header | None) -> None:
        self._wanted = wanted
        self._header = header

    def header(self, head: bytes) -> headers.Header | None:
        """Return the line that has most of the mapped columns."""
        return self._header

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each row of the table."""
        made: dict[str, object] = {}
        for column in columns.USAGE:
            source = self._wanted.get(column.name)
            if source is None:
                continue
            if cells.has(source):
                made[column.name] = _read(cells, column, source)
            elif re.fullmatch(_WORDS.get(column.name, "(?!)"), source):
                made[column.name] = source.upper() if column.name == "currency" else source
            else:
                message = f"--map {column.name}={source}: there is no column '{source}'."
                cells.context.remark(f"missing_column {column.name}", message)
        if made.setdefault("grain", self._grain(cells)) is None:
            message = (
                "Nothing says what a row of it is, so it settles nothing. If each is one request: "
                "--map grain=request; if each is a sum: --map grain=day."
            )
            cells.context.remark("unknown_grain", message)
        return cells.rows(**made)

    def _grain(self, cells: Cells) -> str | None:
        """Return day for dates, request where ids are told; else nothing says it."""
        time = cells.text(self._wanted["time"])
        if time.drop_nulls().len() and time.drop_nulls().str.contains(_DATE).all():
            return "day"
        return "request" if "request_id" in self._wanted else None


def _table(head: bytes, header: headers.Header) -> bool:
    """Whether what follows has as many fields, and the names are names: no prose with commas."""
    if any(not name or len(name) > _LONGEST_NAME or name[0] in "#<" for name in header.names):
        return False
    lines = head.split(b"\n")[header.line + 1 :][:_LOOKED]
    whole = [line for line in (lines[:-1] or lines) if line.strip()]
    mark = header.delimiter.encode()
    commas = len(header.names) - 1
    fits = [line.count(mark) == commas or b'"' in line for line in whole]
    return all(fits) and (len(header.names) > 2 or bool(fits))


def _read(cells: Cells, column: columns.Column, source: str) -> pl.Series:
    if column.name == "key_tag":
        return cells.key_tag(source)
    if column.dtype == columns.TIME:
        return cells.time(source, zone=None)
    if column.dtype == columns.MONEY:
        return cells.money(source)
    if column.dtype == pl.Boolean():
        return cells.flag(source)
    if column.dtype.is_integer():
        return cells.count(source)
    if column.name == "currency":
        return cells.text(source).str.to_uppercase()
    return cells.number(source) if column.dtype.is_float() else cells.text(source)


def guessed(names: tuple[str, ...]) -> dict[str, str]:
    """Return canonical column -> the first name that may stand for it, each name once."""
    found: dict[str, str] = {}
    order = ("input_tokens", "output_tokens", "request_id", "currency", "time", "model", "cost")
    for column in order:
        fits = (name for word in _NAMES[column] for name in names if re.search(word, name))
        name = next((name for name in fits if name not in found.values()), None)
        if name is not None:
            found[column] = name
    return found


def advice(head: bytes) -> str:
    """Say which known export is nearest, what it lacks, and how to say what its columns are."""
    header = headers.first(head)
    names = header.names if header else ()
    near = nearest(names)
    likely = guessed(names)
    wanted = [name for name in _ADVISED if name in likely or name in ("time", "cost", "model")]
    words = [f"--map {name}={_quoted(likely.get(name, 'COLUMN'))}" for name in wanted]
    said = f"Is no usage export that is known. Say what its columns are: {' '.join(words)}. "
    return f"{said}{near} Known: {', '.join(known())}."


def known() -> list[str]:
    """Return whose exports are known, each once."""
    from analyzer.ingest.detect import family

    titles = (
        item.title
        for item in family(HOME)
        if isinstance(item, Export) and (item.required or item.keys)
    )
    return sorted({title.split()[0] for title in titles}, key=str.lower)


def nearest(names: tuple[str, ...]) -> str:
    """Say which known header is nearest to ``names``, and which of its columns are missing."""
    from analyzer.ingest.detect import family

    there = set(names)
    best: tuple[float, int, str, frozenset[str]] = (0.0, 0, "", frozenset())
    for item in family(HOME):
        for wanted in item.required if isinstance(item, Export) else ():
            share = len(wanted & there) / len(wanted)
            best = max(best, (share, len(wanted), item.title, wanted), key=lambda b: b[:2])
    if best[0] < 0.34:
        return "No known export has columns like these."
    missing = sorted(best[3] - there)
    named = ", ".join(missing[:_MISSING]) + (" and more" if missing[_MISSING:] else "")
    return f"Nearest: {best[2]}, which also has {named}."


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w.\-]+", name) else f"'{name}'"


FORMAT = GenericUsage()
