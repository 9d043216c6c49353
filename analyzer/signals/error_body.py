"""Error envelopes: who words an error how, and where each field of ours stands in it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from analyzer.signals.document import items, mapping, without_surrogates
from analyzer.signals.document import word as _word
from analyzer.signals.facts import AnswerFacts

MESSAGE_CHARS = 4096
"""A message is kept up to here; what is longer repeats the prompt."""

_ONEAPI_TYPES = frozenset(
    {
        "new_api_error",
        "one_api_error",
        "one_hub_error",
        "upstream_error",
        "openai_error",
        "claude_error",
    }
)
_ONEAPI_CODES = frozenset(
    {
        "bad_response",
        "bad_response_body",
        "bad_response_status_code",
        "do_request_failed",
        "get_channel_failed",
        "insufficient_user_quota",
        "model_price_error",
        "pre_consume_token_quota_failed",
        "read_request_body_failed",
        "read_response_body_failed",
        "sensitive_words_detected",
    }
)
_LITELLM_TYPES = frozenset(
    {
        "auth_error",
        "auth_provider_unavailable",
        "budget_exceeded",
        "expired_key",
        "key_model_access_denied",
        "no_db_connection",
        "org_model_access_denied",
        "project_model_access_denied",
        "team_member_permission_error",
        "team_model_access_denied",
        "throttling_error",
        "token_not_found_in_db",
        "tool_access_denied",
        "user_model_access_denied",
    }
)
_LITELLM = re.compile(r"\blitellm\.[A-Z]\w+")
_PROVIDER_EXCEPTION = re.compile(r"(?:^|[\s:(])([A-Z][A-Za-z0-9_]*Exception) - ")
_RELAY_ID = re.compile(r"\(request id: ([\w-]{6,64})\)")
_AZURE_CODE = re.compile(r"^(?:[A-Z][A-Za-z]+|\d{3})$")
_NONE_WORDS = frozenset({"None", "null", "none"})


def word(value: Any) -> str | None:
    """Return a short text, with Python's and JSON's words for nothing read as nothing."""
    text = _word(value)
    return None if text in _NONE_WORDS else text


def read_error(value: Any, facts: AnswerFacts, *, sure: bool) -> bool:
    """Fill the ``error_*`` columns from a decoded JSON body or event; whether it is an error.

    ``sure`` says that something else (the status, the event's name) already calls it an error, so
    that shapes count which alone prove nothing, such as ``{"message": …}``.
    """
    if isinstance(value, list):  # Google wraps the error of a stream in an array
        value = next((v for v in value if isinstance(v, dict)), None)
    if not isinstance(value, dict):
        return False
    error = value.get("error")
    if isinstance(error, dict) and error:
        _enveloped(value, error, facts)
    elif _is_responses_event(value):
        _fill(facts, "openai", code=value.get("code"), message=value.get("message"))
        facts.error_param = word(value.get("param"))
    elif not _flat(value, facts, sure=sure):
        return False
    facts.body_request_id = facts.body_request_id or _request_id(value)
    return True


def _is_responses_event(value: dict[str, Any]) -> bool:
    """Whether it is the error event of OpenAI's Responses API, which has no envelope."""
    if value.get("type") != "error" or _is_number(value.get("code")):
        return False
    return "message" in value or "code" in value


def _fill(
    facts: AnswerFacts,
    shape: str,
    kind: Any = None,
    code: Any = None,
    message: Any = None,
    param: Any = None,
) -> None:
    facts.error_shape = shape
    facts.error_type = word(kind)
    facts.error_code = word(code)
    facts.error_param = word(param)
    facts.error_message = message_text(message)


def message_text(value: Any) -> str | None:
    """Return a message as text; lists of FastAPI and objects of WSO2 become one line."""
    if isinstance(value, list) and value and all(isinstance(v, dict) and "msg" in v for v in value):
        value = "; ".join(f"{_place(v.get('loc'))}{v.get('msg')}" for v in value[:20])
    elif isinstance(value, dict | list) and value:
        try:
            value = msgspec.json.encode(value).decode()
        except (ValueError, TypeError, RecursionError):
            return None
    text = _word(value, MESSAGE_CHARS)
    return None if text is None else without_surrogates(text)


def _place(loc: Any) -> str:
    return ".".join(str(part) for part in loc) + ": " if isinstance(loc, list) and loc else ""


def _enveloped(body: dict[str, Any], error: dict[str, Any], facts: AnswerFacts) -> None:
    """Fill from ``{"error": {…}}``."""
    kind, code, message = error.get("type"), error.get("code"), error.get("message")
    metadata = mapping(error.get("metadata"))
    shape = _shape(body, error)
    _fill(facts, shape, kind, code, message, error.get("param"))
    if facts.error_message is None:
        facts.error_message = message_text(error.get("detail") or error.get("msg"))
    if shape == "anthropic":
        facts.error_code = word(mapping(error.get("details")).get("error_code")) or word(code)
    elif shape == "google":
        facts.error_type = word(error.get("status"))
        facts.error_code = _google_reason(error) or word(code)
    elif shape == "azure":
        facts.error_type = word(mapping(error.get("innererror")).get("code")) or word(kind)
    if metadata:
        facts.error_type = facts.error_type or word(metadata.get("error_type"))
        facts.error_provider = word(metadata.get("provider_name"))
        facts.error_param = facts.error_param or word(metadata.get("limit_source"))
    if shape == "litellm":
        found = _PROVIDER_EXCEPTION.search(facts.error_message or "")
        facts.error_provider = found.group(1) if found else facts.error_provider
    facts.body_request_id = facts.body_request_id or word(error.get("request_id"))


def _shape(body: dict[str, Any], error: dict[str, Any]) -> str:
    """Return the word of ``vocabulary.ERROR_SHAPES`` for an enveloped error."""
    kind, code, message = error.get("type"), error.get("code"), error.get("message")
    if body.get("type") == "error":
        return "anthropic"
    if isinstance(error.get("status"), str) and _is_number(code):
        return "google"
    if "innererror" in error:
        return "azure"
    if isinstance(error.get("metadata"), dict) or (_is_number(code) and "type" not in error):
        return "openrouter"
    if _is_litellm(error, message):
        return "litellm"
    if isinstance(kind, str) and (kind in _ONEAPI_TYPES or kind.endswith("_panic")):
        return "oneapi"
    if isinstance(code, str):
        if code.startswith("channel:") or code in _ONEAPI_CODES:
            return "oneapi"
        if "type" not in error and _AZURE_CODE.match(code):
            return "azure"
    return "openai"


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_litellm(error: dict[str, Any], message: Any) -> bool:
    kind, code = error.get("type"), error.get("code")
    text = message[:MESSAGE_CHARS] if isinstance(message, str) else ""
    if _LITELLM.search(text):
        return True
    if not (isinstance(code, str) and code.isdigit() and len(code) == 3):
        return False  # LiteLLM writes the status as text
    if isinstance(kind, str) and kind in _LITELLM_TYPES:
        return True
    # It always has a type, be it null; Azure's code of three digits stands without one.
    untyped = "type" in error and kind in (None, "None")
    return untyped or _PROVIDER_EXCEPTION.search(text) is not None


def _google_reason(error: dict[str, Any]) -> str | None:
    for detail in items(error.get("details")):
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("ErrorInfo"):
            return word(detail.get("reason"))
    return None


def _flat(body: dict[str, Any], facts: AnswerFacts, *, sure: bool) -> bool:
    """Fill from a body without an ``error`` object; whether it is an error."""
    error = body.get("error")
    if isinstance(error, str) and error.strip():
        _flat_error(body, error, facts)
        return True
    nested = body.get("detail")
    if isinstance(nested, dict) and read_error(nested, facts, sure=sure):
        return True
    if _listed(body, facts) or _proves_itself(body, facts):
        return True
    return sure and _only_with_status(body, facts)


def _flat_error(body: dict[str, Any], error: str, facts: AnswerFacts) -> None:
    """Fill from ``{"error": "text"}``: xAI, Ollama; OAuth and frameworks explain it elsewhere."""
    explained = body.get("error_description") or body.get("message") or body.get("detail")
    code = body.get("code")
    if isinstance(explained, str) and explained.strip():
        _fill(facts, "flat", error, code, explained)
    else:
        _fill(facts, "flat", body.get("type"), code, error)


def _listed(body: dict[str, Any], facts: AnswerFacts) -> bool:
    """Fill from ``{"error": [{…}]}`` or ``{"errors": [{…}]}``, Cloudflare's own APIs."""
    for key in ("error", "errors"):
        first = next((e for e in items(body.get(key)) if isinstance(e, dict)), None)
        if first and ("message" in first or "code" in first):
            _fill(facts, "flat", first.get("type"), first.get("code"), first.get("message"))
            return True
    return False


def _proves_itself(body: dict[str, Any], facts: AnswerFacts) -> bool:
    """Fill from flat shapes that are errors whatever the status: Baidu, Mistral, ``success``."""
    if body.get("error_code") not in (None, 0, "0", ""):
        keys = ("error_msg", "error_message", "message", "detail", "title")
        message = next((body[key] for key in keys if body.get(key)), None)
        kind = body.get("error_type") or body.get("error_name")  # Baidu; Cloudflare's JSON
        _fill(facts, "flat", kind, body.get("error_code"), message)
    elif body.get("object") == "error":
        _fill(
            facts,
            "flat",
            body.get("type"),
            body.get("code"),
            body.get("message"),
            body.get("param"),
        )
    elif body.get("success") is False and (body.get("message") or body.get("msg")):
        _fill(facts, "flat", None, body.get("code"), body.get("message") or body.get("msg"))
    else:
        return False
    return True


def _only_with_status(body: dict[str, Any], facts: AnswerFacts) -> bool:
    """Fill from flat shapes that only a failing status makes an error."""
    message = body.get("message", body.get("Message", body.get("msg")))
    detail = body.get("detail")
    title = body.get("title")
    if isinstance(title, str) and ("status" in body or "type" in body or detail is not None):
        _fill(facts, "problem", body.get("type"), body.get("code"), detail or title)
    elif _is_number(body.get("statusCode")) and message is not None:
        _fill(facts, "azure", None, body.get("statusCode"), message)
    elif detail is not None:
        _fill(facts, "flat", body.get("type"), body.get("code"), detail)
    elif message is not None or "__type" in body or "message" in body:
        kind = _word(body.get("__type"))
        kind = kind.rpartition("#")[2] if kind else body.get("type") or body.get("name")
        _fill(facts, "flat", kind, body.get("code"), message)
    else:
        return False
    return True


def _request_id(body: dict[str, Any]) -> str | None:
    """Return the id under which the answering party can find it."""
    for key in ("request_id", "requestId", "RequestId", "requestID"):
        if found := word(body.get(key)):
            return found
    message = mapping(body.get("error")).get("message", body.get("message"))
    if isinstance(message, str) and "(request id: " in message:
        # Chained relays append one each; the last is of the relay that was asked.
        return _RELAY_ID.findall(message)[-1:][0] if _RELAY_ID.search(message) else None
    return None
