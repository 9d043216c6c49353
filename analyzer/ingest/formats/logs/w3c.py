"""Logs in W3C's extended format: a ``#Fields:`` line names what stands in the lines below it.

The line is repeated at each start of the program, and may name other fields then; files are also
put one behind the other. Times are UTC by definition. CloudFront's, which says ``x-edge-location``,
is a format of its own, and so is IIS's.
"""

from __future__ import annotations

import re

import polars as pl

from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import w3c_row
from analyzer.ingest.reader import BAD, Input, Parsed
from analyzer.ingest.textlog import TextLog, first_lines

_DIRECTIVES = r"^#(?:Version|Fields|Software|Date|Start-Date|End-Date|Remark): ?"
_KNOWN = re.compile(rb"(?:^|\s)(?:cs?-method|cs-uri(?:-stem)?|sc-status)(?:\s|$)")
_WINDOWS = re.compile(
    rb"^#Software: Microsoft|^#Fields:.*\s(?:sc-win32-status|s-sitename|s-reason)\b"
)
"""Signs of IIS, and of HTTP.SYS below it."""
_FOREIGN = "x-edge-location"
_CARRIED = {"_fields": "Fields", "_date": "Date", "_software": "Software"}


class W3cReader:
    """Reads one input; remembers the directives that are in force."""

    def __init__(self, wants: Wants, usual: str | None = None) -> None:
        self._wants = wants
        self._usual = usual
        self._carried: dict[str, str | None] = dict.fromkeys(_CARRIED)

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        lines = lines.with_columns(line=pl.col("line").str.strip_chars())
        lines = self._directed(lines)
        told = pl.col("line").str.starts_with("#")
        data = lines.filter(~told)
        notices = lines.height - data.height
        frames: list[pl.DataFrame] = []
        bad = [pl.DataFrame(schema=BAD)]
        for names, group in data.partition_by("_fields", as_dict=True).items():
            rows, off, wrong = self._group(group, str(names[0]) if names[0] else None)
            frames += [rows] if rows is not None else []
            notices += off
            bad.append(wrong)
        rows = pl.concat(frames, how="diagonal_relaxed").sort("record") if frames else None
        return Parsed(rows, notices, pl.concat(bad).sort("record"))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _directed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Add to each line the directives that are in force there, and keep the last ones."""
        made = lines.with_columns(
            pl.col("line").str.extract(rf"^#{word}:\s*(.*)$").forward_fill()
            .fill_null(pl.lit(self._carried[name], pl.String())).alias(name)
            for name, word in _CARRIED.items()
        )  # fmt: skip
        for name in _CARRIED:
            if made.height:
                self._carried[name] = made[name][-1]
        return made

    def _group(
        self, lines: pl.DataFrame, named: str | None
    ) -> tuple[pl.DataFrame | None, int, pl.DataFrame]:
        """Return the rows of lines with the same fields, the notices among them, and the bad."""
        if named is not None and _FOREIGN in named:
            return None, 0, _bad(lines, pl.lit("it is one of CloudFront"))
        text = named or self._usual
        if text is None:
            return None, 0, _bad(lines, pl.lit("no '#Fields:' line is before it"))
        names = text.split()
        lines = lines.with_columns(_values=_values())
        lines = lines.with_columns(_count=pl.col("_values").list.len())
        whole = pl.col("_count") == len(names)
        counted = pl.format(f"it has {{}} fields, and '#Fields:' names {len(names)}", "_count")
        lack = pl.when(whole).then(pl.lit("its time is none")).otherwise(counted)
        fits = whole & _timed(names)
        bad = _bad(lines.filter(~fits), lack)
        made = w3c_row.rows(lines.filter(fits), names, self._wants)
        return made.rows, made.notices, bad


def _values() -> pl.Expr:
    """Split a line: at tabs if it has any, else at blanks, of which quoted texts may have some."""
    line = pl.col("line")
    quoted = line.str.extract_all(r'"(?:[^"]|"")*"|\S+').list.eval(
        pl.element().str.strip_prefix('"').str.strip_suffix('"')
    )
    return (
        pl.when(line.str.contains("\t", literal=True)).then(line.str.split("\t"))
        .when(line.str.contains('"', literal=True)).then(quoted)
        .otherwise(line.str.split(" "))
    )  # fmt: skip


def _timed(names: list[str]) -> pl.Expr:
    """Whether there is a time where ``#Fields:`` has one: any line may have as many words."""
    if "time" not in names:
        return pl.lit(True)
    time = pl.col("_values").list.get(names.index("time"), null_on_oob=True)
    return time.str.contains(r"^\d\d:\d\d:\d\d").fill_null(False)


def _bad(lines: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    return lines.select("record", reason=reason)


class W3c(TextLog):
    """W3C extended log."""

    name = "w3c"
    title = "W3C extended log"
    hop = "gateway"
    source_kind = "proxy"
    pattern = _DIRECTIVES
    weight = 0.95

    def sniff(self, head: bytes, name: str) -> float:
        """By the directives; every other line is as free as they are."""
        lines = first_lines(head)
        named = [line for line in lines if line.startswith(b"#Fields:")]
        if not any(_KNOWN.search(line) for line in named) or _FOREIGN.encode() in b"".join(named):
            return 0.0
        return 0.0 if is_windows(lines) else self.weight

    def reader(self, source: Input) -> W3cReader:
        """Return a reader for one input."""
        return W3cReader(source.wants)


def is_windows(lines: tuple[bytes, ...]) -> bool:
    """Whether the directives among ``lines`` are those of IIS or HTTP.SYS."""
    return any(_WINDOWS.search(line) for line in lines)


FORMAT = W3c()
