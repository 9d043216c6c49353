"""mitmproxy's flow files (``mitmdump -w out.mitm``): one attempt for each HTTP flow.

A flow becomes the entry that mitmproxy's own HAR export would make of it, so that heads, bodies,
streams and WebSocket messages are read by the code that reads HAR files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from analyzer.ingest.base import Batch, Format, Source, Wants
from analyzer.ingest.formats.har_entry import Entry
from analyzer.ingest.formats.har_row import RowBuilder
from analyzer.ingest.formats.logs import tnetstring
from analyzer.ingest.formats.logs.mitm_entry import entry_of
from analyzer.ingest.notes import Notes

_START = re.compile(rb"\s*\d{2,10}:\d{1,3}:(?:[a-z_]{2,24}[,;]|\d{1,3}:)")
_KEYS = (b":client_conn", b":server_conn", b":timestamp_start", b":http_version")
_BATCH_BYTES = 32 << 20
"""Bodies that wait to be read together."""


class MitmFlows(Format):
    """mitmproxy flow file."""

    name = "mitmproxy"
    title = "mitmproxy flow file"
    kind = "attempts"
    hop = "client"
    source_kind = "har"

    def sniff(self, head: bytes, name: str) -> float:
        """By a netstring at the start, and the keys of flows."""
        if not _START.match(head):
            return 0.0
        return 0.98 if any(key in head for key in _KEYS) else 0.5 * name.endswith(".mitm")

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        """Yield a batch for about every 32 MiB of flows; see :class:`Format`."""
        with source.open() as stream:
            yield from _Reading(source.name, wants).run(
                tnetstring.items(stream, wants.limits.entry_bytes)
            )


class _Reading:
    """One flow file being read."""

    def __init__(self, name: str, wants: Wants) -> None:
        self._limit = wants.limits.entry_bytes
        self._most = wants.rows_per_batch
        self._notes = Notes(name)
        self._rows = RowBuilder(name, wants, "mitmproxy")
        self._seen: set[str] = set()
        self._waiting: list[Entry] = []
        self._records: list[int] = []
        self._held = 0
        self._others = 0

    def run(self, flows: Iterator[Any]) -> Iterator[Batch]:
        record = told = 0
        for record, flow in enumerate(flows, 1):
            if isinstance(flow, Exception):
                self._tell(flow, record)
            else:
                self._take(flow, record)
            if self._held >= _BATCH_BYTES or len(self._waiting) >= self._most:
                yield self._batch(record - told)
                told = record
        if self._others:
            message = f"{self._others} flows are no HTTP (TCP, UDP, DNS); they count as no request."
            self._notes.add("notice", message, None, self._others, lost=False)
        yield self._batch(record - told, final=True)

    def _take(self, flow: Any, record: int) -> None:
        made = entry_of(flow, self._seen) if isinstance(flow, dict) else None
        if made is None:
            if isinstance(flow, dict) and flow.get("type") not in ("http", b"http", None):
                self._others += 1
                return
            message = f"Flow {record} was left out: it has no request."
            self._notes.add("bad_entry", message, record)
            return
        entry, size = made
        self._waiting.append(entry)
        self._records.append(record)
        self._held += size

    def _tell(self, error: Exception, record: int) -> None:
        if isinstance(error, tnetstring.CutError):
            message = f"The file ends inside flow {record}; the flows before were read."
            self._notes.add("truncated", message, record)
        elif isinstance(error, tnetstring.TooLargeError):
            message = f"Flow {record} was left out: {error}, the limit is {self._limit}."
            self._notes.add("too_large", message, record)
        else:
            message = f"Flow {record} cannot be read: {error}."
            self._notes.add("bad_entry", message, record)

    def _batch(self, records: int, final: bool = False) -> Batch:
        frame = None
        if self._waiting:
            self._rows.add(self._waiting, self._records)
            frame = self._rows.frame()
        self._waiting, self._records, self._held = [], [], 0
        if final:
            self._rows.bodies.tell(self._notes)
        problems = self._notes.finish() if final else self._notes.take()
        return Batch(frame, None, problems, records)


FORMAT = MitmFlows()
