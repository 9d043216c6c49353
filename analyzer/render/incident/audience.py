"""Who reads a report, and what each of them must not see.

One principle each, applied to the data before any section is written, so that no section can
forget it:

- ``operator``: everything that is redacted.
- ``user``: what the client's own captures show, and totals. Other users' keys, samples and files,
  and hosts that only other hops know, are left out.
- ``provider``: attempts that reached it, and only ids that it issued itself.
- ``public``: words only; a status page has no names, keys or hosts.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import polars as pl

from analyzer.analysis.clean import Cleaner
from analyzer.analysis.incident import Differs, Incident
from analyzer.analysis.model import Analysis, Evidence, Input, NextSteps
from analyzer.render.incident.scrub import Scrub
from analyzer.render.incident.slices import Slice

if TYPE_CHECKING:
    from analyzer.engine.support import Id
    from analyzer.pipeline import Result

AUDIENCES = ("operator", "user", "provider", "public")
MEANING = {
    "operator": "whoever runs the gateway: everything that was found",
    "user": "whoever called: what the client's own captures show, and totals",
    "provider": "the model provider: attempts that reached it, with ids that it can look up",
    "public": "a status page: four updates without names, keys or hosts",
}
_FIELDS = {
    "user": (
        "status", "error_type", "error_code", "error_message", "client_error", "stream_state",
        "finish_reason", "duration_ms", "ttfb_ms", "retry_after_s", "resend_count", "model_served",
        "base_url_problem", "key_tag",
    ),
    "provider": (
        "status", "error_type", "error_code", "error_message", "stream_state", "finish_reason",
        "duration_ms", "retry_after_s", "model_served",
    ),
}  # fmt: skip
_TELLING = ("model", "endpoint", "stream", "status", "retry", "token", "region", "size", "bytes")
"""Fields of a comparison that name nobody: by a part of their name."""

OMITTED: Mapping[str, Mapping[str, str]] = {
    "operator": {},
    "user": {
        "contradictions": "It compares logs of other hops; the operator's report has it.",
        "people": "The operator fills it in.",
    },
    "provider": {
        "time": "It was measured on the caller's side, where the provider cannot look.",
        "retries": "Calls and their retries are the caller's; the provider sees attempts.",
        "contradictions": "It compares logs that the provider has no access to.",
        "tickets": "This page is for the provider already.",
        "quality": "It describes files that the provider has no access to.",
        "people": "The operator fills it in.",
    },
}
"""Sections that an audience does not get, with the reason that the report gives."""


@dataclasses.dataclass(frozen=True, slots=True)
class Own:
    """What the client's own captures show, or all of it for the operator."""

    inputs: frozenset[str]
    hosts: frozenset[str]
    keys: frozenset[str]


def fitted(view: Slice, result: Result, audience: str, *, hide_providers: bool = False) -> Slice:
    """Return the slice with only what the audience may see of it."""
    if audience == "operator":
        return view
    if audience == "public":
        # Its page is written from numbers and times alone.
        return dataclasses.replace(view, analysis=_wordless(view.analysis))
    own = _own(result)
    if audience == "provider":
        own = dataclasses.replace(own, keys=frozenset(), inputs=frozenset())
    analysis = _evidence(view, result, own, audience)
    analysis = _parties(analysis, audience)
    scrub = _scrub(result, own, audience, hide_providers=hide_providers)
    analysis = scrub.apply(_plain_rules(analysis) if hide_providers else analysis)
    analysis = analysis.model_copy(update={"inputs": _inputs(view.analysis, own, audience)})
    incident = None if view.incident is None else scrub.apply(_named(view.incident, own, audience))
    return dataclasses.replace(
        view, analysis=analysis, incident=incident,
        reach=dataclasses.replace(view.reach, keys=None, sessions=None, clients=None),
    )  # fmt: skip


def _own(result: Result) -> Own:
    counts = result.counted.counts.filter(pl.col("hop") == "client")
    return Own(
        inputs=frozenset(row.input for row in result.analysis.inputs if row.hop == "client"),
        hosts=frozenset(counts["host"].drop_nulls().unique()),
        keys=frozenset(counts["key_tag"].drop_nulls().unique()),
    )


def _wordless(analysis: Analysis) -> Analysis:
    return analysis.model_copy(update={"evidence": [], "groups": [], "inputs": []})


# ------------------------------------------------------------------ samples


def _evidence(view: Slice, result: Result, own: Own, audience: str) -> Analysis:
    """Keep the samples that the audience knows from its own side, with fields it can use."""
    analysis = view.analysis
    if audience == "provider":
        ids = _ids_of(result, view.slug)
        rows = _rows(view, analysis.evidence, ids, Cleaner(result.secrets.redact))
        kept = [_for_provider(item, rows.get(item.place, {}), ids) for item in analysis.evidence]
    else:
        own_items = (item for item in analysis.evidence if _input(item.place) in own.inputs)
        kept = [_plain(item, audience) for item in own_items]
    return analysis.model_copy(update={"evidence": kept})


def _input(place: str) -> str:
    return place.rpartition("#")[0]


def _ids_of(result: Result, slug: str | None) -> list[Id]:
    """Return by which ids a provider finds a request, as for tickets."""
    from analyzer.engine.support import Id, Support

    for party in Support(result.knowledge.data).parties.values():
        if party.kind == "provider" and slug in party.slugs:
            return list(party.ids)
    behind = {"name": "request id", "from": ["upstream_request_id"]}
    own = {"name": "request id", "from": ["request_id"], "direct": True}
    return [Id.model_validate(one) for one in (behind, own)]


def _rows(
    view: Slice, evidence: Iterable[Evidence], ids: Iterable[Id], clean: Cleaner
) -> dict[str, dict[str, str | None]]:
    """Return what is known of the attempts that are shown, by place; cleaned."""
    if view.counted is None:
        return {}
    failures = view.counted.failures
    named = [name for one in ids for name in one.columns if name in failures.columns]
    place = pl.format("{}#{}", "input", "record").alias("_place")
    shown = failures.with_columns(place).filter(
        pl.col("_place").is_in([item.place for item in evidence])
    )
    wanted = dict.fromkeys(["_place", "provider_host", "emitted_by", *named])
    return {
        row["_place"]: {
            name: None if value is None else clean.value(str(value)) for name, value in row.items()
        }
        for row in shown.select(list(wanted)).to_dicts()
    }


def _plain(item: Evidence, audience: str) -> Evidence:
    fields = {name: item.fields[name] for name in _FIELDS[audience] if name in item.fields}
    return item.model_copy(update={"fields": fields, "seen_in": []})


def _for_provider(item: Evidence, row: Mapping[str, str | None], ids: Iterable[Id]) -> Evidence:
    """Return a sample with the provider's own ids, and its own words alone."""
    found: dict[str, str] = {}
    for one in ids:
        if one.direct and row.get("provider_host") != "True":
            continue
        for column in one.columns:
            value = row.get(column)
            if value and value not in found.values() and re.search(one.shape or "", value):
                found.setdefault(one.name, value)
                break
    return _plain(item, "provider").model_copy(
        update={
            "place": "",
            "request_ids": found,
            "excerpt": item.excerpt if row.get("emitted_by") == "upstream" else None,
            "timings_ms": {},
        }
    )


# ------------------------------------------------------------------ what names others


def _parties(analysis: Analysis, audience: str) -> Analysis:
    steps, method = analysis.next_steps, analysis.method
    kept = (
        NextSteps(provider=steps.provider)
        if audience == "provider"
        else NextSteps(user=steps.user)
    )  # fmt: skip
    return analysis.model_copy(
        update={
            "next_steps": kept,
            "method": method.model_copy(update={"command": "", "options": {}}),
            "groups": [
                group.model_copy(update={"keys": None, "clients": []}) for group in analysis.groups
            ],
        }
    )


def _plain_rules(analysis: Analysis) -> Analysis:
    """Leave out ids and sources of rules, which name providers."""

    def bare(steps: NextSteps) -> NextSteps:
        return NextSteps(user=[step.model_copy(update={"rule": None}) for step in steps.user])

    return analysis.model_copy(
        update={
            "next_steps": bare(analysis.next_steps),
            "groups": [
                g.model_copy(update={"references": [], "rule": "", "also": [], "possible": []})
                for g in analysis.groups
            ],
            "method": analysis.method.model_copy(update={"rules": []}),
        }
    )


def _named(incident: Incident, own: Own, audience: str) -> Incident:
    """Leave keys of others, and hosts, out of an incident; what differs only in plain fields."""

    def plain(differs: Differs) -> Differs:
        def keep(name: str) -> bool:
            return any(word in name for word in _TELLING)

        return differs.model_copy(
            update={
                "differences": [row for row in differs.differences if keep(row.field)],
                "same": [row for row in differs.same if keep(row.field)],
            }
        )

    hosts = [] if audience == "provider" else [s for s in incident.hosts if s.value in own.hosts]
    return incident.model_copy(
        update={
            "keys": [share for share in incident.keys if share.value in own.keys],
            "hosts": hosts,
            "differs": plain(incident.differs),
            "markers": [] if audience == "provider" else incident.markers,
        }
    )


def _inputs(analysis: Analysis, own: Own, audience: str) -> list[Input]:
    if audience == "provider":
        return []
    return [row for row in analysis.inputs if row.input in own.inputs]


def _scrub(result: Result, own: Own, audience: str, *, hide_providers: bool) -> Scrub:
    """Return what rewrites texts: hosts, keys and files that the audience must not see."""
    facts = result.facts
    clean = Cleaner(result.secrets.redact)
    known = [host for provider in facts.providers for host in provider.hosts]
    if audience == "user":
        known += [host for gateway in facts.gateways for host in gateway.hosts]
    else:
        own = dataclasses.replace(own, hosts=frozenset())
    seen = {
        host
        for frame in (result.counted.counts, result.counted.failures)
        for host in frame["host"].drop_nulls().unique()
    }

    def public(host: str) -> bool:
        return host in own.hosts or any(fnmatchcase(host.lower(), pattern) for pattern in known)

    keys = set(result.counted.counts["key_tag"].drop_nulls().unique())
    files = {row.input for row in result.analysis.inputs} - own.inputs
    providers = [name for p in facts.providers for name in (p.name, p.slug)]
    gateways = [g.name for g in facts.gateways] if audience == "provider" else []
    return Scrub.of(
        hosts={form for host in seen if not public(host) for form in (host, clean.value(host))},
        keys={clean.value(key) for key in keys - own.keys},
        files=files,
        providers=providers if hide_providers else (),
        gateways=gateways,
        public=public,
    )
