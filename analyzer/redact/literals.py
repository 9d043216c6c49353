"""Learnt literals: in which forms they can come back, which are safe to look for, finding them.

Finding is by pieces of six characters in one dictionary, so that its cost depends on the length of
the text and hardly on the number of literals.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from analyzer.redact.spans import CUT, Span

GRAM = 6
"""Shortest form that is looked for anywhere, and the length of the pieces that are indexed."""

STRIDE = 8
"""Distance of the positions that are looked at for long forms."""

_FEW = 64
"""So many short forms are searched one by one faster than position by position."""

SOFT_KINDS = frozenset({"cookie", "session", "user", "device", "ip", "org", "email", "encoded"})
"""Kinds whose values are often no secret at all: a theme, a locale, the model chosen last."""

_COMMON = frozenset(
    """
    true false null none nil nan undefined empty unknown default test tests testing tested dummy
    placeholder example sample changeme change-me password passwd secret token bearer basic apikey
    api-key api_key your-api-key your_api_key key local localhost ollama lm-studio lmstudio llama
    not-needed not_needed no-key nokey no-key-required unused anything redacted removed hidden
    masked sanitized filtered openai anthropic google gemini claude mistral azure bedrock openrouter
    litellm dashboard category
    cookie session accepted enabled disabled success failed failure error errors request response
    message content stream public private production development staging windows macintel linux
    android iphone chrome firefox safari webkit mozilla application json text/html gateway upstream
    network client server provider object string number boolean function
""".split()  # noqa: SIM905  (sixty quoted words on sixty lines are harder to read)
)

_WORDS = re.compile(r"[A-Za-z][a-z]*(?:[-_ .,:/]+[A-Za-z]?[a-z]*)*|[A-Z]+(?:[-_ ][A-Z]+)*")
_HOST_OR_URL = re.compile(r"(?:[a-z]+://)?(?:[A-Za-z0-9-]+\.)+[a-z]{2,12}(?::\d+)?(?:/[\w/.-]*)?")
_NAME_WITH_VERSION = re.compile(r"[a-z]{2,12}(?:[-_.:/][a-z0-9]{1,10})*", re.ASCII)
_ALNUM = re.compile(r"[A-Za-z0-9]")


class Entry(NamedTuple):
    """One form of a learnt literal."""

    form: str
    secret: str
    kind: str
    whole: bool
    """Only where no letter or digit adjoins: short or wordy literals live inside other words."""


@cache
def _vocabulary() -> frozenset[str]:
    """Return the words of whichhop's own lists, which every report is made of."""
    from analyzer.vocabulary import LISTS

    return frozenset(term.word for terms in LISTS.values() for term in terms)


def wordy(value: str) -> bool:
    """Whether ``value`` could stand in prose: words and nothing that a random string has."""
    return len(value) < 24 and bool(_WORDS.fullmatch(value))


def common(value: str) -> bool:
    """Whether looking for ``value`` everywhere would spoil texts: too short, too plain."""
    folded = value.lower()
    return (
        len(value) < GRAM
        or len(set(value)) < 3
        or folded in _COMMON
        or folded in _vocabulary()
        or folded in "[redacted:"
        or not _ALNUM.search(value)
        or (value.isdigit() and len(value) < 8)
    )


def searchable(value: str, kind: str) -> bool:
    """Whether a learnt value is looked for in all texts, or only redacted in its own field."""
    if common(value):
        return False
    if kind not in SOFT_KINDS or kind in ("ip", "email"):
        return True
    return not (
        len(value) < 8
        or wordy(value)
        or (value.isdigit() and len(value) < 12)
        or _HOST_OR_URL.fullmatch(value)
        or (len(value) < 40 and _plain_name(value))
    )


def _plain_name(value: str) -> bool:
    """Whether it is built like a name with a version: ``gpt-4o-mini``, ``en-us``, ``v1.2``."""
    return bool(_NAME_WITH_VERSION.fullmatch(value))


def forms(value: str) -> set[str]:
    """Return every spelling under which ``value`` may come back, itself included."""
    escaped = json.dumps(value)[1:-1]
    spelt = {
        value,
        escaped,
        json.dumps(escaped)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        value.replace("/", "\\/"),
        html.escape(value),
        html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    }
    for encoded in (quote(value, safe="/"), quote(value, safe=""), quote_plus(value)):
        spelt |= {encoded, quote(encoded, safe=""), re.sub(r"%..", lambda m: m[0].lower(), encoded)}
    spelt.update(_base64(value.encode("utf-8", "surrogatepass")))
    return {form for form in spelt if len(form) >= GRAM}


def _base64(raw: bytes) -> Iterator[str]:
    """Yield how the bytes look inside longer base64, at each of the three alignments."""
    for shift, lead in ((0, 0), (1, 2), (2, 3)):
        whole = (shift + len(raw)) * 8 // 6
        text = base64.b64encode(b"\0" * shift + raw).decode("ascii")[lead:whole]
        if len(text) >= 10:
            yield text
            yield text.translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+/", "-_")


class LiteralIndex:
    """All forms of all literals; built once, read often.

    A form of 13 characters or more has one of its first eight pieces at every eighth position of a
    text, wherever it stands: only these are looked at. Shorter forms are few.
    """

    __slots__ = ("_firsts", "_long", "_short")

    def __init__(self, literals: Mapping[str, tuple[str, str]]) -> None:
        """Index ``literals``: each with the secret that it stands for and its kind."""
        self._long: dict[str, list[tuple[int, Entry]]] = {}
        self._short: dict[str, list[Entry]] = {}
        self._firsts: set[str] = set()
        for literal, (secret, kind) in literals.items():
            whole = len(literal) < 8 or wordy(literal) or literal.isdigit()
            for form in (literal,) if whole else forms(literal):
                self._add(Entry(form, secret, kind, whole))

    def _add(self, entry: Entry) -> None:
        form = entry.form
        self._firsts.add(form[:GRAM])
        if len(form) < STRIDE + GRAM - 1:
            self._short.setdefault(form[:GRAM], []).append(entry)
            return
        for offset in range(STRIDE):
            piece = form[offset : offset + GRAM]
            self._long.setdefault(piece, []).append((offset, entry))

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def grams(self) -> list[str]:
        """Return the first characters of all forms; a text without any of them holds none."""
        return list(self._firsts)

    def spans(self, text: str, start: int = 0, end: int | None = None) -> list[Span]:
        """Return where forms of literals stand in ``text``, those that its end cuts included.

        ``start``, a multiple of :data:`STRIDE`, and ``end`` bound where a form may begin.
        """
        stop = min(len(text) if end is None else end + STRIDE, len(text) - GRAM + 1)
        found: list[Span] = []
        if self._long:
            look = self._long.get
            for at in range(start, stop, STRIDE):
                for offset, entry in look(text[at : at + GRAM], ()):
                    _match(text, at - offset, entry, found)
        if len(self._short) <= _FEW:
            for entry in (entry for bucket in self._short.values() for entry in bucket):
                at = text.find(entry.form, start, stop + GRAM)
                while at >= 0:
                    _match(text, at, entry, found)
                    at = text.find(entry.form, at + 1, stop + GRAM)
        else:
            look_short = self._short.get
            for at in range(start, stop):
                for entry in look_short(text[at : at + GRAM], ()):
                    _match(text, at, entry, found)
        return found


def _match(text: str, at: int, entry: Entry, found: list[Span]) -> None:
    if at < 0:
        return
    form, secret, kind, whole = entry
    end = at + len(form) if text.startswith(form, at) else _cut_end(text, at, form)
    if end and not (whole and _inside_word(text, at, end)):
        found.append(Span(at, end, kind, secret, 1))


def _cut_end(text: str, at: int, form: str) -> int:
    """Return the end of a form that the end of the text (or of its head) cuts short, else 0."""
    for end in (text.find(CUT, at, at + len(form)), len(text)):
        if STRIDE <= end - at < len(form) and form.startswith(text[at:end]):
            return end
    return 0


def _inside_word(text: str, start: int, end: int) -> bool:
    before = start > 0 and text[start - 1].isalnum()
    return before or (end < len(text) and text[end].isalnum())
