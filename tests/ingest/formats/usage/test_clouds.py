from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from analyzer.ingest.base import Reading
from analyzer.ingest.formats.usage import (
    aws_cur,
    azure_cost,
    azure_llm_log,
    bedrock,
    focus,
    google_cost,
)
from analyzer.ingest.told import zone

PREAMBLE = 'Invoice number,X\nCurrency,AUD\nTotal amount due,"$1,000.00"\n'
GOOGLE = (
    "Project name,Service description,Service ID,SKU description,SKU ID,Credit type,Cost type,"
    "Usage start date,Usage end date,Usage amount,Usage unit,Unrounded cost ($),Cost ($)\n"
)
GEMINI = (
    'p,Gemini API,s,text in,k,,Usage,2026-08-01,2026-08-31,"20,122,880",count,"1,085.840",1.09\n'
)
OTHERS = (
    "p,Gemini API,s,text in,k,Promotion,Usage,2026-08-01,2026-08-31,1,count,-5.5,-5.5\n"
    "p,Compute Engine,s,N1 core,k,,Usage,2026-08-01,2026-08-31,1,hour,700,700\n"
)


def test_google_has_lines_before_its_header_that_name_the_currency(run) -> None:
    data = (PREAMBLE + GOOGLE + GEMINI + OTHERS).encode()
    assert google_cost.FORMAT.sniff(data, "x") > 0.9
    got = run(data, google_cost.FORMAT)
    assert sorted(got.kinds) == ["assumed_zone", "other_service"]
    used, credit = got.frame.rows(named=True)
    assert (used["cost"], used["currency"]) == (Decimal("1085.840"), "AUD")
    assert (used["quantity"], used["unit"]) == (Decimal(20122880), "count")
    assert (used["grain"], used["record"]) == ("period", 1)
    assert used["period_end"] == datetime(2026, 9, 1, tzinfo=UTC)
    assert (credit["entry"], credit["cost"]) == ("credit", Decimal("-5.5"))


def test_googles_sign_alone_names_no_currency(run) -> None:
    got = run((GOOGLE + GEMINI).encode(), google_cost.FORMAT)
    assert got.row["currency"] is None
    assert "no_currency" in got.kinds
    euro = run((GOOGLE + GEMINI).replace("($)", "(€)").encode(), google_cost.FORMAT)
    assert (euro.row["currency"], euro.row["cost"]) == ("EUR", Decimal("1085.840"))


AZURE = (
    "ResourceId,CostInBillingCurrency,BillingCurrencyCode,ChargeType,Date,ResourceGroup,"
    "MeterCategory,MeterName,UnitOfMeasure,Quantity\n"
)


def test_azure_of_a_european_account(run) -> None:
    data = AZURE + "r,1.234,56,EUR,Usage,13/08/2026,g,Azure OpenAI,gpt-4o Inp,1K,2,5\n"
    data = (
        data.replace(",", ";").replace("1.234;56", '"1.234,56"').replace("2;5\n", '"2,5"\n')
        + "r;-0,5;EUR;Refund;14/08/2026;g;Azure OpenAI;gpt-4o Inp;1K;0\n"
        + "r;9;EUR;Usage;14/08/2026;g;Storage;Blob;1 GB;1\n"
    )
    assert azure_cost.FORMAT.sniff(data.encode(), "x") > 0.9
    got = run(data.encode(), azure_cost.FORMAT, reading=Reading(zone=zone("+02:00")))
    assert got.kinds == ["other_service"]
    used, refund = got.frame.rows(named=True)
    assert (used["cost"], used["quantity"]) == (Decimal("1234.56"), Decimal("2.5"))
    assert used["time"] == datetime(2026, 8, 12, 22, tzinfo=UTC)
    assert (used["meter"], used["unit"], used["model"]) == ("gpt-4o Inp", "1K", None)
    assert (refund["entry"], refund["cost"]) == ("refund", Decimal("-0.5"))


def test_azure_dates_that_could_be_either_are_told(run) -> None:
    data = AZURE + "r,1.5,USD,Usage,08/09/2026,g,Azure OpenAI,m,1K,2\n"
    got = run(data.encode(), azure_cost.FORMAT)
    assert got.row["time"] == datetime(2026, 8, 9, tzinfo=UTC)
    assert "assumed_date_order" in got.kinds


def test_azure_api_management_splits_long_exchanges(run) -> None:
    names = "TimeGenerated [UTC],CorrelationId,DeploymentName,ModelName,PromptTokens,"
    names += "CompletionTokens,IsStreamCompletion,SequenceNumber,RequestId\n"
    data = names + (
        '"8/13/2026, 9:00:05.250 AM",c1,dep,gpt-4o,10,20,true,0,r1\n'
        '"8/13/2026, 9:00:05.250 AM",c1,dep,,,,,1,\n'
        '"8/13/2026, 9:00:07.250 AM",c2,dep,,1,2,false,0,\n'
    )
    assert azure_llm_log.FORMAT.sniff(data.encode(), "x") > 0.9
    got = run(data.encode(), azure_llm_log.FORMAT)
    assert got.problems == []
    first, second = got.frame.rows(named=True)
    assert (first["request_id"], first["input_tokens"], first["model"]) == ("c1", 10, "gpt-4o")
    assert (second["model"], second["stream"], second["time_kind"]) == ("dep", False, "start")
    assert first["time"].replace(microsecond=0) == datetime(2026, 8, 13, 9, 0, 5, tzinfo=UTC)


def cur(names: list[str], *rows: list[str]) -> bytes:
    return "\n".join(",".join(line) for line in (names, *rows)).encode() + b"\n"


OLD = ["UsageStartDate", "UsageEndDate", "ProductCode", "UsageType", "LineItemType", "UsageAmount",
       "CurrencyCode", "UnblendedCost"]  # fmt: skip
HOUR = ["2026-08-01T00:00:00Z", "2026-08-01T01:00:00Z", "AmazonBedrock"]


@pytest.mark.parametrize("old", [True, False])
def test_aws_counts_thousands_of_tokens(run, old) -> None:
    new = ["".join(f"_{c.lower()}" if c.isupper() else c for c in name) for name in OLD]
    names = [f"lineItem/{name}" for name in OLD] if old else [f"line_item{name}" for name in new]
    unit = "pricing/unit" if old else "pricing_unit"
    data = cur(
        [*names, unit],
        [*HOUR, "USE1-Claude4.6Opus-input-tokens", "Usage", "1.5", "USD", "0.0075", "1K tokens"],
        [*HOUR, "USE1-Claude4.6Opus-cache-read-input-token-count", "Usage", "2", "USD", "0.1", ""],
        [*HOUR, "USE1-NovaMicro-output-tokens-batch", "Refund", "-1", "USD", "-0.25", ""],
        [*HOUR, "USE1-MP:USE1_input_tokens_global_standard-Units", "Usage", "3", "USD", "1", ""],
        [*HOUR[:2], "AmazonS3", "Requests-Tier1", "Usage", "3", "USD", "1", "Requests"],
    )
    assert aws_cur.FORMAT.sniff(data, "x") > 0.9
    got = run(data, aws_cur.FORMAT)
    assert got.kinds == ["other_service"]
    plain, cached, refund, market = got.frame.rows(named=True)
    assert (plain["input_tokens"], plain["cost"], plain["grain"]) == (
        1500, Decimal("0.0075"), "hour",
    )  # fmt: skip
    assert (cached["cached_tokens"], cached["input_tokens"]) == (2000, None)
    assert (refund["entry"], refund["cost"]) == ("refund", Decimal("-0.25"))
    assert (market["input_tokens"], market["quantity"]) == (None, Decimal(3))


def test_bedrock_invocations(run) -> None:
    item = {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "accountId": "1",
        "timestamp": "2026-01-15T12:00:00Z", "requestId": "r-1", "modelId": "anthropic.claude-x",
        "operation": "InvokeModelWithResponseStream", "region": "us-east-1",
        "input": {"inputContentType": "application/json", "inputBodyJson": {"messages": ["x"]},
                  "inputTokenCount": 1500, "cacheReadInputTokenCount": 7},
        "output": {"outputBodyJson": [], "outputTokenCount": 500},
    }  # fmt: skip
    failed = {**item, "errorCode": "ThrottlingException", "output": None, "requestId": "r-2"}
    data = "\n".join(map(json.dumps, (item, failed))).encode()
    assert bedrock.FORMAT.sniff(data, "x") > 0.9
    got = run(data, bedrock.FORMAT)
    assert got.problems == []
    done, error = got.frame.rows(named=True)
    assert (done["request_id"], done["stream"], done["input_tokens"]) == ("r-1", True, 1500)
    assert (done["cached_tokens"], done["output_tokens"], done["time_kind"]) == (7, 500, None)
    assert (error["entry"], error["error_code"], error["output_tokens"]) == (
        "error", "ThrottlingException", None,
    )  # fmt: skip


def test_focus_of_either_version(run) -> None:
    names = (
        "BilledCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ListCost,"
        "ServiceCategory,ServiceName,{},ConsumedQuantity,ConsumedUnit,SkuId\n"
    )
    rows = (
        "1.25,usd,Usage,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z,2,AI and Machine Learning,API,"
        "Anthropic,1000,tokens,claude-x\n"
        "-0.25,EUR,Usage,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z,,AI and Machine Learning,API,"
        "Anthropic,,,\n"
        "7,USD,Usage,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z,7,Compute,VM,X,1,hour,\n"
    )
    for provider in ("ProviderName", "ServiceProviderName"):
        data = (names.format(provider) + rows).encode()
        assert focus.FORMAT.sniff(data, "x") > 0.9
        got = run(data, focus.FORMAT)
        assert got.kinds == ["other_service"]
        used, back = got.frame.rows(named=True)
        assert (used["cost"], used["list_cost"], used["currency"]) == (
            Decimal("1.25"), Decimal(2), "USD",
        )  # fmt: skip
        assert (used["provider"], used["meter"], used["grain"]) == ("anthropic", "claude-x", "day")
        assert (back["entry"], back["cost"], back["currency"]) == (
            "refund", Decimal("-0.25"), "EUR",
        )  # fmt: skip
