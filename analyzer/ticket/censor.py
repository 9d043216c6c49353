"""What may leave in a ticket: texts without secrets, quoted passages, private hosts, user ids."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

from analyzer.analysis.clean import Cleaner
from analyzer.render.text import one_line

TEXT_CHARS = 300
_QUOTED = re.compile(r"(?<![A-Za-z0-9])(['\"`]).{32,}?\1(?![A-Za-z0-9])|[“‘«「].{32,}?[”’»」]")
"""A long passage in quotation marks may be a prompt that the error repeats."""
_OPEN = re.compile(r"(?<![A-Za-z0-9])[\"`“«「].{48,}$")
"""The same, its end cut off."""
_NAME = re.compile(
    r"(?<![\w.@-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*(?::\d{1,5})?(?![\w-])"
    r"|(?<![\w.@-])localhost(?::\d{1,5})?(?![\w-])"
    r"|(?<=://)[a-z0-9-]+(?::\d{1,5})?(?=[/\s'\",)]|$)"
    r"|(?<=lookup )[a-z0-9-]+(?= )",
    re.I,
)
_ADDRESS = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?(?![\w.])"
                      r"|\[[0-9a-f:]*:[0-9a-f:.]*\](?::\d{1,5})?", re.I)  # fmt: skip
_USER = re.compile(
    r"(?i)\b((?:end[-_ ]?)?(?:user|customer|tenant|account|member)(?:[-_ ]?id|[-_ ]name)?)"
    r"(\W{0,4}(?:[=:#]|\bid\b|\bis\b)\W{0,3})(?!\[)([\w.@-]*\d[\w.@-]*|[\w.-]+@[\w.-]+)"
)
_PRIVATE = (
    "local", "localhost", "internal", "intranet", "lan", "corp", "home", "private", "svc",
    "consul", "home.arpa", "cluster.local", "localdomain", "priv", "dmz", "vpn",
)  # fmt: skip
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:=+-]{3,127}")
_NAMED_ID = re.compile(
    r"(?i:\b(?:request|ray|trace|span|correlation|generation|call|log|session|conversation)"
    r"[-_ ]?id\b[\W_]{0,4})(?!redacted:)(?P<named>[A-Za-z0-9][\w.:-]{5,})"
    r"|\b(?:req|gen|msg|chatcmpl|resp|org|proj)[-_][A-Za-z0-9-]{8,}"
)
ID = "[id left out]"
HOST = "[private host]"
QUOTE = "[quoted text left out]"


def private(host: str) -> bool:
    """Whether a host (its port included) means something in one network alone."""
    name = re.sub(r":\d{1,5}$", "", host.lower().strip(".")).strip("[]")
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return "." not in name or name.endswith(tuple(f".{end}" for end in _PRIVATE))


class Censor:
    """Makes texts of a log fit to be sent to one receiver."""

    def __init__(
        self, redact: Callable[[str], str], keep_hosts: frozenset[str] = frozenset(),
        shapes: Sequence[str] = (), *, own: bool = False,
    ) -> None:  # fmt: skip
        self._clean = Cleaner(redact)
        self._shapes = [re.compile(shape) for shape in shapes]
        """What the receiver's own ids look like; with ``own`` every id in a text is its own."""
        self._own = own
        self._keep = keep_hosts
        """Hosts that the receiver's own or anybody may read: lower case, without port."""

    def text(self, raw: str, limit: int = TEXT_CHARS) -> str:
        """Return ``raw`` on one line, without what must not leave, cut at ``limit`` characters."""
        told = self._clean.value(raw, 4 * TEXT_CHARS)
        told = _OPEN.sub(QUOTE, _QUOTED.sub(QUOTE, told))
        told = _USER.sub(r"\1\2[left out]", told)
        if not self._own:
            told = _NAMED_ID.sub(self._id_in_text, told)
        told = _ADDRESS.sub(lambda m: m[0] if self.may_show(m[0]) else HOST, told)
        told = _NAME.sub(lambda m: m[0] if self.may_show(m[0]) else HOST, told)
        return one_line(told, limit)

    def _id_in_text(self, match: re.Match[str]) -> str:
        value = match["named"] or match[0]
        if any(shape.search(value) for shape in self._shapes):
            return match[0]
        return match[0].replace(value, ID)

    def may_show(self, host: str) -> bool:
        """Whether a host's name may be read by the receiver."""
        return _bare(host) in self._keep or not private(host)

    def id(self, raw: str) -> str | None:
        """Return an id as it is, ``None`` if it does not look like one or holds a secret."""
        value = raw.strip()
        if not _ID.fullmatch(value) or self._clean.text(value) != value:
            return None
        return value


def _bare(host: str) -> str:
    return re.sub(r":\d{1,5}$", "", host.lower())
