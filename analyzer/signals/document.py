"""JSON of an answer or an event, decoded as far as whichhop looks at it.

One :class:`Document` serves all protocols: each names its fields differently, so there is nothing
to confuse, and a relay that mixes two of them is still read. Containers are ``Any`` because
producers mistype them; the readers check what they take.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

ABSENT = msgspec.Raw(b"")
"""A raw field that was not there."""


_Junk = str | int | float | bool | list[Any] | None | UnsetType
"""What may stand where an object is expected."""


class Usage(msgspec.Struct, gc=False):
    """``usage`` of OpenAI, Anthropic, OpenRouter, Cohere and Bedrock in one."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Any = None
    completion_tokens_details: Any = None
    prompt_cache_hit_tokens: Any = None
    input_tokens: Any = None
    output_tokens: Any = None
    input_tokens_details: Any = None
    output_tokens_details: Any = None
    cache_read_input_tokens: Any = None
    input_tokens_aws: Any = msgspec.field(default=None, name="inputTokens")
    output_tokens_aws: Any = msgspec.field(default=None, name="outputTokens")
    cache_read_aws: Any = msgspec.field(default=None, name="cacheReadInputTokens")
    tokens: Any = None
    cost: msgspec.Raw = ABSENT


class UsageMetadata(msgspec.Struct, gc=False):
    """``usageMetadata`` of Gemini."""

    prompt: Any = msgspec.field(default=None, name="promptTokenCount")
    candidates: Any = msgspec.field(default=None, name="candidatesTokenCount")
    thoughts: Any = msgspec.field(default=None, name="thoughtsTokenCount")
    cached: Any = msgspec.field(default=None, name="cachedContentTokenCount")


class Document(msgspec.Struct, gc=False):
    """The fields of an answer, a chunk or an event that say something."""

    type: Any = None
    event_type: Any = None
    object: Any = None
    id: Any = None
    response_id: Any = msgspec.field(default=None, name="responseId")
    model: Any = None
    model_version: Any = msgspec.field(default=None, name="modelVersion")
    # OpenAI chat and completions
    choices: Any = None
    usage: Usage | _Junk = UNSET
    data: msgspec.Raw = ABSENT
    # Anthropic
    message: Any = None
    delta: Any = None
    content: Any = None
    content_block: Any = None
    stop_reason: Any = None
    # OpenAI Responses; Ollama's /api/generate puts text under ``response``
    response: Any = None
    item: Any = None
    output: Any = None
    status: Any = None
    incomplete_details: Any = None
    # Gemini
    candidates: Any = None
    prompt_feedback: Any = msgspec.field(default=None, name="promptFeedback")
    usage_metadata: UsageMetadata | _Junk = msgspec.field(default=UNSET, name="usageMetadata")
    # Ollama
    done: Any = None
    done_reason: Any = None
    thinking: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    # Bedrock Converse, Cohere
    stop_reason_aws: Any = msgspec.field(default=None, name="stopReason")
    finish_reason: Any = None
    text: Any = None
    tool_calls: Any = None
    # Sourcegraph's gateway
    delta_text: Any = msgspec.field(default=None, name="deltaText")
    # errors
    error: Any = None
    error_code: Any = None
    errors: Any = None
    success: Any = None
    code: Any = None


_DOCUMENT = msgspec.json.Decoder(Document)
_ANYTHING = msgspec.json.Decoder()
_BROKEN = (ValueError, RecursionError)
"""What a decoder raises: msgspec's errors and UnicodeError are ValueErrors."""


def document(text: str | bytes | msgspec.Raw) -> Document | None:
    """Return the fields of a JSON object, ``None`` if ``text`` is no JSON object."""
    try:
        return _DOCUMENT.decode(text)
    except _BROKEN:
        pass
    value = _lenient(text)
    if not isinstance(value, dict):
        return None
    try:
        return _DOCUMENT.decode(msgspec.json.encode(value))
    except _BROKEN:
        return None


def anything(text: str | bytes | msgspec.Raw) -> Any:
    """Return any JSON value, ``...`` if ``text`` is no JSON.

    (``None`` is a value: the JSON word ``null``.)
    """
    try:
        return _ANYTHING.decode(text)
    except _BROKEN:
        return _lenient(text)


def _lenient(text: str | bytes | msgspec.Raw) -> Any:
    """Read what Python servers write though it is no JSON: NaN, raw control characters."""
    source = text if isinstance(text, str) else bytes(text).decode("utf-8", "replace")
    source = source.strip()
    if not source.endswith(("}", "]")):
        return ...  # cut off, or no container: not worth a second, slower parse
    try:
        value = json.loads(source, strict=False)
        clean = without_surrogates(json.dumps(value, ensure_ascii=False))
        return json.loads(clean, strict=False)
    except _BROKEN:
        return ...


def without_surrogates(text: str) -> str:
    """Return ``text`` with half surrogate pairs replaced, since no UTF-8 column can hold them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def mapping(value: Any) -> dict[str, Any]:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return ``value`` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def word(value: Any, limit: int = 512) -> str | None:
    """Return a non-empty text (numbers as text), at most ``limit`` characters, else ``None``."""
    if isinstance(value, str):
        return value[:limit] if value and not value.isspace() else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def whole(value: Any) -> int | None:
    """Return a count that fits a 64-bit column, else ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    return value if 0 <= value < 1 << 63 else None
