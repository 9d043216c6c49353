"""Token counts and cost that an answer states, as that answer counts them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from analyzer.signals.document import ABSENT, Document, anything, mapping, whole
from analyzer.signals.facts import AnswerFacts

_NUMBER = re.compile(rb'^"?(-?\d{1,20}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?)"?$')


class _Usage(msgspec.Struct, gc=False):
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


class _UsageMetadata(msgspec.Struct, gc=False):
    """``usageMetadata`` of Gemini."""

    prompt: Any = msgspec.field(default=None, name="promptTokenCount")
    candidates: Any = msgspec.field(default=None, name="candidatesTokenCount")
    thoughts: Any = msgspec.field(default=None, name="thoughtsTokenCount")
    cached: Any = msgspec.field(default=None, name="cachedContentTokenCount")


_USAGE = msgspec.json.Decoder(_Usage)
_METADATA = msgspec.json.Decoder(_UsageMetadata)


def is_object(raw: msgspec.Raw) -> bool:
    """Whether a raw JSON field is an object."""
    return bytes(memoryview(raw)[:1]) == b"{"


def fill(facts: AnswerFacts, document: Document) -> bool:
    """Fill the token columns from ``document`` where they are empty; whether it had any."""
    if document.usage is not ABSENT and is_object(document.usage):
        return _fill_usage(facts, document.usage)
    if document.usage_metadata is not ABSENT and is_object(document.usage_metadata):
        return _fill_metadata(facts, document.usage_metadata)
    if document.eval_count is not None or document.prompt_eval_count is not None:
        _set(facts, "input_tokens", document.prompt_eval_count)
        _set(facts, "output_tokens", document.eval_count)
        return True
    return False


def fill_value(facts: AnswerFacts, value: Any) -> bool:
    """Fill from a ``usage`` object that is decoded already; whether it is one."""
    if not isinstance(value, dict):
        return False
    try:
        return _fill_usage(facts, msgspec.Raw(msgspec.json.encode(value)))
    except (ValueError, TypeError, RecursionError):
        return False


def fill_start(facts: AnswerFacts, usage: Any) -> None:
    """Fill what the first event of an Anthropic stream knows: the prompt, never the output.

    Its ``output_tokens`` is a small placeholder, neither a count nor a sign of an abort.
    """
    stated = mapping(usage)
    _set(facts, "input_tokens", stated.get("input_tokens"))
    _set(facts, "cached_tokens", stated.get("cache_read_input_tokens"))


def _set(facts: AnswerFacts, name: str, *values: Any) -> None:
    """Set a column to the first count among ``values``, unless it is set."""
    for value in values:
        if value is None:
            continue
        count = value if type(value) is int and 0 <= value < 1 << 53 else whole(value)
        if count is not None:
            if getattr(facts, name) is None:
                setattr(facts, name, count)
            return


def _fill_usage(facts: AnswerFacts, raw: msgspec.Raw) -> bool:
    try:
        usage = _USAGE.decode(raw)
    except (ValueError, RecursionError):
        return False
    if usage.tokens is not None:
        _fill_cohere(facts, mapping(usage.tokens))
    _set(facts, "input_tokens", usage.prompt_tokens, usage.input_tokens, usage.input_tokens_aws)
    _set(
        facts,
        "output_tokens",
        usage.completion_tokens,
        usage.output_tokens,
        usage.output_tokens_aws,
    )
    for details in (usage.prompt_tokens_details, usage.input_tokens_details):
        if isinstance(details, dict):
            _set(facts, "cached_tokens", details.get("cached_tokens"))
    _set(
        facts,
        "cached_tokens",
        usage.cache_read_input_tokens,
        usage.prompt_cache_hit_tokens,
        usage.cache_read_aws,
    )
    for details in (usage.completion_tokens_details, usage.output_tokens_details):
        if isinstance(details, dict):
            _set(facts, "reasoning_tokens", details.get("reasoning_tokens"))
    if usage.cost is not ABSENT and facts.cost is None:
        facts.cost = _money(usage.cost)
        # OpenRouter's credits and Perplexity's total are US dollars.
        facts.currency = None if facts.cost is None else "USD"
    return True


def _fill_cohere(facts: AnswerFacts, tokens: dict[str, Any]) -> None:
    _set(facts, "input_tokens", tokens.get("input_tokens"))
    _set(facts, "output_tokens", tokens.get("output_tokens"))


def _money(raw: msgspec.Raw) -> str | None:
    """Return the digits that stood there, so that no float comes between."""
    text = bytes(raw)
    if text[:1] == b"{":
        total = mapping(anything(text)).get("total_cost")
        text = b"" if total is None else str(total).encode("utf-8", "replace")
    found = _NUMBER.match(text)
    return found.group(1).decode() if found else None


def _fill_metadata(facts: AnswerFacts, raw: msgspec.Raw) -> bool:
    try:
        usage = _METADATA.decode(raw)
    except (ValueError, RecursionError):
        return False
    _set(facts, "input_tokens", usage.prompt)
    _set(facts, "output_tokens", usage.candidates)
    _set(facts, "cached_tokens", usage.cached)
    _set(facts, "reasoning_tokens", usage.thoughts)
    return True
