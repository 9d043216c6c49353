"""The logs of the one-api family: what their rows share, and what their points are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import polars as pl

from analyzer import data
from analyzer.ingest.formats.usage.cells import Cells

UNITS = "usage_units.yaml"
TOLD = frozenset(
    {"created_at", "type", "model_name", "quota", "prompt_tokens", "completion_tokens"}
)
COLUMNS = TOLD | {
    "id", "user_id", "content", "username", "token_name", "channel", "channel_id", "channel_name",
    "token_id", "group", "ip", "request_id", "upstream_request_id", "is_stream",
}  # fmt: skip
_ID = r"\(request id: ([0-9A-Za-z_-]{8,80})\)"


@dataclass(frozen=True, slots=True)
class Unit:
    """How many points of a ledger are one unit of a currency."""

    per_unit: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A value of the column ``type``: its name in the product, and what such a row is."""

    word: str
    entry: str
    sign: int = 0
    """1: its points were taken, -1: given back, 0: they moved no money of a request."""


@cache
def units() -> Mapping[str, Unit]:
    """Return what the points of each ledger are worth."""
    import yaml

    text = (data.root("knowledge") / UNITS).read_text(encoding="utf-8")
    return {
        item["ledger"]: Unit(Decimal(str(item["per_unit"])), item["currency"])
        for item in yaml.load(text, Loader=yaml.CSafeLoader)
    }


def charges(cells: Cells, ledger: str, kinds: Mapping[str, Kind]) -> dict[str, object]:
    """Return what was charged: points as quantity, money by what a point is worth."""
    unit = units()[ledger]
    code = cells.text("type")
    points = cells.money("quota")
    worth = cells.money("quota", per=unit.per_unit)
    signs = {key: kind.sign for key, kind in kinds.items()}
    frame = pl.DataFrame({"code": code, "worth": worth}).select(
        "code", "worth",
        sign=pl.col("code").replace_strict(signs, default=0, return_dtype=pl.Int8),
        entry=pl.col("code").replace_strict(
            {key: kind.entry for key, kind in kinds.items()}, default=None,
            return_dtype=pl.String(),
        ),
        word=pl.col("code").replace(
            {key: kind.word for key, kind in kinds.items()}
        ),
    )  # fmt: skip
    # A refund is written as a positive number of points; sums need it the other way round. A
    # charge can be negative: the difference between what was reserved and what was used.
    cost = pl.when(pl.col("sign") > 0).then("worth").when(pl.col("sign") < 0).then(-_absolute())
    back = (pl.col("sign") > 0) & (pl.col("worth") < 0)
    made = frame.select(
        cost=cost,
        entry=pl.when(back).then(pl.lit("refund")).otherwise("entry"),
        word="word",
        basis=pl.when(pl.col("sign") != 0).then(pl.lit("charged")),
    )
    asked = made["entry"].is_in(["charge", "error", "test"])
    return {
        "requests": asked.cast(pl.Int64).set(~asked.fill_null(False), None),
        "quantity": points, "unit": "quota", "cost": made["cost"], "currency": unit.currency,
        "entry": made["entry"], "status": made["word"], "cost_basis": made["basis"],
    }  # fmt: skip


def _absolute() -> pl.Expr:
    worth = pl.col("worth")
    return pl.when(worth < 0).then(-worth).otherwise(worth)


def common(cells: Cells, ledger: str) -> dict[str, object]:
    """Return the columns that all products of the family write alike.

    ``created_at`` is the second in which the row was written: when the request was settled.
    """
    content = cells.text("content")
    own = cells.text("request_id")
    said = content.str.extract(_ID)
    ids = pl.DataFrame({"own": own, "said": said, "behind": cells.text("upstream_request_id")})
    # An id in the text that is not the row's own is that of a relay behind.
    other = pl.col("own").is_not_null() & (pl.col("said") != pl.col("own"))
    ids = ids.select(
        request=pl.coalesce("own", "said"),
        behind=pl.coalesce("behind", pl.when(other).then("said")),
    )
    return {
        "time": cells.time("created_at"), "time_kind": "settled", "time_precision_ms": 1000.0,
        "grain": "request", "gateway": ledger,
        "request_id": ids["request"], "upstream_request_id": ids["behind"],
        "model": cells.text("model_name"), "key_name": cells.text("token_name"),
        "stream": cells.flag("is_stream"), "detail": content,
        "input_tokens": cells.count("prompt_tokens"),
        "output_tokens": cells.count("completion_tokens"),
    }  # fmt: skip
