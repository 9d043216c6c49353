"""Secrets by the name of their field: JSON (in strings too), queries, forms, cookies, markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from analyzer.redact.names import Place, credential_key, soft_key
from analyzer.redact.patterns import credential_like
from analyzer.redact.spans import CUT, Span, folded

WORDS = (
    "pass", "pwd", "secret", "token", "key", "auth", "session", "sid", "csrf", "xsrf", "state",
    "code", "assertion", "saml", "private", "credential", "cookie", "sig", "email", "user", "jwt",
)  # fmt: skip
"""One of them is part of every name that ``credential_key`` knows."""

_NO_VALUE = frozenset({"", "null", "none", "true", "false", "undefined", "nil", "nan"})

_COOKIE_ATTRIBUTES = frozenset(
    {"path", "domain", "expires", "max-age", "samesite", "secure", "httponly", "priority",
     "partitioned", "version", "comment"}
)  # fmt: skip

_JSON_QUOTES = ('"', "'", "&quot;", "&#34;")
_JSON_NAME = r"(?P<name>[A-Za-z_:][\w.\-]{0,60}+)(?P<escape>\\{0,15})"
_NUMBER = r"-?\d[\d.eE+-]*"
_OAUTH = (
    r"[\"'](?:grant_type|access_token|refresh_token|id_token|code_verifier|redirect_uri"
    r"|client_secret)\\*[\"']"
)
_NAME_BEFORE = r"[A-Za-z_][\w.\-\[\]]{0,60}\Z"
_LINE_NAME_BEFORE = r"(?<![\w.:\-\"'])[A-Za-z][\w\-]{2,60}\Z"
_LINE_VALUE = r"[^\S\n]{0,3}(?:(?i:bearer|basic|token)\s+)?"
_FORM = r"\s*[\w.\-\[\]%+]{1,80}=[^\s&]*(?:&[\w.\-\[\]%+]{1,80}(?:=[^\s&]*)?)+\s*"
_BARE = r"[^\s&\"'<>;,\\]+"
_COOKIE_LINE = r"(?i)\b(?:set-)?cookie2?\\*[\"']?\s*:\s*\\*[\"']?([^\r\n\"'\\]+)"
_MULTIPART = (
    r"(?i)\bname=\\*\"?(?P<name>[\w.\-\[\]]{1,60})\\*\"?[^\r\n\\]{0,200}(?:(?:\\r\\n|\r?\n)[^\r\n\\]{1,200})*?"
    r"(?:\\r\\n|\r?\n){2}(?P<value>.*?)(?=(?:\\r\\n|\r?\n)--|\Z)"
)
_MARKUP = (
    r"(?i)<(?:input|meta)\b[^>]{0,200}?\b(?:name|id)=[\"'](?P<name>[\w.\-]{1,60})[\"'][^>]{0,200}?"
    r"\b(?:value|content)=[\"'](?P<value>[^\"'<>]{1,4000})",
    r"(?i)<(?:input|meta)\b[^>]{0,200}?\b(?:value|content)=[\"'](?P<value>[^\"'<>]{1,4000})[\"']"
    r"[^>]{0,200}?\b(?:name|id)=[\"'](?P<name>[\w.\-]{1,60})[\"']",
)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.DOTALL)


def field_spans(text: str, lower: str) -> Iterator[Span]:
    """Yield the values that stand under a credential's name; ``lower`` is ``folded(text)``."""
    if not any(word in lower for word in WORDS):
        return
    if ":" in text:
        yield from _json_spans(text)
        yield from _line_spans(text)
    if "=" in text or "%3d" in lower:
        yield from _pair_spans(text)
    if "cookie" in lower:
        yield from _cookie_line_spans(text)
    if "name=" in lower:
        yield from _named_spans(text, lower)


def _json_spans(text: str) -> Iterator[Span]:
    place: Place = "json"
    if '"error' not in text and _compiled(_OAUTH).search(text):
        place = "oauth"
    sampled = "logprob" in text  # there, "token" is a piece of the answer
    for name, opening, at in _json_heads(text):
        if name == "name":
            yield from _name_value_span(text, opening, at)
            continue
        kind = credential_key(name, place)
        if kind is None:
            continue
        found = _json_value(text, at, opening, kind)
        if found and not (sampled and name == "token" and not credential_like(found[2].strip())):
            yield Span(found[0], found[1], kind, found[2], 3)


def _json_heads(text: str, start: int = 0) -> Iterator[tuple[str, str, int]]:
    """Yield each key, the quote around it with its backslashes, and where its value begins."""
    for quote in _JSON_QUOTES:
        if quote not in text:
            continue
        # A leading literal lets the engine skip from quote to quote.
        head = _compiled(f"{quote}{_JSON_NAME}{quote}\\s{{0,9}}:\\s{{0,9}}")
        for match in head.finditer(text, start):
            escape = match["escape"]
            if text.endswith(escape, start, match.start()):
                yield match["name"], escape + quote, match.end()


def _json_value(text: str, at: int, opening: str, kind: str) -> tuple[int, int, str] | None:
    """Return where the value at ``at`` begins and ends, without its quotes, and what it is."""
    if not text.startswith(opening, at):
        number = _compiled(_NUMBER).match(text, at) if kind == "password" else None
        return (*number.span(), number[0]) if number else None
    start = at + len(opening)
    end = _closing(text, start, opening)
    value = text[start:end]
    if value.strip().lower() in _NO_VALUE:
        return None
    bare = re.match(r"(?i)(?:bearer|basic|token)\s+(?=\S)", value) if kind == "key" else None
    return (start + bare.end(), end, value[bare.end() :]) if bare else (start, end, value)


def _closing(text: str, start: int, opening: str) -> int:
    """Return where a string ends that began with ``opening``, backslashes and a quote.

    A quote of the value itself has more backslashes before it; a cut string ends with the text.
    """
    quote = opening.lstrip("\\")
    escape = opening[: -len(quote)]
    at = start
    while (at := text.find(quote, at)) >= 0:
        slashes = 0
        while at - slashes > start and text[at - slashes - 1] == "\\":
            slashes += 1
        if slashes == len(escape) or (not escape and slashes % 2 == 0):
            return at - len(escape)
        if slashes < len(escape):
            return at - slashes
        at += len(quote)
    cut = text.find(CUT, start)
    return cut if cut >= 0 else len(text)


def _name_value_span(text: str, opening: str, at: int) -> Iterator[Span]:
    """Yield the value of ``{"name": "authorization", "value": "…"}``, as HAR files have it."""
    named = _json_value(text, at, opening, "")
    kind = credential_key(named[2]) if named and len(named[2]) < 64 else None
    if named is None or kind is None:
        return
    between = _compiled(r"\s*,\s*").match(text, named[1] + len(opening))
    head = next(_json_heads(text[: named[1] + 200], between.end()), None) if between else None
    if head and head[0] == "value":
        found = _json_value(text, head[2], opening, kind)
        if found:
            yield Span(found[0], found[1], kind, found[2], 3)


def _pair_spans(text: str) -> Iterator[Span]:
    is_form = text.count("=") > 1 and bool(_compiled(_FORM).fullmatch(text))
    at = text.find("=")
    while at >= 0:
        spaced = text[max(0, at - 1) : at] == " "
        name, start = _name_before(text, at - spaced, _NAME_BEFORE)
        in_query = is_form or text.endswith(_QUERY_MARKS, 0, start)
        kind = credential_key(name, "query" if in_query else "text") if name else None
        if kind:
            first, end = _pair_value(text, at + 1 + (spaced and text.startswith(" ", at + 1)))
            if in_query and (fragment := text.find("#", first, end)) >= 0:
                end = fragment
            value = text[first:end]
            if _is_pair_value(value, kind) and (
                in_query or not soft_key(name) or credential_like(value)
            ):
                yield Span(first, end, kind, value, 3)
                at = end - 1  # what stands inside goes with it, and looking again costs squares
        at = text.find("=", at + 1)


_QUERY_MARKS = ("?", "&", "#", "&amp;", "\\u0026", "%26", "%3F", "%3f")


def _name_before(text: str, end: int, source: str) -> tuple[str, int]:
    """Return the name that ends at ``end`` and where it begins, escapes before it set aside."""
    match = _compiled(source).search(text, max(0, end - 61), end)
    if not match:
        return "", end
    name, start = match[0], match.start()
    before = text[max(0, start - 2) : start]
    skip = 0
    if before.endswith("\\"):
        skip = 5 if re.match(r"u[0-9A-Fa-f]{4}", name) else int(name[0] in "nrt")
    elif escaped := re.search(r"%[0-9A-Fa-f]?\Z", before):
        skip = 3 - len(escaped[0])
    return name[skip:], start + skip


def _is_pair_value(value: str, kind: str) -> bool:
    if value.lower() in _NO_VALUE or value.startswith(("[redacted:", "<", "${")):
        return False
    # An HTTP status or error number under `code` is what a report is about.
    return not (value.isdigit() and len(value) < 8 and kind != "password")


def _pair_value(text: str, at: int) -> tuple[int, int]:
    quoted = _compiled(r"\\*([\"'])").match(text, at)
    if quoted:
        end = text.find(quoted[0], quoted.end())
        return quoted.end(), end if end >= 0 else len(text)
    bare = _compiled(_BARE).match(text, at)
    if not bare:
        return at, at
    value = bare[0]
    # A full stop or bracket that ends a sentence is no part of a value.
    return at, at + len(value.rstrip(".)}]") or value)


def _line_spans(text: str) -> Iterator[Span]:
    at = text.find(":")
    while at >= 0:
        name, _ = _name_before(text, at - (text[max(0, at - 1) : at] == " "), _LINE_NAME_BEFORE)
        kind = credential_key(name, "text") if name else None
        if kind and kind != "cookie":
            gap = _compiled(_LINE_VALUE).match(text, at + 1)
            start, end = _pair_value(text, gap.end() if gap else at + 1)
            value = text[start:end]
            if credential_like(value) and not value.startswith(("[redacted:", "//")):
                yield Span(start, end, kind, value, 3)
        at = text.find(":", at + 1)


def cookie_spans(text: str, at: int = 0, *, sets: bool = False) -> Iterator[Span]:
    """Yield the values of ``a=1; b=2``, the value of a cookie header that begins at ``at``.

    Attributes (``Path=/``) stay; ``sets`` = even the first pair may be one.
    """
    for pair in _compiled(r"\s*([^=;,\s]{1,200})\s*=\s*([^;\r\n]*)").finditer(text):
        name, value = pair[1].lower(), pair[2].strip()
        if (name in _COOKIE_ATTRIBUTES and (sets or pair.start() > 0)) or not value:
            continue
        start = at + pair.start(2)
        yield Span(start, start + len(pair[2].rstrip()), "cookie", value, 3)


def _cookie_line_spans(text: str) -> Iterator[Span]:
    for line in _compiled(_COOKIE_LINE).finditer(text):
        yield from cookie_spans(line[1], line.start(1))


def _named_spans(text: str, lower: str) -> Iterator[Span]:
    sources = [_MULTIPART] if "form-data" in lower else []
    if "<input" in lower or "<meta" in lower:
        sources += _MARKUP
    for source in sources:
        for match in _compiled(source).finditer(text):
            kind = credential_key(match["name"], "form")
            if kind and match["value"].strip().lower() not in _NO_VALUE:
                yield Span(*match.span("value"), kind, match["value"], 3)


def credentials(text: str) -> list[tuple[str, str]]:
    """Return (kind, value) of what stands under credential names in a body, form or query.

    Meant for ingest, which learns them, so that they are removed elsewhere too.
    """
    return list(dict.fromkeys((s.kind, s.secret) for s in field_spans(text, folded(text))))
