"""Logs of JSON objects: one a line, or the elements of one array.

A format gives the type of the keys that it reads; the rest of a line is never built. Polars decodes
whole blocks; where a block does not fit (broken lines, a text where a number should be), its lines
are decoded one by one and put right as far as they can be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from functools import lru_cache
from typing import Any, ClassVar

import polars as pl
from polars.exceptions import PanicException, PolarsError

from analyzer.ingest import jsonshape
from analyzer.ingest.base import Batch, Source, Wants
from analyzer.ingest.reader import BAD
from analyzer.ingest.textlog import SAMPLE, TextLog, first_lines

_FEW = 1000
"""Fewer lines are decoded: to find their shape is no gain."""
_ONE_BY_ONE = 256
"""Lines of a block that does not fit are halved until so few are left."""
DOCUMENT_BYTES = 256 << 20
"""A file that is one JSON document is read whole, up to this size."""
_ENVELOPES = ("records", "result", "data", "logs", "items", "entries")
"""Keys under which exports wrap their array."""


class JsonLog(TextLog):
    """A log of JSON objects."""

    type: ClassVar[pl.Struct]
    """The keys that are read. Text for whatever may be a number or a text."""

    def sniff(self, head: bytes, name: str) -> float:
        """By the keys of the first objects, of lines or of an array."""
        found = objects(head)
        if not found:
            # The first object may be longer than the head.
            begun = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
            return 0.9 * self.weight if begun and self.claims(head) else 0.0
        share = sum(self.owns(item) for item in found) / len(found)
        return self.weight * share if share >= 0.5 else 0.0

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether an object is a record of this format."""
        return self.claims(json.dumps(item).encode())

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 8 MiB; an array's elements count as its records."""
        if is_document(source.head):
            yield from super().read(_as_lines(source), wants)
        else:
            yield from super().read(source, wants)


@lru_cache(maxsize=4)
def objects(head: bytes) -> tuple[dict[str, Any], ...]:
    """Return the first objects of a file: of its lines, or of the array that it is."""
    if is_document(head):
        return tuple(_head_elements(head))
    found: list[dict[str, Any]] = []
    for line in first_lines(head):
        start = line.find(b"{")
        if start < 0:
            continue
        try:
            item = json.loads(line[start:], strict=False)
        except ValueError:
            continue
        if isinstance(item, dict):
            found.append(item)
    return tuple(found)


def is_document(head: bytes) -> bool:
    """Whether a file is one JSON document rather than lines of objects."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"[":
        return True
    if text[:1] != b"{":
        return False
    if _wrapped(text[:200].decode("utf-8", "replace")):
        return True
    # A pretty-printed object: its first line is a brace, its second a key.
    return re.match(rb'\{\s*\n\s*["}]', text[:2_000]) is not None


def _head_elements(head: bytes) -> Iterator[dict[str, Any]]:
    """Yield the first elements of an array of which only the beginning is there."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    for _, item in zip(range(SAMPLE), _whole_elements(text), strict=False):
        if isinstance(item, dict):
            yield item


def _whole_elements(text: str) -> Iterator[Any]:
    """Yield the elements of an array up to the first that is not whole."""
    decoder = json.JSONDecoder(strict=False)
    at = 1 if text[:1] == "[" else _wrapped(text)
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            item, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield item


def _wrapped(text: str) -> int:
    """Return where the elements begin if a document wraps its array, else 0.

    Before the array may stand what APIs say of a call: ``"success": true, "errors": []``.
    """
    said = r'"(?:success|errors|messages)"\s*:\s*(?:true|false|null|\[\s*\])\s*,\s*'
    found = re.match(rf'\{{\s*(?:{said})*"(?:{"|".join(_ENVELOPES)})"\s*:\s*\[', text)
    return found.end() if found else 0


def _as_lines(source: Source) -> Source:
    """Return a source whose lines are the elements of the document's array."""
    import dataclasses
    import io

    from analyzer.errors import Problem

    def open_lines() -> io.BytesIO:
        with source.open() as stream:
            data = stream.read(DOCUMENT_BYTES + 1)
        if len(data) > DOCUMENT_BYTES:
            message = (
                f"Is one JSON document of more than {DOCUMENT_BYTES >> 20} MiB; only whole "
                "elements within that were read. Export it as JSON lines instead."
            )
            source.faults.append(Problem(source.name, "too_large", message))
        items, error = _elements(data.decode("utf-8", "replace"))
        if error:
            source.faults.append(Problem(source.name, "bad_json", error))
        return io.BytesIO("".join(f"{json.dumps(item)}\n" for item in items).encode())

    first = "".join(f"{json.dumps(item)}\n" for item in objects(source.head)).encode()
    return dataclasses.replace(source, open=open_lines, head=first, path=None, size=source.size)


def _elements(text: str) -> tuple[list[Any], str | None]:
    """Return the elements of a document, as many as are whole, and what is wrong with the rest.

    Several documents behind each other are the pages of one export.
    """
    text = text.lstrip("\ufeff \t\r\n")
    decoder, at = json.JSONDecoder(strict=False), 0
    items: list[Any] = []
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            items += _whole_elements(text[at:])
            said = str(error).partition(":")[0]
            return items, f"The JSON breaks off behind element {len(items)}: {said}."
        items += _unwrapped(document)
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
    return items, None


def _unwrapped(document: Any) -> list[Any]:
    if isinstance(document, dict):
        for key in _ENVELOPES:
            if isinstance(document.get(key), list):
                return list(document[key])
    return document if isinstance(document, list) else [document]


def decode_alike(
    lines: pl.DataFrame, type_: pl.Struct, vary: Container[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what :func:`decode` returns, twice as fast where most lines have the same keys.

    For programs whose lines have fixed keys, but for those inside of objects called as in ``vary``.
    """
    found = cut(lines, type_, vary)
    if found is None:
        return decode(lines, type_)
    made, left = found
    if not left.height:
        return made, pl.DataFrame(schema=BAD)
    others, bad = decode(left, type_)
    return in_order(made, others), bad


def cut(
    lines: pl.DataFrame, type_: pl.Struct, vary: Container[str] = ()
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Return what :func:`decode` gives of most lines, and the lines that have to be decoded.

    ``None``: they are too few or too different from each other to be cut; see ``jsonshape``.
    """
    if lines.height < _FEW:
        return None
    texts = lines["line"].to_list()
    shape = jsonshape.shape_of(jsonshape.sample(texts), type_, vary)
    if shape is None:
        return None
    made = shape.scan("\n".join(texts).encode()).collect()
    if made.height != lines.height:
        # A line that has a line break in it (an envelope can bring one) is several here.
        return None
    fits = made["_fits"]
    made = made.select(lines["record"], lines["stamp"], pl.exclude("_fits"))
    if fits.all():
        return made.rechunk(), lines.clear()
    return made.filter(fits).rechunk(), lines.filter(~fits)


def in_order(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of both in the order of the log.

    Columns that say nothing stay the constants that they are: nearly free in what follows.
    """
    silent = [name for name in rows.columns if _silent(rows, name) and _silent(others, name)]
    both = pl.concat([rows.drop(silent), others.drop(silent, strict=False)], how="diagonal_relaxed")
    nothing = (pl.lit(None, rows.schema[name]).alias(name) for name in silent)
    # To sort is much faster than to gather: the columns are in many pieces.
    return both.sort("record").with_columns(nothing)


def _silent(rows: pl.DataFrame, name: str) -> bool:
    return name not in rows.columns or rows[name].null_count() == rows.height


def decode(lines: pl.DataFrame, type_: pl.Struct) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return ``record stamp`` and the keys of ``type_`` as columns, and the bad lines (``BAD``).

    ``lines`` has ``record``, ``line`` and ``stamp``; what precedes the first brace is left out.
    """
    text = pl.col("line")
    if not lines["line"].str.starts_with("{").all():
        text = text.str.extract(r"^[^{]*(\{.*)$")
    try:
        made = lines.select("record", "stamp", text.str.json_decode(type_).alias("_it"))
    except (PolarsError, PanicException):
        return _halved(lines, type_)
    return _unnested(made, lines)


def _unnested(made: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    none = made["_it"].is_null()
    if not none.any():
        return made.unnest("_it"), pl.DataFrame(schema=BAD)
    reason = pl.lit("it is no JSON object")
    return made.filter(~none).unnest("_it"), lines.filter(none).select("record", reason=reason)


def _halved(lines: pl.DataFrame, type_: pl.Struct) -> tuple[pl.DataFrame, pl.DataFrame]:
    if lines.height <= _ONE_BY_ONE:
        return _one_by_one(lines, type_)
    half = lines.height // 2
    parts = [decode(lines[:half], type_), decode(lines[half:], type_)]
    return pl.concat([good for good, _ in parts]), pl.concat([bad for _, bad in parts])


def _one_by_one(lines: pl.DataFrame, type_: pl.Struct) -> tuple[pl.DataFrame, pl.DataFrame]:
    good: list[dict[str, Any]] = []
    kept: list[bool] = []
    bad: list[tuple[int, str]] = []
    for record, line in lines.select("record", "line").iter_rows():
        item, why = loads(line)
        kept.append(item is not None)
        if item is None:
            bad.append((record, why))
        else:
            good.append(_fitted(item, type_))
    made = lines.filter(pl.Series(kept, dtype=pl.Boolean)).select("record", "stamp")
    told = pl.Series("_it", good, dtype=type_)
    return made.with_columns(told).unnest("_it"), pl.DataFrame(bad, schema=BAD, orient="row")


def loads(line: str) -> tuple[dict[str, Any] | None, str]:
    """Return the object in a line, repaired as far as that is safe, else why there is none."""
    if "{" not in line:
        return None, "it is no JSON object"
    text = line[line.find("{") :]
    for attempt in (text, _repaired(text)):
        try:
            item = json.loads(attempt, strict=False)
        except (ValueError, RecursionError) as error:
            why = str(error)
            continue
        if isinstance(item, dict):
            return item, ""
        return None, "it is no JSON object"
    return None, f"it is no JSON ({why})"


def _repaired(text: str) -> str:
    r"""Undo what a ``log_format`` without ``escape=json`` does: ``\x22``, bare, missing values."""
    text = re.sub(r"\\x([0-9A-Fa-f]{2})", r"\\u00\1", text)
    value = r"(?:-|[\d.]+)(?:(?:,| :) ?(?:[\d.]+|-))+|-|0\d+|"
    bare = rf'(":\s*)({value})(\s*[,}}](?=\s*"|\s*$|\s*}}))'
    return re.sub(bare, r'\1"\2"\3', text)


def _fitted(value: Any, type_: Any) -> Any:
    """Return ``value`` as ``type_`` wants it; ``None`` where it cannot be."""
    if value is None:
        return None
    if isinstance(type_, pl.Struct):
        if not isinstance(value, dict):
            return None
        return {field.name: _fitted(value.get(field.name), field.dtype) for field in type_.fields}
    if isinstance(type_, pl.List):
        items = value if isinstance(value, list) else [value]
        return [_fitted(item, type_.inner) for item in items]
    if type_ == pl.String:
        return _text(value)
    return _numeric(value, type_)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return json.dumps(value)


def _numeric(value: Any, type_: Any) -> Any:
    if type_ == pl.Boolean:
        return value if isinstance(value, bool) else str(value).lower() == "true"
    try:
        number = float(value)
        return number if type_.is_float() else int(value if isinstance(value, int) else number)
    except (TypeError, ValueError, OverflowError):
        return None
