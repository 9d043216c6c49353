"""Inputs with the same content under several names: a file that was uploaded twice.

Its rows would be counted twice, and no row tells that it has been seen before. An input is read
for that only if its first bytes are those of another one.
"""

from __future__ import annotations

import hashlib

from analyzer.errors import Problem
from analyzer.ingest.base import Source

_PIECE = 1 << 20
_SHORT = 4096
"""A head that is shorter than the shortest that is ever read is the whole content."""


class Twins:
    """The captures and exports that have been read so far."""

    def __init__(self) -> None:
        self._heads: dict[bytes, list[Source]] = {}
        self._digests: dict[str, bytes] = {}

    def note(self, source: Source) -> Problem | None:
        """Return a note if an earlier input holds the same to the last byte, else remember it."""
        alike = self._heads.setdefault(source.head, [])
        first = next((one for one in alike if self._same(one, source)), None)
        if first is None:
            alike.append(source)
            return None
        message = f"Holds the same as {first.name}, so it was counted once."
        return Problem(source.name, "duplicate_input", message, lost=False)

    def _same(self, one: Source, other: Source) -> bool:
        if len(one.head) < _SHORT:
            return True
        # What can be read only once (standard input, pipes) has no size.
        if one.size is None or other.size is None:
            return False
        as_is = one.path is not None and other.path is not None
        if as_is and one.size != other.size:
            return False
        return self._digest(one) == self._digest(other)

    def _digest(self, source: Source) -> bytes:
        if source.name not in self._digests:
            digest = hashlib.blake2b(digest_size=32)
            with source.open() as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
            self._digests[source.name] = digest.digest()
        return self._digests[source.name]
