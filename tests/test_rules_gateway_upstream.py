"""Answers as gateways and providers write them, from their bytes to the verdict.

Each row is one answer in the form that the party documents (or that its source writes). Nothing of
it is matched by a rule directly: the body is read by the signals, the markers are added, and the
rules judge what the columns say, so that a change in any of the three shows here.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from analyzer import columns, data
from analyzer.engine import load as knowledge
from analyzer.engine import sample
from analyzer.engine.judge import judge
from analyzer.engine.knowledge import KnowledgeBase
from analyzer.ledger import SCHEMA as LEDGER
from analyzer.signals import apply, headers_needed, load_data, markers
from analyzer.signals.body import read_answer
from analyzer.vocabulary import BILLING_WORDS, CAUSE_WORDS, CONFIDENCE_WORDS

GATEWAY, OPENAI, ANTHROPIC = "llm.example.com", "api.openai.com", "api.anthropic.com"
GEMINI, OPENROUTER = "generativelanguage.googleapis.com", "openrouter.ai"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
JSON, HTML, TEXT, SSE = "application/json", "text/html", "text/plain", "text/event-stream"
STRENGTHS = ("stated", "measured", "code", "secondary", "silent")
START = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Answer:
    """One answer and the verdict it deserves; ``sure`` is the least confidence it must get."""

    name: str
    status: int
    body: Any
    verdict: str
    """``emitter>layer cause``"""
    sure: str = "medium"
    host: str = GATEWAY
    model: str = "some-model"
    headers: dict[str, str] = field(default_factory=dict)
    kind: str | None = None
    path: str = CHAT
    billing: str | None = None

    def row(self) -> dict[str, Any]:
        text = self.body if isinstance(self.body, str | None) else json.dumps(self.body)
        kind = self.kind or (JSON if not isinstance(self.body, str) else TEXT)
        facts = read_answer(text, kind, self.status)
        said = {
            name: getattr(facts, name)
            for name in type(facts).__struct_fields__
            if name in columns.BY_NAME and name != "cost"
        }
        return {
            **said, "status": self.status, "host": self.host, "path": self.path, "method": "POST",
            "scheme": "https", "model": self.model, "content_type": kind, "hop": "client",
            "format": "har", "started_at": START, "duration_ms": 4000.0, "phase": "done",
            "server": self.headers.get("server"), "via": self.headers.get("via"),
            **{f"resp_header.{name}": value for name, value in self.headers.items()},
        }  # fmt: skip


def error(message: str, kind: Any = None, code: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def claude(kind: str, message: str, **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}}


def google(code: int, status: str, message: str, *details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def router(code: int, message: str, **metadata: Any) -> dict[str, Any]:
    inner: dict[str, Any] = {"code": code, "message": message}
    return {"error": inner | ({"metadata": metadata} if metadata else {})}


def page(title: str, footer: str) -> str:
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>"
        f"</center>\r\n<hr><center>{footer}</center>\r\n</body>\r\n</html>\r\n"
    )


def haproxy(title: str, text: str) -> str:
    return f"<html><body><h1>{title}</h1>\n{text}\n</body></html>\n"


def sse(*events: Any, done: bool = False) -> str:
    lines = [f"data: {json.dumps(e)}\n\n" for e in events]
    return "".join(lines) + ("data: [DONE]\n\n" if done else "")


CF = {"server": "cloudflare", "cf-ray": "8f0a1b2c3d4e5f60-FRA"}
ENVOY_RESET = "upstream connect error or disconnect/reset before headers. reset reason: "
NEW_API_ID = {"x-oneapi-request-id": "20261122120000000000abcdEFGH"}
CHUNK = {"choices": [{"delta": {"content": "Hel"}, "finish_reason": None}]}
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
PER_DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}
KEY_INVALID = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}

PROXIES = [
    Answer("haproxy no server", 503,
           haproxy("503 Service Unavailable", "No server is available to handle this request."),
           "gateway>gateway no_healthy_upstream", "certain", headers=CF, kind=HTML,
           billing="unbilled"),
    Answer("haproxy no server at a provider", 503,
           haproxy("503 Service Unavailable", "No server is available to handle this request."),
           "upstream>upstream no_healthy_upstream", "certain", host=OPENAI, kind=HTML),
    Answer("haproxy 504", 504,
           haproxy("504 Gateway Time-out", "The server didn't respond in time."),
           "gateway>gateway upstream_timeout", "certain", kind=HTML, billing="unknown"),
    Answer("haproxy 502", 502,
           haproxy("502 Bad Gateway", "The server returned an invalid or incomplete response."),
           "gateway>gateway bad_gateway", "certain", kind=HTML),
    Answer("haproxy 403", 403,
           haproxy("403 Forbidden", "Request forbidden by administrative rules."),
           "gateway>gateway client_not_allowed", kind=HTML),
    Answer("nginx 502 behind cloudflare", 502, page("502 Bad Gateway", "nginx/1.25.3"),
           "gateway>gateway bad_gateway", "high", headers=CF, kind=HTML),
    Answer("nginx 504", 504, page("504 Gateway Time-out", "nginx"),
           "gateway>gateway upstream_timeout", "certain", kind=HTML),
    Answer("openresty 503", 503, page("503 Service Temporarily Unavailable", "openresty"),
           "gateway>gateway service_unavailable", kind=HTML),
    Answer("nginx 413", 413, page("413 Request Entity Too Large", "nginx/1.18.0 (Ubuntu)"),
           "gateway>client request_too_large", "high", kind=HTML),
    Answer("nginx 405", 405, page("405 Not Allowed", "nginx"), "gateway>client wrong_method",
           kind=HTML),
    Answer("nginx 404", 404, page("404 Not Found", "nginx"), "gateway>client wrong_path",
           kind=HTML),
    Answer("nginx 400 header", 400,
           page("400 Request Header Or Cookie Too Large", "nginx"),
           "gateway>client request_too_large", kind=HTML),
    Answer("nginx 429", 429, page("429 Too Many Requests", "nginx"),
           "gateway>gateway rate_limited", "high", kind=HTML),
    Answer("envoy no healthy upstream", 503, "no healthy upstream",
           "gateway>gateway no_healthy_upstream", "high", headers={"server": "envoy"}),
    Answer("envoy refused", 503,
           ENVOY_RESET + "remote connection failure, transport failure reason: "
           "delayed connect error: 111",
           "gateway>gateway upstream_connect_failure", "certain", billing="unbilled"),
    Answer("envoy termination", 503, ENVOY_RESET + "connection termination",
           "gateway>gateway bad_gateway", "high", billing="unknown"),
    Answer("envoy overflow", 503, ENVOY_RESET + "overflow", "gateway>gateway overloaded",
           "certain", headers={"x-envoy-overloaded": "true"}),
    Answer("envoy timeout", 504, "upstream request timeout", "gateway>gateway upstream_timeout",
           "high", headers={"server": "istio-envoy"}),
    Answer("envoy limit", 429, "local_rate_limited", "gateway>gateway rate_limited", "high"),
    Answer("traefik no server", 503, "no available server", "gateway>gateway no_healthy_upstream",
           "certain"),
    Answer("traefik 502", 502, "Bad Gateway", "gateway>gateway bad_gateway", "high"),
    Answer("traefik 504", 504, "Gateway Timeout", "gateway>gateway upstream_timeout", "high"),
    Answer("traefik 404", 404, "404 page not found", "gateway>client wrong_path", "high"),
    Answer("fastapi 404", 404, {"detail": "Not Found"}, "gateway>client wrong_path", "high"),
    Answer("kong no route", 404,
           {"message": "no Route matched with those values", "request_id": "0" * 32},
           "gateway>client wrong_path", "high"),
    Answer("kong no peer", 503, {"message": "failure to get a peer from the ring-balancer"},
           "gateway>gateway no_healthy_upstream", "certain"),
    Answer("kong timing out", 504, {"message": "The upstream server is timing out"},
           "gateway>gateway upstream_timeout", "high"),
    Answer("kong limit", 429, {"message": "API rate limit exceeded"},
           "gateway>gateway rate_limited", "high"),
    Answer("kong key", 401, {"message": "No API key found in request"},
           "gateway>client invalid_key", "high"),
    Answer("caddy 502", 502, "", "gateway>gateway bad_gateway", "high",
           headers={"server": "Caddy"}),
    Answer("alb 503", 503,
           "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>"
           "\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body></html>",
           "gateway>gateway no_healthy_upstream", "certain", headers={"server": "awselb/2.0"},
           kind=HTML),
    Answer("api gateway 504", 504, {"message": "Endpoint request timed out"},
           "gateway>gateway upstream_timeout", "high"),
    Answer("apache 502", 502,
           "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>502 Proxy "
           "Error</title>\n</head><body>\n<h1>Proxy Error</h1>\n<p>The proxy server received an "
           "invalid\r\nresponse from an upstream server.<br />\r\n</p></body></html>",
           "gateway>gateway bad_gateway", "high", kind=HTML),
]  # fmt: skip

ROUTERS = [
    Answer("new-api no channel", 503,
           error("No available channel for model gpt-5 under group default (distributor) "
                 "(request id: 20261122120000000000abcdEFGH)", "new_api_error", "model_not_found"),
           "gateway>gateway no_route_for_model", "certain", billing="unbilled"),
    Answer("one-api no channel", 503,
           error("当前分组 default 下对于模型 gpt-5 无可用渠道", "one_api_error"),
           "gateway>gateway no_route_for_model", "certain"),
    Answer("one-api saturated", 429,
           error("当前分组上游负载已饱和，请稍后再试 (request id: 2026112212000000)",
                 "one_api_error"),
           "gateway>upstream rate_limited"),
    Answer("new-api wallet", 403,
           error("用户额度不足, 剩余额度: ＄0.00", "new_api_error", "insufficient_user_quota"),
           "gateway>gateway quota_exhausted", "certain"),
    Answer("new-api hold", 403,
           error("预扣费额度失败, 用户剩余额度: ＄0.01, 需要预扣费额度: ＄0.20", "new_api_error",
                 "insufficient_user_quota"),
           "gateway>gateway quota_exhausted", "certain"),
    Answer("new-api key quota as 401", 401,
           error("该令牌额度已用尽 TokenStatusExhausted[sk-abc***xyz]", "new_api_error"),
           "gateway>gateway quota_exhausted", "certain"),
    Answer("new-api wrong key", 401,
           error("Invalid token (request id: 20261122120000000000abcdEFGH)", "new_api_error"),
           "gateway>client invalid_key", "certain", headers=NEW_API_ID),
    Answer("new-api key without the model", 403,
           error("This token has no access to model gpt-5", "new_api_error"),
           "gateway>gateway permission_denied", "certain"),
    Answer("new-api limit", 429,
           error("您已达到请求数限制：1分钟内最多请求10次", "new_api_error"),
           "gateway>gateway rate_limited", "certain"),
    Answer("new-api retry without channel", 500,
           error("分组 default 下模型 gpt-5 的可用渠道不存在（retry）", "new_api_error",
                 "get_channel_failed"),
           "gateway>gateway no_route_for_model", "certain"),
    Answer("new-api could not connect", 500,
           error("dial tcp: lookup api.upstream.invalid: no such host", "new_api_error",
                 "do_request_failed"),
           "gateway>gateway upstream_connect_failure", "high"),
    Answer("new-api unreadable upstream", 502,
           error("bad response status code 502", "upstream_error", "bad_response_status_code"),
           "gateway>upstream upstream_error"),
    Answer("new-api panic", 500,
           error("Panic detected, error: runtime error. Please submit a issue here: "
                 "https://github.com/Calcium-Ion/new-api", "new_api_panic"),
           "gateway>gateway internal_error", "high"),
    Answer("new-api channel's key", 401,
           error("Incorrect API key provided: sk-x***y. (request id: 20261122120000abcdEFGH)",
                 "invalid_request_error", "invalid_api_key"),
           "gateway>gateway no_upstream_credential", "high", headers=NEW_API_ID),
    Answer("new-api relays a provider's limit", 429,
           error("Too many requests (request id: 20261122120000000000abcdEFGH)",
                 "rate_limit_error"),
           "upstream>upstream rate_limited", headers=NEW_API_ID),
    Answer("invalid url", 404,
           error("Invalid URL (POST /v1/chat/completions/chat/completions)",
                 "invalid_request_error"),
           "unknown>client wrong_path", path="/v1/chat/completions/chat/completions"),
    Answer("litellm cooldown", 429,
           error("No deployments available for selected model, Try again in 60 seconds. Passed "
                 "model=gpt-5. pre-call-checks=False, cooldown_list=['abc']", "None", "429"),
           "gateway>gateway cooldown", "certain"),
    Answer("litellm budget", 429,
           error("Budget has been exceeded! Current cost: 10.2, Max budget: 10.0",
                 "budget_exceeded", "429"),
           "gateway>gateway budget_exceeded", "certain"),
    Answer("litellm key limit", 429,
           error("Rate limit exceeded for api_key: 88dc. Limit type: requests. Current limit: 10, "
                 "Remaining: 0. Limit resets at: 2026-11-22 12:01:00 UTC", "throttling_error",
                 "429"),
           "gateway>gateway rate_limited", "certain", headers={"rate_limit_type": "requests"}),
    Answer("litellm provider limit", 429,
           error("litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for "
                 "gpt-5 in organization org-x on tokens per min (TPM)", "throttling_error", "429"),
           "gateway>upstream rate_limited", "certain"),
    Answer("litellm provider quota", 429,
           error("litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your "
                 "current quota, please check your plan and billing details.", "throttling_error",
                 "429"),
           "gateway>upstream quota_exhausted", "high"),
    Answer("litellm overloaded", 500,
           error("litellm.InternalServerError: InternalServerError: AnthropicException - "
                 "Overloaded. Received Model Group=claude", None, "500"),
           "gateway>upstream overloaded", "high"),
    Answer("litellm connection", 500,
           error("litellm.InternalServerError: InternalServerError: OpenAIException - Connection "
                 "error.. Received Model Group=gpt-5", None, "500"),
           "gateway>gateway upstream_connect_failure", "high"),
    Answer("litellm timeout", 408,
           error("litellm.Timeout: APITimeoutError - Request timed out. timeout value=60.0, time "
                 "taken=60.02 seconds", None, "408"),
           "gateway>gateway upstream_timeout", "certain", billing="unknown"),
    Answer("litellm provider key", 401,
           error("litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect "
                 "API key provided: sk-x***y.", None, "401"),
           "gateway>gateway no_upstream_credential", "certain"),
    Answer("litellm virtual key", 401,
           error("Authentication Error, Invalid proxy server token passed. Received API Key = "
                 "sk-...abcd", "token_not_found_in_db", "401"),
           "gateway>client invalid_key", "certain"),
    Answer("litellm model denied", 403,
           error("key not allowed to access model. This key can only access models=['a']",
                 "key_model_access_denied", "403"),
           "gateway>gateway permission_denied", "certain"),
    Answer("litellm context", 400,
           error("litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - "
                 "This model's maximum context length is 128000 tokens.", None, "400"),
           "gateway>client context_too_long", "certain"),
    Answer("openrouter credits", 402,
           router(402, "Insufficient credits. Add more using https://openrouter.ai/credits"),
           "gateway>gateway quota_exhausted", "certain", host=OPENROUTER,
           path="/api/v1/chat/completions"),
    Answer("openrouter key", 401, router(401, "User not found."), "gateway>client invalid_key",
           host=OPENROUTER, path="/api/v1/chat/completions"),
    Answer("openrouter moderation", 403,
           router(403, "openai/gpt-5 requires moderation. Your input was flagged",
                  reasons=["violence"], flagged_input="x"),
           "gateway>gateway content_filtered", "certain", host=OPENROUTER,
           path="/api/v1/chat/completions"),
    Answer("openrouter no endpoints", 404,
           router(404, "No endpoints found matching your data policy."),
           "gateway>gateway no_route_for_model", "certain", host=OPENROUTER,
           path="/api/v1/chat/completions"),
    Answer("openrouter routing", 503,
           router(503, "There is no available model provider that meets your routing "
                       "requirements"),
           "gateway>gateway no_route_for_model", "certain", host=OPENROUTER,
           path="/api/v1/chat/completions"),
    Answer("openrouter provider limit", 429,
           router(429, "Provider returned error", provider_name="Google AI Studio",
                  raw="RESOURCE_EXHAUSTED"),
           "gateway>upstream rate_limited", "certain", host=OPENROUTER,
           path="/api/v1/chat/completions"),
    Answer("openrouter own limit", 429,
           router(429, "Rate limit exceeded: free-models-per-day"),
           "gateway>gateway rate_limited", "high", host=OPENROUTER,
           path="/api/v1/chat/completions"),
    Answer("openrouter provider down", 502,
           router(502, "Provider returned error", provider_name="X",
                  error_type="provider_unavailable"),
           "gateway>upstream upstream_error", "high", host=OPENROUTER,
           path="/api/v1/chat/completions", billing="unbilled"),
    Answer("openrouter fails after the first token", 200,
           sse(CHUNK, {
               "provider": "X",
               "error": {"code": 502, "message": "Provider returned error",
                         "metadata": {"error_type": "provider_unavailable"}},
               "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
           }),
           "gateway>upstream upstream_error", "high", host=OPENROUTER, kind=SSE,
           path="/api/v1/chat/completions", billing="unbilled"),
    Answer("cliproxy cooldown", 429,
           {"error": {"code": "model_cooldown", "reset_seconds": 90,
                      "message": "All credentials for model m are cooling down via provider p"}},
           "gateway>gateway cooldown", "certain"),
    Answer("cliproxy no account", 503,
           error("no auth available (providers=claude, model=m)", "server_error", "auth_not_found"),
           "gateway>gateway no_upstream_credential", "certain"),
]  # fmt: skip

PROVIDERS = [
    Answer("openai key", 401,
           error("Incorrect API key provided: sk-x***y.", "invalid_request_error",
                 "invalid_api_key"),
           "upstream>client invalid_key", "certain", host=OPENAI, headers=CF),
    Answer("openai model", 404,
           error("The model `gpt-99` does not exist or you do not have access to it.",
                 "invalid_request_error", "model_not_found"),
           "upstream>client model_not_found", "certain", host=OPENAI),
    Answer("openai context", 400,
           error("This model's maximum context length is 128000 tokens. However, your messages "
                 "resulted in 130000 tokens.", "invalid_request_error", "context_length_exceeded"),
           "upstream>client context_too_long", "certain", host=OPENAI),
    Answer("openai parameter", 400,
           error("Unsupported parameter: 'max_tokens' is not supported with this model.",
                 "invalid_request_error", "unsupported_parameter"),
           "upstream>client unsupported_param", "certain", host=OPENAI),
    Answer("openai rate", 429,
           error("Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): "
                 "Limit 30000, Used 29000, Requested 2000.", "tokens", "rate_limit_exceeded"),
           "upstream>upstream rate_limited", "certain", host=OPENAI),
    Answer("openai quota", 429,
           error("You exceeded your current quota, please check your plan and billing details.",
                 "insufficient_quota", "insufficient_quota"),
           "upstream>upstream quota_exhausted", "certain", host=OPENAI),
    Answer("openai new spend code", 429,
           error("Project spend limit reached.", "insufficient_quota",
                 "project_spend_limit_exceeded"),
           "upstream>upstream budget_exceeded", "certain", host=OPENAI),
    Answer("openai overloaded", 503,
           error("The engine is currently overloaded, please try again later", "server_error"),
           "upstream>upstream overloaded", "high", host=OPENAI),
    Answer("openai server error", 500,
           error("The server had an error while processing your request. Sorry about that!",
                 "server_error"),
           "upstream>upstream internal_error", "high", host=OPENAI),
    Answer("openai region", 403,
           error("Country, region, or territory not supported", "request_forbidden",
                 "unsupported_country_region_territory"),
           "upstream>upstream region_block", "certain", host=OPENAI),
    Answer("anthropic overloaded", 529, claude("overloaded_error", "Overloaded"),
           "upstream>upstream overloaded", "certain", host=ANTHROPIC, path=MESSAGES,
           billing="unbilled"),
    Answer("anthropic overloaded behind a gateway", 529, claude("overloaded_error", "Overloaded"),
           "upstream>upstream overloaded", "high", path=MESSAGES),
    Answer("anthropic rate", 429,
           claude("rate_limit_error", "This request would exceed your organization's rate limit"),
           "upstream>upstream rate_limited", "high", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic cap", 429,
           claude("rate_limit_error", "Spend limit", details={
               "error_code": "enforced_spend_limit_reached"}),
           "upstream>upstream budget_exceeded", "certain", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic credit as 400", 400,
           claude("invalid_request_error", "Your credit balance is too low to access the Anthropic "
                  "API. Please go to Plans & Billing to upgrade or purchase credits."),
           "upstream>upstream quota_exhausted", "certain", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic key", 401, claude("authentication_error", "invalid x-api-key"),
           "upstream>client invalid_key", "certain", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic permission", 403,
           claude("permission_error", "Your API key does not have permission to use the resource"),
           "upstream>upstream permission_denied", "certain", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic model", 404, claude("not_found_error", "model: claude-99"),
           "upstream>client model_not_found", "certain", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic size", 413,
           claude("request_too_large", "Request exceeds the maximum allowed number of bytes."),
           "edge>client request_too_large", "certain", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic long prompt", 400,
           claude("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
           "upstream>client context_too_long", "certain", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic inside", 500, claude("api_error", "Internal server error"),
           "upstream>upstream internal_error", "high", host=ANTHROPIC, path=MESSAGES),
    Answer("anthropic timeout", 504, claude("timeout_error", "Request timed out"),
           "upstream>upstream upstream_timeout", "high", host=ANTHROPIC, path=MESSAGES),
    Answer("gemini key as 400", 400,
           google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
                  KEY_INVALID),
           "upstream>client invalid_key", "certain", host=GEMINI),
    Answer("gemini per minute", 429,
           google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your "
                  "plan and billing details. Please retry in 34s.", RETRY_INFO),
           "upstream>upstream rate_limited", "high", host=GEMINI),
    Answer("gemini per day", 429,
           google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your "
                  "plan and billing details.", PER_DAY),
           "upstream>upstream quota_exhausted", "certain", host=GEMINI),
    Answer("gemini overloaded", 503,
           google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
           "upstream>upstream overloaded", "high", host=GEMINI),
    Answer("gemini country", 400,
           google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
           "upstream>upstream region_block", "certain", host=GEMINI),
    Answer("gemini slow", 504,
           google(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
           "upstream>upstream upstream_timeout", "high", host=GEMINI),
    Answer("azure filter", 400,
           error("The response was filtered due to the prompt triggering Azure OpenAI's content "
                 "management policy.", None, "content_filter",
                 innererror={"code": "ResponsibleAIPolicyViolation"}),
           "upstream>upstream content_filtered", "certain", host="x.openai.azure.com",
           billing="billed"),
    Answer("azure deployment", 404,
           {"error": {"code": "DeploymentNotFound",
                      "message": "The API deployment for this resource does not exist."}},
           "upstream>client model_not_found", "certain", host="x.openai.azure.com"),
    Answer("azure 408", 408, {"error": {"code": "Timeout", "message": "Operation was timeout"}},
           "upstream>upstream upstream_timeout", "certain", host="x.openai.azure.com",
           billing="billed"),
    Answer("bedrock throttling", 429, {"message": "Too many tokens, please wait"},
           "upstream>upstream rate_limited", "certain",
           host="bedrock-runtime.eu-central-1.amazonaws.com",
           headers={"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/"}),
    Answer("bedrock access", 403, {"message": "You don't have access to the model"},
           "upstream>upstream permission_denied", "certain",
           host="bedrock-runtime.eu-central-1.amazonaws.com",
           headers={"x-amzn-errortype": "AccessDeniedException"}),
    Answer("deepseek balance", 402,
           error("Insufficient Balance", "unknown_error", "invalid_request_error"),
           "upstream>upstream quota_exhausted", "high", host="api.deepseek.com",
           model="deepseek-chat"),
    Answer("moonshot overload as 429", 429,
           error("The engine is currently overloaded, please try again later",
                 "engine_overloaded_error"),
           "upstream>upstream overloaded", "high", host="api.moonshot.ai", model="kimi-k2"),
    Answer("moonshot balance as 429", 429,
           error("Your account is not active, insufficient balance, please recharge your account",
                 "exceeded_current_quota_error"),
           "upstream>upstream quota_exhausted", "high", host="api.moonshot.ai", model="kimi-k2"),
    Answer("glm balance as 429", 429, error("账户已欠费", None, "1113"),
           "upstream>upstream quota_exhausted", "high", host="open.bigmodel.cn", model="glm-5"),
    Answer("glm concurrency", 429, error("您当前使用该 API 的并发数过高", None, "1302"),
           "upstream>upstream rate_limited", "high", host="open.bigmodel.cn", model="glm-5"),
    Answer("glm platform overload", 429, error("请求过多", None, "1305"),
           "upstream>upstream overloaded", "high", host="open.bigmodel.cn", model="glm-5"),
    Answer("dashscope quota is a rate", 429,
           error("You exceeded your current quota, please check your plan and billing details.",
                 "insufficient_quota", "insufficient_quota"),
           "upstream>upstream rate_limited", "high", host="dashscope.aliyuncs.com",
           model="qwen-max"),
    Answer("xai credits", 403,
           {"code": "The caller does not have permission to execute the specified operation",
            "error": "Your team x has either used all available credits or reached its monthly "
                     "spending limit."},
           "upstream>upstream quota_exhausted", "certain", host="api.x.ai", model="grok-4"),
    Answer("mistral capacity", 429,
           {"object": "error", "message": "Service tier capacity exceeded for this model.",
            "type": "service_tier_capacity_exceeded", "param": None, "code": "3505"},
           "upstream>upstream overloaded", "high", host="api.mistral.ai", model="mistral-large"),
    Answer("together 403 is length", 403, error("Input validation error", "invalid_request_error"),
           "upstream>client context_too_long", "certain", host="api.together.xyz"),
    Answer("ollama busy", 503,
           {"error": "server busy, please try again.  maximum pending requests exceeded"},
           "upstream>upstream overloaded", "high", host="localhost:11434", path="/api/chat"),
    Answer("ollama model", 404, {"error": "model 'x' not found"},
           "upstream>client model_not_found", "certain", host="localhost:11434", path="/api/chat"),
]  # fmt: skip

STREAMS = [
    Answer("anthropic overloaded in the stream", 200,
           'event: message_start\ndata: {"type":"message_start","message":{"usage":'
           '{"input_tokens":9,"output_tokens":1}}}\n\nevent: error\ndata: {"type":"error","error":'
           '{"type":"overloaded_error","message":"Overloaded"}}\n\n',
           "upstream>upstream overloaded", "high", host=ANTHROPIC, path=MESSAGES, kind=SSE,
           billing="unknown"),
    Answer("responses rate limit in the stream", 200,
           sse({"type": "response.output_text.delta", "delta": "Hi"},
               {"type": "response.failed", "response": {"status": "failed", "error": {
                   "code": "rate_limit_exceeded", "message": "Rate limit reached"}}}),
           "upstream>upstream rate_limited", "high", host=OPENAI, path="/v1/responses", kind=SSE),
    Answer("odd error event", 200, sse(CHUNK, {"error": {"message": "boom"}}),
           "unknown>upstream stream_error", "low", kind=SSE),
    Answer("vllm abort", 200,
           sse(CHUNK, {"choices": [{"delta": {}, "finish_reason": "abort"}]}, done=True),
           "upstream>upstream stream_interrupted", "high", kind=SSE),
    Answer("deepseek out of resources", 200,
           sse(CHUNK, {"choices": [{"delta": {}, "finish_reason": "insufficient_system_resource"}]},
               done=True),
           "upstream>upstream overloaded", "high", kind=SSE),
    Answer("azure filtered answer", 200,
           {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]},
           "upstream>upstream content_filtered", "certain", billing="billed"),
    Answer("all tokens for thinking", 200,
           {"choices": [{"message": {"content": "", "reasoning_content": "hm"},
                         "finish_reason": "length"}]},
           "upstream>client max_tokens_reached", "high", billing="billed"),
    Answer("nothing in a proper form", 200,
           {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]},
           "upstream>upstream empty_completion"),
    Answer("gemini prompt blocked", 200, {"promptFeedback": {"blockReason": "SAFETY"}},
           "upstream>upstream content_filtered", "medium", host=GEMINI,
           path="/v1beta/models/gemini-3:generateContent"),
]  # fmt: skip

WORDS = [
    Answer("gateway credits under 503", 503,
           error("Insufficient credits. Please top up your account.", "api_error"),
           "gateway>gateway quota_exhausted", "high"),
    Answer("gateway model route", 503,
           error("The requested model is currently unavailable", "service_unavailable"),
           "gateway>gateway no_route_for_model"),
    Answer("gateway model not for the account", 503,
           error("This model is not available for your account"),
           "gateway>gateway permission_denied"),
    Answer("gateway upstream overloaded", 503,
           error("Upstream is overloaded, please try again later"),
           "unknown>upstream overloaded"),
    Answer("gateway maintenance", 503, error("The service is under maintenance"),
           "gateway>gateway maintenance"),
    Answer("gateway dial error", 502,
           error("dial tcp 10.0.0.5:443: connect: connection refused"),
           "gateway>gateway upstream_connect_failure", "high"),
    Answer("gateway timed out", 504, error("Upstream request timed out after 120s"),
           "gateway>gateway upstream_timeout"),
    Answer("gateway key", 401, error("Invalid API key", "authentication_failed"),
           "unknown>client invalid_key", "high"),
    Answer("whose limit is unknown", 429, error("Too many requests", "rate_limit_error"),
           "unknown>unknown rate_limited"),
    Answer("an int code alone is not OpenRouter", 402, router(402, "Payment required"),
           "gateway>gateway quota_exhausted", "high"),
    Answer("provider 429 without words", 429, error("slow"), "upstream>upstream rate_limited",
           "high", host="api.cerebras.ai"),
    Answer("credits in anthropic's envelope", 503, claude("api_error", "Out of credits"),
           "gateway>gateway quota_exhausted", "high", path=MESSAGES),
    Answer("an invalid request is about money", 400,
           error("Your account balance is insufficient funds", "invalid_request_error"),
           "gateway>gateway quota_exhausted", "high"),
    Answer("a gateway without a model under 503", 503,
           error("model not available", "invalid_request_error", "model_not_found"),
           "gateway>gateway no_route_for_model", "certain"),
    Answer("vercel gateway's model", 404, error("No such model", "model_not_found"),
           "unknown>client model_not_found", "high"),
    Answer("cloudflare ai gateway's limit", 429,
           {"success": False, "error": [{"code": 2003, "message": "Rate limited"}]},
           "gateway>gateway rate_limited"),
    Answer("cloudflare ai gateway's guardrail", 424,
           {"success": False,
            "error": [{"code": 2017,
                       "message": "Response blocked due to security configurations"}]},
           "gateway>gateway content_filtered", "certain", billing="unknown"),
    Answer("baidu error in a 200", 200,
           {"error_code": 18, "error_msg": "Open api qps request limit reached"},
           "upstream>upstream rate_limited", "high", host="aip.baidubce.com"),
    Answer("cold model as 400", 400,
           error("This Model is Cold / Not Ready for Inference", "invalid_request_error"),
           "upstream>upstream model_loading", "high", host="api.featherless.ai"),
    Answer("resource state", 409, claude("conflict_error", "busy"),
           "upstream>client conflict", host=ANTHROPIC, path=MESSAGES),
    Answer("nginx 502 without a body that tells", 502, None, "gateway>gateway bad_gateway",
           headers={"server": "nginx"}),
    Answer("nothing but a status", 503, None, "unknown>unknown service_unavailable", "low"),
    Answer("policy words", 400, error("Request rejected by content policy",
                                      "invalid_request_error"),
           "unknown>upstream content_filtered"),
]  # fmt: skip

CASES = [*PROXIES, *ROUTERS, *PROVIDERS, *STREAMS, *WORDS]


@pytest.fixture(scope="module")
def base() -> KnowledgeBase:
    return knowledge.load(data.root("knowledge"), cached=False)


@pytest.fixture(scope="module")
def verdicts(base: KnowledgeBase) -> dict[str, dict[str, Any]]:
    signals = load_data(data.root("knowledge"))
    rows = [answer.row() for answer in CASES]
    wanted = {*base.headers, *headers_needed(signals)}
    names = {name for row in rows for name in row} | wanted
    frame = pl.DataFrame(
        {
            name: pl.Series([row.get(name) for row in rows], dtype=columns.dtype_of(name))
            for name in sorted(names)
        }
    )
    frame = frame.with_columns(pl.col("server").str.to_lowercase())
    told = apply(columns.conform(frame, headers=wanted), signals)
    numbers = pl.int_range(pl.len(), dtype=pl.UInt64).alias("attempt_id")
    told = markers.add(told.with_columns(numbers), signals)
    said = judge(told, pl.DataFrame(schema=LEDGER), None, base)
    return {
        answer.name: verdict | {"ok": ok}
        for answer, verdict, ok in zip(CASES, said.iter_rows(named=True), told["ok"], strict=True)
    }


def test_names_are_unique() -> None:
    assert len({answer.name for answer in CASES}) == len(CASES)


@pytest.mark.parametrize("answer", CASES, ids=lambda answer: answer.name)
def test_verdict(answer: Answer, verdicts: dict[str, dict[str, Any]]) -> None:
    said = verdicts[answer.name]
    assert said["ok"] is False
    assert f"{said['emitted_by']}>{said['layer']} {said['cause']}" == answer.verdict, said
    assert CONFIDENCE_WORDS.index(said["confidence"]) >= CONFIDENCE_WORDS.index(answer.sure), said
    if answer.billing:
        assert said["billing_expected"] == answer.billing, said


NOT_REACHED = "gateway upstream_connect_failure"
LOGGED = [
    ({"format": "haproxy", "status": 503, "proxy_flags": "SC--"}, NOT_REACHED),
    ({"format": "haproxy", "status": 503, "proxy_flags": "sQ--"}, "gateway overloaded"),
    ({"format": "haproxy", "status": 504, "proxy_flags": "sH--"}, "gateway upstream_timeout"),
    ({"format": "haproxy", "status": 502, "proxy_flags": "SH--"}, "gateway bad_gateway"),
    ({"format": "haproxy", "status": 200, "proxy_flags": "SD--"}, "upstream stream_interrupted"),
    ({"format": "haproxy", "status": 200, "proxy_flags": "sD--"}, "gateway upstream_timeout"),
    ({"format": "haproxy", "status": 403, "proxy_flags": "PR--"}, "gateway client_not_allowed"),
    ({"format": "envoy", "status": 503, "proxy_flags": "UH"}, "gateway no_healthy_upstream"),
    ({"format": "envoy", "status": 503, "proxy_flags": "UF,URX"}, NOT_REACHED),
    ({"format": "envoy", "status": 503, "proxy_flags": "UC"}, "gateway bad_gateway"),
    ({"format": "envoy", "status": 503, "proxy_flags": "UO"}, "gateway overloaded"),
    ({"format": "envoy", "status": 504, "proxy_flags": "UT"}, "gateway upstream_timeout"),
    ({"format": "envoy", "status": 404, "proxy_flags": "NR"}, "client wrong_path"),
    ({"format": "envoy", "status": 429, "proxy_flags": "RL"}, "gateway rate_limited"),
    ({"format": "nginx", "status": 502, "phase": "connecting"}, NOT_REACHED),
    ({"format": "nginx", "status": 504, "phase": "sent"}, "gateway upstream_timeout"),
    ({"format": "nginx", "status": 502, "phase": "sent"}, "gateway bad_gateway"),
    ({"format": "nginx", "status": 429, "phase": "not_sent"}, "gateway rate_limited"),
    ({"format": "nginx", "status": 503, "phase": "done", "upstream_status": 503},
     "upstream service_unavailable"),
    ({"format": "nginx", "status": 429, "phase": "done", "upstream_status": 429},
     "upstream rate_limited"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "verdict"), LOGGED, ids=lambda part: str(part))
def test_proxy_log(row: dict[str, Any], verdict: str, base: KnowledgeBase) -> None:
    """A proxy's own record keeps its hop, even in front of a provider's host."""
    asked = {"hop": "gateway", "host": OPENAI, "provider_host": True, "body_kind": "absent"}
    rows = sample.frame([asked | row], base.headers)
    said = judge(rows, pl.DataFrame(schema=LEDGER), None, base).row(0, named=True)
    assert f"{said['layer']} {said['cause']}" == verdict


def test_policies_are_dated_and_speak_the_vocabulary(base: KnowledgeBase) -> None:
    document = base.data["policies"]
    classes = set(document["classes"])
    for item in document["policies"]:
        assert item["class"] in classes, item
        assert item["verdict"] in BILLING_WORDS, item
        assert item["strength"] in STRENGTHS, item
        assert str(item["url"]).startswith("https://"), item
        assert dt.date.fromisoformat(str(item["date"])) <= dt.datetime.now(dt.UTC).date(), item


def test_each_cause_is_in_at_most_one_class(base: KnowledgeBase) -> None:
    document = base.data["policies"]
    causes = [cause for listed in document["classes"].values() for cause in listed]
    assert len(causes) == len(set(causes))
    assert set(causes) <= set(CAUSE_WORDS)


def test_cancelling_is_supported_or_not(base: KnowledgeBase) -> None:
    cancel = base.data["policies"]["stream_cancel"]
    assert not set(cancel["supported"]) & set(cancel["not_supported"])
