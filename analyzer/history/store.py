"""A store opened: its salt and version, and commits that nobody else can come between.

Every change is one Delta commit onto the version that was looked at. Whoever committed in the
meantime makes it fail with :class:`~analyzer.history.faults.Conflict`; then what is to be done is
decided anew. That is what makes two ingests of one file at the same time store it once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import polars as pl

from analyzer.history import faults, schema
from analyzer.history.faults import Conflict, StoreError
from analyzer.history.place import Place

if TYPE_CHECKING:
    from arro3.core import RecordBatch, RecordBatchReader
    from deltalake import CommitProperties, DeltaTable

TRIES = 200
"""Commits that are tried while others commit at the same time."""
VERSION = "whichhop.schema_version"
SALT = "whichhop.salt"
_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0

_Result = TypeVar("_Result")


@dataclass(slots=True)
class Store:
    """A table of this program, at the version that was last looked at."""

    place: Place
    table: DeltaTable
    salt: bytes
    """Keys the pseudonyms of all its ingests."""

    @property
    def version(self) -> int:
        """The Delta version that was last looked at."""
        return self.table.version()

    def refresh(self) -> None:
        """Look at what others have committed."""
        with faults.told(self.place.shown, "reading"):
            self.table.update_incremental()
        salt_of(self.table, self.place)

    def scan(self) -> pl.LazyFrame:
        """Return all rows of the version that was last looked at."""
        with faults.told(self.place.shown, "reading"):
            return pl.scan_delta(self.table)

    def weeks(self) -> list[str]:
        """Return the weeks that there are, the earliest first."""
        with faults.told(self.place.shown, "reading"):
            return sorted({str(part["week"]) for part in self.table.partitions()})

    def read(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """Return rows that were made from :meth:`scan`.

        Raises:
            StoreError: a file of the store is damaged or cannot be read.
        """
        try:
            with faults.told(self.place.shown, "reading"), faults.quiet():
                return rows.collect(engine="streaming")
        except StoreError:
            # Polars does not always say which file it was.
            if broken := self.damaged():
                raise StoreError(faults.damaged(self.place.shown, broken)) from None
            raise

    def damaged(self) -> list[str]:
        """Return the data files that are gone, cut or cannot be read."""
        listed = self.files().select("path", "size_bytes").iter_rows()
        return [path for path, size in listed if not self._holds(path, size)]

    def add(self, parts: Iterable[pl.DataFrame], instead_of: Iterable[str] = ()) -> None:
        """Commit the rows of one ingest; those of the ingests ``instead_of`` go with it.

        Raises:
            Conflict: somebody else committed first.
            StoreError: it cannot be written; what was there before still is.
        """
        from deltalake import write_deltalake

        gone = sorted(instead_of)
        listed = iter(parts)
        first = next(listed)

        def write() -> None:
            data = _stream(first, listed)
            # A table that an earlier version made may lack columns.
            names = {field.name for field in self.table.schema().fields}
            mode: Literal["merge"] | None = None if names >= set(first.columns) else "merge"
            told = alone("ingest")
            if gone:
                write_deltalake(
                    self.table, data, mode="overwrite",
                    predicate=among([*gone, first["ingest_id"][0]]),
                    schema_mode=mode, commit_properties=told,
                )  # fmt: skip
            else:
                write_deltalake(
                    self.table, data, mode="append", schema_mode=mode, commit_properties=told
                )

        self._commit(write)

    def delete(self, predicate: str) -> int:
        """Commit without the rows that fulfil an SQL predicate; return how many those were.

        Raises:
            Conflict: somebody else committed first.
            StoreError: it cannot be written; what was there before still is.
        """
        done = self._commit(lambda: self.table.delete(predicate, commit_properties=alone("forget")))
        return int(done.get("num_deleted_rows") or 0)

    def files(self) -> pl.DataFrame:
        """Return the data files: ``path size_bytes lowest highest`` (ingest ids, by the log)."""
        with faults.told(self.place.shown, "reading"):
            listed = pl.DataFrame(self.table.get_add_actions(flatten=True))
        bounds = {"lowest": "min.ingest_id", "highest": "max.ingest_id"}
        return listed.select(
            "path", "size_bytes",
            *(
                (pl.col(told) if told in listed.columns else pl.lit(None, dtype=pl.String))
                .alias(name)
                for name, told in bounds.items()
            ),
        )  # fmt: skip

    def _holds(self, path: str, size: int) -> bool:
        if self.place.path is not None:
            file = self.place.path / path
            if not file.is_file() or file.stat().st_size != size:
                return False
        try:
            with faults.told(self.place.shown, "reading"), faults.quiet():
                where = f"{self.place.uri}/{path}"
                columns = pl.scan_parquet(where, hive_partitioning=False)
                columns.select(pl.all().null_count()).collect()
        except StoreError:
            return False
        return True

    def optimize(self) -> None:
        """Merge small files into larger ones, in one commit."""
        self._commit(lambda: self.table.optimize.compact())

    def repair(self) -> None:
        """Commit without the data files that are gone."""
        self._commit(lambda: self.table.repair())

    def vacuum(self, hours: int) -> int:
        """Delete files that no version of the last ``hours`` needs; return how many."""
        with faults.told(self.place.shown, "writing"):
            gone = self.table.vacuum(
                retention_hours=hours, dry_run=False, enforce_retention_duration=hours >= 168,
                full=True,
            )  # fmt: skip
            self.table.create_checkpoint()
            self.table.cleanup_metadata()
        self.refresh()
        return len(gone)

    def _commit(self, write: Callable[[], _Result]) -> _Result:
        from deltalake.exceptions import CommitFailedError

        before = self.version
        try:
            with faults.told(self.place.shown, "writing"):
                try:
                    with faults.quiet():
                        return write()
                except CommitFailedError:
                    self.table.update_incremental()
                    if self.version != before:
                        raise Conflict from None
                    raise
        finally:
            if self.version == before:
                self._look_again()

    def _look_again(self) -> None:
        try:
            self.refresh()
        except StoreError:
            # What failed before is what the user must hear of.
            return


def settled(store: Store, attempt: Callable[[], _Result]) -> _Result:
    """Return what ``attempt`` does, which is done anew as long as others commit first.

    Raises:
        StoreError: others committed first too often.
    """
    for number in range(TRIES):
        try:
            return attempt()
        except Conflict:
            longest = min(_LONGEST_WAIT_S, _WAIT_S * 2 ** min(number, 10))
            time.sleep(random.uniform(0, longest))  # noqa: S311 (no secret: who waits how long)
            store.refresh()
    msg = (
        f"writing the store {store.place.shown} failed: others wrote to it {TRIES} times in the "
        "meantime. Nothing was changed. Run it again when fewer programs write to it."
    )
    raise StoreError(msg)


def among(ingests: Iterable[str]) -> str:
    """Return the SQL predicate of the rows of some ingests."""
    return f"ingest_id IN ({', '.join(map(quoted, ingests))})"


def quoted(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def salt_of(table: DeltaTable, place: Place) -> bytes:
    """Return the salt of a table that this version of the program can read.

    Raises:
        StoreError: it is another program's, or a newer version's.
    """
    told = table.metadata().configuration
    if VERSION not in told or SALT not in told:
        msg = (
            f"the Delta table at {place.shown} was not made by whichhop; nothing was touched. "
            "Name another place: --store DIR"
        )
        raise StoreError(msg)
    version = told[VERSION]
    if not version.isdigit() or int(version) > schema.SCHEMA_VERSION:
        msg = (
            f"the store {place.shown} was written by a newer whichhop (schema {version}; this one "
            f"knows {schema.SCHEMA_VERSION}); nothing was touched. "
            "Update: pip install -U 'whichhop[history]'"
        )
        raise StoreError(msg)
    try:
        return bytes.fromhex(told[SALT])
    except ValueError:
        msg = f"the store {place.shown} has a broken {SALT} in its table properties"
        raise StoreError(msg) from None


def alone(what: str) -> CommitProperties:
    """Return properties of a commit that fails if its version is taken."""
    from deltalake import CommitProperties

    return CommitProperties(custom_metadata={"whichhop": what}, max_commit_retries=0)


def _stream(first: pl.DataFrame, others: Iterable[pl.DataFrame]) -> RecordBatchReader:
    """Return frames as one Arrow stream, so that they are never in memory all at once."""
    from arro3.core import RecordBatchReader, Table

    def batches() -> Iterable[RecordBatch]:
        for part in (first, *others):
            yield from Table.from_arrow(part).to_batches()

    return RecordBatchReader.from_batches(Table.from_arrow(first).schema, batches())
