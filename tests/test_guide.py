"""The founding case: every row of the gateway's 503 guide is reachable, each by a named test.

The rows are built with the canonical columns, judged by the engine with the shipped knowledge, and
compared with what the guide says of layer, cause and next steps.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from analyzer import columns, data
from analyzer.engine import load as loading
from analyzer.engine.judge import judge
from analyzer.engine.knowledge import KnowledgeBase
from analyzer.engine.rule import Rule
from analyzer.ledger import fold

START = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
API = "api.rutaapi.com"


@dataclass(frozen=True)
class Said:
    """A verdict and the rule that gave it."""

    layer: str
    emitted_by: str
    cause: str
    confidence: str
    billing: str
    rule: Rule

    @property
    def steps(self) -> str:
        """What the user is told to do, in order."""
        return "\n".join(self.rule.next_user)


@pytest.fixture(scope="module")
def kb() -> KnowledgeBase:
    return loading.load(data.root("knowledge"), cached=False)


def attempts(kb: KnowledgeBase, *rows: Mapping[str, Any]) -> pl.DataFrame:
    """Canonical rows from what matters of them; ``t`` is in seconds."""
    listed = [
        {
            "hop": "client", "host": API, "endpoint": "chat", "method": "POST", "ok": False,
            "path": "/v1/chat/completions", **row,
            "started_at": START + dt.timedelta(seconds=row.get("t", 0)),
        }
        for row in rows
    ]  # fmt: skip
    for number, row in enumerate(listed):
        row.pop("t", None)
        row["attempt_id"] = number
    names = {name for row in listed for name in row}
    dtypes = {name: columns.dtype_of(name) for name in names}
    cells = {name: [row.get(name) for row in listed] for name in names}
    return columns.conform(pl.DataFrame(cells, schema=dtypes), headers=sorted(kb.headers))


def said(kb: KnowledgeBase, *rows: Mapping[str, Any]) -> list[Said]:
    """Return the verdicts on the failed rows."""
    table = attempts(kb, *rows)
    verdicts = judge(table.filter(~pl.col("ok")), fold(table), None, kb)
    found = []
    for row in verdicts.iter_rows(named=True):
        rule = kb.rule(row["rule"])
        assert rule is not None
        found.append(
            Said(row["layer"], row["emitted_by"], row["cause"], row["confidence"],
                 row["billing_expected"], rule)
        )  # fmt: skip
    return found


BARE = {"status": 503, "body_kind": "json", "error_message": "Service Unavailable",
        "body_text": '{"error":{"message":"Service Unavailable"}}', "edge": "cloudflare",
        "server": "cloudflare"}  # fmt: skip
"""What a gateway behind Cloudflare answers when it gives no reason; the edge only carried it."""


# -- who can answer 503 --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"body_kind": "json", "error_type": "cf_service_unavailable",
         "body_text": '{"error":{"code":503,"type":"cf_service_unavailable"}}'},
        {"body_kind": "json", "error_shape": "problem",
         "body_text": '{"status":503,"error_code":503,"cloudflare_error":true}'},
        {"body_kind": "html", "html_title": f"{API} | 503: Service Temporarily Unavailable",
         "body_text": f'<title>{API} | 503</title><div id="cf-error-details">'},
    ],
)  # fmt: skip
def test_503_of_the_edge_without_a_healthy_origin(
    kb: KnowledgeBase, answer: dict[str, Any]
) -> None:
    (one,) = said(kb, {**answer, "status": 503, "edge": "cloudflare", "edge_marker": "cloudflare"})
    assert (one.layer, one.emitted_by, one.cause) == ("gateway", "edge", "no_healthy_upstream")
    assert "does not mean that Cloudflare is down" in one.rule.sections["Meaning"]


def test_503_of_the_edge_at_a_providers_own_host_arose_at_the_provider(kb: KnowledgeBase) -> None:
    row = {"status": 503, "body_kind": "text", "body_text": "error code: 503", "edge": "cloudflare"}
    (one,) = said(kb, {**row, "host": "api.openai.com", "provider_host": True})
    assert (one.layer, one.emitted_by) == ("upstream", "edge")


def test_stock_503_of_haproxy_behind_cloudflare_is_the_gateways(kb: KnowledgeBase) -> None:
    page = "<h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n"
    (one,) = said(kb, {"status": 503, "body_kind": "html", "body_text": page, "edge": "cloudflare",
                       "server": "cloudflare"})  # fmt: skip
    assert (one.layer, one.emitted_by, one.cause) == ("gateway", "gateway", "no_healthy_upstream")


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("The model is disabled", "no_route_for_model"),
        ("Could not connect to upstream", "upstream_connect_failure"),
        ("Insufficient credits, please top up", "quota_exhausted"),
        ("This model is not permitted for your account", "permission_denied"),
        ("The service is under maintenance", "maintenance"),
    ],
)
def test_503_of_the_gateway_names_its_reason(kb: KnowledgeBase, message: str, cause: str) -> None:
    (one,) = said(kb, {**BARE, "error_message": message, "body_text": f'{{"message":"{message}"}}'})
    assert (one.layer, one.cause) == ("gateway", cause)
    assert one.billing == "unbilled"


def test_503_of_an_overloaded_provider(kb: KnowledgeBase) -> None:
    message = "The model is currently overloaded. Please try again later."
    (one,) = said(kb, {**BARE, "error_message": message, "body_text": message})
    assert (one.layer, one.cause) == ("upstream", "overloaded")


def test_json_503_that_cloudflare_passed_on_is_never_the_edges(kb: KnowledgeBase) -> None:
    message = "No available channel for model gpt-x under group default (distributor)"
    (one,) = said(kb, {**BARE, "ray_id": "8f0a-FRA", "body_text": message, "error_message": message,
                       "error_shape": "oneapi", "error_type": "new_api_error",
                       "error_code": "model_not_found"})  # fmt: skip
    assert (one.layer, one.emitted_by, one.cause) == ("gateway", "gateway", "no_route_for_model")


# -- symptom -> likely cause -> check ------------------------------------------------------------


def test_503_immediately_sends_to_the_base_url_first(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {**BARE, "duration_ms": 120.0, "model": "a"})
    assert one.rule.id == "unknown.instant-503"
    assert one.cause == "service_unavailable"
    first = one.rule.next_user[0]
    assert "base URL" in first
    assert "/v1" in first


def test_503_after_a_long_wait_is_a_time_out_behind(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {**BARE, "duration_ms": 61_000.0, "model": "a"})
    assert (one.layer, one.cause, one.confidence) == ("gateway", "upstream_timeout", "medium")
    assert "smaller request" in one.steps
    assert "another model" in one.steps


def test_503_for_one_model_only_is_that_models_route(kb: KnowledgeBase) -> None:
    verdicts = said(
        kb,
        {**BARE, "t": 0, "model": "a", "duration_ms": 150.0},
        {"t": 20, "model": "b", "status": 200, "ok": True, "duration_ms": 900.0},
        {**BARE, "t": 40, "model": "a", "duration_ms": 61_000.0},
    )
    for one in verdicts:
        assert (one.layer, one.cause) == ("gateway", "no_route_for_model")
        for place in ("GET /v1/models", "pricing page", "dashboard"):
            assert place in one.steps


def test_one_model_only_is_surer_when_the_list_of_models_answers(kb: KnowledgeBase) -> None:
    models = {"t": 30, "endpoint": "models", "path": "/v1/models", "method": "GET", "status": 200}
    verdicts = said(
        kb,
        {**BARE, "t": 0, "model": "a", "duration_ms": 150.0},
        {"t": 20, "model": "b", "status": 200, "ok": True},
        {**models, "ok": True},
        {**BARE, "t": 40, "model": "a", "duration_ms": 150.0},
    )
    assert {one.confidence for one in verdicts} == {"high"}


def test_503_on_the_list_of_models_too_is_the_whole_gateway(kb: KnowledgeBase) -> None:
    models = {**BARE, "t": 20, "endpoint": "models", "path": "/v1/models", "method": "GET"}
    verdicts = said(kb, {**BARE, "t": 0, "model": "a", "duration_ms": 61_000.0}, models)
    for one in verdicts:
        assert (one.layer, one.cause) == ("gateway", "no_healthy_upstream")
        for word in ("Wait", "status page", "another route"):
            assert word in one.steps


@pytest.mark.parametrize("status", [401, 403])
def test_401_and_403_are_key_or_permission(kb: KnowledgeBase, status: int) -> None:
    (one,) = said(kb, {"status": status, "body_kind": "empty"})
    assert one.cause in ("invalid_key", "permission_denied")
    assert one.confidence == "low"
    assert "account" in one.steps
    assert one.billing == "unbilled"


def test_404_is_a_wrong_path(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {"status": 404, "path": "/chat/completions", "body_kind": "empty"})
    assert (one.layer, one.cause) == ("client", "wrong_path")
    assert "/v1" in one.steps


def test_503_that_repeats_for_minutes_sends_to_balance_dashboard_support(kb: KnowledgeBase) -> None:
    verdicts = said(
        kb, *({**BARE, "t": t, "model": "a", "duration_ms": 150.0} for t in (0, 90, 180, 270))
    )
    for one in verdicts:
        assert one.rule.id == "unknown.repeating-503"
        where = [one.steps.index(word) for word in ("balance", "dashboard", "support")]
        assert where == sorted(where)
        assert "outage" in one.rule.title


# -- the base URL --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "path", "problem", "answer"),
    [
        ("rutaapi.com", "/v1/chat/completions", "wrong_host", {"status": 503, "body_kind": "html"}),
        ("rutaapi.com", "/v1/chat/completions", "wrong_host", {"status": 405, "body_kind": "html"}),
        ("app.rutaapi.com", "/v1/models", "wrong_host", {"status": 200, "body_kind": "html"}),
        (API, "/v1/chat/completions/chat/completions", "doubled_endpoint",
         {"status": 404, "body_kind": "json", "error_message": "Not Found", "error_shape": "flat"}),
        (API, "/chat/completions", "missing_version", {"status": 503, "body_kind": "html"}),
        (API, "/chat/completions", "missing_version", {"status": 404, "body_kind": "empty"}),
        (API, "/v1/v1/chat/completions", "doubled_version", {"status": 404, "body_kind": "empty"}),
    ],
)  # fmt: skip
def test_wrong_base_url(
    kb: KnowledgeBase, host: str, path: str, problem: str, answer: dict[str, Any]
) -> None:
    row = {**answer, "host": host, "path": path, "base_url_problem": problem}
    (one,) = said(kb, {**row, "duration_ms": 120.0})
    assert (one.layer, one.cause, one.billing) == ("client", "wrong_path", "unbilled")
    assert "base URL" in one.rule.next_user[0]


@pytest.mark.parametrize(
    "page",
    [
        {"status": 503, "body_text": "<h1>503 Service Unavailable</h1>\n"
         "No server is available to handle this request.\n"},
        {"status": 403, "html_title": "Just a moment...", "resp_header.cf-mitigated": "challenge"},
        {"status": 503, "body_text": '503 <div id="cf-error-details">', "edge": "cloudflare"},
    ],
)  # fmt: skip
def test_whatever_a_website_answers_the_host_is_what_is_wrong(
    kb: KnowledgeBase, page: dict[str, Any]
) -> None:
    (one,) = said(kb, {**page, "body_kind": "html", "host": "rutaapi.com",
                       "base_url_problem": "wrong_host"})  # fmt: skip
    assert (one.rule.id, one.confidence) == ("client.wrong-host", "high")


def test_the_profile_lists_the_right_and_the_wrong_hosts(kb: KnowledgeBase) -> None:
    profile = kb.data["gateways/rutaapi"]
    assert profile["base_url"] == "https://api.rutaapi.com/v1"
    assert profile["hosts"]["right"] == [API]
    wrong = {entry["host"]: entry["what"] for entry in profile["hosts"]["wrong"]}
    assert wrong["rutaapi.com"] == "marketing website"
    assert wrong["app.rutaapi.com"] == "dashboard"


# -- the test call -------------------------------------------------------------------------------


def test_models_401_is_a_wrong_or_revoked_key(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {"status": 401, "endpoint": "models", "path": "/v1/models", "method": "GET",
                       "body_kind": "json", "error_message": "Unauthorized"})  # fmt: skip
    assert (one.layer, one.cause) == ("client", "invalid_key")


def test_models_200_speaks_against_a_wrong_base_url(kb: KnowledgeBase) -> None:
    models = {"t": 10, "endpoint": "models", "path": "/v1/models", "status": 200, "ok": True}
    (one,) = said(kb, {"t": 0, "status": 404, "model": "guessed", "body_kind": "empty"}, models)
    assert one.confidence == "low"
    assert "id from `GET /v1/models`" in one.steps


def test_models_503_is_the_gateway(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {**BARE, "endpoint": "models", "path": "/v1/models", "duration_ms": 150.0})
    assert (one.layer, one.cause) == ("gateway", "no_healthy_upstream")


# -- advice --------------------------------------------------------------------------------------

ORDER = ["base URL", "GET /v1/models", "key is valid", "shorter request", "another enabled model",
         "dashboard", "credit", "Pause", "support"]  # fmt: skip


def test_order_of_checks(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {**BARE, "duration_ms": 5_000.0})
    assert one.rule.id == "unknown.bare-503"
    where = [one.steps.index(word) for word in ORDER]
    assert where == sorted(where)
    assert "immediate retry is unlikely to help" in one.steps


def test_what_support_needs_and_must_not_get(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {**BARE, "duration_ms": 5_000.0})
    for part in ("time (UTC)", "model", "error code", "base URL", "request id", "never the key"):
        assert part in one.rule.next_user[-1]
    support = kb.data["gateways/rutaapi"]["support"]
    assert len(support["send"]) == 5
    assert "prefix" in support["never"][0]
    assert "rotated" in support["note"]


@pytest.mark.parametrize("slug", ["claude-code", "cline", "continue"])
def test_coding_tools_have_their_checklist(kb: KnowledgeBase, slug: str) -> None:
    (tool,) = [entry for entry in kb.data["clients"] if entry["slug"] == slug]
    steps = "\n".join(tool["settings"]["steps"])
    for word in ("/v1", "dashboard", "GET /v1/models"):
        assert word in steps


def test_billing_of_a_503_is_for_the_usage_log_to_decide(kb: KnowledgeBase) -> None:
    (one,) = said(kb, {**BARE, "duration_ms": 5_000.0})
    assert one.billing == "unknown"
    assert "usage log after the error decides" in one.rule.billing_why
    assert "gateway's rule to state" in one.rule.billing_why
    assert any("usage log" in step for step in one.rule.decided_by)
    billing = kb.data["gateways/rutaapi"]["billing"]
    assert billing["prepaid"] is True
    assert "usage log" in billing["text"]


def test_advice_says_what_a_gateway_cannot_promise(kb: KnowledgeBase) -> None:
    rules = [
        rule for rule in kb.rules if rule.match.get("status") == 503 and rule.folder == "unknown"
    ]
    assert rules
    for rule in rules:
        assert rule.retry_advice in ("after-backoff", "after-fix")
        assert not any("until it works" in step.lower() for step in rule.next_user)
    (one,) = said(kb, {**BARE, "duration_ms": 5_000.0})
    assert "stays 503 until it recovers" in (one.rule.retry_why or "")
    assert "Nobody can force an answer" in one.steps
    assert len(kb.data["gateways/rutaapi"]["limits"]) == 3
