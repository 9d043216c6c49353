"""The user's own price list, and what it makes of the tokens of failures without a cost.

No prices are shipped: they change by the week and differ by contract. What an export or an answer
states as cost is never replaced; an estimate is told apart from it, with the date of its price.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl

from analyzer.billing.models import Normalise, plain
from analyzer.errors import ConfigError, did_you_mean

PRICES = pl.Schema(
    {
        "model": pl.String(), "input": pl.Decimal(38, 18), "output": pl.Decimal(38, 18),
        "cached": pl.Decimal(38, 18), "currency": pl.String(), "date": pl.Date(),
    }
)  # fmt: skip
"""Per million tokens; ``cached`` is null where it costs what other input costs; ``date`` is since
when a price holds, or null."""
NEEDED = ("model", "input", "output", "currency")
ALLOWED = (*NEEDED, "cached", "date")
PER = 1_000_000
_LIMIT = Decimal(10) ** 9
ESTIMATES = pl.Schema(
    {
        "attempt_id": pl.UInt64(), "estimated_cost": pl.Decimal(38, 18),
        "estimated_currency": pl.String(), "price_date": pl.Date(),
    }
)  # fmt: skip
EXCLUSIVE = ("anthropic",)
"""Providers whose count of input leaves out what came from the cache."""


def load(path: Path) -> pl.DataFrame:
    """Return :data:`PRICES` of a CSV file, or of a YAML file with a list of such rows.

    Raises:
        ConfigError: it cannot be read, or a row lacks something or has a wrong value.
    """
    if path.suffix.lower() not in (".csv", ".yaml", ".yml"):
        msg = f"--prices {path.name}: prices are read from .csv, .yaml or .yml"
        raise ConfigError(msg)
    rows = [_row(path, number, row) for number, row in _rows(path)]
    if not rows:
        msg = f"--prices {path.name}: it holds no price; columns are {', '.join(ALLOWED)}"
        raise ConfigError(msg)
    table = pl.DataFrame(rows, schema=PRICES, orient="row")
    twice = table.filter(pl.struct("model", "date").is_duplicated())
    if twice.height:
        msg = (
            f"--prices {path.name}: '{twice['model'][0]}' has two prices of one date; give each "
            "row the date since when it holds"
        )
        raise ConfigError(msg)
    return table


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"--prices {path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ConfigError(msg) from None
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
        yield from ((reader.line_num, row) for row in reader)
        return
    import yaml

    try:
        told = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        msg = f"--prices {path.name}: is no valid YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from None
    if not isinstance(told, list) or not all(isinstance(row, dict) for row in told):
        msg = f"--prices {path.name}: must be a list of rows with {', '.join(ALLOWED)}"
        raise ConfigError(msg)
    yield from enumerate(told, start=1)


def _row(path: Path, number: int, row: Mapping[str, Any]) -> tuple[object, ...]:
    place = f"--prices {path.name}, row {number}"
    said = {str(k).strip().lower(): v for k, v in row.items() if k is not None}
    for name in said:
        if name not in ALLOWED:
            hint = did_you_mean(name, ALLOWED)
            msg = f"{place}: there is no column '{name}'.{hint} Known: {', '.join(ALLOWED)}"
            raise ConfigError(msg)
    missing = [name for name in NEEDED if said.get(name) is None or str(said[name]).strip() == ""]
    if missing:
        msg = f"{place}: lacks {', '.join(missing)}"
        raise ConfigError(msg)
    currency = str(said["currency"]).strip().upper()
    if len(currency) != 3 or not currency.isalpha():
        msg = f"{place}: currency '{said['currency']}' is no code such as USD"
        raise ConfigError(msg)
    amounts = [_amount(place, name, said.get(name)) for name in ("input", "output", "cached")]
    return (str(said["model"]).strip(), *amounts, currency, _date(place, said.get("date")))


def _amount(place: str, name: str, value: object) -> Decimal | None:
    if value is None or not str(value).strip():
        if name == "cached":
            return None
        msg = f"{place}: lacks {name}"
        raise ConfigError(msg)
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not 0 <= found < _LIMIT:
        msg = f"{place}: {name} '{value}' is no price per million tokens, such as 0.25"
        raise ConfigError(msg)
    return found


def _date(place: str, value: object) -> date | None:
    if value is None or not str(value).strip():
        return None
    try:
        return date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        msg = f"{place}: date '{value}' is no date such as 2026-11-01"
        raise ConfigError(msg) from None


def estimates(
    failures: pl.DataFrame, tokens: pl.DataFrame | None, prices: pl.DataFrame, normalise: Normalise
) -> pl.DataFrame:
    """Return :data:`ESTIMATES` of failures that are billed, as seen or expected, without a cost.

    ``tokens`` (``attempt_id used_input used_output used_cached``) are those of usage rows; they go
    before what the answer counts. The price is the last one that held when the attempt began; of
    prices that all came later the first. Without any token nothing is estimated.
    """
    owed = failures.filter(
        pl.col("billing").is_in(["billed", "partial"]),
        pl.col("billed_cost").is_null(),
        pl.col("cost").is_null(),
    )
    counted = _counted(owed, tokens, normalise)
    table = prices.with_columns(
        name=normalise(plain(pl.col("model"))), day=pl.col("date").fill_null(date(1970, 1, 1))
    ).sort("day")
    priced = _dated(counted, table, "backward")
    late = counted.join(priced, on="attempt_id", how="anti")
    both = pl.concat([priced, _dated(late, table, "forward")])
    cached = pl.coalesce("cached", "input")
    exact = pl.Decimal(38, 18)
    cost = sum(
        (tokens_.cast(exact) * price / PER for tokens_, price in (
            (pl.col("fresh"), pl.col("input")), (pl.col("from_cache"), cached),
            (pl.col("made"), pl.col("output")),
        )),
        pl.lit(0, exact),
    )  # fmt: skip
    made = both.with_columns(
        estimated_cost=cost.cast(exact), estimated_currency="currency", price_date="date"
    )
    return made.select(ESTIMATES.names()).match_to_schema(ESTIMATES).sort("attempt_id")


def _counted(owed: pl.DataFrame, tokens: pl.DataFrame | None, normalise: Normalise) -> pl.DataFrame:
    """Return ``attempt_id name day fresh from_cache made`` of failures that have tokens."""
    none = pl.DataFrame(
        schema={"attempt_id": pl.UInt64(), "used_input": pl.Int64(), "used_output": pl.Int64(),
                "used_cached": pl.Int64()}
    )  # fmt: skip
    both = owed.join(none if tokens is None else tokens, on="attempt_id", how="left")
    given, made = (
        pl.coalesce("used_input", "input_tokens"),
        pl.coalesce("used_output", "output_tokens"),
    )
    from_cache = pl.coalesce("used_cached", "cached_tokens").fill_null(0)
    outside = pl.col("provider").is_in(EXCLUSIVE).fill_null(False)
    fresh = pl.when(outside).then(given).otherwise((given - from_cache).clip(0))
    return (
        both.filter(given.fill_null(0) + made.fill_null(0) > 0)
        .select(
            "attempt_id",
            name=normalise(plain(pl.col("model"))),
            day=pl.col("started_at").dt.date().fill_null(date(9999, 1, 1)),
            fresh=fresh.fill_null(0), from_cache=from_cache, made=made.fill_null(0),
        )
        .filter(pl.col("name").is_not_null())
        .sort("day")
    )  # fmt: skip


def _dated(counted: pl.DataFrame, table: pl.DataFrame, strategy: str) -> pl.DataFrame:
    found = counted.join_asof(
        table.drop("model"), on="day", by="name", strategy=strategy,  # type: ignore[arg-type]
        check_sortedness=False,
    )  # fmt: skip
    return found.filter(pl.col("currency").is_not_null())
