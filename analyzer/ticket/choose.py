"""Whose failures: those that arose at a party, that it answered, or that passed through it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import polars as pl

from analyzer.analysis.parties import Names
from analyzer.engine.support import Party, Profile, Support

WHY = ("arose", "answered", "passed")
"""In the order in which a ticket is about them."""
OWN = "_own"
"""Boolean column: the request went to the receiver's own host."""
_WHY = "_why"
_GATEWAY = "_gateway"
_BEHIND = ("upstream", "edge", "unknown")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The failures of one ticket."""

    party: Party
    name: str
    why: str
    rows: pl.DataFrame
    """In time order, with the column :data:`OWN`."""
    others: pl.DataFrame
    """Failures of the party for the other reasons, with ``_why``."""
    slug: str | None = None
    """The gateway or client that was seen."""
    profile: Profile | None = None


def choose(
    failures: pl.DataFrame, party: Party, support: Support, names: Names, hosts: Sequence[str] = ()
) -> Chosen | None:
    """Return the failures that a ticket to ``party`` is about; ``None`` if there are none.

    ``failures`` are judged and named as in reports; ``hosts`` say which gateway is meant.
    """
    seen = failures.filter(pl.col("suppressed").is_null())
    slug: str | None = None
    if party.kind == "gateway":
        seen, slug = _at_gateway(seen, party, list(support.profiles), hosts)
    elif party.kind == "edge":
        seen = _at_zone(seen, party)
    elif party.kind == "client":
        seen, slug = _by_client(seen)
    marked = seen.with_columns(_why(party, names), _own(party))
    rows = marked.filter(pl.col(_WHY).is_not_null()).sort(
        "started_at", "attempt_id", nulls_last=True
    )
    if not rows.height:
        return None
    why = next(word for word in WHY if (rows[_WHY] == word).any())
    about = pl.col(_WHY) == why
    return Chosen(
        party=party,
        name=_name(party, slug, rows.filter(about), names),
        why=why,
        rows=rows.filter(about),
        others=rows.filter(~about),
        slug=slug,
        profile=support.profiles.get(slug or ""),
    )


def _why(party: Party, names: Names) -> pl.Expr:
    layer, emitter = pl.col("layer"), pl.col("emitted_by")
    if party.kind == "client":
        return pl.when(layer == "client").then(pl.lit("arose")).alias(_WHY)
    if party.kind == "provider":
        mine, kind = _of_provider(party, names), "upstream"
        # What answers at a provider's own host is the provider's to look up, whoever wrote it.
        given = pl.col("status").is_not_null() & emitter.is_in(["edge", "unknown"])
        front = layer.is_in(["edge", "unknown"]) | given
        passed = pl.col("provider_host").fill_null(False) & front
    elif party.kind == "edge":
        mine = pl.any_horizontal(pl.col("edge").is_in(party.slugs), _product(party, "gateway"))
        mine, kind, passed = mine.fill_null(False), "edge", pl.lit(False)
    else:
        mine, kind, passed = pl.lit(True), "gateway", layer.is_in(_BEHIND)
    arose, answered = layer == kind, emitter == kind
    if party.kind == "edge":
        # A product of the same house can be a gateway too.
        both = _product(party, "gateway").fill_null(False)
        arose = arose | (both & (layer == "gateway"))
        answered = answered | (both & (emitter == "gateway"))
    return (
        pl.when(~mine).then(None)
        .when(arose).then(pl.lit("arose"))
        .when(answered).then(pl.lit("answered"))
        .when(passed).then(pl.lit("passed"))
        .alias(_WHY)
    )  # fmt: skip


def _product(party: Party, column: str) -> pl.Expr:
    return pl.col(column).is_in(party.slugs)


def _of_provider(party: Party, names: Names) -> pl.Expr:
    """Whether a failure is the provider's; a router that names another provider is believed."""
    words = [re.escape(word.lower()) for s in party.slugs for word in (s, names.by_slug.get(s, s))]
    named = pl.col("error_provider").str.to_lowercase()
    by_router = named.str.contains("|".join(words) or r"\A\z")
    own = pl.col("provider").is_in(party.slugs)
    return pl.when(pl.col("provider_host").fill_null(False) | named.is_null()).then(own).otherwise(
        by_router
    ).fill_null(False)  # fmt: skip


def _own(party: Party) -> pl.Expr:
    if party.kind == "provider":
        own = pl.col("provider_host") & pl.col("provider").is_in(party.slugs)
        return own.fill_null(False).alias(OWN)
    return pl.lit(party.kind in ("gateway", "edge")).alias(OWN)


def _at_gateway(
    failures: pl.DataFrame, party: Party, profiles: Sequence[str], hosts: Sequence[str]
) -> tuple[pl.DataFrame, str | None]:
    """Return the failures of one gateway, the one with most of its own, and its slug.

    Of several hosts only one operator is written to: another's requests are not his to see.
    """
    bare = pl.col("host").str.replace(r":[0-9]+$", "")
    rows = failures.filter(
        ~pl.col("provider_host").fill_null(False) | (pl.col("layer") == "gateway")
    )
    if party.slugs:
        rows = rows.filter(pl.col("gateway").is_in(party.slugs))
    if hosts:
        wanted = {_host(host) for host in hosts}
        rows = rows.filter(bare.is_in(wanted) | pl.col("host").is_in(wanted))
    named = pl.when(pl.col("layer") == "gateway").then(pl.col("party"))
    # A profile can have several hosts; two hosts with one product can be two operators.
    known = pl.when(pl.col("gateway").is_in([*profiles, *party.slugs])).then("gateway")
    key = pl.coalesce(known, "host", "gateway", named, pl.lit(""))
    fits = pl.any_horizontal(
        pl.col("layer").is_in(["gateway", *_BEHIND]), pl.col("emitted_by") == "gateway"
    )
    rows = rows.with_columns(key.alias(_GATEWAY)).filter(fits)
    ranked = (
        rows.group_by(_GATEWAY)
        .agg(
            pl.col("weight").filter(pl.col("layer") == "gateway").sum().alias("arose"),
            pl.col("weight").sum().alias("all"),
        )
        .sort("arose", "all", _GATEWAY, descending=[True, True, False])
    )
    if not ranked.height:
        return rows, None
    lead = ranked[_GATEWAY][0]
    kept = rows.filter(pl.col(_GATEWAY) == lead)
    slug = kept["gateway"].drop_nulls()
    return kept, slug[0] if slug.len() else None


def _at_zone(failures: pl.DataFrame, party: Party) -> pl.DataFrame:
    """Return the failures at the host with most of them; a provider's own is somebody else's."""
    passed = pl.any_horizontal(pl.col("edge").is_in(party.slugs), _product(party, "gateway"))
    fits = passed & (pl.col("emitted_by").is_in(["edge", "gateway"]) | (pl.col("layer") == "edge"))
    rows = failures.filter(fits.fill_null(False)).with_columns(pl.col("host").fill_null(""))
    theirs = pl.col("provider_host").fill_null(False)
    ranked = (
        rows.group_by("host", theirs.alias("theirs")).agg(pl.col("weight").sum())
        .sort("theirs", "weight", "host", descending=[False, True, False])
    )  # fmt: skip
    if not ranked.height:
        return rows
    kept = rows.filter(pl.col("host") == ranked["host"][0])
    return kept.with_columns(pl.col("host").replace("", None))


def _host(text: str) -> str:
    split = urlsplit(text if "//" in text else f"//{text}")
    return split.netloc.rpartition("@")[2].lower() or text.lower()


def _by_client(failures: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    rows = failures.filter(pl.col("layer") == "client")
    ranked = (
        rows.drop_nulls("client").group_by("client").agg(pl.col("weight").sum())
        .sort("weight", "client", descending=[True, False])
    )  # fmt: skip
    if not ranked.height:
        return rows, None
    lead = ranked["client"][0]
    return rows.filter(pl.col("client") == lead), lead


def _name(party: Party, slug: str | None, rows: pl.DataFrame, names: Names) -> str:
    if party.slugs or (slug is None and party.kind != "gateway"):
        return party.name
    if slug is not None:
        return names.of(slug) or slug
    told = rows.filter(pl.col("layer") == "gateway")["party"].drop_nulls()
    return told[0] if told.len() and told[0] != rows["host"][0] else party.name
