"""HTTP Archives: HAR 1.1 to 1.3 of every browser and proxy, read in bounded memory.

The entries are cut into blocks (``har_blocks``), decoded into tolerant records (``har_entry``; what
does not decode goes entry by entry through ``har_recover``) and turned into rows (``har_row``).
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.formats.har_blocks import BLOCK, Block, Cutter
from analyzer.ingest.formats.har_entry import Entry, Response, decode_entries, producer
from analyzer.ingest.formats.har_exchange import sorted_out
from analyzer.ingest.formats.har_extra import tell_tls_errors
from analyzer.ingest.formats.har_recover import Broken, Recovery, too_large
from analyzer.ingest.formats.har_row import RowBuilder
from analyzer.ingest.notes import Notes

if TYPE_CHECKING:
    from analyzer.ingest.formats.har_ahead import Ahead

_START = re.compile(rb"\s*+(?:[A-Za-z_$][\w$.]*+\s*+\(\s*+)?\{")
_LOG = re.compile(rb'\s*+(?:[A-Za-z_$][\w$.]*+\s*+\(\s*+)?\{\s*+"log"\s*+:\s*+\{')
_LOG_KEYS = (b'"entries"', b'"creator"', b'"pages"', b'"browser"')
_ENTRY_KEYS = (b'"request"', b'"response"', b'"startedDateTime"')
_SUFFIXES = (".har", ".zhar", ".harp", ".har.gz", ".har.zst", ".har.xz", ".har.bz2")
_TAIL = 64 << 10
LARGE = 100 << 20
"""Bytes from which on two processes read a file."""

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
    """HTTP Archive; ``block`` bytes of it are decoded at a time.

    Two processes read a file while ``large`` bytes or more of it are left.
    """

    name = "har"
    title = "HTTP Archive (HAR 1.1-1.3)"
    kind = "attempts"
    hop = "client"
    source_kind = "har"

    def __init__(self, block: int = BLOCK, large: int = LARGE) -> None:
        self._block = block
        self._large = large

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
            yield from _Reading(source, wants, cutter, self._block, self._large).run()


class _Reading:
    """One capture being read."""

    def __init__(
        self, source: Source, wants: Wants, cutter: Cutter, block: int, large: int
    ) -> None:
        self._source = source
        self._wants = wants
        self._cutter = cutter
        self._notes = Notes(source.name)
        self._rows: RowBuilder | None = None
        self._record = 0
        self._pending = 0
        self._done = False
        self._bytes = block
        self._large = large
        self._alone = source.path is None or (source.size or 0) < large

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
        """Read block after block; where another process has read ahead, go on behind that."""
        with ExitStack() as cleanup:
            ahead: Ahead | None = None
            while True:
                for block in self._cutter.blocks():
                    self._decoded(block)
                    if self._rows is not None and self._rows.enough:
                        yield self._batch()
                    if self._done:
                        return
                    if ahead is None:
                        ahead = self._begin_ahead()
                        if ahead is not None:
                            cleanup.callback(ahead.close)
                if ahead is None or self._cutter.ended:
                    return
                if not self._cutter.holding:
                    yield self._batch()
                    yield from self._taken_over(ahead)
                cleanup.close()
                ahead = None

    def _begin_ahead(self) -> Ahead | None:
        """Have the later half of what is left read by another process if that is worth it."""
        path, rows, between = self._source.path, self._rows, self._cutter.separator
        if self._alone or path is None or rows is None or between is None:
            return None
        from analyzer.ingest.formats import har_ahead

        span = har_ahead.span(path, self._cutter.position, between, self._large)
        ahead = None
        if span is not None:
            ahead = har_ahead.begin(path, span, between, rows.dialect, self._bytes, self._wants)
        if ahead is None:
            self._alone = True
        else:
            self._cutter.pause(ahead.begin)
        return ahead

    def _taken_over(self, ahead: Ahead) -> Iterator[Batch]:
        """Yield what was read ahead, and go on behind it."""
        rows, before, part = self._rows, self._record, None
        assert rows is not None
        tags: list[str] = []
        for part, raw in ahead.parts():
            frame = rows.adopted(raw, before, part, tags)
            self._leave_out(part.bad, before)
            records = before + part.records - self._record
            self._record += records
            self._cutter.jump(part.end)
            yield Batch(frame, None, self._notes.take(), records)
        if part is not None:
            rows.count(part.counts)
        # What stood in its way once will stand there again.
        self._alone = not ahead.whole

    def _decoded(self, block: Block) -> None:
        # Decoding makes hundreds of thousands of objects and no cycles: the collector would walk
        # them all again and again. It is off only while nobody else's code runs.
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._block(block)
        finally:
            if collecting:
                gc.enable()

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
        entries, records, bad = sorted_out(items, self._record)
        self._leave_out(bad)
        self._record += len(items)
        self._rows.add(entries, records)
        self._pending += len(items)

    def _leave_out(self, bad: Sequence[tuple[int, str, str]], before: int = 0) -> None:
        for record, kind, reason in bad:
            message = f"Entry {before + record} was left out: {reason}."
            self._notes.add(kind, message, before + record)

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
