"""Sinks: all attempts, healthy ones too, as JSON lines or Parquet, streamed from the spill.

Each attempt is one line; the verdicts of failed ones are joined in; text is redacted by value
before it is written. The contract of the fields is versioned with ``JSONL_VERSION``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import polars as pl

from analyzer import correlate, ledger
from analyzer.billing.settle import Settled
from analyzer.correlate import Joined
from analyzer.spill import Spill

JSONL_VERSION = "1.1"

FIELDS: tuple[tuple[str, str], ...] = (
    ("input", "Path relative to the argument, archive member after '!'."),
    ("record", "1-based position in the source's own unit."),
    ("seen_in", "Every input#record that shows this attempt."),
    ("ok", "true, false, or null: the end is not in the capture."),
    ("started_at", "ISO 8601, UTC."),
    ("status", "HTTP status; null = no answer."),
    ("method", "HTTP method."),
    ("host", "Host that was asked."),
    ("path", "Path without query."),
    ("endpoint", "Kind of API call."),
    ("model", "Model that was asked for."),
    ("provider", "Whose model it is."),
    ("gateway", "Gateway or router that was asked."),
    ("client", "Program that called."),
    ("layer", "Failed attempts: where it arose; 'unknown' if the evidence does not tell."),
    ("emitted_by", "Failed attempts: who wrote the answer."),
    ("cause", "Failed attempts: why."),
    ("rule", "Failed attempts: id of the rule, without revision."),
    ("confidence", "Failed attempts: low, medium, high or certain."),
    ("ambiguous", "Failed attempts: rules of one tier disagree."),
    ("also", "Failed attempts: ids of the other rules that match."),
    ("possible", "Failed attempts: rules that fit but need what the inputs do not show."),
    ("billing", "Failed attempts: billed, unbilled, partial or unknown."),
    ("billing_basis", "Failed attempts: what that rests on."),
    ("billing_expected", "Failed attempts: what rule and policy expect."),
    (
        "billing_match",
        "Failed attempts: the usage row that is its bill, and how it was found: tier "
        "(K1 id, K2 tokens, K3 embedded time, K4 time), score, margin, usage_input, usage_record.",
    ),
    (
        "billed_cost",
        "Failed attempts: what that ledger charged in the end, as text; null = not told.",
    ),
    ("currency", "Currency of billed_cost."),
    ("request_id", "Id by which the answering party can look it up."),
    ("ray_id", "Cloudflare's ray id."),
    ("duration_ms", "To the last byte, milliseconds."),
    ("ttfb_ms", "To the first byte, milliseconds."),
    ("stream_state", "State of a streamed answer."),
    ("finish_reason", "Why generation ended."),
    ("input_tokens", "Prompt tokens."),
    ("output_tokens", "Completion tokens."),
    ("error_type", "error.type of the body."),
    ("error_code", "error.code of the body."),
    ("error_message", "The error's message, redacted."),
)
"""Name and meaning of every field of a line, in order."""

VERDICT_COLUMNS = (
    "layer", "emitted_by", "cause", "rule", "confidence", "ambiguous", "also", "possible",
    "billing", "billing_basis", "billing_expected",
)  # fmt: skip

_TEXT = (
    "input", "method", "host", "path", "model", "client", "finish_reason", "error_type",
    "error_code", "error_message", "request_id", "ray_id",
)  # fmt: skip

Redact = Callable[[pl.Series], pl.Series]


def frames(
    spill: Spill, verdicts: pl.DataFrame, joined: Joined, redact: Redact,
    settled: Settled | None = None,
) -> Iterator[pl.DataFrame]:  # fmt: skip
    """Yield all attempts with their verdicts, redacted, in reading order.

    An attempt that several hops saw is one row, that of its most client-side record. ``settled`` is
    what usage exports say.
    """
    places = correlate.seen_in(joined)
    by_attempt = verdicts.select("attempt_id", *VERDICT_COLUMNS)
    by_signature = _samples(verdicts)
    bills = _bills(verdicts, settled)
    for part in spill.batches():
        own = _own(part, joined)
        told = (
            own.join(by_attempt, on="attempt_id", how="left", maintain_order="left")
            .join(by_signature, on="signature", how="left", maintain_order="left")
            .join(places, on="attempt_id", how="left", maintain_order="left")
            .join(bills, on="attempt_id", how="left", maintain_order="left")
        )
        failed = ~pl.col("ok").fill_null(True)
        filled = told.with_columns(
            pl.coalesce("_seen_in", "seen_in").alias("seen_in"),
            *(
                pl.when(failed).then(pl.coalesce(name, f"_{name}")).alias(name)
                for name in VERDICT_COLUMNS
            ),
        ).with_columns(_observed(failed))
        yield _redacted(filled, redact).select(name for name, _ in FIELDS)


def _samples(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return the verdict of each signature, for failures that were only counted.

    What one attempt cost is no verdict on another: of the sample's billing, only the expectation.
    """
    first = verdicts.sort("attempt_id").unique("signature", keep="first", maintain_order=True)
    told = first.with_columns(
        billing=pl.col("billing_expected"), billing_basis=pl.col("billing_basis_expected")
    )
    return told.select("signature", *(pl.col(name).alias(f"_{name}") for name in VERDICT_COLUMNS))


def _bills(verdicts: pl.DataFrame, settled: Settled | None) -> pl.DataFrame:
    """Return what is observed of each failed attempt, those that were only counted too."""
    names = ["attempt_id", "billing_match", "billed_cost"]
    if settled is not None:
        rows = settled.observed.select(*names, "billed_currency", "observed")
    else:
        rows = verdicts.clear().select(
            *names, "billed_currency", pl.lit(None, pl.String).alias("observed")
        )
    return rows.rename({"billed_currency": "currency"})


def _observed(failed: pl.Expr) -> list[pl.Expr]:
    """Return the billing of failures that were only counted, where a usage row shows it."""
    counted = failed & pl.col("observed").is_not_null() & (
        pl.col("billing_basis") != "usage_export"
    )  # fmt: skip
    return [
        pl.when(counted).then("observed").otherwise("billing").alias("billing"),
        pl.when(counted)
        .then(pl.lit("usage_export"))
        .otherwise("billing_basis")
        .alias("billing_basis"),
    ]


def lines(
    spill: Spill, verdicts: pl.DataFrame, joined: Joined, redact: Redact,
    settled: Settled | None = None,
) -> Iterator[pl.DataFrame]:  # fmt: skip
    """Yield the frames of :func:`frames` as JSON lines want them: times and money as text."""
    for frame in frames(spill, verdicts, joined, redact, settled):
        money = pl.col("billed_cost").cast(pl.String).str.replace(r"\.?0+$", "")
        yield frame.with_columns(
            pl.col("started_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), billed_cost=money
        )


def write_parquet(
    spill: Spill, verdicts: pl.DataFrame, joined: Joined, redact: Redact, out: Path | IO[bytes],
    settled: Settled | None = None,
) -> None:  # fmt: skip
    """Write one Parquet file of all attempts, a row group per batch."""
    pl.concat(frames(spill, verdicts, joined, redact, settled)).write_parquet(out)


def _own(part: pl.DataFrame, joined: Joined) -> pl.DataFrame:
    """Return the rows that are attempts: not what a log nearer to the client shows already."""
    if joined.order["rank"].n_unique() < 2:
        return part
    keyed = part.with_columns(ledger.bucket(pl.col("started_at")).alias("bucket"))
    echo = correlate.corroborating(keyed, joined.covered, joined.hosts)
    cut = pl.col("attempt_id").is_in(joined.broken["primary"].implode())
    return part.filter(
        ~echo, ~pl.col("attempt_id").is_in(joined.members["attempt_id"].implode())
    ).with_columns(
        ok=pl.when(~cut).then("ok").otherwise(pl.lit(False)),
        stream_state=pl.when(~cut).then("stream_state").otherwise(pl.lit("truncated")),
    )


def _redacted(frame: pl.DataFrame, redact: Redact) -> pl.DataFrame:
    places = pl.element().map_batches(redact, return_dtype=pl.String)
    return frame.with_columns(
        *(redact(frame[name]).alias(name) for name in _TEXT),
        pl.col("seen_in").list.eval(places),
        pl.col("billing_match").struct.with_fields(
            pl.field("usage_input").map_batches(redact, return_dtype=pl.String)
        ),
    )
