"""From a HAR file and a usage export to a report, JSON lines and a claim list."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from billing.simulator import NOON
from cli import analyze as run

import analyzer

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
HEAD = (
    "generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,"
    "byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,"
    "model_permaslug,provider_name,variant,cancelled,streamed,user,finish_reason_raw,"
    "finish_reason_normalized,generation_time_ms,time_to_first_token_ms,api_key_disabled,"
    "api_key_name,app_name"
)


def entry(number: int, start: float, status: int = 200, message: str = "") -> dict[str, Any]:
    moment = NOON + timedelta(seconds=start)
    own = f"gen-{int(moment.timestamp())}-{number:08}"
    asked = {
        "model": "openai/gpt-5.4-mini",
        "messages": [{"role": "user", "content": f"n{number}"}],
    }
    answer: dict[str, Any] = {
        "id": own, "object": "chat.completion", "model": "openai/gpt-5.4-mini",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "Hello"}}],
        "usage": {"prompt_tokens": 10 + number, "completion_tokens": 20 + number},
    }  # fmt: skip
    if status >= 400:
        answer = {"error": {"code": status, "message": message or "Provider returned error"}}
    return {
        "startedDateTime": moment.isoformat().replace("+00:00", "Z"), "time": 900,
        "request": {
            "method": "POST", "url": "https://openrouter.ai/api/v1/chat/completions",
            "httpVersion": "HTTP/2", "cookies": [], "queryString": [], "headersSize": -1,
            "bodySize": -1, "headers": [{"name": "Authorization", "value": f"Bearer {KEY}"}],
            "postData": {"mimeType": "application/json", "text": json.dumps(asked)},
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "HTTP/2", "cookies": [],
            "headers": [{"name": "content-type", "value": "application/json"},
                        {"name": "X-Generation-Id", "value": own}],
            "redirectURL": "", "headersSize": -1, "bodySize": -1,
            "content": {"mimeType": "application/json", "size": 1, "text": json.dumps(answer)},
        },
        "cache": {}, "timings": {"send": 1, "wait": 880, "receive": 19},
    }  # fmt: skip


def line(number: int, start: float, cost: str = "0.0021", key: str = "=HYPERLINK(1)") -> str:
    moment = NOON + timedelta(seconds=start + 0.4)
    own = f"gen-{int((NOON + timedelta(seconds=start)).timestamp())}-{number:08}"
    return (
        f"{own},{moment:%Y-%m-%d %H:%M:%S}.400,{cost},0,0,0,0,{10 + number},{20 + number},0,0,"
        f"openai/gpt-5.4-mini,OpenAI,standard,false,false,,stop,stop,880,300,false,{key},app"
    )


@pytest.fixture
def captured(tmp_path: Path) -> Path:
    """Four failures: charged, free in the ledger, absent, and one after the export's end."""
    times = [60.0 * n for n in range(12)]
    failed = {3: 502, 5: 503, 7: 502}
    entries = [
        entry(n, t, failed.get(n, 200), f"Upstream broke for {KEY}" if n == 3 else "")
        for n, t in enumerate(times)
    ]
    entries.append(entry(90, 9000, 502))
    document = {
        "log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}
    }
    (tmp_path / "logs.har").write_text(json.dumps(document))
    rows = [line(n, t, "0" if n == 5 else "0.0021") for n, t in enumerate(times) if n != 7]
    (tmp_path / "usage.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return tmp_path


def test_the_report_says_what_was_billed(captured: Path) -> None:
    found = analyzer.analyze(captured / "logs.har", captured / "usage.csv")
    billing = found.billing
    assert billing.settled
    assert {c.value: c.count for c in billing.outcomes} == {
        "billed_exact": 1, "unbilled_proven": 2, "not_covered": 1,
    }  # fmt: skip
    assert billing.text == (
        "Of 4 failed attempts: 1 billed, 3 not billed; charged 0.0021 USD; 3 shown by the usage "
        "export, the others expected."
    )
    assert [(o.expected, o.observed, o.count) for o in billing.observed] == [
        ("unbilled", "billed", 1), ("unbilled", "unbilled", 2),
    ]  # fmt: skip
    (coverage,) = billing.coverage
    assert (coverage.by_id, coverage.unmatched, coverage.explained_share) == (11, 0, 1.0)
    assert KEY not in found.to_json()
    assert sum(row.billed for row in found.models) == 1


def test_claims_as_csv(captured: Path) -> None:
    out = captured / "claims.csv"
    done = run("claims", captured / "logs.har", captured / "usage.csv", "-o", out)
    assert done.code == 0, done.err
    assert "1 charged failure" in done.err.replace("\u00a0", " ")
    text = out.read_text()
    assert KEY not in text
    (row,) = csv.DictReader(io.StringIO(text))
    assert (
        row["x_RequestId"]
        == row["x_UsageRequestId"]
        == f"gen-{int(NOON.timestamp()) + 180}-00000003"
    )
    assert row["ChargePeriodStart"] == "2026-11-20T12:03:00.000Z"
    assert (row["BilledCost"], row["BillingCurrency"]) == ("0.0021", "USD")
    assert (row["x_HttpStatus"], row["x_EvidenceTier"]) == ("502", "K1")
    assert row["x_KeyName"] == "'=HYPERLINK(1)"
    assert row["x_ClaimReason"] == "http_error_charged"
    assert row["x_ClaimStrength"] == "contractual"
    assert row["x_PolicyUrl"].startswith("https://openrouter.ai/")
    assert "redacted" in row["ChargeDescription"]
    assert (row["x_Attempt"], row["x_UsageRow"]) == ("logs.har#4", "usage.csv#4")


def test_claims_as_markdown_and_on_stdout(captured: Path) -> None:
    files = (captured / "logs.har", captured / "usage.csv")
    out = captured / "claims.md"
    assert run("claims", *files, "-o", out).code == 0
    text = out.read_text()
    assert text.startswith("# Claim list")
    assert "0.0021" in text
    assert "zero-completion-insurance" in text
    assert KEY not in text
    shown = run("claims", *files)
    assert len(shown.out.strip().splitlines()) == 2


def test_claims_need_an_export_and_a_form(captured: Path) -> None:
    alone = run("claims", captured / "logs.har")
    assert (alone.code, "no usage export" in alone.err) == (2, True)
    form = run("claims", captured / "logs.har", captured / "usage.csv", "-o", captured / "x.html")
    assert (form.code, ".csv or .md" in form.err) == (2, True)


def test_json_lines_have_the_bill(captured: Path) -> None:
    out = captured / "all.jsonl"
    assert run(captured / "logs.har", captured / "usage.csv", "-q", "-o", out).code == 0
    rows = [json.loads(text) for text in out.read_text().splitlines()]
    billed = [row for row in rows if row["billing_match"]]
    assert [(row["record"], row["billing"], row["billed_cost"]) for row in billed] == [
        (4, "billed", "0.0021"), (6, "unbilled", "0"),
    ]  # fmt: skip
    assert billed[0]["currency"] == "USD"
    assert billed[0]["billing_match"] == {
        "tier": "K1", "score": 1.0, "margin": 1.0, "usage_input": "usage.csv", "usage_record": 4,
    }  # fmt: skip
    parquet = captured / "all.parquet"
    assert run(captured / "logs.har", captured / "usage.csv", "-q", "-o", parquet).code == 0


def test_settling_changes_no_verdict_on_the_layer(captured: Path) -> None:
    one = analyzer.analyze(captured / "logs.har")
    two = analyzer.analyze(captured / "logs.har", captured / "usage.csv")
    assert one.totals.model_copy(update={"records": 0}) == two.totals.model_copy(
        update={"records": 0}
    )
    assert [g.fingerprint for g in one.groups] == [g.fingerprint for g in two.groups]
