"""What can go wrong, and how it is said.

::

    WhichhopError                 a sentence for the user, with an exit code
    ├── UsageError       2        an option or its value is wrong
    ├── ConfigError      2        a configuration or knowledge file is wrong
    ├── NothingUsable    3        no input holds LLM traffic that can be read
    ├── Incomplete       4        --strict, and something was left out
    └── SecretSurvived   5        redaction missed something, so nothing was written

A bad line, entry, row or file is no exception: it becomes a :class:`Problem` and the run goes on.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class WhichhopError(Exception):
    """Base of all errors that are shown to a user as one clear sentence."""

    exit_code = 70


class UsageError(WhichhopError):
    """An option, an argument or its value is wrong."""

    exit_code = 2


class ConfigError(WhichhopError):
    """A configuration file or a knowledge file is wrong."""

    exit_code = 2


class NothingUsable(WhichhopError):
    """No input holds LLM traffic that can be read."""

    exit_code = 3


class Incomplete(WhichhopError):
    """The run finished, but ``--strict`` forbids what had to be left out."""

    exit_code = 4


class SecretSurvived(WhichhopError):
    """A secret was found in the finished output, so the output was not written."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a text file, printed as ``path:line:column`` (1-based)."""

    path: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.path, *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in an input that could not be read, and what was done about it.

    ``record`` is the 1-based position in the source's own unit (entry, line, row), ``None`` for the
    whole input. ``kind`` is a short stable word (``bad_json``, ``truncated``, ``too_large`` ...) by
    which problems are counted; ``message`` is a sentence with the value, what was expected and what
    happens next; ``count`` is how many records it stands for. ``lost`` says whether data is missing
    from the result because of it.
    """

    input: str
    kind: str
    message: str
    record: int | None = None
    count: int = 1
    lost: bool = True

    @property
    def place(self) -> str:
        """``input`` or ``input#record``, as evidence is cited everywhere."""
        return self.input if self.record is None else f"{self.input}#{self.record}"


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest allowed word, or an empty string."""
    near = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
