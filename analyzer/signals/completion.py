"""What an answer or one event of a stream delivered: text, a tool call, media, a reason to end."""

from __future__ import annotations

from typing import Any

import msgspec

from analyzer.signals.document import Document, items, mapping, word

NOTHING = 0
HIDDEN = 1
"""Content that a user does not see: reasoning, thinking, signatures."""
VISIBLE = 2
"""Text, a tool call, an image or audio."""

_TOOL_ITEMS = ("_call", "_tool_use", "tool_use")
_HIDDEN_BLOCKS = frozenset({"thinking", "redacted_thinking", "thinking_delta", "signature_delta"})
_SHOWN_KEYS = frozenset({"content", "tool_calls", "function_call", "audio", "images", "refusal"})
_HIDDEN_KEYS = frozenset(
    {"reasoning_content", "reasoning", "reasoning_details", "reasoning_text", "thinking"}
)
_VISIBLE_EVENTS = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.mcp_call_arguments.delta",
        "response.audio.delta",
        "response.audio_transcript.delta",
        "response.image_generation_call.partial_image",
        "response.code_interpreter_call_code.delta",
        "image_generation.partial_image",
        "image_generation.completed",
        "image_edit.partial_image",
        "image_edit.completed",
        "speech.audio.delta",
        "transcript.text.delta",
        "transcript.text.done",
        "content-delta",
        "tool-call-start",
        "text-generation",
    }
)


class Delivery(msgspec.Struct, gc=False):
    """What one document delivered."""

    content: int = NOTHING
    finish: str | None = None
    speaks: bool = False
    """Whether the document has the shape of a completion at all."""


def filled(value: Any) -> bool:
    """Whether ``value`` is text that is more than white space, or a non-empty list or object."""
    if isinstance(value, str):
        return bool(value) and not value.isspace()
    return isinstance(value, list | dict) and bool(value)


def delivery(document: Document) -> Delivery:
    """Return what ``document`` delivered, whatever its protocol."""
    found = Delivery()
    if document.choices is not None:
        found.speaks = True
        _choice_list(document.choices, found)
    if document.candidates is not None or document.prompt_feedback is not None:
        _gemini(document, found)
    if document.type is not None or document.event_type is not None:
        _typed(document, found)
    if document.output is not None:
        _output(document, found)
    if document.done is not None:
        _ollama(document, found)
    if document.content is not None or document.stop_reason is not None:
        _blocks(document.content, found)
        found.finish = found.finish or word(document.stop_reason)
        found.speaks |= document.type == "message" or found.finish is not None
    if document.finish_reason is not None and not found.speaks:
        _cohere(document, found)
    if document.delta_text is not None:
        found.speaks = True
        _see(found, VISIBLE if filled(document.delta_text) else NOTHING)
        found.finish = found.finish or word(document.stop_reason_aws)
    return found


def _see(found: Delivery, content: int) -> None:
    if content > found.content:
        found.content = content


def _choice_list(choices: Any, found: Delivery) -> None:
    if not isinstance(choices, list):
        return
    for choice in choices:
        if not isinstance(choice, dict):
            continue
        for said in (choice.get("delta"), choice.get("message")):
            if said and isinstance(said, dict):
                _see(found, _said(said))
        reason = choice.get("finish_reason")
        if reason:
            found.finish = found.finish or word(reason)
        if filled(choice.get("text")):
            _see(found, VISIBLE)


def _said(said: dict[str, Any]) -> int:
    """Rate an OpenAI ``message`` or ``delta``, with what compatible servers add to it."""
    content = said.get("content")
    if type(content) is str and content and not content.isspace():
        return VISIBLE
    best = NOTHING
    for key, value in said.items():
        if not value:
            continue
        if key == "content" and isinstance(value, list):
            part = Delivery()
            _blocks(value, part)
            best = max(best, part.content)
        elif key in _SHOWN_KEYS:
            if filled(value):
                return VISIBLE
        elif key in _HIDDEN_KEYS and filled(value):
            best = HIDDEN
    return best


def _gemini(document: Document, found: Delivery) -> None:
    found.speaks = True
    for candidate in items(document.candidates):
        if not isinstance(candidate, dict):
            continue
        found.finish = found.finish or word(candidate.get("finishReason"))
        for part in items(mapping(candidate.get("content")).get("parts")):
            if not isinstance(part, dict):
                continue
            if part.get("thought") is True:
                _see(found, HIDDEN)
            elif any(filled(part.get(k)) for k in part if k != "thoughtSignature"):
                _see(found, VISIBLE)
    if not document.candidates:
        found.finish = found.finish or word(mapping(document.prompt_feedback).get("blockReason"))


def _blocks(content: Any, found: Delivery) -> None:
    """Rate Anthropic's (and Cohere's, Bedrock's) list of content blocks."""
    if filled(content) and isinstance(content, str):
        _see(found, VISIBLE)
    for block in items(content):
        if isinstance(block, dict):
            _see(found, _block(block))


def _block(block: dict[str, Any]) -> int:
    kind = block.get("type")
    if kind in _HIDDEN_BLOCKS or (kind is None and "reasoningContent" in block):
        return HIDDEN
    if kind in ("text", "output_text", "text_delta", None) and "toolUse" not in block:
        return VISIBLE if filled(block.get("text")) else NOTHING
    if kind == "refusal":
        return VISIBLE if filled(block.get("refusal")) else NOTHING
    if kind == "input_json_delta":
        return VISIBLE
    return VISIBLE if kind != "reasoning" else HIDDEN


def _typed(document: Document, found: Delivery) -> None:
    """Rate an event that says its own type: Anthropic, OpenAI Responses, Cohere."""
    kind = document.type if isinstance(document.type, str) else document.event_type
    if not isinstance(kind, str):
        return
    if kind == "content_block_delta":
        _see(found, _block(mapping(document.delta)))
    elif kind == "content_block_start":
        _see(found, _block(mapping(document.content_block)))
    elif kind == "message_delta":
        found.finish = word(mapping(document.delta).get("stop_reason"))
    elif kind == "message-end":
        found.finish = word(mapping(document.delta).get("finish_reason"))
    elif kind in _VISIBLE_EVENTS:
        _see(found, VISIBLE)
    elif kind.startswith("response.reasoning"):
        _see(found, HIDDEN)
    elif kind in ("response.output_item.added", "response.output_item.done"):
        _see(found, _output_item(mapping(document.item)))
    elif kind.startswith("response.") and isinstance(document.response, dict):
        _response(document.response, found)


def _response(response: dict[str, Any], found: Delivery) -> None:
    """Rate the response object that the first and the last event of the Responses API carry."""
    status = response.get("status")
    if status in ("queued", "in_progress"):
        return
    reason = mapping(response.get("incomplete_details")).get("reason")
    found.finish = word(reason) or word(status)
    for item in items(response.get("output")):
        if isinstance(item, dict):
            _see(found, _output_item(item))


def _output_item(item: dict[str, Any]) -> int:
    kind = item.get("type")
    if not isinstance(kind, str):
        return NOTHING
    if kind == "message":
        part = Delivery()
        _blocks(item.get("content"), part)
        return part.content
    return VISIBLE if kind.endswith(_TOOL_ITEMS) else HIDDEN


def _output(document: Document, found: Delivery) -> None:
    if document.status in ("queued", "in_progress"):
        return  # background mode: the output is fetched later
    if isinstance(document.output, dict):
        _wrapped_output(document, document.output, found)
        return
    if isinstance(document.output, str):
        _see(found, VISIBLE if filled(document.output) else NOTHING)
    reason = word(mapping(document.incomplete_details).get("reason"))
    found.finish = reason or word(document.status)
    found.speaks = document.object == "response"
    for item in items(document.output):
        _see(found, _output_item(item) if isinstance(item, dict) else VISIBLE)


def _wrapped_output(document: Document, output: dict[str, Any], found: Delivery) -> None:
    """Rate ``output`` as an object: Bedrock Converse, DashScope's own API."""
    found.finish = word(document.stop_reason_aws) or word(output.get("finish_reason"))
    found.speaks = found.finish is not None or "choices" in output
    _blocks(mapping(output.get("message")).get("content"), found)
    if filled(output.get("text")):
        _see(found, VISIBLE)
    _choice_list(output.get("choices"), found)


def _ollama(document: Document, found: Delivery) -> None:
    found.speaks = True
    said = mapping(document.message)
    if filled(document.response) or filled(said.get("content")) or filled(said.get("tool_calls")):
        _see(found, VISIBLE)
    elif filled(document.thinking) or filled(said.get("thinking")):
        _see(found, HIDDEN)
    if document.done is True:
        found.finish = word(document.done_reason) or "stop"


def _cohere(document: Document, found: Delivery) -> None:
    found.speaks = True
    found.finish = word(document.finish_reason)
    _blocks(mapping(document.message).get("content"), found)
    if filled(document.text) or filled(document.tool_calls):
        _see(found, VISIBLE)
    if filled(mapping(document.message).get("tool_calls")):
        _see(found, VISIBLE)
