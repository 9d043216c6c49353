"""The user's price list: what it may hold, which price counts, and what is never overwritten."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from billing.simulator import frame, judged
from cli import analyze as run

from analyzer import columns
from analyzer.billing import prices, settle
from analyzer.billing.settle import Options
from analyzer.errors import ConfigError

HEAD = "model,input,output,cached,currency,date\n"
LIST = HEAD + "gpt-5-mini,0.25,2,0.025,usd,2026-09-01\nopenai/gpt-5-mini,0.5,4,,USD,2026-12-01\n"
HAR = Path(__file__).resolve().parents[2] / "sample_logs" / "billed-by-openrouter" / "logs.har"


def table(folder: Path, text: str = LIST, name: str = "prices.csv") -> pl.DataFrame:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return prices.load(path)


def failed(**more: Any) -> pl.DataFrame:
    row: dict[str, Any] = {
        "attempt_id": 1, "input": "log", "record": 1, "ok": False, "model": "gpt-5-mini-2026-03-05",
        "started_at": datetime(2026, 11, 20, tzinfo=UTC), "input_tokens": 1000,
        "output_tokens": 100, "cached_tokens": 400,
    }  # fmt: skip
    made = judged(frame([{**row, **more}], columns.ATTEMPTS), "billed")
    return settle.unsettled(made)


def cost(failures: pl.DataFrame, told: pl.DataFrame, options: Options,
         tokens: pl.DataFrame | None = None) -> Decimal | None:  # fmt: skip
    found = prices.estimates(failures, tokens, told, options.normalise)
    return found["estimated_cost"][0].normalize() if found.height else None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Decimal("0.00036")),
        ({"cached_tokens": None}, Decimal("0.00045")),
        # Anthropic counts what came from the cache apart.
        ({"provider": "anthropic"}, Decimal("0.00046")),
        ({"output_tokens": None, "cached_tokens": None}, Decimal("0.00025")),
        # The price of that day; before the first price, the first.
        ({"started_at": datetime(2026, 12, 24, tzinfo=UTC), "cached_tokens": None},
         Decimal("0.0009")),
        ({"started_at": datetime(2020, 1, 1, tzinfo=UTC), "cached_tokens": None},
         Decimal("0.00045")),
        # Without a price of its own the cache costs what other input costs.
        ({"started_at": datetime(2026, 12, 24, tzinfo=UTC)}, Decimal("0.0009")),
        ({"model": "nobody-knows"}, None),
        ({"input_tokens": None, "output_tokens": None, "cached_tokens": None}, None),
        # What the answer states as its cost is never estimated.
        ({"cost": Decimal(1), "currency": "USD"}, None),
    ],
)  # fmt: skip
def test_an_estimate(
    change: dict[str, Any], expected: Decimal | None, tmp_path: Path, options: Options
) -> None:
    assert cost(failed(**change), table(tmp_path), options) == expected


def test_what_is_free_or_booked_is_not_estimated(tmp_path: Path, options: Options) -> None:
    told = table(tmp_path)
    free = failed().with_columns(billing=pl.lit("unbilled"))
    booked = failed().with_columns(billed_cost=pl.lit(Decimal(1), dtype=pl.Decimal(38, 18)))
    assert cost(free, told, options) is None
    assert cost(booked, told, options) is None


def test_tokens_of_the_usage_row_go_first(tmp_path: Path, options: Options) -> None:
    row = {"attempt_id": [1], "used_input": [4000], "used_output": [1], "used_cached": [0]}
    used = pl.DataFrame(row, schema_overrides={"attempt_id": pl.UInt64()})
    assert cost(failed(), table(tmp_path), options, used) == Decimal("0.001002")


def test_yaml_says_the_same_as_csv(tmp_path: Path) -> None:
    text = (
        "- {model: gpt-5-mini, input: 0.25, output: 2, cached: 0.025, currency: usd, "
        "date: 2026-09-01}\n- {model: openai/gpt-5-mini, input: 0.5, output: 4, currency: USD, "
        "date: 2026-12-01}\n"
    )
    assert table(tmp_path, text, "p.yaml").equals(table(tmp_path))


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("model,inptu,output,currency\nx,1,2,USD\n", "p.csv", "Did you mean 'input'"),
        ("model,input,output,currency\nx,1,,USD\n", "p.csv", "row 2: lacks output"),
        ("model,input,output,currency\nx,a,2,USD\n", "p.csv", "'a' is no price per million"),
        ("model,input,output,currency\nx,-1,2,USD\n", "p.csv", "'-1' is no price"),
        ("model,input,output,currency\nx,NaN,2,USD\n", "p.csv", "'NaN' is no price"),
        ("model,input,output,currency\nx,1,2,dollars\n", "p.csv", "no code such as USD"),
        (HEAD + "x,1,2,,USD,soon\n", "p.csv", "'soon' is no date"),
        (HEAD + "x,1,2,,USD,\nx,1,3,,USD,\n", "p.csv", "two prices of one date"),
        (HEAD, "p.csv", "holds no price"),
        ("a: [", "p.yaml", "no valid YAML"),
        ("a: 1", "p.yaml", "must be a list"),
        ("x", "p.xlsx", ".csv, .yaml or .yml"),
    ],
)
def test_a_broken_list_is_refused_with_its_place(
    text: str, name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--prices p") as raised:
        table(tmp_path, text, name)
    assert message in str(raised.value)


def test_from_the_command_line_to_report_and_claims(tmp_path: Path) -> None:
    """A ledger that counts tokens and tells no money."""
    usage = tmp_path / "usage.csv"
    sample = list(csv.DictReader((HAR.parent / "usage.csv").open()))
    lines = [
        f"{row['created_at']},{row['generation_id']},{row['model_permaslug']},"
        f"{row['tokens_prompt']},{int(row['tokens_completion']) or 9}"
        for row in sample
    ]
    usage.write_text("when,id,model,given,made\n" + "\n".join(lines) + "\n")
    names = ("time=when", "request_id=id", "model=model", "input_tokens=given",
             "output_tokens=made")  # fmt: skip
    words = [word for name in names for word in ("--map", name)]
    (tmp_path / "prices.csv").write_text(LIST)
    more = [*words, "--prices", tmp_path / "prices.csv"]
    out = tmp_path / "report.json"
    assert run(HAR, usage, *more, "-q", "-o", out).code == 0
    found = json.loads(out.read_text())
    told = {(one["billing"], one["observed"]): one for one in found["billing"]["estimates"]}
    # Two 502 of 100 + 9 tokens, and a time-out of 100 + 40.
    assert told["billed", True]["count"] == 3
    assert told["billed", True]["amount"] == "0.000191"
    assert {one["price_date"] for one in told.values()} == {"2026-09-01"}
    assert "--prices prices.csv" in found["method"]["command"]
    shown = run(HAR, usage, *more, "-v")
    assert "Estimated by your price list (prices of 2026-09-01)" in " ".join(shown.out.split())
    listed = run("claims", HAR, usage, *more)
    rows = list(csv.DictReader(io.StringIO(listed.out)))
    assert {row["x_CostBasis"] for row in rows} == {"estimated"}
    # That the time-out is charged is what OpenRouter says itself: no claim.
    assert [row["BilledCost"] for row in rows] == ["0.000043", "0.000043"]
    without = run("claims", HAR, usage, *words)
    assert len(without.out.strip().splitlines()) == 1
    assert "in a ledger that tells no money" in without.err
