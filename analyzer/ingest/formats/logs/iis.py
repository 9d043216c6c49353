"""IIS's logs and those of HTTP.SYS below it: W3C extended logs with fields of their own.

``sc-substatus`` and ``sc-win32-status`` say more than the status; ARR, the proxy in IIS, puts
WinHTTP's error there. Files that were cut lack the ``#Fields:`` line: then the usual fields count.
"""

from __future__ import annotations

from analyzer.ingest.formats.logs.w3c import W3c, W3cReader, is_windows
from analyzer.ingest.reader import Input
from analyzer.ingest.textlog import TextLog, first_lines

_USUAL = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "cs(Referer) sc-status sc-substatus sc-win32-status time-taken"
)
"""What IIS logs unless it is told otherwise."""


class Iis(W3c):
    """IIS log."""

    name = "iis"
    title = "IIS log (W3C extended)"
    pattern = (
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+ [A-Z]{3,20} /\S* \S+ \d+ \S+ \S+ \S+ \S+ "
        r"[1-5]\d\d \d+ \d+ \d+\s*$"
    )
    weight = 0.96

    def sniff(self, head: bytes, name: str) -> float:
        """By the directives, or by lines of the usual fields."""
        lines = first_lines(head)
        if is_windows(lines):
            return self.weight
        return TextLog.sniff(self, head, name)

    def reader(self, source: Input) -> W3cReader:
        """Return a reader for one input."""
        return W3cReader(source.wants, _USUAL)


FORMAT = Iis()
