"""Entry by entry through a block that does not parse as a whole.

The time is linear in the block: every candidate is parsed a fixed number of times, and the scan for
balanced brackets has a budget, beyond which only the separator between entries is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.ingest.formats.har_blocks import Block, Separator
from analyzer.ingest.formats.har_entry import Entry, decode_entry, repaired
from analyzer.ingest.formats.har_scan import value_end

_BETWEEN = re.compile(rb"[\s,]*+")
_SCALAR = re.compile(rb'(?:"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+"|[^\s,\[\]{}"]++)(?=\s*+[,\]])')
_SCANS = 4
"""How often, on average, each byte may be scanned for balanced brackets."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An element of ``log.entries`` that is no readable entry."""

    kind: str
    reason: str


@dataclass(slots=True)
class Recovered:
    """What a block holds: entries and broken ones in order, and what is left of it."""

    items: list[Entry | Broken] = field(default_factory=list)
    rest: bytes = b""
    """An entry that is not closed in this block, or what follows the end of the array."""
    ended: bool = False
    """The array's closing bracket was met; ``rest`` follows it."""


class Recovery:
    """One walk over one block; entries over ``entry_bytes`` are told as broken."""

    def __init__(self, block: Block, separator: Separator | None, entry_bytes: int) -> None:
        self._data = block.data
        self._literal = separator.literal if separator else b""
        self._exact = bool(separator and separator.exact)
        self._closed = block.cut and self._exact
        self._budget = _SCANS * block.size
        self._limit = entry_bytes
        self._next_cut = 0
        self.out = Recovered()

    def run(self) -> Recovered:
        """Walk to the end of the array, of the block or of what is whole in it."""
        at = 0
        while True:
            between = _BETWEEN.match(self._data, at)
            at = between.end() if between else at
            if at >= len(self._data):
                return self.out
            char = self._data[at : at + 1]
            if char == b"]":
                self.out.ended = True
                self.out.rest = self._data[at + 1 :]
                return self.out
            after = self._entry(at) if char == b"{" else self._other(at)
            if after < 0:
                self.out.rest = self._data[at:]
                return self.out
            at = after

    def _entry(self, at: int) -> int:
        """Take the entry at ``at``; return where to go on, -1 if it is not closed here."""
        cut = self._cut(at)
        if self._exact and cut and self._take(self._data[at:cut], decode_entry):
            return cut
        end = self._balanced(at)
        if end > 0 and self._take(self._data[at:end], decode_entry):
            # Behind an entry that was closed too early stands its own remainder, no new entry.
            return cut if self._exact and cut > end else end
        if not self._exact and cut and end != cut and self._take(self._data[at:cut], decode_entry):
            return cut
        stop = cut if cut and (self._exact or end < 0) else end
        if stop < 0:
            if not self._closed:
                return -1
            stop = len(self._data)
        item = self._repaired(self._data[at:stop])
        self.out.items.append(item)
        # Where brackets do not balance, a bogus end must not swallow the entries that follow.
        return cut if isinstance(item, Broken) and 0 < cut < stop else stop

    def _cut(self, at: int) -> int:
        """Return where the separator says that the entry at ``at`` ends; 0 if it does not say."""
        if 0 <= self._next_cut <= at:
            found = self._data.find(self._literal, at) if self._literal else -1
            self._next_cut = found + 1 if found >= 0 else -1
        return max(self._next_cut, 0)

    def _balanced(self, at: int) -> int:
        if self._budget <= 0:
            return -1
        end = value_end(self._data, at)
        self._budget -= (end if end > 0 else len(self._data)) - at
        return end

    def _take(self, data: bytes, decode: Callable[[bytes], Entry | None]) -> bool:
        if len(data) > self._limit:
            return False
        try:
            entry = decode(data)
        except (ValueError, RecursionError):
            return False
        if entry is not None:
            self.out.items.append(entry)
        return entry is not None

    def _repaired(self, data: bytes) -> Entry | Broken:
        if len(data) > self._limit:
            return too_large(self._limit)
        try:
            entry = repaired(data)
        except RecursionError:
            return Broken("too_deep", "its values are nested too deeply to be read")
        except ValueError as error:
            return Broken("bad_entry", f"it is no valid JSON ({error})")
        return entry or Broken("bad_entry", "it is no JSON object")

    def _other(self, at: int) -> int:
        """Step over what is no object: null, a number, an array, a stray word."""
        match = _SCALAR.match(self._data, at)
        if match is not None:
            text = match[0][:40].decode("utf-8", "replace")
            self.out.items.append(Broken("bad_entry", f"it is {text}, expected an object"))
            return match.end()
        if self._data[at : at + 1] == b"[":
            end = self._balanced(at)
            if end > 0:
                self.out.items.append(Broken("bad_entry", "it is an array, expected an object"))
            return end
        cut = self._cut(at)
        if not cut and not self._closed:
            return -1
        self.out.items.append(Broken("bad_entry", "it is no valid JSON"))
        return cut or len(self._data)


def too_large(limit: int) -> Broken:
    """Return what is said of an entry over the limit."""
    return Broken("too_large", f"it has more than {limit} bytes, the limit for one entry")
