"""What the commands of the history say, as text for a terminal or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from analyzer.errors import UsageError, did_you_mean
from analyzer.redact.text import visible
from analyzer.render import formatting as fmt

if TYPE_CHECKING:
    from analyzer.history.ingest import Outcome
    from analyzer.history.listing import Listing, Row
    from analyzer.history.retention import Compacted, Forgotten

_NAMES = 4
_PROBLEMS = 3
Form = Callable[["Listing", str], str]


def form(name: str) -> Form:
    """Return how a listing is written.

    Raises:
        UsageError: there is no such form.
    """
    forms: dict[str, Form] = {"text": as_text, "json": as_json}
    if name not in forms:
        msg = f"--format {name!r} is unknown.{did_you_mean(name, forms)} Known: text, json"
        raise UsageError(msg)
    return forms[name]


def outcome(done: Outcome) -> str:
    """Return one line on what became of a set of files."""
    files = _names(done.names)
    if done.action == "unusable":
        return f"{files}: nothing to keep\n"
    if done.action == "known":
        earlier = f" ({_names(done.earlier)}: an earlier state)" if done.earlier else ""
        return f"{files}: already there as {done.ingest_id}{earlier}; nothing changed\n"
    held = f"{fmt.count(done.attempts, 'attempt')}, {fmt.number(done.failed)} failed"
    how = f"added as {done.ingest_id}"
    if done.replaced:
        how = f"kept as {done.ingest_id}, in place of {', '.join(done.replaced)}"
    return f"{files}: {held}, {_span(done.first, done.last)}; {how}\n"


def problems(done: Outcome) -> list[str]:
    """Return what could not be read of a set of files, the first few in words."""
    if done.action == "unusable":
        return [done.message]
    said = [f"{problem.place}: {problem.message}" for problem in done.problems[:_PROBLEMS]]
    more = len(done.problems) - len(said)
    return [*said, f"{more} more problems."] if more > 0 else said


def as_text(listed: Listing, place: str) -> str:
    """Return the ingests, two lines each, at most 80 columns but for long names."""
    if not listed.ingests:
        return f"{visible(place)}: no ingests yet. Add files with: analyze ingest FILE...\n"
    attempts = sum(row.attempts for row in listed.ingests)
    head = (
        f"{visible(place)}: {fmt.count(len(listed.ingests), 'ingest')}, "
        f"{fmt.count(attempts, 'attempt')}, {fmt.size(listed.size_bytes)} in "
        f"{fmt.count(listed.files, 'file')}\n"
    )
    return head + "".join(_entry(row) for row in listed.ingests)


def _entry(row: Row) -> str:
    held = (
        f"{fmt.count(row.attempts, 'attempt')}, {fmt.number(row.failed)} failed; "
        f"{fmt.count(row.rows, 'row')}, about {fmt.size(row.size_bytes)}"
    )
    stored = f", stored {row.ingested_at:%Y-%m-%d}" if row.ingested_at else ""
    return (
        f"\n{row.ingest_id}  {_span(row.first, row.last)}\n"
        f"              {held}\n"
        f"              {_names(row.files)}{stored}\n"
    )


def as_json(listed: Listing, place: str) -> str:
    """Return the ingests as one JSON document."""
    document = {
        "store": place,
        "version": listed.version,
        "size_bytes": listed.size_bytes,
        "files": listed.files,
        "ingests": [
            {
                "ingest_id": row.ingest_id,
                "ingested_at": fmt.iso(row.ingested_at) if row.ingested_at else None,
                "inputs": list(row.files),
                "first": fmt.iso(row.first) if row.first else None,
                "last": fmt.iso(row.last) if row.last else None,
                "attempts": row.attempts,
                "failed": row.failed,
                "rows": row.rows,
                "size_bytes_about": row.size_bytes,
            }
            for row in listed.ingests
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def forgotten(gone: Sequence[Forgotten], *, dry_run: bool) -> str:
    """Return what was forgotten, or would be."""
    if not gone:
        return "Nothing to forget: no rows of the store are meant.\n"
    lines = [f"{'Would forget' if dry_run else 'Forgot'}:"]
    for one in gone:
        part = "all of it" if one.whole else "a part of it"
        lines.append(
            f"  {one.ingest_id}  {fmt.count(one.rows, 'row')}, {part}: {_names(one.files)}"
        )
    lines.append(
        "Nothing was changed: this is what the command does without --dry-run."
        if dry_run
        else "Files of the earlier state go with: analyze history compact (after seven days)."
    )
    return "\n".join(lines) + "\n"


def kept_since(gone: Sequence[Forgotten], oldest: datetime) -> str:
    """Return one line on what was too old to be kept."""
    rows = sum(one.rows for one in gone)
    return (
        f"Forgot {fmt.count(rows, 'row')} of {fmt.count(len(gone), 'ingest')} from before "
        f"{oldest:%Y-%m-%d}"
    )


def compacted(done: Compacted) -> str:
    """Return what compacting did."""
    lines = [f"Gave up the damaged file {path}" for path in done.given_up]
    lines += [
        f"Forgot {one.ingest_id}; ingest again: {', '.join(map(visible, one.files))}"
        for one in done.forgotten
    ]
    lines.append(
        f"{fmt.count(done.before, 'data file')} became {fmt.number(done.after)}; "
        f"{fmt.count(done.deleted, 'old file')} deleted"
    )
    return "\n".join(lines) + "\n"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(visible(name) for name in names[:_NAMES])
    more = len(names) - _NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _span(first: datetime | None, last: datetime | None) -> str:
    return "no times" if first is None else fmt.window(first, last, dated=True)
