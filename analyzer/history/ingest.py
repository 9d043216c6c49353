"""Files into a store: looked up by content, analysed with the store's salt, committed at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from analyzer import pipeline, recording, records
from analyzer._version import __version__
from analyzer.analysis.build import now
from analyzer.errors import NothingUsable, Problem, UsageError
from analyzer.history import contents, plan, reading, schema
from analyzer.history import store as stores
from analyzer.history.contents import Content
from analyzer.history.plan import Decision, StoredSet
from analyzer.history.store import Store
from analyzer.ingest import detect, files
from analyzer.ingest.base import Format, Source
from analyzer.pipeline import Options, Result
from analyzer.records import Records
from analyzer.redact import scan


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one set of files."""

    names: tuple[str, ...]
    action: str
    """``added``, ``replaced``, ``known`` or ``unusable``."""
    ingest_id: str | None = None
    """The ingest that it is, or in which it is already."""
    replaced: tuple[str, ...] = ()
    """Ingests whose place it took."""
    earlier: tuple[str, ...] = ()
    """Files that are earlier states of what is stored."""
    attempts: int = 0
    failed: int = 0
    first: datetime | None = None
    last: datetime | None = None
    problems: tuple[Problem, ...] = ()
    """What could not be read."""
    message: str = ""
    """Why it is unusable."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """Files that are analysed, and stored, together."""

    sources: tuple[Source, ...]
    exports: frozenset[str] = frozenset()


def ingest(inputs: Sequence[str], store: Store, options: Options) -> Iterator[Outcome]:
    """Add files to a store, and yield what became of each set of them.

    Files of one format are stored each for itself, so that rotated logs can come and go. Files of
    several formats are one set: their records are joined with each other.

    Raises:
        NothingUsable: no input holds LLM traffic.
        UsageError: files overlap what is stored, see :mod:`analyzer.history.plan`.
        StoreError: the store cannot be read or written.
    """
    options = replace(options, salt=store.salt)
    with tempfile.TemporaryDirectory(prefix="whichhop-") as folder:
        sources, problems = files.expand(inputs, options.limits)
        sources = [contents.kept(source, Path(folder)) for source in sources]
        units = _units(sources, options)
        if not units:
            pipeline.run(inputs, options, (sources, problems)).close()
            return
        outcomes = [_added(unit, store, options) for unit in units[:1]]
        if problems:
            outcomes[0] = replace(outcomes[0], problems=(*problems, *outcomes[0].problems))
        yield from outcomes
        usable = any(outcome.action != "unusable" for outcome in outcomes)
        for unit in units[1:]:
            outcome = _added(unit, store, options)
            usable |= outcome.action != "unusable"
            yield outcome
        if not usable:
            raise NothingUsable(outcomes[0].message)


def _units(sources: Sequence[Source], options: Options) -> list[_Unit]:
    """Return which files belong together; what has no format is left out."""
    known = [
        (source, found)
        for source in sources
        if source.head and (found := detect.detect(source, reading=options.reading))
    ]
    if not known:
        return []
    same = len({found.name for _, found in known}) == 1 and known[0][1].kind == "attempts"
    if same and not options.reading.hops:
        return [_Unit((source,)) for source, _ in known]
    return [_Unit(tuple(source for source, _ in known), _exports(known))]


def _exports(known: Sequence[tuple[Source, Format]]) -> frozenset[str]:
    return frozenset(source.name for source, found in known if found.kind == "usage")


def _added(unit: _Unit, store: Store, options: Options) -> Outcome:
    files_ = _Files(unit)
    before = [_state(source) for source in unit.sources]
    decision = files_.decide(reading.sets(store))
    if decision.action == "known":
        return _known(files_.names, decision)
    try:
        result = pipeline.run(files_.names, options, (files_.sources(), []))
    except NothingUsable as error:
        return Outcome(files_.names, "unusable", message=str(error))
    with result:
        _check_steady(unit.sources, files_.found, before)
        kept = _records(result, files_.found)
        _guard(kept, result)
        lost = tuple(problem for problem in result.collected.problems if problem.lost)
    return _committed(store, files_, kept, lost)


class _Files:
    """The files of a unit, looked up by content as often as others have stored something."""

    def __init__(self, unit: _Unit) -> None:
        self.found: list[Content] = []
        self._unit = unit
        self._lengths: frozenset[int] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(content.name for content in self.found)

    def decide(self, held: Sequence[StoredSet]) -> Decision:
        """Return what is to be done, given what is stored now."""
        lengths = frozenset(file.size for old in held for file in old.files)
        if self._lengths is None or not lengths <= self._lengths:
            # Whether a file is a longer version is told by digests as long as the stored files.
            self._lengths = lengths
            self.found = _contents(self._unit, lengths)
        return plan.decide(held, self.found)

    def sources(self) -> list[Source]:
        return [source for source in self._unit.sources if source.name in set(self.names)]


def _contents(unit: _Unit, lengths: Iterable[int]) -> list[Content]:
    """Return what the files hold, a file that was given twice once."""
    found: dict[str, Content] = {}
    for source in unit.sources:
        made = contents.content(source, lengths, export=source.name in unit.exports)
        found.setdefault(made.sha256, made)
    return list(found.values())


def _known(names: tuple[str, ...], decision: Decision) -> Outcome:
    return Outcome(names, "known", decision.ingests[0], earlier=decision.earlier)


def _state(source: Source) -> tuple[int, int] | None:
    """Return what tells a file that was put in the place of another of the same name."""
    if source.path is None:
        return None
    about = source.path.stat()
    return about.st_dev, about.st_ino


def _check_steady(
    sources: Sequence[Source], found: Sequence[Content], before: Sequence[object]
) -> None:
    """Raise if a log was rotated while it was read; one that grew is longer the next time."""
    sizes = {content.name: content.size for content in found}
    for source, was in zip(sources, before, strict=True):
        if source.path is None:
            continue
        try:
            steady = _state(source) == was
            steady &= source.path.stat().st_size >= sizes.get(source.name, 0)
        except OSError:
            steady = False
        if not steady:
            msg = f"{source.name} was replaced while it was read; nothing of it was stored. "
            raise UsageError(msg + "Run it again.")


def _records(result: Result, found: Sequence[Content]) -> Records:
    """Return the run's records; its files get the digests by which they are known again."""
    kept = recording.record(result)
    by_name = {content.name: content for content in found}
    told = [tally.input for tally in result.collected.tallies]
    spare = [content for content in found if content.name not in set(told)]
    nothing = pl.DataFrame(
        {"input": [result.secrets.redact(content.name) for content in spare]},
        schema={"input": pl.String()},
    )
    inputs = pl.concat([kept.inputs, nothing], how="diagonal")
    held = [*(by_name[name] for name in told), *spare]
    inputs = inputs.with_columns(
        pl.Series("sha256", [content.sha256 for content in held], dtype=pl.String),
        pl.Series("bytes", [content.size for content in held], dtype=pl.Int64),
        pl.Series("beginnings", [content.beginnings() for content in held], dtype=pl.String),
        pl.col("attempts", "usage_rows").fill_null(0),
    )
    return replace(kept, inputs=inputs)


def _guard(kept: Records, result: Result) -> None:
    """Look at every text once more before it is stored.

    Raises:
        SecretSurvived: redaction missed something; nothing is stored.
    """
    for name in records.SCHEMAS:
        frame: pl.DataFrame = getattr(kept, name)
        for column in frame.select(pl.col(pl.String).exclude("sha256", "beginnings")):
            texts = column.drop_nulls().unique()
            scan.guard("\n".join(texts), result.secrets, "the history")


def _committed(store: Store, files_: _Files, kept: Records, lost: tuple[Problem, ...]) -> Outcome:
    names = files_.names
    stamp = schema.Stamp(contents.set_id(files_.found), now(), __version__)

    def attempt() -> Outcome:
        # What others stored since the files were looked up is what counts.
        decision = files_.decide(reading.sets(store))
        if decision.action == "known":
            return _known(names, decision)
        store.add(schema.rows(kept, stamp), decision.ingests)
        return Outcome(
            names, "replaced" if decision.ingests else "added", stamp.ingest_id, decision.ingests,
            attempts=int(kept.counts["attempts"].sum()),
            failed=int(kept.counts["failed"].sum()),
            first=_time(kept.inputs["first"].min()),
            last=_time(kept.inputs["last"].max()),
            problems=lost,
        )  # fmt: skip

    return stores.settled(store, attempt)


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
