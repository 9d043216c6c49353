"""What a ticket lacks, where a person finds it, where it goes, and what must not be added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from analyzer.engine.support import WORDS, Wanted
from analyzer.ticket import ids
from analyzer.ticket.choose import OWN, Chosen
from analyzer.ticket.model import Lack, Sample

_COARSE_MS = 1000.0


def lacks(chosen: Chosen, rows: pl.DataFrame, samples: Sequence[Sample]) -> list[Lack]:
    """Return what to fetch before sending, the most useful first, each thing once."""
    found: dict[str, Lack] = {}
    for lack in (*_of_capture(chosen, rows), *_of_party(chosen, rows), *_of_profile(chosen, rows)):
        found.setdefault(lack.what, lack)
    return list(found.values())


def _of_capture(chosen: Chosen, rows: pl.DataFrame) -> Iterator[Lack]:
    party = chosen.party
    own = bool(rows[OWN].any())
    if party.kind == "provider" and not own:
        yield Lack(
            f"account at {chosen.name}",
            "the requests went through a gateway: whose account it used, its operator knows",
        )
    wanted = ids.wanted(chosen)
    if wanted and not rows[ids.HAS].all():
        names = list(dict.fromkeys(one.name for one in wanted if own or not one.direct))
        where = "the response headers: export them with the capture, or log them"
        if party.kind == "provider" and not own:
            where = "the gateway's log or usage page: its answers do not pass it on"
        some = "request id" if not rows[ids.HAS].any() else "request id of the other failures"
        yield Lack(f"{some} ({', '.join(names[:3])})", where)
    if party.kind == "edge" and bool(rows["provider_host"].fill_null(False).all()):
        yield Lack(
            "right to the zone",
            f"{chosen.name} helps the owner of a zone; this one is the provider's: write to it",
        )
    if rows["started_at"].null_count():
        yield Lack("time of the requests", "a log with times, or the client's own log")
    elif (rows["time_precision_ms"].fill_null(1.0) >= _COARSE_MS).all():
        yield Lack("milliseconds of the times", "this log is exact to the second only")
    answered = rows.filter(pl.col("status").is_not_null())
    if (
        answered.height
        and answered["error_message"].is_null().all()
        and (answered["html_title"].is_null().all())
    ):
        yield Lack("body of a failed answer", "a HAR file or the client's log; leave out prompts")
    if party.kind == "client" and chosen.slug is None:
        yield Lack("name of the tool", "the capture does not name the calling program")


def _of_party(chosen: Chosen, rows: pl.DataFrame) -> Iterator[Lack]:
    for wanted in chosen.party.missing:
        if wanted.client in (None, chosen.slug) and not _answered(wanted, rows):
            yield Lack(wanted.what, wanted.how)


def _of_profile(chosen: Chosen, rows: pl.DataFrame) -> Iterator[Lack]:
    """Yield what the profile of a gateway asks for and the ticket cannot have."""
    if chosen.profile is None:
        return
    support = chosen.profile.support
    for wanted in support.missing:
        if not _answered(wanted, rows):
            yield Lack(wanted.what, wanted.how)
    for asked in support.send:
        if not any(word in asked.lower() for word in WORDS):
            yield Lack(asked, f"{chosen.name} asks for it")


def _answered(wanted: Wanted, rows: pl.DataFrame) -> bool:
    return any(
        name in rows.columns and rows[name].null_count() < rows.height for name in wanted.unless
    )


def desks(chosen: Chosen) -> Iterator[str]:
    """Yield where the ticket goes."""
    support = chosen.profile.support if chosen.profile else None
    if support and support.url:
        read = f" (read {support.date})" if support.date else ""
        yield f"the support of {chosen.name}: {support.url}{read}"
    for desk in chosen.party.desks:
        if desk.client in (None, chosen.slug):
            read = f" (read {desk.date})" if desk.date else ""
            yield f"{desk.to}{f': {desk.url}' if desk.url else ''}{read}"


def never(chosen: Chosen) -> Iterator[str]:
    """Yield what the sender must not add."""
    yield from dict.fromkeys(
        [*(chosen.profile.support.never if chosen.profile else ()), *chosen.party.never]
    )
