"""Request bodies: which model is asked, whether for a stream, in which session, with which secrets.

Prompts are skipped undecoded: whichhop does not look at what was said.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from analyzer.signals.document import ABSENT, anything, items, mapping, without_surrogates, word
from analyzer.signals.facts import RequestFacts

_FORM_CHARS = 65_536
_MULTIPART_MODEL = re.compile(r'name="?model"?[^\r\n]*\r?\n\r?\n([^\r\n]{1,200})')
_SESSION = re.compile(r"session_([0-9a-fA-F-]{8,64})$")
_SECRET_KEY = re.compile(
    r"^(?:x[-_])?(?:.*[-_])?(?:api[-_]?key|apikey|access[-_]?key|secret|client[-_]?secret|password"
    r"|passwd|access[-_]?token|refresh[-_]?token|id[-_]?token|auth[-_]?token|authorization[-_]?token"
    r"|token|authorization|private[-_]?key|credential)$",
    re.IGNORECASE,
)
_MAX_SECRETS = 32
_MAX_NODES = 2000
_NO_SECRETS = (None, None, None, None)


class _Request(msgspec.Struct, gc=False):
    """The fields of a request that say something; raw ones are only tested for being there."""

    model: Any = None
    stream: Any = None
    messages: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    prompt: msgspec.Raw = ABSENT
    contents: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    mcp_servers: msgspec.Raw = ABSENT
    metadata: Any = None
    session_id: Any = None
    conversation: Any = None
    conversation_id: Any = None
    prompt_cache_key: Any = None
    api_key: Any = None
    api_key_camel: Any = msgspec.field(default=None, name="apiKey")
    access_token: Any = None
    token: Any = None


_REQUEST = msgspec.json.Decoder(_Request)


def read_request(text: str | None, content_type: str | None) -> RequestFacts:
    """Return what a request body says; an empty record if it is none that is understood."""
    facts = RequestFacts()
    if not text:
        return facts
    start = text[0]
    if start != "{":
        start = text[:64].lstrip("\ufeff \t\r\n")[:1]
    if start == "{":
        _read_json(text.lstrip("\ufeff"), facts)
    elif content_type and "multipart/" in content_type.lower():
        found = _MULTIPART_MODEL.search(text[: 1 << 20])
        facts.model = without_surrogates(found.group(1).strip()) or None if found else None
    elif "=" in text[:256] and start != "[":
        _read_form(text, facts)
    return facts


def _read_json(text: str, facts: RequestFacts) -> None:
    try:
        found = _REQUEST.decode(text)
    except (ValueError, RecursionError):
        _read_odd(text, facts)
        return
    facts.model = word(found.model)
    if found.stream is not None:
        facts.stream = _flag(found.stream)
    facts.llm_body = facts.model is not None and not (
        found.messages is ABSENT
        and found.input is ABSENT
        and found.prompt is ABSENT
        and found.contents is ABSENT
    )
    facts.session_id = _session(found)
    stated = (found.api_key, found.api_key_camel, found.access_token, found.token)
    secrets = [] if stated == _NO_SECRETS else list(stated)
    for raw in (found.tools, found.mcp_servers):
        # Servers for tools come with their own credentials.
        if raw is not ABSENT and b"uthorization" in bytes(raw):
            secrets += _secrets_in(anything(raw))
    if not facts.llm_body:
        secrets += _secrets_in(anything(text))
    if secrets:
        facts.secrets = _kept(secrets)


def _read_odd(text: str, facts: RequestFacts) -> None:
    """Read what only a lenient parser understands, as far as it matters."""
    value = mapping(anything(text))
    facts.model = word(value.get("model"))
    facts.stream = _flag(value.get("stream"))
    prompts = ("messages", "input", "prompt", "contents")
    facts.llm_body = facts.model is not None and any(key in value for key in prompts)
    facts.secrets = _kept(_secrets_in({k: v for k, v in value.items() if k not in prompts}))


def _read_form(text: str, facts: RequestFacts) -> None:
    """Read a form, such as the token exchange of OAuth."""
    try:
        pairs = parse_qsl(text[:_FORM_CHARS], max_num_fields=200)
    except ValueError:
        return
    secrets = [value for key, value in pairs if _SECRET_KEY.match(key) or key in ("code", "key")]
    facts.secrets = _kept(secrets)


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return None


def _session(found: _Request) -> str | None:
    """Return the session that the client names: Claude Code, Codex, OpenRouter's field."""
    if (
        found.metadata is None
        and found.session_id is None
        and found.conversation is None
        and found.conversation_id is None
        and found.prompt_cache_key is None
    ):
        return None
    metadata = mapping(found.metadata)
    user = metadata.get("user_id")
    if isinstance(user, str):
        if match := _SESSION.search(user):
            return match.group(1)
        if user.startswith("{"):
            return word(mapping(anything(user)).get("session_id"))
    conversation = found.conversation
    if isinstance(conversation, dict):
        conversation = conversation.get("id")
    named = (found.session_id, metadata.get("session_id"), conversation, found.conversation_id)
    for value in (*named, found.prompt_cache_key):
        if isinstance(value, str) and (text := word(value, 128)):
            return text
    return None


def _secrets_in(value: Any) -> list[Any]:
    """Return the literals under credential keys anywhere in ``value``, breadth first."""
    found: list[Any] = []
    queue, seen = [value], 0
    while queue and seen < _MAX_NODES:
        node = queue.pop()
        seen += 1
        if isinstance(node, dict):
            for key, inner in node.items():
                if isinstance(inner, str):
                    if _SECRET_KEY.match(key):
                        found.append(inner)
                elif isinstance(inner, dict | list):
                    queue.append(inner)
        else:
            queue.extend(v for v in items(node) if isinstance(v, dict | list))
    return found


def _kept(values: list[Any]) -> tuple[str, ...]:
    """Drop what is too short to be a secret, or a mask; strip the scheme of an Authorization."""
    kept: dict[str, None] = {}
    for value in values:
        if not isinstance(value, str):
            continue
        literal = value.strip()
        scheme, _, rest = literal.partition(" ")
        literal = rest.strip() if rest and scheme.lower() in ("bearer", "basic") else literal
        if len(literal) >= 8 and len(set(literal)) > 2 and len(kept) < _MAX_SECRETS:
            kept[literal] = None
    return tuple(kept)
