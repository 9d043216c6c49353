"""What a store gives up: days, files or ingests that are to be forgotten, and what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from analyzer.errors import UsageError, did_you_mean
from analyzer.history import faults, reading
from analyzer.history import store as stores
from analyzer.history.store import Store, among, quoted

SAFE_HOURS = 168
"""Files that no version needs any more are deleted after a week: a report that somebody makes at
this moment may still be reading them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be forgotten; what several of them name is forgotten all the same."""

    before: datetime | None = None
    """All of the time before."""
    inputs: tuple[str, ...] = ()
    """The ingests that hold a file of this name."""
    ingests: tuple[str, ...] = ()
    """Ids of ingests, or their beginnings."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What is forgotten of one ingest."""

    ingest_id: str
    files: tuple[str, ...]
    rows: int
    whole: bool
    """Nothing of it is left, so that its files can be ingested again."""


def forget(store: Store, wanted: Wanted, *, dry_run: bool = False) -> list[Forgotten]:
    """Forget, in one commit; return what that is (or would be), oldest ingest first.

    Raises:
        UsageError: a name or id is of no ingest.
        StoreError: the store cannot be read or written; nothing was changed then.
    """

    def attempt() -> list[Forgotten]:
        listed, predicate = _found(store, wanted)
        if listed and not dry_run:
            store.delete(predicate)
        return listed

    return stores.settled(store, attempt)


def _found(store: Store, wanted: Wanted) -> tuple[list[Forgotten], str]:
    held = {old.ingest_id: tuple(f.name for f in old.files) for old in reading.sets(store)}
    whole = _named(held, wanted)
    if wanted.before is not None:
        whole |= _wholly_before(store, wanted.before)
    table = store.scan()
    older = pl.lit(False)
    if wanted.before is not None:
        older = (pl.col("kind") != "inputs") & (pl.col("at") < wanted.before)
    gone = pl.col("ingest_id").is_in(sorted(whole))
    counted = store.read(
        table.filter(gone | older.fill_null(False)).group_by("ingest_id").agg(pl.len().alias("n"))
    )
    rows = dict(counted.iter_rows())
    listed = [
        Forgotten(name, files, rows[name], name in whole)
        for name, files in held.items()
        if name in rows
    ]
    return listed, _predicate(whole, wanted.before)


def _predicate(whole: set[str], before: datetime | None) -> str:
    parts = []
    if before is not None:
        # The condition on the week alone lets files of other weeks be passed over unread.
        last = quoted(reading.week(before))
        # A plain TIMESTAMP is of nanoseconds, which the log's bounds are not compared with.
        when = quoted(f"{before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        time = f"arrow_cast({when}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
        parts.append(f"(kind <> 'inputs' AND week <= {last} AND at < {time})")
    if whole:
        parts.append(among(sorted(whole)))
    return " OR ".join(parts)


def _named(held: dict[str, tuple[str, ...]], wanted: Wanted) -> set[str]:
    found: set[str] = set()
    for name in wanted.inputs:
        having = {ingest for ingest, files in held.items() if name in files}
        if not having:
            names = {file for files in held.values() for file in files}
            msg = f"--input {name}: no ingest has a file of that name.{did_you_mean(name, names)}"
            raise UsageError(f"{msg} See: analyze history list")
        found |= having
    for told in wanted.ingests:
        having = {ingest for ingest in held if told and ingest.startswith(told)}
        if len(having) != 1:
            what = f"{len(having)} ingests begin so" if having else "there is no such ingest"
            msg = f"--ingest {told}: {what}. See: analyze history list"
            raise UsageError(msg)
        found |= having
    return found


def _wholly_before(store: Store, before: datetime) -> set[str]:
    """Return the ingests all of whose attempts are of the time before."""
    rows = store.read(
        store.scan()
        .filter(pl.col("kind") == "inputs", pl.col("attempts") > 0)
        .group_by("ingest_id")
        .agg(pl.col("last").max(), pl.col("last").null_count().alias("untold"))
    )
    return set(rows.filter(pl.col("last") < before, pl.col("untold") == 0)["ingest_id"].to_list())


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting did."""

    before: int
    """Data files of the newest version."""
    after: int
    deleted: int
    """Files of earlier versions, and of ingests that were killed, that are gone from the disk."""
    given_up: tuple[str, ...] = ()
    """Damaged data files that were given up."""
    forgotten: tuple[Forgotten, ...] = ()
    """Ingests that had rows in them."""


def compact(store: Store, *, repair: bool = False, hours: int = SAFE_HOURS) -> Compacted:
    """Merge small files, and delete those that no version of the last week needs.

    ``repair`` first gives up data files that cannot be read, and forgets the ingests that had rows
    in them, so that their files can be ingested again.

    Raises:
        StoreError: the store cannot be read or written.
    """
    given_up, forgotten = stores.settled(store, lambda: _repaired(store)) if repair else ((), ())
    before = len(store.files())
    stores.settled(store, store.optimize)
    return Compacted(before, len(store.files()), store.vacuum(hours), given_up, forgotten)


def _repaired(store: Store) -> tuple[tuple[str, ...], tuple[Forgotten, ...]]:
    broken = store.damaged()
    if not broken:
        return (), ()
    damaged = store.files().filter(pl.col("path").is_in(broken))
    _moved_away(store, damaged["path"].to_list())
    store.repair()
    held = reading.sets(store)
    known = {old.ingest_id: tuple(file.name for file in old.files) for old in held}
    concerned = _concerned(damaged, sorted(known))
    listed = [Forgotten(name, known[name], 0, whole=True) for name in concerned]
    if concerned:
        store.delete(among(concerned))
    return tuple(damaged["path"].to_list()), tuple(listed)


def _concerned(damaged: pl.DataFrame, known: Sequence[str]) -> list[str]:
    """Return the ingests that may have had rows in a damaged file: the log has its bounds."""
    found: set[str] = set()
    for low, high in damaged.select("lowest", "highest").iter_rows():
        found |= {name for name in known if (low or "") <= name <= (high or "~")}
    return sorted(found)


def _moved_away(store: Store, paths: Sequence[str]) -> None:
    """Put damaged files out of the way, so that the table can go on without them."""
    if store.place.path is None:
        msg = (
            f"the store {store.place.shown} has damaged files: {', '.join(paths)}. Put them back "
            "from a backup, or delete them there and run this again."
        )
        raise faults.StoreError(msg)
    with faults.told(store.place.shown, "writing"):
        for path in paths:
            file = store.place.path / path
            if file.exists():
                file.replace(file.with_name(f"_damaged-{file.name}"))
