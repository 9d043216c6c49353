"""What a request body and an answer body say: plain records whose fields are canonical columns."""

from __future__ import annotations

import msgspec


class RequestFacts(msgspec.Struct, gc=False):
    """What a request body says."""

    model: str | None = None
    stream: bool | None = None
    llm_body: bool = False
    """JSON with a model and messages, input, prompt or contents."""
    session_id: str | None = None
    secrets: tuple[str, ...] = ()
    """Literals under credential keys of the body, for the secret store."""


class AnswerFacts(msgspec.Struct, gc=False):
    """What an answer's body says; every field but the last ones is the column of that name."""

    body_kind: str = "absent"
    html_title: str | None = None
    body_text: str | None = None
    error_type: str | None = None
    error_code: str | None = None
    error_param: str | None = None
    error_message: str | None = None
    error_shape: str | None = None
    error_provider: str | None = None
    stream_state: str | None = None
    stream_events: int | None = None
    finish_reason: str | None = None
    visible_output: bool | None = None
    model_served: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: str | None = None
    """Money as the text that stood there; ingest turns it into Decimal."""
    currency: str | None = None
    response_id: str | None = None
    """``id`` of the body (``chatcmpl-…``, ``msg_…``, ``gen-…``)."""
    body_request_id: str | None = None
    """``request_id`` of an error body."""
