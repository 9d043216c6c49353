"""OpenTelemetry traces as OTLP/JSON: spans of HTTP and of the GenAI conventions.

The file exporter of a collector writes one document a line; others write one document. ``record``
is the number of the span in the file, since one line holds many. What each span becomes stands in
``otlp_tree`` (which spans are one request) and ``otlp_row`` (columns).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer.ingest.formats.logs import otlp_span
from analyzer.ingest.formats.logs.otlp_row import rows_of
from analyzer.ingest.formats.logs.otlp_tree import Trees
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import Input, Parsed

_OTHER_SIGNALS = ("resourceLogs", "resourceMetrics")


class OtlpReader:
    """Reads one input; a span waits one block for its parent or children."""

    def __init__(self, source: Input) -> None:
        self._wants = source.wants
        self._notes = source.notes
        self._spans = 0
        self._spanless = 0
        self._name = source.name
        self._trees = Trees()

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made, bad = decode(lines, otlp_span.TYPE)
        self._spanless += int(made["resourceSpans"].is_null().sum())
        spans = otlp_span.flat(made, self._spans, self._wants)
        self._spans += spans.height
        requests = self._trees.add(otlp_span.candidates(spans))
        return Parsed(rows_of(requests, self._name, self._wants), bad=bad)

    def finish(self) -> Parsed:
        """Return what waited, and say what was no trace."""
        if self._spanless:
            message = (
                f"{self._spanless} of its documents hold OTLP logs or metrics, no spans; nothing "
                "in them is a request. Export the traces."
            )
            self._notes.add("no_spans", message, None, self._spanless)
        return Parsed(rows_of(self._trees.rest(), self._name, self._wants))


class Otlp(JsonLog):
    """OTLP/JSON traces."""

    name = "otlp"
    title = "OpenTelemetry traces (OTLP JSON)"
    hop = "client"
    source_kind = "gateway"
    pattern = r'(?s)^[^{]{0,200}\{\s*"(?:resourceSpans|resourceLogs|resourceMetrics)"\s*:'
    weight = 0.97
    type = otlp_span.TYPE

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether it is an OTLP document; one without spans is taken too, to say what it is."""
        return "resourceSpans" in item or any(key in item for key in _OTHER_SIGNALS)

    def reader(self, source: Input) -> OtlpReader:
        """Return a reader for one input."""
        return OtlpReader(source)


FORMAT = Otlp()
