"""Stores found or made, at a folder or an object store's URL."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from analyzer.errors import UsageError
from analyzer.history import faults, schema
from analyzer.history.faults import StoreError
from analyzer.history.place import Place
from analyzer.history.store import SALT, TRIES, VERSION, Store, alone, salt_of

if TYPE_CHECKING:
    from deltalake import DeltaTable

_NAME = "whichhop history"


def open_(place: Place) -> Store:
    """Open the store at ``place``.

    Raises:
        StoreError: there is none, it is none of ours, or it cannot be read.
    """
    found = _find(place)
    if found is None:
        msg = f"there is no history at {place.shown} yet. Make it with: analyze ingest FILE..."
        raise StoreError(msg)
    return found


def make(place: Place) -> Store:
    """Open the store at ``place``; make an empty one if there is nothing.

    Raises:
        StoreError: it is none of ours, or it cannot be read or made.
    """
    for _ in range(TRIES):
        found = _find(place)
        if found is not None:
            return found
        _make(place)
    msg = f"writing the store {place.shown} failed: it could not be made"
    raise StoreError(msg)


def _find(place: Place) -> Store | None:
    table_type = _table_type()
    from deltalake.exceptions import TableNotFoundError

    if place.path is not None:
        if place.path.is_file():
            msg = f"--store {place.shown} is a file; a store is a folder"
            raise UsageError(msg)
        with faults.told(place.shown, "reading"):
            if not place.path.is_dir() or not _has_log(place):
                return None
    try:
        with faults.told(place.shown, "reading"):
            if _emptied(place):
                # delta-rs takes an entry without a line for a commit that changes nothing.
                raise OSError("an entry of the log is empty")
            try:
                table = table_type(place.uri)
            except TableNotFoundError:
                if place.path is not None:
                    # There are entries, but none that a table begins with.
                    raise
                return None
    except StoreError:
        if entry := _broken_entry(place):
            raise StoreError(faults.damaged(place.shown, [entry])) from None
        raise
    return Store(place, table, salt_of(table, place))


def _emptied(place: Place) -> bool:
    """Whether an entry of a folder's log lost its content."""
    if place.path is None:
        return False
    return any(not entry.stat().st_size for entry in (place.path / "_delta_log").glob("*.json"))


def _broken_entry(place: Place) -> str | None:
    """Return the first entry of a folder's log that is no JSON lines, or that is missing."""
    entries = sorted((place.path / "_delta_log").glob("*.json")) if place.path else []
    expected = int(entries[0].stem) if entries and entries[0].stem.isdigit() else 0
    for number, entry in enumerate(entries, expected):
        if entry.stem != f"{number:020}":
            return f"_delta_log/{number:020}.json"
        try:
            lines = [json.loads(line) for line in entry.read_text("utf-8").splitlines() if line]
        except (OSError, ValueError):
            lines = []
        if not lines:
            return f"_delta_log/{entry.name}"
    return None


def _has_log(place: Place) -> bool:
    """Whether a table was ever committed there.

    Raises:
        UsageError: the folder holds something else.
    """
    assert place.path is not None
    log = place.path / "_delta_log"
    if log.is_dir():
        # One that was killed while it made the store leaves the folder, or a file that never got
        # its name.
        return any(entry.suffix in (".json", ".parquet") for entry in log.iterdir())
    if any(True for _ in place.path.iterdir()):
        msg = f"--store {place.shown} is a folder with other files in it; name an empty or new one"
        raise UsageError(msg)
    return False


def _make(place: Place) -> None:
    from deltalake.exceptions import CommitFailedError, DeltaError

    table_type = _table_type()
    with faults.told(place.shown, "writing"):
        if place.path is not None:
            # Failed requests of many users stand in it: it is nobody else's.
            place.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            table_type.create(
                place.uri,
                schema=schema.columns(),
                mode="error",
                partition_by=list(schema.PARTITIONS),
                name=_NAME,
                description="Rollups and failed attempts of LLM API traffic; see docs/history.md.",
                configuration={
                    VERSION: str(schema.SCHEMA_VERSION),
                    SALT: secrets.token_bytes(16).hex(),
                },
                commit_properties=alone("create"),
                raise_if_key_not_exists=False,
            )
        except CommitFailedError:
            return
        except DeltaError as error:
            # Somebody else made it at the same time; it is opened in the next round.
            if "already exists" not in str(error):
                raise


def _table_type() -> type[DeltaTable]:
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise UsageError(faults.EXTRA) from None
    return DeltaTable
