"""The closed word lists of whichhop, each word with one line, a yes example and a no example.

Docs and JSON Schemas are generated from here, rules are checked against it, and nothing else in the
code spells these words out as a list of its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a closed list."""

    word: str
    meaning: str
    yes: str
    no: str
    family: str = ""


def words(terms: tuple[Term, ...]) -> tuple[str, ...]:
    """Return the bare words of a list, in its order."""
    return tuple(term.word for term in terms)


LAYERS: tuple[Term, ...] = (
    Term(
        "client",
        "The caller must change key, URL, request or time-out, or gave up itself.",
        "401 invalid_api_key",
        "429 from the provider's own limit",
    ),
    Term(
        "network",
        "No HTTP answer from any server, or a break with nothing to show who closed it.",
        "net::ERR_NAME_NOT_RESOLVED",
        "502 page of a proxy that could not connect",
    ),
    Term(
        "edge",
        "The CDN, WAF or serverless platform itself: block, challenge, limit, own failure.",
        "cf-mitigated: challenge",
        "522: the edge could not reach what is behind it",
    ),
    Term(
        "gateway",
        "Load balancer, reverse proxy, API gateway or LLM router: refused, could not "
        "route, could not reach or wait for what is behind it.",
        "No available channel for model",
        "a provider's 529 that the gateway passed on",
    ),
    Term(
        "upstream",
        "The model provider, its own proxies included.",
        "529 overloaded_error",
        "a gateway's own 503 without asking the provider",
    ),
    Term(
        "unknown",
        "The evidence does not tell.",
        "a bare 503 without headers or body",
        "503 with the stock text of HAProxy",
    ),
)

EMITTERS: tuple[Term, ...] = (
    Term(
        "none", "Nobody answered.", "status 0 with net::ERR_CONNECTION_REFUSED", "any HTTP status"
    ),
    Term(
        "client",
        "The client's own software wrote it.",
        "an SDK's own time-out error row",
        "a 408 from the server",
    ),
    Term(
        "network", "A forward proxy or captive portal wrote it.", "407 from Squid", "502 from nginx"
    ),
    Term(
        "edge",
        "The CDN, WAF or serverless platform wrote it.",
        "Cloudflare's 522 page",
        "a JSON 503 that Cloudflare passed on",
    ),
    Term(
        "gateway",
        "A load balancer, proxy, API gateway or LLM router wrote it.",
        "new_api_error in error.type",
        "a provider's envelope relayed untouched",
    ),
    Term(
        "upstream",
        "The model provider wrote it.",
        "overloaded_error with request-id",
        "upstream_error made up by a relay",
    ),
    Term(
        "unknown",
        "The answer does not show who wrote it.",
        "503 with an empty body",
        "503 with server: awselb/2.0 and its stock page",
    ),
)


def _cause(family: str, word: str, meaning: str, yes: str, no: str) -> Term:
    return Term(word, meaning, yes, no, family)


CAUSES: tuple[Term, ...] = (
    _cause(
        "auth",
        "invalid_key",
        "The credential is missing, wrong, expired or revoked.",
        "401 invalid_api_key",
        "403 model not allowed for this key",
    ),
    _cause(
        "auth",
        "permission_denied",
        "The credential is valid but may not do this.",
        "403 key_model_access_denied",
        "401 wrong key",
    ),
    _cause(
        "auth",
        "client_not_allowed",
        "The caller's address, program or origin is refused.",
        "IP not in the token's allow-list",
        "WAF block by IP reputation",
    ),
    _cause(
        "auth",
        "no_upstream_credential",
        "The gateway has no usable credential for the provider.",
        "no auth available",
        "the caller's own key is wrong",
    ),
    _cause(
        "auth",
        "no_upstream_account",
        "The gateway's account at the provider is refused.",
        "the provider says the gateway's account is deactivated",
        "the caller's account is closed",
    ),
    _cause(
        "money",
        "quota_exhausted",
        "Prepaid credit, balance or plan allowance is used up.",
        "402 Insufficient Balance",
        "requests per minute exceeded",
    ),
    _cause(
        "money",
        "budget_exceeded",
        "A spending cap that somebody set is reached.",
        "LiteLLM budget_exceeded",
        "the account's credit is used up",
    ),
    _cause(
        "request",
        "wrong_path",
        "The URL does not lead to the API.",
        "404 on /v1/chat/completions/chat/completions",
        "404 model_not_found",
    ),
    _cause(
        "request",
        "wrong_method",
        "The method is not allowed there.",
        "405 on GET",
        "404 unknown route",
    ),
    _cause(
        "request",
        "invalid_request",
        "The request is malformed or a value is not accepted.",
        "400 invalid_request_error",
        "400 credit balance is too low",
    ),
    _cause(
        "request",
        "unsupported_param",
        "A parameter is not supported by this model.",
        "unsupported_parameter max_tokens",
        "a value out of range",
    ),
    _cause(
        "request",
        "context_too_long",
        "Prompt and answer do not fit the model's context.",
        "context_length_exceeded",
        "HTTP body over the proxy's limit",
    ),
    _cause(
        "request",
        "request_too_large",
        "The HTTP body or header is over a size limit.",
        "413 of nginx",
        "prompt over the context window",
    ),
    _cause(
        "request",
        "model_not_found",
        "That model does not exist there or is not open to the key.",
        "404 model_not_found",
        "503 no available channel for model",
    ),
    _cause(
        "request",
        "max_tokens_reached",
        "The token limit was used up without visible output.",
        "finish length, only reasoning",
        "finish length with text",
    ),
    _cause(
        "request",
        "content_filtered",
        "A content policy refused prompt or answer.",
        "Azure content_filter 400",
        "WAF block",
    ),
    _cause(
        "request",
        "region_block",
        "The API refuses the caller's country or region.",
        "unsupported_country_region_territory",
        "Cloudflare 1009 country ban",
    ),
    _cause(
        "request",
        "conflict",
        "The state of a resource forbids it.",
        "409 conflict_error",
        "429 concurrency",
    ),
    _cause(
        "limits",
        "rate_limited",
        "Too many requests or tokens in a window.",
        "429 rate_limit_exceeded",
        "429 insufficient_quota",
    ),
    _cause(
        "limits",
        "overloaded",
        "The answering party lacks capacity for everyone.",
        "529 overloaded_error",
        "your own rate limit",
    ),
    _cause(
        "limits",
        "cooldown",
        "The gateway rests its routes after failures.",
        "LiteLLM cooldown_list",
        "provider's rate limit",
    ),
    _cause(
        "limits",
        "model_loading",
        "The model is not loaded yet.",
        "ModelNotReadyException",
        "model does not exist",
    ),
    _cause(
        "routing",
        "no_route_for_model",
        "The gateway has no enabled route for that model.",
        "No available channel for model",
        "the provider says that the model does not exist",
    ),
    _cause(
        "routing",
        "no_healthy_upstream",
        "Nothing healthy stands behind the gateway.",
        "HAProxy: No server is available",
        "one model's route is disabled",
    ),
    _cause(
        "routing",
        "config_error",
        "The hop's own configuration is wrong.",
        "Cloudflare 1000 DNS points to prohibited IP",
        "an overload",
    ),
    _cause(
        "routing",
        "tunnel_down",
        "The tunnel to the origin is not connected.",
        "Cloudflare 1033",
        "origin refuses connections",
    ),
    _cause(
        "routing",
        "maintenance",
        "Announced maintenance.",
        "a maintenance page",
        "an unplanned outage",
    ),
    _cause(
        "reach",
        "dns_failure",
        "The name could not be resolved.",
        "ERR_NAME_NOT_RESOLVED",
        "connection refused",
    ),
    _cause("reach", "connection_refused", "Nothing listens there.", "ECONNREFUSED", "time-out"),
    _cause(
        "reach",
        "connect_timeout",
        "No connection within the limit.",
        "ERR_CONNECTION_TIMED_OUT while connecting",
        "no answer after the request was sent",
    ),
    _cause("reach", "connection_reset", "The connection broke.", "ECONNRESET", "clean close"),
    _cause(
        "reach", "tls_failure", "TLS could not be set up.", "ERR_CERT_AUTHORITY_INVALID", "HTTP 403"
    ),
    _cause("reach", "unreachable", "No route to the address.", "EHOSTUNREACH", "DNS failure"),
    _cause(
        "reach",
        "proxy_connect_failure",
        "The forward proxy could not be used.",
        "ERR_TUNNEL_CONNECTION_FAILED",
        "the API's own proxy failed",
    ),
    _cause("reach", "proxy_auth_required", "The forward proxy wants credentials.", "407", "401"),
    _cause(
        "reach",
        "captive_portal",
        "A login page of the network answered instead.",
        "200 HTML login page",
        "the API's dashboard page",
    ),
    _cause(
        "reach",
        "network_down",
        "The machine has no network.",
        "ERR_INTERNET_DISCONNECTED",
        "DNS failure for one name",
    ),
    _cause(
        "reach",
        "upstream_connect_failure",
        "The hop could not connect to what is behind it.",
        "Envoy UF",
        "the hop connected and waited in vain",
    ),
    _cause(
        "wait",
        "origin_timeout",
        "The edge gave up waiting for its origin.",
        "Cloudflare 524",
        "gateway's 504",
    ),
    _cause(
        "wait",
        "upstream_timeout",
        "The gateway gave up waiting for what is behind it.",
        "504 upstream request timeout",
        "the client gave up",
    ),
    _cause(
        "wait",
        "client_timeout",
        "The client's own limit ended it.",
        "APITimeoutError at 60 s",
        "user pressed stop",
    ),
    _cause(
        "wait",
        "client_abort",
        "The caller stopped it.",
        "ERR_ABORTED before an answer",
        "the server closed the connection",
    ),
    _cause(
        "answer",
        "bad_gateway",
        "The hop got an invalid answer from behind, or none.",
        "502 of nginx",
        "502 written by the provider",
    ),
    _cause(
        "answer",
        "bad_response",
        "The answer is not what the API promises.",
        "HTML page with status 200",
        "JSON error",
    ),
    _cause(
        "answer",
        "internal_error",
        "The answering party failed inside.",
        "500 api_error",
        "503 overload",
    ),
    _cause(
        "answer", "worker_error", "A serverless function failed.", "Cloudflare 1101", "origin down"
    ),
    _cause(
        "answer",
        "upstream_error",
        "The gateway reports a failure behind it without more.",
        "new-api upstream_error",
        "the provider's own envelope",
    ),
    _cause(
        "answer",
        "service_unavailable",
        "Unavailable without a stated reason.",
        "a bare 503",
        "503 engine overloaded",
    ),
    _cause(
        "stream",
        "stream_interrupted",
        "The stream ended before its terminal event.",
        "200 SSE without [DONE]",
        "error event in the stream",
    ),
    _cause(
        "stream",
        "stream_error",
        "The stream carries an error that cannot be read further.",
        "event: error with no type",
        "event: error overloaded_error",
    ),
    _cause(
        "stream",
        "empty_completion",
        "A finished answer without content.",
        "200, no choices",
        "finish length with reasoning only",
    ),
    _cause(
        "block",
        "waf_block",
        "A web application firewall rule refused it.",
        "Cloudflare 1020",
        "API key refused",
    ),
    _cause(
        "block",
        "bot_challenge",
        "A bot check stands in the way.",
        "cf-mitigated: challenge",
        "rate limit",
    ),
    _cause(
        "block",
        "geo_block",
        "The edge refuses the caller's country.",
        "Cloudflare 1009",
        "the provider's own region refusal",
    ),
    _cause(
        "block",
        "cors_blocked",
        "The browser refused to hand over the answer.",
        "CORS error in the browser",
        "403 by the server",
    ),
    _cause(
        "block",
        "blocked_locally",
        "An extension or local policy blocked it.",
        "ERR_BLOCKED_BY_CLIENT",
        "WAF",
    ),
    _cause(
        "",
        "unclassified",
        "No rule explains it.",
        "a signature nobody described",
        "a bare 503 that a rule names",
    ),
)

BILLING: tuple[Term, ...] = (
    Term("billed", "It costs money.", "a usage row with a cost", "a refused key"),
    Term("unbilled", "It costs nothing.", "refused before the model ran", "a client time-out"),
    Term("partial", "A part is charged.", "stream cut after tokens", "complete answer"),
    Term("unknown", "The evidence does not tell.", "504 behind a gateway", "401"),
)

BILLING_BASIS: tuple[Term, ...] = (
    Term(
        "usage_export",
        "A usage row matched, or its absence is proven.",
        "matched generation id",
        "an export of another month",
    ),
    Term(
        "response_usage",
        "The answer states usage that policy bills.",
        "final usage chunk",
        "placeholder usage of message_start",
    ),
    Term(
        "policy",
        "Documented by the party that bills, with URL and date.",
        "OpenRouter zero completion insurance",
        "forum hearsay",
    ),
    Term("inference", "Follows from how far the request came.", "connection refused", "504"),
    Term("none", "Nothing to go by.", "billing unknown", "policy"),
)

CONFIDENCE: tuple[Term, ...] = (
    Term("low", "The status code alone.", "bare 503", "503 with stock text"),
    Term("medium", "One sign and an exclusion.", "timing and no other error", "documented code"),
    Term("high", "Two independent signs.", "header and body", "status only"),
    Term("certain", "The responder says so itself.", "documented error code", "timing only"),
)
"""From the weakest to the strongest: confidence steps are steps along this list."""

TIERS: tuple[Term, ...] = (
    Term("specific", "Names one signature.", "529 overloaded_error", "any 5xx"),
    Term(
        "general",
        "Names a family of signatures.",
        "OpenAI-shaped error with status 429",
        "one documented code",
    ),
    Term("fallback", "Status code and little else.", "bare 503", "stock text"),
)

RULE_STATUS: tuple[Term, ...] = (
    Term("draft", "Not yet trusted; linted leniently.", "a user's first version", "shipped"),
    Term("stable", "Shipped.", "examples and references complete", "half a rule"),
    Term("deprecated", "Kept for old reports.", "replaced by another id", "in use"),
)

SEVERITIES: tuple[Term, ...] = (
    Term("critical", "Nothing works.", "key revoked", "one retry"),
    Term("major", "Calls fail.", "overload", "a note"),
    Term("minor", "Some calls fail and retries help.", "rate limit", "outage"),
    Term("info", "Worth knowing.", "length with output", "failure"),
)

RETRY_ADVICE: tuple[Term, ...] = (
    Term("never", "Retrying cannot help.", "content filter", "overload"),
    Term("now", "An immediate retry is fine.", "refused stream", "rate limit"),
    Term("after-backoff", "Wait, then retry with growing pauses.", "overload", "wrong key"),
    Term("after-header", "Wait as long as retry-after says.", "429 with retry-after", "no header"),
    Term("after-fix", "Only after somebody changed something.", "wrong key", "overload"),
)

PHASES: tuple[Term, ...] = (
    Term("not_sent", "The request never left.", "DNS failure", "time-out after sending"),
    Term("connecting", "TCP or TLS was being set up.", "refused", "504"),
    Term("sent", "The request was sent, no answer began.", "read time-out", "status known"),
    Term("headers", "The head of the answer came, no body byte.", "cut after headers", "full body"),
    Term("body", "The body had begun.", "cut stream", "complete"),
    Term("done", "The exchange is complete.", "any whole answer", "cut stream"),
)

STREAM_STATES: tuple[Term, ...] = (
    Term("complete", "The protocol's terminal event is there.", "[DONE]", "end without it"),
    Term("truncated", "Content came, the terminal event did not.", "no message_stop", "[DONE]"),
    Term("error", "An error event is in the stream.", "event: error", "HTTP 500"),
    Term("empty", "It ended without any content.", "only keep-alive comments", "one token"),
    Term("not_recorded", "The recorder kept no body.", "HAR without text", "empty body"),
    Term(
        "capture_cut",
        "The recorder stopped before the stream did.",
        "cut at exactly 1 MiB",
        "cut by the server",
    ),
)

BODY_KINDS: tuple[Term, ...] = (
    Term("json", "Parses as JSON.", '{"error":{}}', "HTML"),
    Term("sse", "text/event-stream.", "data: {}", "JSON"),
    Term("ndjson", "One JSON value a line.", "Ollama", "JSON array"),
    Term("eventstream", "AWS binary event stream.", "Bedrock", "SSE"),
    Term("html", "An HTML page.", "<html>", "JSON"),
    Term("text", "Plain text.", "no healthy upstream", "HTML"),
    Term("binary", "Bytes that are no text.", "audio", "text"),
    Term("empty", "Recorded and empty.", "Caddy's 502", "not recorded"),
    Term("absent", "Not recorded.", "an access log", "empty body"),
)

ERROR_SHAPES: tuple[Term, ...] = (
    Term("openai", '{"error":{"message","type","param","code"}}', "OpenAI", "Anthropic"),
    Term("anthropic", '{"type":"error","error":{"type","message"}}', "Anthropic", "OpenAI"),
    Term("google", '{"error":{"code":int,"message","status"}}', "Gemini", "OpenAI"),
    Term(
        "azure",
        '{"error":{"code","message","innererror"}} or {"statusCode","message"}',
        "Azure OpenAI, API Management",
        "OpenAI",
    ),
    Term("openrouter", '{"error":{"code":int,"message","metadata"}}', "OpenRouter", "Google"),
    Term(
        "litellm",
        "OpenAI's envelope with a litellm.<Class> message or LiteLLM's own types",
        "LiteLLM proxy",
        "OpenAI",
    ),
    Term("oneapi", "OpenAI's envelope with a one-api/new-api type or code", "new-api", "OpenAI"),
    Term("problem", "RFC 9457 problem document", "application/problem+json", "OpenAI"),
    Term("flat", '{"message"} or {"detail"} or {"error":"text"}', "FastAPI, API Gateway", "OpenAI"),
    Term("text", "The body's text is the message.", "no healthy upstream", "JSON"),
    Term("html", "The page's title is the message.", "502 Bad Gateway page", "JSON"),
)

ENDPOINTS: tuple[Term, ...] = (
    Term("chat", "Chat completions.", "/v1/chat/completions", "/v1/completions"),
    Term("messages", "Anthropic Messages.", "/v1/messages", "/v1/chat/completions"),
    Term("responses", "OpenAI Responses.", "/v1/responses", "/v1/messages"),
    Term(
        "generate",
        "Gemini generateContent and streamGenerateContent.",
        "/v1beta/models/x:generateContent",
        "/v1/messages",
    ),
    Term("converse", "Bedrock converse and invoke.", "/model/x/converse", "/v1/messages"),
    Term("completions", "Legacy text completions.", "/v1/completions", "/v1/chat/completions"),
    Term("embeddings", "Embeddings.", "/v1/embeddings", "chat"),
    Term("models", "The list of models.", "/v1/models", "chat"),
    Term("count_tokens", "Token counting.", "/v1/messages/count_tokens", "messages"),
    Term("images", "Image generation.", "/v1/images/generations", "chat"),
    Term("audio", "Speech and transcription.", "/v1/audio/speech", "chat"),
    Term("moderations", "Moderation.", "/v1/moderations", "chat"),
    Term("rerank", "Reranking.", "/v1/rerank", "embeddings"),
    Term("batch", "Batches and files.", "/v1/batches", "chat"),
    Term("realtime", "Realtime WebSocket.", "/v1/realtime", "responses"),
    Term("ollama", "Ollama's own chat and generate.", "/api/chat", "/v1/chat/completions"),
    Term(
        "other",
        "LLM traffic by host or body, of no known path.",
        "an unknown path on an API host",
        "/v1/messages",
    ),
)

LAYER_WORDS = words(LAYERS)
EMITTER_WORDS = words(EMITTERS)
CAUSE_WORDS = words(CAUSES)
BILLING_WORDS = words(BILLING)
CONFIDENCE_WORDS = words(CONFIDENCE)

LISTS: dict[str, tuple[Term, ...]] = {
    "layer": LAYERS,
    "emitted_by": EMITTERS,
    "cause": CAUSES,
    "billing": BILLING,
    "billing_basis": BILLING_BASIS,
    "confidence": CONFIDENCE,
    "tier": TIERS,
    "status": RULE_STATUS,
    "severity": SEVERITIES,
    "retry": RETRY_ADVICE,
    "phase": PHASES,
    "stream_state": STREAM_STATES,
    "body_kind": BODY_KINDS,
    "error_shape": ERROR_SHAPES,
    "endpoint": ENDPOINTS,
}
