"""From a finished run to a ticket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from analyzer import data
from analyzer.analysis import groups as grouping
from analyzer.analysis.parties import LAYER_LABELS, Names, fill
from analyzer.analysis.verdict import HEADLINE_SHARE, span
from analyzer.engine import load
from analyzer.engine.support import Party, Support
from analyzer.errors import NothingUsable, UsageError, did_you_mean
from analyzer.pipeline import Result
from analyzer.ticket import billing, facts, ids, lacks, layout
from analyzer.ticket.censor import Censor, private
from analyzer.ticket.choose import OWN, Chosen, choose
from analyzer.ticket.model import SUBJECT_CHARS, Section, Ticket

_NO_HOST = "host-left-out"
_HOSTLESS = re.compile(rf"(?:\b(?P<the>[Tt])he host )?\b{_NO_HOST}\b")


def write(result: Result, party: str, hosts: Sequence[str] = ()) -> Ticket:
    """Return the ticket to a party.

    Args:
        result: a run, best with ``Options(support=True)``: else few headers were kept.
        party: a word of ``support.yaml``, see :data:`analyzer.ticket.PARTIES`.
        hosts: of several gateways, the one that is meant.

    Raises:
        UsageError: there is no such party.
        NothingUsable: none of the failures is the party's; the message says whose they are.
    """
    support, names = Support(result.knowledge.data), _names(result)
    known = _party(party, support)
    chosen = choose(result.counted.failures, known, support, names, hosts)
    if chosen is None:
        raise NothingUsable(_nobody(result, known, support, names, hosts))
    return _Writer(result, chosen, _told_to(chosen, names)).ticket()


def check(party: str, dirs: Sequence[Path] = ()) -> list[str]:
    """Return what is wrong with the support data, before any log is read.

    Raises:
        UsageError: there is no such party.
    """
    support = Support(load.load(data.root("knowledge"), dirs).data)
    _party(party, support)
    return support.problems


def _party(word: str, support: Support) -> Party:
    known = support.parties.get(word)
    if known is None:
        msg = f"there is no party '{word}' to write to.{did_you_mean(word, support.parties)} "
        raise UsageError(msg + f"Known: {', '.join(support.parties)}")
    return known


def receivers(result: Result) -> list[str]:
    """Return the parties at which failures arose, most failures first: who gets a ticket."""
    support, names = Support(result.knowledge.data), _names(result)
    found = []
    for word, party in support.parties.items():
        chosen = choose(result.counted.failures, party, support, names)
        if chosen is not None and chosen.why == "arose":
            found.append((-facts.weight(chosen.rows), word))
    return [word for _, word in sorted(found)]


def _names(result: Result) -> Names:
    return Names(result.facts.names())


def _told_to(chosen: Chosen, names: Names) -> Names:
    """Return the names that the receiver may read.

    A profile of one's own may name a gateway that nobody outside knows.
    """
    public = load.load(data.root("knowledge")).signals.names()
    own = {slug: name for slug, name in names.by_slug.items() if slug in public}
    hidden = {slug: "the gateway" for slug in names.by_slug if slug not in public}
    if chosen.slug is not None and chosen.slug in names.by_slug:
        hidden[chosen.slug] = chosen.name
    return Names({**own, **hidden})


def _nobody(
    result: Result, party: Party, support: Support, names: Names, hosts: Sequence[str]
) -> str:
    failures = result.counted.failures
    if not failures.height:
        return f"no attempt failed, so there is no ticket to write to {party.name}"
    total = facts.weight(failures)
    layers = ", ".join(f"{layer} ({n:,})" for layer, n in facts.top(failures, pl.col("layer")))
    where = f" at {', '.join(hosts)}" if hosts and party.kind == "gateway" else ""
    told = (
        f"none of the {total:,} failed attempts arose at {party.name}{where}, was answered by it "
        f"or passed through it; they arose at: {layers}."
    )
    others = [word for word in receivers(result) if word != party.party]
    hint = f" Who they arose at gets: analyze ticket {others[0]} FILE" if others else ""
    return told + hint


@dataclass(frozen=True, slots=True)
class _Reason:
    """One group of the failures, in words."""

    title: str
    count: int
    layer: str
    party: str | None
    cause: str
    confidence: str
    rule: str


class _Writer:
    """Everything that the sections of one ticket are made of."""

    def __init__(self, result: Result, chosen: Chosen, names: Names) -> None:
        self.result, self.chosen, self.names = result, chosen, names
        self.rows = ids.marked(chosen)
        self.public = frozenset(names.by_slug.values())
        self.censor = Censor(
            result.secrets.redact, self._own_hosts(), self._shapes(), own=self.rows[OWN].all()
        )
        self.first, self.last = facts.window(self.rows)
        self.failed = facts.weight(self.rows)
        self.reasons = self._reasons(self.rows)

    def _shapes(self) -> list[str]:
        """Return what the receiver's own ids look like."""
        return [one.shape for one in ids.wanted(self.chosen) if one.shape]

    def _own_hosts(self) -> frozenset[str]:
        """Return the hosts that the receiver knows, since they are its own."""
        own = self.chosen.rows.filter(pl.col(OWN))["host"].drop_nulls().unique()
        return frozenset(host.lower().partition(":")[0] for host in own)

    def _reasons(self, rows: pl.DataFrame) -> list[_Reason]:
        rules = {rule.id: rule for rule in self.result.knowledge.rules}
        merged: dict[tuple[str, str], _Reason] = {}
        for group in grouping.split(rows):
            row = group.lead
            words = {**self.names.words(row), "n": f"{group.count}"}
            if not self._host_shown(row["host"], own=bool(row[OWN])):
                words["host"] = _NO_HOST
            words = {key: self.censor.text(word, 80) for key, word in words.items()}
            title = fill(rules[row["rule"]].title, words).rstrip(".")
            title = _HOSTLESS.sub(
                lambda m: f"{m['the'] or ('t' if m.start() else 'T')}he host", title
            )
            known = merged.get((title, row["layer"]))
            merged[title, row["layer"]] = _Reason(
                title, group.count + (known.count if known else 0), row["layer"], row["party"],
                row["cause"], row["confidence"], row["rule"],
            )  # fmt: skip
        return sorted(merged.values(), key=lambda reason: -reason.count)

    def ticket(self) -> Ticket:
        """Put the sections together."""
        chosen, wanted = self.chosen, ids.wanted(self.chosen)
        samples = tuple(ids.samples(self.rows, wanted, self.censor))
        missing = tuple(lacks.lacks(chosen, self.rows, samples))
        sections = (*self._story(), *self._requests(samples), *self._rest())
        codes = dict(facts.top(self.rows, facts.answers())[:5])
        return Ticket(
            party=chosen.party.party,
            name=chosen.name,
            why=chosen.why,
            failed=self.failed,
            subject=self.subject(),
            sections=sections,
            samples=samples,
            missing=missing,
            lines=tuple(layout.plain(sections, samples, missing)),
            send_to=tuple(lacks.desks(chosen)),
            never=tuple(lacks.never(chosen)),
            note=(chosen.profile.support.note or "") if chosen.profile else "",
            first=self.first,
            last=self.last,
            codes={self.censor.text(code, 60): count for code, count in codes.items()},
        )

    def subject(self) -> str:
        """Return the subject: the verdict's words, how many, which model, when."""
        lead = self.reasons[0]
        several = lead.count < HEADLINE_SHARE * self.failed
        part = "" if several or lead.count == self.failed else f"{lead.count:,} of "
        many = f"{part}{self.failed:,} request" + ("" if self.failed == 1 else "s")
        when = span(self.first, self.last)
        tail = ", ".join(part for part in (many, when) if part)
        model = facts.top(self.rows, pl.col("model"))
        told = lead.title
        if several:
            told = f"Several causes: {', '.join(reason.title for reason in self.reasons[:2])}"
        if len(model) == 1:
            whole = f"{told}: {self.censor.text(model[0][0], 40)}, {tail}"
            if len(whole) <= SUBJECT_CHARS:
                return whole
        return f"{layout.cut(told, SUBJECT_CHARS - len(tail) - 2)}: {tail}"

    def _story(self) -> list[Section]:
        rows, censor = self.rows, self.censor
        models = facts.top(rows, pl.col("model"))
        return [
            Section("What happened", (self._happened(),), 5),
            Section("When (UTC)", (self._when(),), 2),
            Section("Request", tuple(self._asked()), 3),
            Section("Model", (facts.listed(models, censor),) if models else (), 2),
            Section("Answer", (facts.listed(facts.top(rows, facts.answers()), censor),), 3),
            Section("Message", _one(facts.message(self.chosen, censor)), 4),
            Section("Our finding", tuple(self._findings()), 4),
        ]

    def _happened(self) -> str:
        number = "1 request" if self.failed == 1 else f"{self.failed:,} requests"
        if len(self.reasons) == 1:
            told = f"{number} failed: {self.reasons[0].title}."
        else:
            shown = "; ".join(f"{reason.title} ({reason.count:,})" for reason in self.reasons[:3])
            more = len(self.reasons) - 3
            told = f"{number} failed: {shown}{f'; and {more} more causes' if more > 0 else ''}."
        return f"{told} {facts.around(self.result, self.rows)}".strip()

    def _when(self) -> str:
        exact = self.rows["time_precision_ms"].min()
        precision = float(str(exact)) if exact is not None else 1.0
        return facts.period(self.first, self.last, precision)

    def _asked(self) -> list[str]:
        """Return what was asked of whom; hosts and paths only where the receiver knows them."""
        redact, rows = self.result.secrets.path, self.rows
        kinds = rows.select(
            "method", "host", "path", "endpoint", "gateway", "stream", OWN, "weight"
        )
        found: dict[str, int] = {}
        for method, host, path, endpoint, gateway, _, own, count in kinds.iter_rows():
            if own and self._host_shown(host, own=True):
                asked = f"{method or ''} {host or ''}{redact(path) if path else ''}".strip()
            else:
                asked = f"{method or ''} ({endpoint or 'other'}) {self._route(host, gateway)}"
            found[asked] = found.get(asked, 0) + round(count)
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        yes, no = pl.lit("streamed"), pl.lit("not streamed")
        told = pl.when("stream").then(yes).when(~pl.col("stream")).then(no)
        streams = facts.listed(facts.top(rows, told), self.censor)
        return [facts.listed(ranked, self.censor, 2, 160), *_one(streams)]

    def _route(self, host: str | None, gateway: str | None) -> str:
        if self._host_shown(host, own=False):
            return f"at {host}"
        named = self.names.by_slug.get(gateway or "", "the gateway")
        if named == "the gateway":
            return "through a gateway of ours (host left out)"
        shown = self.chosen.party.kind == "client" and host is not None and not private(host)
        return f"through {named}{f' ({host})' if shown else ''}"

    def _host_shown(self, host: str | None, *, own: bool) -> bool:
        """Whether a host may be named: the receiver's own, or one that everybody knows."""
        if host is None:
            return False
        return own or bool(self.rows.filter(pl.col("host") == host)["provider_host"].any())

    def _findings(self) -> list[str]:
        told = []
        for reason in self.reasons[:2]:
            who = f" ({reason.party})" if self._may_name(reason.party) else ""
            where = f"{LAYER_LABELS[reason.layer]}{who}"
            place = f"we think this arose at: {where}"
            if reason.layer == "unknown":
                place = "we cannot tell at which hop this arose"
            if self.chosen.why == "answered":
                place = f"the answer is yours, but {place}"
            elif self.chosen.why == "passed" and reason.layer != "unknown":
                fronted = self.chosen.party.kind == "provider"
                place = f"{'it was at your host' if fronted else 'it went through you'}; {place}"
            told.append(
                f"{place}; cause {reason.cause}, confidence {reason.confidence} "
                f"(whichhop rule {reason.rule})"
            )
        return told

    def _may_name(self, party: str | None) -> bool:
        return party is not None and (party in self.public or party == self.chosen.name)

    def _requests(self, samples: Sequence[object]) -> list[Section]:
        rows, total = self.rows, self.failed
        named = facts.weight(rows.filter(pl.col(ids.HAS)))
        wait = facts.asked_to_wait(rows)
        if not ids.wanted(self.chosen):
            told = self.chosen.party.no_ids or ""
        elif not named:
            told = f"none in this capture, on 0 of {total:,}"
        else:
            shown = min(len(samples), named)
            rest = f"; {shown} shown, spread over the window" if named > shown else ""
            told = f"on {named:,} of {total:,}{rest}"
        return [
            Section("retry-after", _one(wait) if self.chosen.party.kind != "client" else (), 1),
            Section("Request ids", _one(told), 2),
        ]

    def _rest(self) -> list[Section]:
        party, censor = self.chosen.party, self.censor
        own = party.kind == "provider"
        more = self.chosen.profile.support.fields if self.chosen.profile else []
        fields = facts.fields(self.rows, [*more, *party.fields], own, censor)
        return [
            Section("Fields", tuple(fields[:6]), 1),
            Section("Billing", _one(billing.line(self.result, self.chosen)), 3),
            Section("Also", _one(self._also()), 3),
        ]

    def _also(self) -> str:
        others = self.chosen.others
        if not others.height:
            return ""
        words = {"answered": "answered by you", "passed": "passed on by you"}
        parts = []
        for why, told in words.items():
            rows = others.filter(pl.col("_why") == why)
            if rows.height:
                causes = facts.listed(facts.top(rows, pl.col("cause")), self.censor, 2)
                number = facts.weight(rows)
                parts.append(f"{number:,} more, {told}, arose elsewhere, we think: {causes}")
        return "; ".join(parts)


def _one(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
