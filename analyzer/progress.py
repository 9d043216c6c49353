"""How far a long run has come, told on standard error while it reads, to people only."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from typing import Protocol, TextIO

QUIET_S = 1.0
"""Nothing is said of a run that is over by then."""
EVERY_S = 0.2
_ERASE = "\r\x1b[K"


@dataclass(frozen=True, slots=True)
class Reached:
    """How far phase 1 has come, over all inputs."""

    input: str
    records: int
    failed: int


class Progress(Protocol):
    """Is told how far the reading has come, after each batch and at the end."""

    def __call__(self, reached: Reached | None) -> None:
        """Take what was reached; ``None``: reading is over, or was given up."""


class Meter:
    """Shows one line that is written over and leaves nothing behind."""

    def __init__(self, stream: TextIO, columns: int = 80) -> None:
        self._stream = stream
        self._columns = columns
        self._start = time.monotonic()
        self._next = self._start + QUIET_S
        self._shown = False

    def __call__(self, reached: Reached | None) -> None:
        """See :class:`Progress`."""
        if reached is None:
            if self._shown:
                self._stream.write(_ERASE)
                self._stream.flush()
                self._shown = False
            return
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY_S
        self._stream.write(f"{_ERASE}{_line(reached, now - self._start, self._columns - 1)}")
        self._stream.flush()
        self._shown = True


def _line(reached: Reached, seconds: float, room: int) -> str:
    from analyzer.redact.text import one_line

    told = f": {reached.records:,} records, {reached.failed:,} failed, {seconds:.0f} s"
    name = one_line(reached.input, 1000)
    space = max(room - len("Reading ") - len(told), 8)
    shown = name if len(name) <= space else f"...{name[-space + 3 :]}"
    return f"Reading {shown}{told}"[:room]


def meter() -> Progress | None:
    """Return a meter on standard error, or ``None`` where nobody watches it."""
    stream = sys.stderr
    if not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return None
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 80
    return Meter(stream, columns)
