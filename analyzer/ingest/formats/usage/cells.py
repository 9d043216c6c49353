"""The cells of one block of an export: text by column name, read as what they mean.

Whatever cannot be read becomes null and is told; what a ledger leaves empty is null and is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from decimal import Decimal

import polars as pl

from analyzer import columns
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.amounts import Amounts, amounts
from analyzer.ingest.notes import Notes

_NOTHING = ("", "NULL", "null", "\\N", "None", "not_available")
"""What exports and dumps of databases write for nothing."""
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_THOUSANDS = r"^[+-]?\d{1,3}(?:[,'’\s\u{a0}\u{202f}]\d{3})+$"
_MASKED = r"[*•…]|\.\.|(?i)masked|redacted"
_SHORTEST_KEY = 16
_LIKE_A_KEY = r"^(?:[A-Za-z]{1,8}[-_]){1,3}[A-Za-z0-9_-]{20,}$"
"""A key where a name or an id should stand: ``sk-...``, ``sk-or-v1-...``, ``sk_live_...``."""
_KEY_ID = r"^(?:api)?key_"
"""How OpenAI and Anthropic call the ids of keys, which open nothing."""
_COUNT_LIMIT = 1 << 53


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all blocks of one input."""

    name: str
    hop: str
    wants: Wants
    notes: Notes
    delimiter: str = ","
    preamble: Mapping[str, str] = field(default_factory=dict)
    """``key,value`` lines before the header, keys in lower case."""
    told: set[str] = field(default_factory=set)
    """Remarks that are made once for an input."""

    def remark(self, kind: str, message: str) -> None:
        """Note ``message`` once for the input; nothing is lost by it."""
        if kind not in self.told:
            self.told.add(kind)
            self.notes.add(kind, message, lost=False)


class Cells:
    """One block: ``frame`` has ``record`` and String columns, named in lower case."""

    def __init__(self, frame: pl.DataFrame, context: Context) -> None:
        self.frame = frame
        self.context = context

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.frame.height

    def has(self, name: str) -> bool:
        """Whether the export has a column of that name."""
        return name in self.frame.columns and name != "record"

    def only(self, mask: pl.Series) -> Cells:
        """Return the rows where ``mask`` is true."""
        return Cells(self.frame.filter(mask.fill_null(False)), self.context)

    def filled(self, *names: str) -> pl.Series:
        """Return where one of the columns says something."""
        return self.text(*names).is_not_null()

    def text(self, *names: str) -> pl.Series:
        """Return the first of the columns that says something, stripped."""
        there = [self._bare(name) for name in names if self.has(name)]
        if not there:
            return pl.repeat(None, self.height, dtype=pl.String(), eager=True)
        return self.frame.select(pl.coalesce(there)).to_series()

    def _bare(self, name: str) -> pl.Expr:
        value = pl.col(name).str.strip_chars()
        return pl.when(~value.is_in(_NOTHING)).then(value)

    def count(self, *names: str) -> pl.Series:
        """Return whole numbers."""
        text = self.text(*names)
        grouped = text.str.contains(_THOUSANDS).fill_null(False)
        plain = text.str.replace(r"\.0+$", "")
        if grouped.any():
            plain = plain.zip_with(~grouped, text.str.replace_all(r"[^\d+-]", ""))
        made = plain.cast(pl.Int64, strict=False)
        made = made.set(made.abs() > _COUNT_LIMIT, None)
        self._unread(text, made, names)
        return made

    def number(self, *names: str) -> pl.Series:
        """Return numbers that need not be exact: durations."""
        text = self.text(*names)
        made = text.cast(pl.Float64, strict=False)
        if (made.is_null() & text.is_not_null()).any():
            exact = amounts(text, delimiter=self.context.delimiter).values.cast(pl.Float64)
            made = made.zip_with(made.is_not_null(), exact)
        made = made.set(~made.is_finite(), None)
        self._unread(text, made, names)
        return made

    def flag(self, *names: str) -> pl.Series:
        """Return booleans of ``true``, ``yes``, ``1``, ``t`` and their opposites."""
        text = self.text(*names)
        lower = pl.col("t").str.to_lowercase()
        made = text.to_frame("t").select(
            pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
        )
        self._unread(text, made.to_series(), names)
        return made.to_series()

    def money(self, *names: str, per: Decimal | int = 1, grouped: bool = False) -> pl.Series:
        """Return exact amounts, divided by ``per`` (100 where the export counts cents)."""
        return self.amounts(*names, per=per, grouped=grouped).values

    def amounts(self, *names: str, per: Decimal | int = 1, grouped: bool = False) -> Amounts:
        """Return exact amounts and the currencies that they name themselves."""
        found = amounts(self.text(*names), grouped=grouped, delimiter=self.context.delimiter)
        values, rounded = found.values, found.rounded
        if per != 1:
            divided = values / Decimal(per)
            rounded |= (divided * Decimal(per) != values).fill_null(False)
            values = divided
        name = self._name(names)
        for record in self.frame["record"].filter(found.unread):
            message = f"Row {record}: {name} is no amount that can be read in one way only."
            self.context.notes.add("bad_money", message, record)
        for record in self.frame["record"].filter(rounded):
            message = f"Row {record}: {name} was rounded to 18 decimal places."
            self.context.notes.add("rounded_money", message, record, lost=False)
        return Amounts(values, found.currency, found.unread, rounded)

    def time(self, *names: str, zone: tzinfo | None = UTC) -> pl.Series:
        """Return times; ``zone`` is that of the export. ``None``: what the user says, else UTC."""
        text = self.text(*names)
        told = self.context.wants.reading.zone
        if zone is None and told is None and moments.bare(text):
            message = (
                "Some of its times have no zone and were read as UTC. If that is wrong: --tz "
                "Europe/Berlin (the zone of the account)."
            )
            self.context.remark("assumed_zone", message)
        made = moments.moments(text, told if zone is None else zone)
        if made.guessed:
            message = "Its dates such as 3/4/2026 were read as month/day/year; no date tells."
            self.context.remark("assumed_date_order", message)
        self._unread(text, made.values, names)
        return made.values

    def key_tag(self, *names: str) -> pl.Series:
        """Return the pseudonym of keys that stand there in full, and learn these keys."""
        text = self.text(*names)
        whole = (text.str.len_chars() >= _SHORTEST_KEY) & ~text.str.contains(_MASKED)
        found = text.filter(whole.fill_null(False)).unique().to_list()
        tags = {key: self.context.wants.secrets.tag(key) for key in sorted(found)}
        return text.replace_strict(tags, default=None, return_dtype=pl.String())

    def inner(self, name: str, *paths: str) -> pl.Series:
        """Return what one of ``paths`` (``$.a.b``) leads to in a column of JSON objects."""
        there = pl.col("t")
        found = [there.str.json_path_match(path) for path in paths]
        frame = self.text(name).to_frame("t")
        frame = frame.with_columns(pl.when(there.str.starts_with("{")).then(there))
        made = frame.select(pl.coalesce(found)).to_series()
        return made.set(made.is_in(_NOTHING), None)

    def rows(self, **made: object) -> pl.DataFrame:
        """Return usage rows of canonical columns; a plain value stands in every row."""
        given = {
            "record": self.frame["record"], "input": self.context.name, "hop": self.context.hop,
            **made,
        }  # fmt: skip
        types = columns.schema(columns.USAGE)
        rows = pl.DataFrame(
            {
                name: value
                if isinstance(value, pl.Series)
                else pl.Series([value], dtype=types[name]).new_from_index(0, self.height)
                for name, value in given.items()
            }
        ).cast({name: types[name] for name in given})
        return self._without_keys(rows)

    def _without_keys(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows without whole keys where their names should be; these are learnt."""
        for name in ("key_name", "key_id"):
            if name not in rows.columns:
                continue
            like = (
                rows[name].str.contains(_LIKE_A_KEY)
                & rows[name].str.contains(r"\d")
                & ~rows[name].str.contains(_MASKED)
                & ~rows[name].str.contains(_KEY_ID)
            ).fill_null(False)
            for key in sorted(rows[name].filter(like).unique().to_list()):
                self.context.wants.secrets.tag(key)
            if like.any():
                rows = rows.with_columns(rows[name].set(like, None))
        return rows

    def _name(self, names: tuple[str, ...]) -> str:
        return next((name for name in names if self.has(name)), names[0])

    def _unread(self, text: pl.Series, made: pl.Series, names: tuple[str, ...]) -> None:
        lost = self.frame["record"].filter(text.is_not_null() & made.is_null())
        for record in lost:
            message = f"Row {record}: {self._name(names)} cannot be read."
            self.context.notes.add("bad_value", message, record, lost=False)


def ints(texts: pl.Series) -> pl.Series:
    """Return whole numbers of text, null for anything else."""
    return texts.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)


def words(texts: pl.Series, known: Mapping[str, str | None], default: str | None) -> pl.Series:
    """Return the word for each text, by its lower-case form; null stays null."""
    told = pl.col("t").str.to_lowercase().replace_strict(
        dict(known), default=default, return_dtype=pl.String()
    )  # fmt: skip
    made = texts.to_frame("t").select(pl.when(pl.col("t").is_not_null()).then(told))
    return made.to_series()


def total(*parts: pl.Series) -> pl.Series:
    """Return the sum of what is there; null if nothing is."""
    frame = pl.DataFrame([part.alias(str(index)) for index, part in enumerate(parts)])
    none = pl.all_horizontal(pl.all().is_null())
    return frame.select(pl.when(~none).then(pl.sum_horizontal(pl.all()))).to_series()
