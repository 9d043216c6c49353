"""Token counts and cost that an answer states, as that answer counts them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from analyzer.signals.document import (
    ABSENT,
    Document,
    Usage,
    UsageMetadata,
    anything,
    mapping,
    whole,
)
from analyzer.signals.facts import AnswerFacts

_EXACT = 1 << 53
_NO_PARTS = (None, None)
_NUMBER = re.compile(rb'^"?(-?\d{1,20}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?)"?$')


_USAGE = msgspec.json.Decoder(Usage)


def fill(facts: AnswerFacts, document: Document) -> bool:
    """Fill the token columns from ``document`` where they are empty; whether it had any."""
    if isinstance(document.usage, Usage):
        _fill_usage(facts, document.usage)
        return True
    if isinstance(document.usage_metadata, UsageMetadata):
        _fill_metadata(facts, document.usage_metadata)
        return True
    if document.eval_count is not None or document.prompt_eval_count is not None:
        if facts.input_tokens is None:
            facts.input_tokens = _count(document.prompt_eval_count)
        if facts.output_tokens is None:
            facts.output_tokens = _count(document.eval_count)
        return True
    return False


def fill_value(facts: AnswerFacts, value: Any) -> bool:
    """Fill from a ``usage`` object that is decoded already; whether it is one."""
    if not isinstance(value, dict):
        return False
    try:
        _fill_usage(facts, _USAGE.decode(msgspec.json.encode(value)))
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def fill_start(facts: AnswerFacts, usage: Any) -> None:
    """Fill what the first event of an Anthropic stream knows: the prompt, never the output.

    Its ``output_tokens`` is a small placeholder, neither a count nor a sign of an abort.
    """
    stated = mapping(usage)
    if facts.input_tokens is None:
        facts.input_tokens = _count(stated.get("input_tokens"))
    if facts.cached_tokens is None:
        facts.cached_tokens = _count(stated.get("cache_read_input_tokens"))


def _count(*values: Any) -> int | None:
    """Return the first count among ``values``."""
    for value in values:
        if value is None:
            continue
        count = value if type(value) is int and 0 <= value < _EXACT else whole(value)
        if count is not None:
            return count
    return None


def _detail(name: str, *details: Any) -> int | None:
    """Return the first count under ``name`` in ``details``."""
    return _count(*(part.get(name) for part in details if isinstance(part, dict)))


def _fill_usage(facts: AnswerFacts, usage: Usage) -> None:
    if usage.tokens is not None:
        _fill_cohere(facts, mapping(usage.tokens))
    if facts.input_tokens is None:
        facts.input_tokens = _count(usage.prompt_tokens, usage.input_tokens, usage.input_tokens_aws)
    if facts.output_tokens is None:
        facts.output_tokens = _count(
            usage.completion_tokens, usage.output_tokens, usage.output_tokens_aws
        )
    if facts.cached_tokens is None:
        facts.cached_tokens = _cached(usage)
    if facts.reasoning_tokens is None:
        parts = usage.completion_tokens_details, usage.output_tokens_details
        if parts != _NO_PARTS:
            facts.reasoning_tokens = _detail("reasoning_tokens", *parts)
    if usage.cost is not ABSENT and facts.cost is None:
        facts.cost = _money(usage.cost)
        # OpenRouter's credits and Perplexity's total are US dollars.
        facts.currency = None if facts.cost is None else "USD"


def _cached(usage: Usage) -> int | None:
    parts = usage.prompt_tokens_details, usage.input_tokens_details
    count = _detail("cached_tokens", *parts) if parts != _NO_PARTS else None
    if count is not None:
        return count
    return _count(
        usage.cache_read_input_tokens, usage.prompt_cache_hit_tokens, usage.cache_read_aws
    )


def _fill_cohere(facts: AnswerFacts, tokens: dict[str, Any]) -> None:
    if facts.input_tokens is None:
        facts.input_tokens = _count(tokens.get("input_tokens"))
    if facts.output_tokens is None:
        facts.output_tokens = _count(tokens.get("output_tokens"))


def _money(raw: msgspec.Raw) -> str | None:
    """Return the digits that stood there, so that no float comes between."""
    text = bytes(raw)
    if text[:1] == b"{":
        total = mapping(anything(text)).get("total_cost")
        text = b"" if total is None else str(total).encode("utf-8", "replace")
    found = _NUMBER.match(text)
    return found.group(1).decode() if found else None


def _fill_metadata(facts: AnswerFacts, usage: UsageMetadata) -> None:
    if facts.input_tokens is None:
        facts.input_tokens = _count(usage.prompt)
    if facts.output_tokens is None:
        facts.output_tokens = _count(usage.candidates)
    if facts.cached_tokens is None:
        facts.cached_tokens = _count(usage.cached)
    if facts.reasoning_tokens is None:
        facts.reasoning_tokens = _count(usage.thoughts)
