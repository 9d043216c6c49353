"""Sources in, canonical batches out: one loop over all inputs that nothing in them can end."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import polars as pl
from polars.exceptions import PanicException

from analyzer import columns
from analyzer.errors import Problem
from analyzer.ingest import detect, files
from analyzer.ingest.base import Batch, Format, Secrets, Source, Wants
from analyzer.ingest.streams import BOMB_FLOOR
from analyzer.ingest.twins import Twins

Reading = Iterator[tuple[Source, Format | None, Batch]]


def read(sources: Iterable[Source], wants: Wants) -> Reading:
    """Yield the batches of all sources in order, with canonical columns.

    The format is ``None`` for what belongs to no format: an unknown or empty input, one that holds
    the same as an earlier one, and the one counted note for the files of a folder or archive that
    are no captures. An exception inside a
    format becomes a Problem of that input, and the next input is read.
    """
    skipped: dict[str, list[Source]] = {}
    used: set[str] = set()
    twins = Twins()
    detect.check(wants.reading)
    for source in sources:
        if not source.head:
            yield source, None, Batch(problems=(*source.faults, *_empty(source)))
            continue
        found = detect.detect(source, reading=wants.reading)
        if found is not None:
            twin = twins.note(source)
            if twin is not None:
                yield source, None, Batch(problems=(twin,))
                continue
            yield from _one(source, found, wants)
            used |= source.beside.used if source.beside else set()
            continue
        _drain(source)
        if source.faults:
            yield source, None, Batch(problems=tuple(source.faults))
        elif source.group is None:
            yield source, None, Batch(problems=(_unknown(source),))
        else:
            skipped.setdefault(source.group, []).append(source)
    for group, members in skipped.items():
        others = [source for source in members if source.name not in used]
        if others:
            yield others[0], None, Batch(problems=(_no_captures(group, others),))


def _one(source: Source, found: Format, wants: Wants) -> Reading:
    say = wants.say
    if say is not None:
        wants = replace(wants, say=lambda rows: say(_attempts(rows, source.name, found, wants)))
    try:
        for batch in found.read(source, wants):
            yield source, found, _conformed(batch, source.name, found, wants)
    except (Exception, PanicException) as error:
        message = (
            f"Reading it as {found.title} failed inside whichhop ({type(error).__name__}: "
            f"{str(error)[:200]}); the rest of this input is left out. Please report it."
        )
        yield source, found, Batch(problems=(Problem(source.name, "internal", message),))
    if source.faults:
        yield source, found, Batch(problems=tuple(source.faults))


def _conformed(batch: Batch, name: str, found: Format, wants: Wants) -> Batch:
    """Return the batch with canonical columns, which format and hop it is from among them."""
    attempts, usage = batch.attempts, batch.usage
    if attempts is not None:
        attempts = _attempts(attempts, name, found, wants)
    if usage is not None:
        usage = usage.with_columns(pl.lit(found.name).alias("format"))
        usage = columns.conform(usage, columns.USAGE)
    return replace(batch, attempts=attempts, usage=usage)


def _attempts(rows: pl.DataFrame, name: str, found: Format, wants: Wants) -> pl.DataFrame:
    named = pl.lit(found.name).alias("format")
    told = _told_hop(name, wants)
    own = {"format": named, "hop": pl.lit(found.hop).alias("hop")}
    missing = [value for column, value in own.items() if column not in rows.columns]
    if told:
        missing = [own["format"]] if "format" not in rows.columns else []
        missing.append(pl.lit(told).alias("hop"))
    return columns.conform(rows.with_columns(missing), headers=sorted(wants.headers))


def _told_hop(name: str, wants: Wants) -> str | None:
    """Return the hop that the user says wrote an input; the first glob that matches counts."""
    base = name.rpartition("/")[2]
    for glob, hop in wants.reading.hops:
        if fnmatchcase(name, glob) or fnmatchcase(base, glob):
            return hop
    return None


def _empty(source: Source) -> tuple[Problem, ...]:
    if source.faults:
        return ()
    return (Problem(source.name, "empty", "The input is empty.", lost=False),)


def _unknown(source: Source) -> Problem:
    return Problem(source.name, "unknown_format", f"Is no capture. {detect.reasons(source)}")


def _no_captures(group: str, others: list[Source]) -> Problem:
    names = ", ".join(source.name for source in others[:3])
    more = ", ..." if len(others) > 3 else ""
    files_are = (
        "1 file in it is no capture and was"
        if len(others) == 1
        else (f"{len(others)} files in it are no captures and were")
    )
    message = f"{files_are} skipped: {names}{more}."
    return Problem(group, "unknown_format", message, count=len(others), lost=False)


def _drain(source: Source) -> None:
    """Read on in an archive of no known format, as far as a bomb would show.

    Without this a bomb of zeros would be called an unknown format, which hides what it is.
    """
    if source.path is not None or source.size is None or source.faults:
        return
    left = BOMB_FLOOR + (4 << 20)
    with source.open() as stream:
        while left > 0 and (data := stream.read(1 << 20)):
            left -= len(data)


class _Forgetful(Secrets):
    """Stands in where nobody will render: nothing is remembered, every key has the same tag."""

    def learn(self, value: str, kind: str = "secret") -> None:
        """Do nothing."""

    def tag(self, value: str) -> str:
        """Return one tag for all."""
        return "key:00000000"


def read_frame(
    paths: Sequence[str],
    headers: Iterable[str] = (),
    secrets: Secrets | None = None,
    problems: list[Problem] | None = None,
) -> pl.DataFrame:
    """Return the attempts of all inputs as one canonical frame: raw, NOT redacted.

    ``headers`` names header columns to add (``resp_header.server``). What could not be read is
    appended to ``problems``; without that list, losses are told as warnings.
    """
    wants = Wants(frozenset(headers), secrets or _Forgetful())
    sources, met = files.expand(paths, wants.limits)
    frames: list[pl.DataFrame] = []
    for _, _, batch in read(sources, wants):
        met.extend(batch.problems)
        if batch.attempts is not None:
            frames.append(batch.attempts)
    if problems is not None:
        problems.extend(met)
    else:
        for problem in met:
            if problem.lost:
                warnings.warn(f"{problem.place}: {problem.message}", stacklevel=2)
    if not frames:
        return columns.conform(columns.empty(), headers=sorted(wants.headers))
    return pl.concat(frames)
