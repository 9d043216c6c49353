"""Every export of other projects is detected and read, or refused with a reason."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from analyzer.ingest import capture, detect, files
from analyzer.ingest.base import Wants

pytestmark = pytest.mark.corpus

FAMILIES: dict[str, tuple[str | None, int]] = {
    "anthropic_admin_cost_report.json": ("anthropic-cost", 2),
    "anthropic_admin_usage_report.json": ("anthropic-usage", 1),
    "anthropic_console_cost.csv": ("anthropic-cost", 4),
    "anthropic_console_usage.csv": ("anthropic-usage", 0),
    "azure_cost_export_header.csv": ("azure-cost", 0),
    "bedrock_model_invocation_log.jsonl": ("bedrock-invocations", 1),
    "ccusage_daily.json": ("ccusage-daily", 1),
    "cursor_usage_v1.csv": ("cursor-usage", 0),
    "cursor_usage_v2.csv": ("cursor-usage", 4),
    "cursor_usage_v3.csv": ("cursor-usage", 4),
    "deepseek_amount_v1.csv": ("deepseek-amount", 4),
    "deepseek_amount_v2.csv": ("deepseek-amount", 4),
    "deepseek_cost_v1.csv": ("deepseek-cost", 1),
    "deepseek_cost_v2.csv": ("deepseek-cost", 1),
    "electronhub_user_logs.json": ("electronhub", 1),
    "fireworks_billing_metrics_v1.csv": ("fireworks-metrics", 1),
    "fireworks_billing_metrics_v2.csv": ("fireworks-metrics", 1),
    # Its one row is of a service named Compute, which is left out and counted.
    "focus_1_4_minimal.csv": ("focus", 0),
    "gcp_cost_table_gemini.csv": ("google-cost", 2),
    "github_copilot_ai_credits_v2.csv": ("github-copilot", 1),
    "github_copilot_premium_requests_v1.csv": ("github-copilot", 1),
    "langfuse_observations_v2_header.csv": ("langfuse-observations", 0),
    "litellm_spendlogs_schema_sample.csv": ("litellm-spend", 2),
    "newapi_logs_schema_sample.csv": ("new-api-logs", 4),
    "oneapi_logs_schema_sample.csv": ("one-api-logs", 2),
    "openai_costs_api.json": ("openai-cost", 2),
    "openai_platform_completions_usage_empty.csv": ("openai-usage", 1),
    "openai_platform_cost.csv": ("openai-cost", 3),
    "openai_usage_completions_api.json": ("openai-usage", 2),
    "openrouter_activity_aggregate.csv": ("openrouter-totals", 3),
    "openrouter_activity_api.json": ("openrouter-daily", 1),
    "openrouter_activity_generation_export.csv": ("openrouter-activity", 3),
    "openrouter_generation_api_cancelled.json": ("openrouter-generation", 1),
    "pollinations_usage.csv": ("pollinations", 0),
    # The export itself is JSON and an access log; this is a list of its fields, told as such.
    "portkey_log_export_fields.csv": ("generic-usage", 0),
    # An access log of a gateway, not of this family.
    "cloudflare_ai_gateway_log.json": ("cloudflare-ai-gateway", 0),
    # No exports: lists of names.
    "aws_cur_bedrock_usage_types.txt": (None, 0),
    "cn_bill_headers.tsv": (None, 0),
}
"""File -> format and number of its usage rows."""

SUMS = {
    "anthropic_console_cost.csv": ("cost_usd", 1),
    "cursor_usage_v2.csv": ("Cost", 1),
    "deepseek_cost_v1.csv": ("cost", 1),
    "deepseek_cost_v2.csv": ("cost", 1),
    "github_copilot_premium_requests_v1.csv": ("net_amount", 1),
    "litellm_spendlogs_schema_sample.csv": ("spend", 1),
    "oneapi_logs_schema_sample.csv": ("quota", 500_000),
    "openai_platform_cost.csv": ("amount_value", 1),
    "openrouter_activity_generation_export.csv": ("cost_total", 1),
}
"""File -> its column of money, and how many of its units are one of the currency."""


def read(path: Path):
    (source,), _ = files.expand([str(path)])
    wants = Wants(frozenset(), capture._Forgetful())
    batches = [batch for _, _, batch in capture.read([source], wants)]
    return (
        detect.detect(source),
        [batch.usage for batch in batches if batch.usage is not None],
        [problem for batch in batches for problem in batch.problems],
    )


def test_every_file_has_its_family(corpus: Path) -> None:
    there = {path.name for path in (corpus / "usage").iterdir()} - {"INDEX.tsv"}
    assert there == set(FAMILIES)
    for name, (family, height) in FAMILIES.items():
        found, rows, problems = read(corpus / "usage" / name)
        assert (found.name if found else None) == family, name
        assert sum(frame.height for frame in rows) == height, name
        kinds = {problem.kind for problem in problems}
        assert not kinds & {"internal", "unknown_column", "bad_value", "bad_money", "bad_row"}, name
        if height == 0 and name != "cloudflare_ai_gateway_log.json":
            assert problems, name


def test_sums_are_those_of_the_text(corpus: Path) -> None:
    for name, (column, per) in SUMS.items():
        path = corpus / "usage" / name
        text = path.read_text("utf-8-sig")
        cells = [row[column] for row in csv.DictReader(io.StringIO(text))]
        expected = sum((Decimal(cell) for cell in cells if cell), Decimal(0)) / per
        _, rows, _ = read(path)
        assert sum((frame["cost"].sum() for frame in rows), Decimal(0)) == expected, name
