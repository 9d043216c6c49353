"""Taking names out of finished texts: hosts, addresses, keys and files of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from analyzer.analysis.model import Evidence
from analyzer.analysis.part import Part

HOST = "[host]"
KEY = "[key]"
FILE = "[log]"
PROVIDER = "the provider"
GATEWAY = "the gateway"

_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.])"
    r"|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?=\b|$)(?<=[0-9a-f:])(?![\w:])",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?\Z")
_INSIDE = re.compile(
    r"(?<![\w.-])[\w-]+(?:\.[\w-]+)*\.(?:internal|intranet|local|localdomain|lan|corp|home|private"
    r"|svc|consul|localhost|arpa|cluster)(?:\.[\w-]+)*(?::\d{1,5})?(?![\w-])",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?<![\w.@-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:com|net|org|io|dev|ai|app|cloud|co|eu|de|uk|us|cn|jp|fr|tech|info|biz|example)"
    r"(?::\d{1,5})?(?!\.?[\w-])",
    re.IGNORECASE,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scrub:
    """Rewrites every text of a part."""

    words: tuple[tuple[re.Pattern[str], str], ...]
    public: Callable[[str], bool]
    """Whether a host may be named."""

    @classmethod
    def of(
        cls,
        *,
        hosts: Collection[str] = (),
        keys: Collection[str] = (),
        files: Collection[str] = (),
        providers: Iterable[str] = (),
        gateways: Iterable[str] = (),
        public: Callable[[str], bool] = lambda _: False,
    ) -> Scrub:
        """Return the rewriting of exactly these names, besides what looks like an address."""
        made = [
            (_any(hosts), HOST),
            (_any(keys), KEY),
            (_any(files), FILE),
            # Names of models that begin with a provider's are no names of it.
            (_any(providers, "-"), PROVIDER),
            (_any(gateways, "-"), GATEWAY),
        ]
        return cls(tuple((found, new) for found, new in made if found), public)

    def apply(self, value: T) -> T:
        """Return a copy in which no text names what is hidden."""
        return self._map(value, strict=False)  # type: ignore[no-any-return]

    def _map(self, value: Any, *, strict: bool) -> Any:
        if isinstance(value, str):
            return self.text(value, strict=strict)
        if isinstance(value, Part):
            # In what a log says any name of a host may stand; prose of rules names public ones.
            inner = strict or isinstance(value, Evidence)
            return type(value)(**{n: self._map(v, strict=inner) for n, v in vars(value).items()})
        if isinstance(value, dict):
            return {key: self._map(item, strict=strict) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._map(item, strict=strict) for item in value)
        return value

    def text(self, text: str, *, strict: bool = False) -> str:
        """Return a text without the hidden names; strictly, without any host that is not public."""
        for pattern, new in self.words:
            text = pattern.sub(partial(_word, new), text)
        text = _INSIDE.sub(HOST, _ADDRESS.sub(_address, text))
        return _NAME.sub(self._name, text) if strict else text

    def _name(self, match: re.Match[str]) -> str:
        host = match[0].partition(":")[0]
        return match[0] if self.public(host.lower()) else HOST


def _address(match: re.Match[str]) -> str:
    """Return an address hidden; a time of day is none, and colons alone are none."""
    bare = _CLOCK.match(match[0]) or not match[0].strip(":")
    return match[0] if bare else "[address]"


def _word(new: str, match: re.Match[str]) -> str:
    """Return the word that takes a name's place, with a capital where it opens the text."""
    return new if match.start() else new[:1].upper() + new[1:]


def _any(names: Iterable[str], besides: str = "") -> re.Pattern[str] | None:
    """Return what finds any of the names as whole words, the longest first.

    ``besides``: characters that are of a word too.
    """
    ranked = sorted({name for name in names if name}, key=lambda name: (-len(name), name))
    if not ranked:
        return None
    found = "|".join(re.escape(name) for name in ranked)
    return re.compile(rf"(?<![\w{besides}])(?:{found})(?![\w{besides}])", re.IGNORECASE)
