"""Every error envelope of the catalogue: its shape, and where type, code and message stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzer import vocabulary
from analyzer.signals.body import read_answer

LITELLM_429 = "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached"
NO_CHANNEL = "No available channel for model m under group default (distributor)"

# name, status, body, shape, type, code, message contains, other fields
ENVELOPES: list[tuple[str, int, Any, str, str | None, str | None, str, dict[str, Any]]] = [
    (
        "openai",
        401,
        {
            "error": {
                "message": "Incorrect API key provided",
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_api_key",
            }
        },
        "openai",
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key",
        {"error_param": None},
    ),
    (
        "openai with a param",
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens'",
                "type": "invalid_request_error",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }
        },
        "openai",
        "invalid_request_error",
        "unsupported_parameter",
        "Unsupported",
        {"error_param": "max_tokens"},
    ),
    (
        "cloudflare in front of openai",
        524,
        {
            "error": {
                "code": 524,
                "message": "Gateway timeout.",
                "param": None,
                "type": "cf_gateway_timeout",
            }
        },
        "openai",
        "cf_gateway_timeout",
        "524",
        "Gateway timeout",
        {},
    ),
    (
        "anthropic",
        529,
        {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"},
            "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        },
        "anthropic",
        "overloaded_error",
        None,
        "Overloaded",
        {"body_request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"},
    ),
    (
        "anthropic spend cap",
        429,
        {
            "type": "error",
            "error": {
                "type": "rate_limit_error",
                "message": "limit",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
        },
        "anthropic",
        "rate_limit_error",
        "enforced_spend_limit_reached",
        "limit",
        {},
    ),
    (
        "google with ErrorInfo",
        429,
        {
            "error": {
                "code": 429,
                "message": "exhausted your capacity",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"},
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "MODEL_CAPACITY_EXHAUSTED",
                    },
                ],
            }
        },
        "google",
        "RESOURCE_EXHAUSTED",
        "MODEL_CAPACITY_EXHAUSTED",
        "capacity",
        {},
    ),
    (
        "google in an array",
        503,
        [
            {
                "error": {
                    "code": 503,
                    "message": "The model is overloaded.",
                    "status": "UNAVAILABLE",
                }
            }
        ],
        "google",
        "UNAVAILABLE",
        "503",
        "overloaded",
        {"stream_state": None},
    ),
    (
        "google interactions",
        400,
        {"error": {"code": "invalid_request", "message": "bad"}},
        "openai",
        None,
        "invalid_request",
        "bad",
        {},
    ),
    (
        "azure content filter",
        400,
        {
            "error": {
                "message": "The response was filtered",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        "azure",
        "ResponsibleAIPolicyViolation",
        "content_filter",
        "filtered",
        {"error_param": "prompt"},
    ),
    (
        "azure deployment",
        404,
        {"error": {"code": "DeploymentNotFound", "message": "does not exist"}},
        "azure",
        None,
        "DeploymentNotFound",
        "does not exist",
        {},
    ),
    (
        "azure api management",
        429,
        {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 5 seconds."},
        "azure",
        None,
        "429",
        "Rate limit is exceeded",
        {},
    ),
    (
        "openrouter",
        429,
        {
            "error": {
                "code": 429,
                "message": "Provider returned error",
                "metadata": {"provider_name": "DeepInfra", "error_type": "rate_limit_exceeded"},
            },
            "user_id": "u",
        },
        "openrouter",
        "rate_limit_exceeded",
        "429",
        "Provider returned error",
        {"error_provider": "DeepInfra"},
    ),
    (
        "openrouter in-flight budget",
        402,
        {
            "error": {
                "code": 402,
                "message": "in flight",
                "metadata": {"limit_source": "openrouter_in_flight_budget"},
            }
        },
        "openrouter",
        None,
        "402",
        "in flight",
        {"error_param": "openrouter_in_flight_budget"},
    ),
    (
        "openrouter edge time-out",
        524,
        {"error": {"code": 524, "message": "Request timed out. Please try again later."}},
        "openrouter",
        None,
        "524",
        "timed out",
        {},
    ),
    (
        "litellm relaying a provider",
        429,
        {
            "error": {
                "message": LITELLM_429,
                "type": "throttling_error",
                "param": None,
                "code": "429",
            }
        },
        "litellm",
        "throttling_error",
        "429",
        "Rate limit reached",
        {"error_provider": "OpenAIException"},
    ),
    (
        "litellm itself",
        429,
        {
            "error": {
                "message": "No deployments available for selected model, Try again in 5 seconds.",
                "type": "None",
                "param": "None",
                "code": "429",
            }
        },
        "litellm",
        None,
        "429",
        "No deployments",
        {"error_param": None, "error_provider": None},
    ),
    (
        "litellm budget",
        429,
        {
            "error": {
                "message": "Budget has been exceeded! Key=x Current cost: 1.1, Max budget: 1.0",
                "type": "budget_exceeded",
                "param": None,
                "code": "429",
            }
        },
        "litellm",
        "budget_exceeded",
        "429",
        "Budget has been exceeded",
        {},
    ),
    (
        "new-api",
        503,
        {
            "error": {
                "message": f"{NO_CHANNEL} (request id: 20261001120000abcDEF12)",
                "type": "new_api_error",
                "param": "",
                "code": "model_not_found",
            }
        },
        "oneapi",
        "new_api_error",
        "model_not_found",
        "(request id: 20261001120000abcDEF12)",
        {"body_request_id": "20261001120000abcDEF12", "error_param": None},
    ),
    (
        "one-api",
        503,
        {
            "error": {
                "message": "当前分组 default 下对于模型 m 无可用渠道",
                "type": "one_api_error",
                "param": "",
                "code": "",
            }
        },
        "oneapi",
        "one_api_error",
        None,
        "无可用渠道",
        {},
    ),
    (
        "new-api upstream_error",
        502,
        {
            "error": {
                "message": "bad response status code 502",
                "type": "upstream_error",
                "param": "502",
                "code": "bad_response_status_code",
            }
        },
        "oneapi",
        "upstream_error",
        "bad_response_status_code",
        "status code 502",
        {"error_param": "502"},
    ),
    (
        "new-api panic",
        500,
        {"error": {"message": "Panic detected", "type": "new_api_panic"}},
        "oneapi",
        "new_api_panic",
        None,
        "Panic",
        {},
    ),
    (
        "a chain of relays: the outermost id",
        500,
        {
            "error": {
                "message": "boom (request id: inner0001) (request id: outer0002)",
                "type": "server_error",
                "code": None,
            }
        },
        "openai",
        "server_error",
        None,
        "boom",
        {"body_request_id": "outer0002"},
    ),
    (
        "new-api channel error",
        500,
        {"error": {"message": "no key", "type": "x", "code": "channel:no_available_key"}},
        "oneapi",
        "x",
        "channel:no_available_key",
        "no key",
        {},
    ),
    (
        "new-api in Anthropic's envelope",
        503,
        {"type": "error", "error": {"type": "new_api_error", "message": NO_CHANNEL}},
        "anthropic",
        "new_api_error",
        None,
        "No available channel",
        {},
    ),
    (
        "CLIProxyAPI cooldown",
        429,
        {"error": {"code": "model_cooldown", "message": "All credentials", "reset_seconds": 90}},
        "openai",
        None,
        "model_cooldown",
        "All credentials",
        {},
    ),
    (
        "RFC 9457",
        403,
        {
            "type": "https://example.com/probs/out-of-credit",
            "title": "You do not have enough credit.",
            "status": 403,
            "detail": "Your balance is 30.",
        },
        "problem",
        "https://example.com/probs/out-of-credit",
        None,
        "Your balance is 30",
        {},
    ),
    (
        "aws __type",
        400,
        {"__type": "com.amazon.coral.service#ValidationException", "message": "bad model"},
        "flat",
        "ValidationException",
        None,
        "bad model",
        {},
    ),
    ("aws api gateway", 403, {"message": "Forbidden"}, "flat", None, None, "Forbidden", {}),
    (
        "kong",
        404,
        {"message": "no Route matched with those values", "request_id": "a" * 32},
        "flat",
        None,
        None,
        "no Route matched",
        {"body_request_id": "a" * 32},
    ),
    (
        "mistral",
        429,
        {
            "object": "error",
            "message": "Service tier capacity exceeded for this model.",
            "type": "service_tier_capacity_exceeded",
            "param": None,
            "code": "3505",
        },
        "flat",
        "service_tier_capacity_exceeded",
        "3505",
        "capacity exceeded",
        {},
    ),
    (
        "xai",
        403,
        {"code": "Some resource has been exhausted", "error": "Your team has used all credits"},
        "flat",
        None,
        "Some resource has been exhausted",
        "used all credits",
        {},
    ),
    ("ollama", 404, {"error": "model 'x' not found"}, "flat", None, None, "not found", {}),
    ("fastapi", 404, {"detail": "Not Found"}, "flat", None, None, "Not Found", {}),
    (
        "fastapi validation",
        422,
        {"detail": [{"loc": ["body", "model"], "msg": "Field required", "type": "missing"}]},
        "flat",
        None,
        None,
        "body.model: Field required",
        {},
    ),
    (
        "an envelope inside detail",
        500,
        {"detail": {"error": {"message": "inner", "type": "t", "code": "c"}}},
        "openai",
        "t",
        "c",
        "inner",
        {},
    ),
    (
        "a framework",
        404,
        {"statusCode": 404, "message": "Cannot POST /v1", "error": "Not Found"},
        "flat",
        "Not Found",
        None,
        "Cannot POST",
        {},
    ),
    (
        "oauth",
        400,
        {"error": "invalid_grant", "error_description": "Token expired"},
        "flat",
        "invalid_grant",
        None,
        "Token expired",
        {},
    ),
    (
        "cloudflare ai gateway",
        401,
        {"success": False, "error": [{"code": 2009, "message": "Unauthorized"}]},
        "flat",
        None,
        "2009",
        "Unauthorized",
        {},
    ),
    (
        "baidu",
        200,
        {"error_code": 18, "error_msg": "Open api qps request limit reached"},
        "flat",
        None,
        "18",
        "qps",
        {"visible_output": False},
    ),
    (
        "cloudflare's JSON",
        522,
        {
            "title": "Error 522: Connection timed out",
            "status": 522,
            "error_code": 522,
            "error_name": "connection_timeout",
            "cloudflare_error": True,
        },
        "flat",
        "connection_timeout",
        "522",
        "Connection timed out",
        {},
    ),
    (
        "zhipu code as text",
        429,
        {"error": {"code": "1113", "message": "account in arrears"}},
        "openai",
        None,
        "1113",
        "arrears",
        {},
    ),
    (
        "wso2",
        446,
        {
            "code": "900514",
            "type": "AI_GUARDRAIL",
            "message": {"action": "GUARDRAIL_INTERVENED", "direction": "REQUEST"},
        },
        "flat",
        "AI_GUARDRAIL",
        "900514",
        "GUARDRAIL_INTERVENED",
        {},
    ),
    (
        "portkey guardrail",
        446,
        {"error": {"message": "The guardrail checks failed", "type": "hooks_failed"}},
        "openai",
        "hooks_failed",
        None,
        "guardrail",
        {},
    ),
]


@pytest.mark.parametrize(
    ("status", "body", "shape", "kind", "code", "message", "more"),
    [row[1:] for row in ENVELOPES],
    ids=[row[0] for row in ENVELOPES],
)
def test_envelope(
    status: int,
    body: Any,
    shape: str,
    kind: str | None,
    code: str | None,
    message: str,
    more: dict[str, Any],
) -> None:
    facts = read_answer(json.dumps(body), "application/json", status)
    assert facts.body_kind == "json"
    assert (facts.error_shape, facts.error_type, facts.error_code) == (shape, kind, code)
    assert message in (facts.error_message or "")
    assert {name: getattr(facts, name) for name in more} == more
    assert facts.error_shape in vocabulary.words(vocabulary.ERROR_SHAPES)


@pytest.mark.parametrize(
    ("body", "content_type", "shape", "message", "title"),
    [
        ("no healthy upstream", "text/plain", "text", "no healthy upstream", None),
        ("error code: 1015", "text/plain; charset=UTF-8", "text", "error code: 1015", None),
        ("error code: 1015", "text/html", "text", "error code: 1015", None),
        (
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
            "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n",
            "text/html",
            "html",
            "502 Bad Gateway",
            "502 Bad Gateway",
        ),
        (
            "<html><body><h1>503 Service Unavailable</h1>\n"
            "No server is available to handle this request.\n</body></html>\n",
            "text/html",
            "html",
            "503 Service Unavailable No server is available to handle this request.",
            None,
        ),
        (
            "<!DOCTYPE html>\n<!--[if lt IE 7]> x <![endif]-->\n<html><head>\n"
            "<title>api.example.com |\n  522: Connection timed out &amp; more</title></head>",
            None,
            "html",
            "api.example.com | 522: Connection timed out & more",
            "api.example.com | 522: Connection timed out & more",
        ),
    ],
)
def test_text_and_pages(
    body: str, content_type: str | None, shape: str, message: str, title: str | None
) -> None:
    facts = read_answer(body, content_type, 503)
    assert facts.body_kind == shape
    assert (facts.error_shape, facts.error_message, facts.html_title) == (shape, message, title)
    assert facts.visible_output is False


def test_a_page_with_status_200_is_no_error_by_itself() -> None:
    facts = read_answer("<html><title>Log in</title></html>", "text/html", 200)
    assert facts.body_kind == "html"
    assert facts.html_title == "Log in"
    assert facts.error_shape is None


def test_a_long_text_is_cut() -> None:
    facts = read_answer("x" * 9000, "text/plain", 500)
    assert facts.error_message == "x" * 512
    assert facts.body_text == "x" * 4096


def test_a_message_keeps_its_request_id_verbatim() -> None:
    message = "boom (request id: 20261001120000abcDEF12)"
    facts = read_answer(json.dumps({"error": {"message": message}}), "application/json", 500)
    assert facts.error_message == message
