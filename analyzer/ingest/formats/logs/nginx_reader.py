"""Reads the lines of one log_format: whole blocks by a plan, what does not fit it one step slower.

Used by all formats whose lines are cut at quotes.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import nginx_row, nginx_sift
from analyzer.ingest.formats.logs.nginx_format import LogFormat
from analyzer.ingest.formats.logs.nginx_plan import Plan, plan, prefixes, regex
from analyzer.ingest.formats.logs.nginx_variables import kind_of
from analyzer.ingest.lines import LineBlock, texts
from analyzer.ingest.reader import BAD, Parsed
from analyzer.ingest.sifting import Sifted
from analyzer.ingest.textlog import frame_of

Fallback = Callable[[pl.DataFrame], tuple[list[pl.DataFrame], pl.DataFrame]]
"""Lines that do not fit -> variables of those that can be read all the same, one frame for each set
of variables that lines have, and the bad lines (``BAD``)."""


class NginxReader:
    """Reads one input; every line stands alone."""

    def __init__(
        self, form: LogFormat, wants: Wants, fallback: Fallback | None = None,
        extra: pl.Expr | None = None,
    ) -> None:  # fmt: skip
        """``extra`` is one more condition, over the pieces, for a line to fit."""
        self._form = form
        self._wants = wants
        self._names = nginx_row.wanted(form.variables, wants)
        self._plans: dict[bool, Plan] = {}
        self._fallback = fallback or self._by_regex
        self._extra = extra

    @property
    def names(self) -> frozenset[str]:
        """The variables that are read."""
        return self._names

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        if not lines.height:
            return Parsed()
        data = lines["line"].str.join("\n").item() + "\n"
        raw = self._cut(data.encode())
        if raw.height != lines.height:
            # A line that has a line break in it (JSON can write one) is several here.
            return self._slow(lines)
        return self._parsed(raw.with_columns(lines["record"]), lambda: lines)

    def parse_block(self, block: LineBlock) -> tuple[Parsed, int, int]:
        """See :class:`analyzer.ingest.reader.BlockReader`."""
        if not block.data:
            return Parsed(), 0, 0
        raw = self._cut(block.data)
        raw = raw.with_columns(
            record=pl.int_range(block.first, block.first + raw.height, dtype=pl.Int64, eager=True)
        )
        found: list[pl.DataFrame] = []

        def lines() -> pl.DataFrame:
            found.append(frame_of(block))
            return found[0]

        parsed = self._parsed(raw, lines)
        return parsed, raw.height, found[0].height if found else raw.height

    def sift(self, block: LineBlock) -> Sifted | None:
        """See :class:`analyzer.ingest.reader.SiftingReader`."""
        if not block.data:
            return None
        return Sifted(nginx_sift.sifted(*self._plan(block.data), block.data), texts(block))

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _parsed(self, raw: pl.DataFrame, lines: Callable[[], pl.DataFrame]) -> Parsed:
        """Return the rows of ``raw``; ``lines`` gives the texts, should one not fit."""
        fits = raw["_fits"]
        good = raw if fits.all() else raw.filter(fits)
        made, sound = nginx_row.readable(good.drop("_fits"))
        if sound is not None:
            made = made.filter(sound)
        rows = nginx_row.attempts(made, self._wants) if made.height else None
        if made.height == raw.height:
            return Parsed(rows)
        left = lines().join(made.select("record"), on="record", how="anti", maintain_order="left")
        slow = self._slow(left)
        if slow.rows is None or rows is None:
            return Parsed(slow.rows if rows is None else rows, bad=slow.bad)
        both = pl.concat([rows, slow.rows], how="diagonal_relaxed").sort("record")
        return Parsed(both, bad=slow.bad)

    def _cut(self, data: bytes) -> pl.DataFrame:
        """Cut the lines: the wanted variables as text, and whether each line fits."""
        made, fits = self._plan(data)
        return made.scan(data).select(**made.values, _fits=fits).collect()

    def _plan(self, data: bytes) -> tuple[Plan, pl.Expr]:
        """Return how to cut lines, and whether one fits."""
        windows = data[: data.find(b"\n")].endswith(b"\r")
        made = self._plans.get(windows)
        if made is None:
            made = self._plans[windows] = plan(self._form, self._names, windows=windows)
        fits = made.fits(texts=not made.shown(data))
        if self._extra is not None:
            fits &= self._extra
        return made, fits.fill_null(False)

    def _slow(self, lines: pl.DataFrame) -> Parsed:
        if not lines.height:
            return Parsed(bad=pl.DataFrame(schema=BAD))
        frames, bad = self._fallback(lines)
        rows: list[pl.DataFrame] = []
        for raw in frames:
            if not raw.height:
                continue
            made, sound = nginx_row.readable(raw)
            if sound is not None:
                bad = pl.concat([bad, nginx_row.unsound(made.filter(~sound))])
                made = made.filter(sound)
            rows.append(nginx_row.attempts(made, self._wants))
        joined = pl.concat(rows, how="diagonal_relaxed").sort("record") if rows else None
        return Parsed(joined, bad=bad.sort("record"))

    def _by_regex(self, lines: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
        """Read lines by the regex of the whole format."""
        found = pl.col("line").str.extract_groups(regex(self._form))
        made = lines.select("record", "line", found.alias("_"))
        fits = made["_"].struct.field("1").is_not_null()
        groups = pl.col("_").struct
        raw = made.filter(fits).select(
            "record",
            **{
                name: groups.field(str(self._form.variables.index(name) + 1))
                for name in sorted(self._names)
            },
        )
        return [raw], self._why(lines.filter(~fits))

    def _why(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Say of each line which variable is the first that is not there, and where."""
        return unfit(lines, self._form)


def unfit(lines: pl.DataFrame, form: LogFormat) -> pl.DataFrame:
    """Return why lines do not fit a format: the first variable that is not there, and its place."""
    left = lines.select("record", "line", at=pl.lit(1, pl.UInt32))
    told: list[pl.DataFrame] = []
    for name, pattern in prefixes(form):
        found = left.with_columns(pl.col("line").str.extract(f"({pattern})", 1).alias("_head"))
        lost = found.filter(pl.col("_head").is_null())
        if lost.height:
            says = f"${name} ({kind_of(name).says}) is not there, from character {{}} on"
            told.append(lost.select("record", reason=pl.format(says, "at")))
        left = found.filter(pl.col("_head").is_not_null()).select(
            "record", "line", at=pl.col("_head").str.len_chars() + 1
        )
        if not left.height:
            break
    if left.height:
        says = "more stands behind the last field, from character {} on"
        told.append(left.select("record", reason=pl.format(says, "at")))
    return pl.concat(told).sort("record") if told else pl.DataFrame(schema=BAD)
