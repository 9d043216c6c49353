"""Text of strangers made harmless to look at: nothing hidden, nothing that moves or recolours."""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed; escape sequences begin here
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # invisible letters
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, bidi, separators
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical controls, tags
    "\ud800-\udfff"  # lone surrogates, which no encoder takes
    "]"
)
_SPACE = re.compile(r"\s+")
_ESCAPES = {"\r": "\\r", "\x00": "\\0", "\x1b": "\\x1b"}


def visible(text: str) -> str:
    r"""Return ``text`` with control, bidi and zero-width characters spelt out (``\u202e``).

    Line feeds and tabs stay, CR LF becomes a line feed. What comes out holds no escape sequence, so
    it is safe on a terminal, and every character of it can be seen and encoded.
    """
    text = text.replace("\r\n", "\n") if "\r\n" in text else text
    return _HIDDEN.sub(_spelt, text) if _HIDDEN.search(text) else text


def one_line(text: str, limit: int) -> str:
    """Return ``text`` visible, on one line of at most ``limit`` characters, ``…`` where cut."""
    folded = visible(_SPACE.sub(" ", text).strip())
    return folded if len(folded) <= limit else folded[: max(limit - 1, 0)].rstrip() + "…"[:limit]


def _spelt(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
