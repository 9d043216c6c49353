"""The last look: finished output is searched for secrets before a byte of it is written.

On purpose it shares no expression with the redactor, so that one mistake cannot blind both. It
knows fewer, surer signs: a false alarm here costs the user the whole report.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from analyzer.errors import SecretSurvived
from analyzer.redact.literals import GRAM, LiteralIndex
from analyzer.redact.spans import Span
from analyzer.redact.text import one_line

if TYPE_CHECKING:
    from analyzer.redact.secrets import SecretStore

_CHUNK = 16_384
_SMALL = 65_536
"""Below this many characters, asking Polars costs more than it saves."""
_AROUND = 40


class Finding(NamedTuple):
    """A secret that is still in the output; never its value."""

    offset: int
    length: int
    kind: str


class _Sign(NamedTuple):
    kind: str
    start: str
    """Literal beginning; finding it is all that a clean text costs."""
    rest: str
    mixed: bool = True
    """Whether the rest must hold a letter and a digit, as random strings of that length do."""


_PART = "[A-Za-z0-9_-]"
_SIGNS = (
    *(_Sign("key", start, _PART + "{16,}") for start in (
        "sk-", "AIza", "hf_", "gsk_", "xai-", "r8_", "pplx-", "ghp_", "gho_", "ghu_", "ghs_",
        "ghr_", "github_pat_", "nvapi-", "glpat-",
        "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-",
    )),
    _Sign("token", "ya29.", r"[A-Za-z0-9._-]{16,}"),
    _Sign("key", "AKIA", "[0-9A-Z]{16}(?![0-9A-Za-z])", mixed=False),
    _Sign("key", "ASIA", "[0-9A-Z]{16}(?![0-9A-Za-z])", mixed=False),
    _Sign("jwt", "eyJ", r"[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    _Sign("token", "Bearer ", r"[A-Za-z0-9._~+/=-]{20,}"),
    _Sign("token", "bearer ", r"[A-Za-z0-9._~+/=-]{20,}"),
    _Sign("password", "Basic ", r"[A-Za-z0-9+/]{16,}={0,2}"),
    _Sign("signature", "X-Amz-Signature=", "[0-9a-f]{32,}"),
    _Sign("token", "X-Amz-Security-Token=", "[A-Za-z0-9%+/=]{16,}"),
    _Sign("private-key", "-----BEGIN ", "[A-Z ]*PRIVATE KEY-----", mixed=False),
)  # fmt: skip

_RUN = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_STANDARD = str.maketrans("-_", "+/")


def scan(text: str, store: SecretStore) -> list[Finding]:
    """Return what is still secret in ``text``: literals in any spelling, and sure signs of keys.

    Overlapping finds are all returned, in order of their offset (in characters).
    """
    literals = store.literals()
    found = [
        Finding(start, end - start, kind) for start, end, kind, *_ in _literal_spans(text, literals)
    ]
    found += _signs(text)
    found += _encoded(text, literals)
    return sorted(set(found))


def guard(text: str, store: SecretStore, what: str) -> None:
    """Refuse finished output that still holds a secret; ``what`` names it (``report.html``).

    Raises:
        SecretSurvived: says where and of which kind, never what; nothing may be written then.
    """
    found = scan(text, store)
    if not found:
        return
    first = found[0]
    line = text.count("\n", 0, first.offset) + 1
    more = f" ({len(found) - 1} more after it)" if len(found) > 1 else ""
    msg = (
        f"{what} was not written: redaction missed a secret of kind '{first.kind}' on its line "
        f"{line}, near “{_context(text, found, store)}”{more}. Please report this to the whichhop "
        "project with this message and without the log; meanwhile `-q` prints the verdict alone."
    )
    raise SecretSurvived(msg)


def _literal_spans(text: str, literals: LiteralIndex) -> Iterator[Span]:
    """Yield where literals stand; of a long text only chunks that hold a beginning are read."""
    if not literals:
        return
    if len(text) < _SMALL:
        yield from literals.spans(text)
        return
    import polars as pl

    starts = range(0, len(text), _CHUNK)
    chunks = pl.Series([text[at : at + _CHUNK + GRAM] for at in starts], dtype=pl.String)
    for at, hit in zip(starts, chunks.str.contains_any(literals.grams()), strict=True):
        if hit:
            yield from literals.spans(text, at, at + _CHUNK)


@cache
def _compiled(sign: _Sign) -> re.Pattern[str]:
    return re.compile(re.escape(sign.start) + sign.rest)


def _signs(text: str) -> Iterator[Finding]:
    for sign in _SIGNS:
        if sign.start not in text:
            continue
        for match in _compiled(sign).finditer(text):
            before = text[match.start() - 1] if match.start() else ""
            escaped = text[max(0, match.start() - 2) : match.start()] in ("\\n", "\\r", "\\t")
            if before.isalnum() and before.isascii() and not escaped:
                continue
            rest = match[0][len(sign.start) :]
            if not sign.mixed or (any(map(str.isdigit, rest)) and any(map(str.isalpha, rest))):
                yield Finding(match.start(), len(match[0]), sign.kind)


def _encoded(text: str, literals: LiteralIndex) -> Iterator[Finding]:
    """Yield base64 runs whose content holds a secret."""
    for match in _RUN.finditer(text):
        body = match[0].rstrip("=").translate(_STANDARD)
        try:
            raw = base64.b64decode(body[: len(body) // 4 * 4], validate=True)
        except (binascii.Error, ValueError):
            continue
        inner = raw.decode("ascii", "replace")
        # Cheap first: random bytes are never text, and most long runs are names or paths.
        if inner.count("\ufffd") > len(inner) // 8:
            continue
        if any(_signs(inner)) or literals.spans(inner):
            yield Finding(match.start(), len(match[0]), "encoded")


def _context(text: str, found: list[Finding], store: SecretStore) -> str:
    """Return the surroundings of the first finding with every finding masked."""
    first = found[0]
    start = max(text.rfind("\n", 0, first.offset) + 1, first.offset - _AROUND)
    end = min(len(text), first.offset + first.length + _AROUND)
    shown = list(text[start:end])
    for offset, length, _ in found:
        for i in range(max(offset, start), min(offset + length, end)):
            shown[i - start] = "•"
    masked = re.sub("•+", "•••", "".join(shown)).split("\n", 1)[0]
    return one_line(store.redact(masked), 2 * _AROUND + 8)
