"""What a source format must offer, and what it is given.

A format reads one :class:`Source` and yields :class:`Batch` after batch, so that memory stays
bounded whatever the size of the input. Formats are discovered by walking ``ingest/formats``: a
module that defines ``FORMAT`` (an instance of :class:`Format`) is registered; nothing else has to
be edited.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, Protocol

import polars as pl

from analyzer.cells import Counted
from analyzer.errors import Problem
from analyzer.ingest.beside import Beside


class Secrets(Protocol):
    """What ingest needs of :class:`analyzer.redact.secrets.SecretStore`."""

    def learn(self, value: str, kind: str = "secret") -> None:
        """Remember a literal, so that it is removed wherever else it appears."""

    def tag(self, value: str) -> str:
        """Return the pseudonym of a credential, ``key:`` and 8 hex digits, and learn it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that a hostile or broken input cannot pass; hitting one is a Problem."""

    decompressed_bytes: int = 64 << 30
    """A gzip member or zip entry is cut here."""
    ratio: int = 200
    """Decompressed / compressed size above which (past 64 MiB) a stream counts as a bomb."""
    entry_bytes: int = 64 << 20
    """One HAR entry or log line."""
    depth: int = 200
    """Nesting of JSON."""
    body_chars: int = 4096
    """Text of a body that is kept with a row."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input after opening: a file, an archive member or standard input."""

    name: str
    """As shown: path relative to the argument, archive member after ``!``, ``-`` for stdin."""
    open: Callable[[], BinaryIO]
    """Returns a new stream from the beginning (stdin: only once): decompressed, UTF-16 turned into
    UTF-8, byte-order mark removed. It never raises for what the bytes hold: a broken or bombing
    archive ends early and says so in ``faults``."""
    head: bytes
    """The first 64 KiB of what ``open`` yields."""
    size: int | None = None
    """Bytes on disk, when known."""
    path: Path | None = None
    """The real path, only if the bytes on disk are the bytes to parse (no codec, no byte-order
    mark)."""
    group: str | None = None
    """The folder or archive it was found in: what is no capture there is counted, not an error."""
    beside: Beside | None = field(default=None, compare=False)
    """What the capture may keep in files of its own; ``None`` for standard input."""
    faults: list[Problem] = field(default_factory=list, compare=False)
    """What went wrong below the format while streams were read; ``capture.read`` reports it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user says of logs that do not say it themselves."""

    log_format: str | None = None
    """nginx ``log_format`` string, or the name of one (see ``--log-format``)."""
    log_formats: Mapping[str, str] = field(default_factory=dict)
    """Named ``log_format`` strings of the configuration file."""
    zone: tzinfo | None = None
    """Zone of times that are written without one; ``None`` = not told, read as UTC and said so."""
    hops: tuple[tuple[str, str], ...] = ()
    """(glob over input names, hop): overrides a format's default hop; the first match counts."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Canonical column -> column or dotted key of a generic CSV or JSON-lines log."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What the rest of the run needs from ingest."""

    headers: frozenset[str]
    """Header columns to materialise: ``req_header.<name>`` and ``resp_header.<name>``."""
    secrets: Secrets
    limits: Limits = field(default_factory=Limits)
    rows_per_batch: int = 8_000
    reading: Reading = field(default_factory=Reading)
    say: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    """Returns rows with what they say of themselves. If given, a format may count attempts that
    went well (``Batch.counted``) instead of returning their rows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one kind and what could not be read on the way.

    ``attempts`` has canonical columns (any subset) and the wanted header columns; ``counted`` are
    more attempts, of which no row is needed; ``usage`` has canonical usage columns. ``records``
    counts the source's records that this batch stands for, broken ones included.
    """

    attempts: pl.DataFrame | None = None
    usage: pl.DataFrame | None = None
    problems: tuple[Problem, ...] = ()
    records: int = 0
    counted: Counted | None = None


class Format(ABC):
    """One source format."""

    name: ClassVar[str]
    """Slug, as in the ``format`` column: ``har``, ``nginx``, ``openrouter-activity``."""
    title: ClassVar[str]
    """For people: ``HTTP Archive (HAR 1.1-1.3)``."""
    kind: ClassVar[Literal["attempts", "usage"]]
    hop: ClassVar[str]
    """Default of the ``hop`` column: client, network, edge, gateway, upstream."""
    source_kind: ClassVar[str]
    """Which columns it can fill (``columns.Column.sources``): har, proxy, gateway, usage."""

    @abstractmethod
    def sniff(self, head: bytes, name: str) -> float:
        """Return how sure this format is, 0 (not mine) to 1, from the first 64 KiB and the name."""

    def claim(self, head: bytes, name: str, reading: Reading) -> float:
        """Return how sure this format is, given what the user says; without that as ``sniff``.

        Raises:
            ConfigError: what the user says of this format cannot be.
        """
        return self.sniff(head, name)

    @abstractmethod
    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield batches; never raise for what the bytes hold, but yield Problems."""
