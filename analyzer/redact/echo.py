"""Echoes: servers repeat a refused key with its middle left out, which shows its two ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.redact.spans import Span

_MASKED = re.compile(
    r"(?<![\w+/=-])(?P<head>[\w+/=-]{0,40}?)(?:…|\.{3,8}|•+|\*{2,64}|x{4,64})"
    r"(?P<end>[\w+/=-]{3,24})"
)
_ENDING = re.compile(
    r"(?i)\b(?:ending|ends|ended)\s+(?:in|with)\s+\\*[\"'`]?(?P<end>[\w+/=-]{3,12})"
)
TRIGGERS = ("…", "...", "•", "**", "xxxx", "end")
_END = 3


class Echoes:
    """Learnt credentials by their last characters."""

    __slots__ = ("_by_end",)

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        """Take (literal, kind) of the credentials whose echoes are to be known again."""
        self._by_end: dict[str, list[tuple[str, str]]] = {}
        for secret, kind in secrets:
            self._by_end.setdefault(secret[-_END:], []).append((secret, kind))

    def spans(self, text: str) -> Iterator[Span]:
        """Yield masked forms of learnt credentials, under the pseudonym of the credential."""
        if not self._by_end or not any(trigger in text for trigger in TRIGGERS):
            return
        for expression in (_MASKED, _ENDING):
            for match in expression.finditer(text):
                head = match.groupdict().get("head") or ""
                owner = self._owner(head, match["end"])
                if owner:
                    start = match.start() if expression is _MASKED else match.start("end")
                    yield Span(start, match.end(), owner[1], owner[0], 1)

    def _owner(self, head: str, end: str) -> tuple[str, str] | None:
        """Return the credential that both ends belong to; ``None`` if it is not just one."""
        owners = [
            known
            for known in self._by_end.get(end[-_END:], ())
            if known[0].endswith(end) and known[0].startswith(head) and known[0] != end
        ]
        return owners[0] if len(owners) == 1 else None
