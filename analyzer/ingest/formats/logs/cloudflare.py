"""Cloudflare Logpush, dataset ``http_requests``: JSON lines, a batch, or CSV with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import polars as pl
from polars.exceptions import PolarsError

from analyzer.ingest import jsonshape, jsonsieve
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import cloudflare_row, heads
from analyzer.ingest.formats.logs.cloudflare_row import LISTS, NAMES
from analyzer.ingest.jsonlog import JsonLog, cut, decode, in_order
from analyzer.ingest.lines import LineBlock, texts
from analyzer.ingest.reader import BAD, Input, Parsed
from analyzer.ingest.sifting import Sifted
from analyzer.ingest.textlog import first_lines

_STAMPS = ("EdgeStartTimestamp", "EdgeEndTimestamp")
_STAMP_PATHS: tuple[jsonshape.Path, ...] = tuple((name,) for name in _STAMPS)
_HEADER = r"^[^{]*\bEdge(?:Start|End)Timestamp\b[^{]*$"
_HEADS = ("RequestHeaders", "ResponseHeaders")
"""Fields that only are there where a job was told to log headers."""
_SAMPLE = 200
"""Lines of a block in which headers are looked for."""
_COLUMNS = 300
"""Columns of CSV that are read; the dataset has about a hundred."""


class CloudflareReader:
    """Reads one input; a CSV header holds until the next one."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        self._header: str | None = None
        self._sieve: jsonsieve.Sieve | None = None

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        return self.parse_prepared(self.prepare(lines))

    def prepare(self, lines: pl.DataFrame) -> Parsed | pl.DataFrame:
        """See :class:`analyzer.ingest.reader.PreparingReader`."""
        if not lines["line"].str.starts_with("{").all():
            return lines
        raw, bad = self._objects(lines)
        rows, inner = cloudflare_row.rows(raw, self._wants)
        return Parsed(rows, inner, bad)

    def parse_prepared(self, made: Parsed | pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.PreparingReader`."""
        return made if isinstance(made, Parsed) else self._mixed(made)

    def _mixed(self, lines: pl.DataFrame) -> Parsed:
        """Read lines that are not all objects."""
        header = lines["line"].str.contains(_HEADER)
        if self._header is None and not header.any():
            raw, bad = self._objects(lines)
            rows, inner = cloudflare_row.rows(raw, self._wants)
            return Parsed(rows, inner, bad)
        # Only under a CSV header lines can be read that are no objects.
        objects = lines["line"].str.contains(r"^\s*\{")
        raw, bad = self._objects(lines.filter(objects))
        texts, torn = self._texts(lines.filter(~objects))
        made = [cloudflare_row.rows(part, self._wants) for part in (raw, texts)]
        return Parsed(
            pl.concat([rows for rows, _ in made], how="diagonal_relaxed"),
            sum(inner for _, inner in made) + int((header & ~objects).sum()),
            pl.concat([bad, torn]),
        )

    def sift(self, block: LineBlock) -> Sifted | None:
        """See :class:`analyzer.ingest.reader.SiftingReader`."""
        lines = jsonsieve.sample(block.data)
        if not all(line.startswith("{") for line in lines):
            return None
        sieve = self._sieve
        if sieve is None or not sieve.fits(lines):
            logged = heads.Logged(self._wants)
            _look(logged, pl.Series(lines))
            type_ = _type(logged.asked, logged.answered)
            sieve = jsonsieve.sieve_of(lines, type_, _STAMP_PATHS, _apart, _HEADS)
            self._sieve = sieve
        if sieve is None:
            return None
        told = cloudflare_row.sifted(sieve.scan(block.data).collect())
        return Sifted(told, texts(block))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _objects(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        logged = heads.Logged(self._wants)
        _look(logged, lines["line"].gather_every(max(lines.height // _SAMPLE, 1)))
        found = cut(lines, _type(logged.asked, logged.answered), _HEADS)
        if found is None:
            return self._decoded(lines, logged)
        made, left = found
        raw, untimed = _timed(_raw(made, logged))
        others, bad = self._decoded(left, logged)
        return in_order(raw, others), pl.concat([untimed, bad])

    def _decoded(
        self, lines: pl.DataFrame, logged: heads.Logged
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        _look(logged, lines["line"])
        made, bad = decode(lines, _type(logged.asked, logged.answered))
        raw, untimed = _timed(_raw(made, logged))
        return raw, pl.concat([bad, untimed])

    def _texts(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        header = pl.col("line").str.contains(_HEADER)
        titles = lines.filter(header)["line"]
        # Batches of one job have one header. Under another one the columns are not known.
        first = self._header if self._header is not None else titles[0]
        self._header = first
        names = pl.when(header).then("line").forward_fill().fill_null(first)
        data = lines.with_columns(_names=names).filter(~header)
        ours = (pl.col("_names") == first) & (pl.col("line").str.count_matches('"') % 2 == 0)
        torn = data.filter(~ours).select(
            "record", reason=pl.lit("its quotes are not closed, or it stands under another header")
        )
        good, bad = _timed(_read(data.filter(ours), first))
        return good, pl.concat([torn, bad])


def _look(logged: heads.Logged, lines: pl.Series) -> None:
    if lines.str.contains_any(list(_HEADS)).any():
        logged.look(lines)


def _apart(path: jsonshape.Path) -> bool:
    """Whether a value tells nothing of the kind of a line: measures, addresses and ids."""
    name = path[-1]
    return name in cloudflare_row.MEASURES or (path[0] in _HEADS and name in heads.MEASURES)


def _raw(made: pl.DataFrame, logged: heads.Logged) -> pl.DataFrame:
    """Return the fields of objects that are read: what :func:`cloudflare_row.rows` takes."""
    request, response = (pl.col(name).struct for name in _HEADS)
    return made.select(
        "record",
        *NAMES,
        *(pl.col(name).list.join(",") for name in LISTS),
        *(request.field(name).alias(heads.ASKED + name) for name in logged.asked),
        *(response.field(name).alias(heads.ANSWERED + name) for name in logged.answered),
    )


def _type(asked: Sequence[str], answered: Sequence[str]) -> pl.Struct:
    """Return the keys that are read; ``asked`` and ``answered`` are names of headers."""
    texts = pl.String()
    told = {
        name: pl.Struct(dict.fromkeys(names, texts))
        for name, names in zip(_HEADS, (asked, answered), strict=True)
        if names
    }
    lists = dict.fromkeys(LISTS, pl.List(texts))
    return pl.Struct({**dict.fromkeys(NAMES, texts), **lists, **told})


def _read(lines: pl.DataFrame, header: str) -> pl.DataFrame:
    """Read lines of CSV or TSV whose quotes are closed, so that each is one row."""
    separator = "\t" if "\t" in header else ","
    names = [name.strip().strip('"') for name in header.split(separator)][:_COLUMNS]
    places = {name: f"p{names.index(name)}" for name in NAMES + LISTS if name in names}
    made = _cells(lines["line"].to_list(), len(names), separator)

    def text(name: str) -> pl.Expr:
        return pl.col(places[name]) if name in places else pl.lit(None, pl.String())

    return made.select(
        lines["record"],
        *(text(name).alias(name) for name in NAMES),
        # A list is JSON inside of a field: ["block","log"].
        *(text(name).str.replace_all(r'[\[\]"\s]', "").alias(name) for name in LISTS),
    )


def _cells(lines: list[str], width: int, separator: str) -> pl.DataFrame:
    columns = {f"p{place}": pl.String() for place in range(width)}
    data = "\n".join(lines).encode()
    try:
        made = pl.read_csv(
            io.BytesIO(data), has_header=False, separator=separator, schema=columns,
            truncate_ragged_lines=True, missing_columns="insert",
        )  # fmt: skip
        if made.height == len(lines):
            return made
    except (PolarsError, TypeError):
        pass
    rows = [_row(line, separator)[:width] for line in lines]
    padded = [[*cells, *[None] * (width - len(cells))] for cells in rows]
    return pl.DataFrame(padded, schema=columns, orient="row")


def _row(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _timed(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split off the records that have no time: they are of another dataset."""
    timed = pl.any_horizontal(pl.col(name).str.contains(r"\d") for name in _STAMPS)
    told = raw.select(timed.fill_null(False)).to_series()
    if told.all():
        return raw, pl.DataFrame(schema=BAD)
    bad = raw.filter(~told).select("record", reason=pl.lit("it lacks EdgeStartTimestamp"))
    return raw.filter(told), bad


class Cloudflare(JsonLog):
    """Cloudflare Logpush, HTTP requests."""

    name = "cloudflare"
    title = "Cloudflare Logpush (http_requests)"
    hop = "edge"
    source_kind = "proxy"
    pattern = r'"Edge(?:(?:Start|End)Timestamp|PathingOp|TimeToFirstByteMs)"\s*:'
    weight = 0.98

    def sniff(self, head: bytes, name: str) -> float:
        """By the keys of the first objects, or by a CSV header."""
        lines = first_lines(head)
        if lines and b"{" not in lines[0] and any(
            stamp.encode() in lines[0] for stamp in _STAMPS
        ):  # fmt: skip
            return self.weight
        return super().sniff(head, name)

    def reader(self, source: Input) -> CloudflareReader:
        """Return a reader for one input."""
        return CloudflareReader(source.wants)


FORMAT = Cloudflare()
