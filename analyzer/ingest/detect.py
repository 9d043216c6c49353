"""Which format an input has: every format looks at the first bytes and says how sure it is."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from analyzer.ingest import formats as package
from analyzer.ingest.base import Format, Reading, Source

SURE_ENOUGH = 0.3
"""Below this no format claims the input."""
SURE = 0.95
"""From this on no other family of formats is asked: a HAR need not load every log format."""


@dataclass(frozen=True, slots=True)
class Score:
    """How sure one format is that an input is its own."""

    format: Format
    score: float


@cache
def families() -> tuple[str, ...]:
    """Return the packages of formats, in the order in which they are asked: captures first."""
    found = pkgutil.iter_modules(package.__path__, package.__name__ + ".")
    return (package.__name__, *sorted(module.name for module in found if module.ispkg))


@cache
def family(name: str) -> tuple[Format, ...]:
    """Return the formats of one package, by name.

    A module of the package that defines ``FORMAT`` is registered by being there.
    """
    home = importlib.import_module(name)
    found: list[Format] = []
    for module in pkgutil.iter_modules(home.__path__, name + "."):
        if module.ispkg:
            continue
        made = getattr(importlib.import_module(module.name), "FORMAT", None)
        if isinstance(made, Format):
            found.append(made)
    return tuple(sorted(found, key=lambda item: item.name))


@cache
def formats() -> tuple[Format, ...]:
    """Return every registered format, by name."""
    every = [item for name in families() for item in family(name)]
    return tuple(sorted(every, key=lambda item: item.name))


def scores(
    source: Source, known: Iterable[Format] | None = None, reading: Reading | None = None
) -> list[Score]:
    """Return how sure each format is of ``source``, the surest first, ties by name."""
    base = source.name.rpartition("!")[2]
    groups = [known] if known is not None else (family(name) for name in families())
    ranked: list[Score] = []
    for group in groups:
        if reading is None:
            ranked += [Score(item, item.sniff(source.head, base)) for item in group]
        else:
            ranked += [Score(item, item.claim(source.head, base, reading)) for item in group]
        if any(item.score >= SURE for item in ranked):
            break
    return sorted(ranked, key=lambda item: (-item.score, item.format.name))


def detect(
    source: Source, known: Iterable[Format] | None = None, reading: Reading | None = None
) -> Format | None:
    """Return the format that is surest of ``source``; ``None`` if none is sure enough.

    Raises:
        ConfigError: ``reading`` says something of a format that cannot be.
    """
    ranked = scores(source, known, reading)
    if ranked and ranked[0].score >= SURE_ENOUGH:
        return ranked[0].format
    # In a folder, a README that quotes a log line is no log.
    return None if known is not None or source.group is not None else _minority(source)


def _minority(source: Source) -> Format | None:
    """Return the log format that most of the first lines have, be they ever so few.

    Consoles mix requests with other text: what is none is told line by line.
    """
    from analyzer.ingest.textlog import first_lines, text_logs

    lines = first_lines(source.head)
    counted = [(sum(item.claims(line) for line in lines), item) for item in text_logs()]
    most, best = max(counted, key=lambda pair: pair[0], default=(0, None))
    return best if most else None


def check(reading: Reading) -> None:
    """Check what the user says of formats, before anything is read.

    Raises:
        ConfigError: the ``log_format`` is none; says which variable, where, and what is allowed.
            Or the mapping names a column that does not exist.
    """
    if reading.log_format is not None:
        from analyzer.ingest.formats.logs import nginx_format

        nginx_format.given(reading)
    if reading.mapping:
        from analyzer.ingest.formats.logs import generic

        generic.check_mapping(reading.mapping)


def reasons(source: Source) -> str:
    """Say what was tried on ``source``, for a message: which formats, and how near they came."""
    ranked = scores(source)
    near = [f"{item.format.name} {item.score:.2f}" for item in ranked if item.score > 0]
    known = ", ".join(item.format.name for item in sorted(ranked, key=lambda i: i.format.name))
    closest = f"closest: {', '.join(near[:3])}" if near else "no format saw anything of its own"
    return f"Known formats: {known}; {closest}."
