"""HTTP Archives: HAR 1.1 to 1.3 of every browser and proxy, read in bounded memory.

The entries are cut into blocks (``har_blocks``), decoded into tolerant records (``har_entry``; what
does not decode goes entry by entry through ``har_recover``) and turned into rows (``har_row``).
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence

from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.formats.har_blocks import BLOCK, Block, Cutter
from analyzer.ingest.formats.har_entry import Entry, Response, decode_entries, producer
from analyzer.ingest.formats.har_exchange import UnreadableError, check
from analyzer.ingest.formats.har_extra import tell_tls_errors
from analyzer.ingest.formats.har_recover import Broken, Recovery, too_large
from analyzer.ingest.formats.har_row import RowBuilder
from analyzer.ingest.notes import Notes

_START = re.compile(rb"\s*+(?:[A-Za-z_$][\w$.]*+\s*+\(\s*+)?\{")
_LOG = re.compile(rb'\s*+(?:[A-Za-z_$][\w$.]*+\s*+\(\s*+)?\{\s*+"log"\s*+:\s*+\{')
_LOG_KEYS = (b'"entries"', b'"creator"', b'"pages"', b'"browser"')
_ENTRY_KEYS = (b'"request"', b'"response"', b'"startedDateTime"')
_SUFFIXES = (".har", ".zhar", ".harp", ".har.gz", ".har.zst", ".har.xz", ".har.bz2")
_TAIL = 64 << 10
_BLOCKS_PER_BATCH = 32
"""Blocks whose rows go into one frame: fewer frames, and still no more text than fits."""

_DIALECTS = (
    ("webinspector", "chrome"),
    ("firefox", "firefox"),
    ("webkit web inspector", "safari"),
    ("playwright", "playwright"),
    ("mitmproxy", "mitmproxy"),
    ("charles", "charles"),
    ("fiddler", "fiddler"),
    ("polly", "polly"),
)


def dialect_of(creator: str, first: Entry | None) -> str:
    """Return whose habits a capture has: by its creator, else by what only one producer writes."""
    lower = creator.lower()
    for word, dialect in _DIALECTS:
        if lower.startswith(word):
            return dialect
    if creator or first is None:
        return "generic"
    response = first.response if isinstance(first.response, Response) else None
    if response is not None and response.charles_status is not None:
        return "charles"
    if response is not None and response.failure_text is not None:
        return "playwright"
    if first.security_state is not None:
        return "firefox"
    return "chrome" if first.resource_type is not None else "generic"


class Har(Format):
    """HTTP Archive; ``block`` bytes of it are decoded at a time."""

    name = "har"
    title = "HTTP Archive (HAR 1.1-1.3)"
    kind = "attempts"
    hop = "client"
    source_kind = "har"

    def __init__(self, block: int = BLOCK) -> None:
        self._block = block

    def sniff(self, head: bytes, name: str) -> float:
        """By the keys of a log or of an entry; the file's name counts if it says so."""
        named = name.lower().endswith(_SUFFIXES)
        if not _START.match(head):
            return 0.6 if named and head.lstrip()[:1] == b"[" and b'"request"' in head else 0.0
        log_keys = sum(key in head for key in _LOG_KEYS)
        entry_keys = sum(key in head for key in _ENTRY_KEYS)
        if _LOG.match(head) and (log_keys or entry_keys > 1):
            return 0.98
        if b'"log"' in head and (log_keys > 1 or entry_keys > 1):
            return 0.9
        if named:
            return 0.8
        if b'"entries"' in head and entry_keys:
            return 0.8
        return 0.5 if b'"startedDateTime"' in head and entry_keys > 1 else 0.0

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 32 MiB; see :class:`Format`."""
        with source.open() as stream:
            cutter = Cutter(stream, wants.limits.entry_bytes, self._block)
            yield from _Reading(source, wants, cutter).run()


class _Reading:
    """One capture being read."""

    def __init__(self, source: Source, wants: Wants, cutter: Cutter) -> None:
        self._source = source
        self._wants = wants
        self._cutter = cutter
        self._notes = Notes(source.name)
        self._rows: RowBuilder | None = None
        self._record = 0
        self._pending = 0
        self._done = False

    def run(self) -> Iterator[Batch]:
        place = self._cutter.start()
        if place is None:
            limit = self._wants.limits.entry_bytes
            self._notes.add("too_large", f"No entries within the first {limit} bytes.")
        elif place.kind == "none":
            self._notes.add("no_entries", "Has no list log.entries, so no exchange.", lost=False)
        elif place.kind == "cut":
            self._notes.add("truncated", "Ends before its entries begin.")
        elif place.kind == "single":
            whole = self._cutter.tail(b"")
            self._block(Block(whole, 0, len(whole), cut=False, final=False))
        else:
            yield from self._entries()
        yield self._batch(final=True)

    def _entries(self) -> Iterator[Batch]:
        for number, block in enumerate(self._cutter.blocks(), 1):
            # Decoding makes hundreds of thousands of objects and no cycles: the collector would
            # walk them all again and again. It is off only while nobody else's code runs.
            collecting = gc.isenabled()
            gc.disable()
            try:
                self._block(block)
            finally:
                if collecting:
                    gc.enable()
            rows = len(self._rows) if self._rows else 0
            if rows >= self._wants.rows_per_batch or number % _BLOCKS_PER_BATCH == 0:
                yield self._batch()
            if self._done:
                return

    def _block(self, block: Block) -> None:
        """Take a block: as a whole if it parses, else entry by entry."""
        if block.cut and block.size <= self._wants.limits.entry_bytes:
            try:
                entries = decode_entries(block.array)
            except (ValueError, RecursionError):
                entries = None
            if entries is not None:
                self._take(entries)
                return
        limit = self._wants.limits.entry_bytes
        found = Recovery(block, self._cutter.separator, limit).run()
        self._take(found.items, found.rest if found.ended else b"")
        if found.ended:
            self._done = True
            self._check_end(found.rest)
            # The comma at a cut is in neither half.
            behind = self._cutter.tail(found.rest + b"," * block.cut)
            tell_tls_errors(self._cutter.preamble, behind, self._notes)
        elif found.rest and len(found.rest) > limit:
            self._take([too_large(limit)])
            if not self._cutter.skip(found.rest):
                self._truncated(1)
                self._done = True
        elif block.final:
            self._truncated(1 if found.rest else 0)
        elif found.rest:
            self._cutter.push_back(found.rest, block)

    def _take(self, items: Sequence[Entry | Broken], behind: bytes = b"") -> None:
        if self._rows is None:
            self._rows = self._builder(items, behind)
        entries: list[Entry] = []
        records: list[int] = []
        for item in items:
            self._record += 1
            try:
                if isinstance(item, Broken):
                    raise UnreadableError(item.kind, item.reason)
                check(item)
            except UnreadableError as error:
                message = f"Entry {self._record} was left out: {error}."
                self._notes.add(error.kind, message, self._record)
            else:
                entries.append(item)
                records.append(self._record)
        self._rows.add(entries, records)
        self._pending += len(items)

    def _builder(self, items: Sequence[Entry | Broken], behind: bytes) -> RowBuilder:
        first = next((item for item in items if isinstance(item, Entry)), None)
        creator = producer(self._cutter.preamble, behind)
        if not creator:
            creator = producer(b"", self._last_bytes())
        dialect = dialect_of(creator, first)
        return RowBuilder(self._source.name, self._wants, dialect, self._source.beside)

    def _last_bytes(self) -> bytes:
        """Return the end of the file, where the creator stands if not before the entries."""
        path = self._source.path
        if path is None:
            return b""
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(size - _TAIL, 0))
            return stream.read(_TAIL)

    def _truncated(self, broken: int) -> None:
        place = f"inside entry {self._record + 1}" if broken else f"after entry {self._record}"
        message = (
            f"The file ends {place}; the {self._record} entries before were read. "
            "Export or copy it again if you can."
        )
        self._notes.add("truncated", message, self._record + 1 if broken else None)

    def _check_end(self, rest: bytes) -> None:
        """Say so if a file ends behind its entries but before the log is closed."""
        if self._cutter.ended and b"{" in self._cutter.preamble:
            tail = self._cutter.tail(rest).rstrip(b" \t\r\n\0;)")
            if not tail.endswith(b"}"):
                message = "The file ends early, behind the last entry; no entry is missing."
                self._notes.add("truncated", message, lost=False)

    def _batch(self, final: bool = False) -> Batch:
        rows = self._rows
        frame = rows.frame() if rows is not None and len(rows) else None
        if final and rows is not None:
            self._last_notes(rows)
        records, self._pending = self._pending, 0
        problems = self._notes.finish() if final else self._notes.take()
        return Batch(frame, None, problems, records)

    def _last_notes(self, rows: RowBuilder) -> None:
        rows.bodies.tell(self._notes)
        if rows.without_time:
            message = f"{rows.without_time} entries have no readable startedDateTime."
            self._notes.add("bad_time", message, count=rows.without_time, lost=False)
        if rows.bad_money:
            message = f"{rows.bad_money} answers state a cost that is no exact decimal number."
            self._notes.add("bad_money", message, count=rows.bad_money, lost=False)


FORMAT = Har()
