"""The Analysis: headline, tables, evidence, and that everything adds up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cli import SAMPLES

import analyzer
from analyzer.analysis import evidence, parties, verdict
from analyzer.analysis.model import Analysis, Group, Totals, Window
from analyzer.vocabulary import LAYER_WORDS

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SCENARIOS = sorted(p.name for p in SAMPLES.iterdir() if (p / "expected.json").exists())


def group(layer: str, cause: str, count: int, title: str = "It broke", **more: object) -> Group:
    return Group(
        fingerprint=f"g1:{layer}{cause}", because="", rule="x@1", title=title, layer=layer,
        emitted_by="unknown", cause=cause, confidence="high", count=count, first=NOON,
        last=NOON + timedelta(minutes=17), **more,
    )  # type: ignore[arg-type]  # fmt: skip


def totals(failed: int, ok: int = 10, undecided: int = 0) -> Totals:
    return Totals(
        records=failed + ok, left_out=0, attempts=failed + ok + undecided, ok=ok, failed=failed,
        undecided=undecided, by_layer={},
    )  # fmt: skip


WINDOW = Window(start=NOON, end=NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    ("groups", "failed", "status", "begins"),
    [
        ([(group("upstream", "overloaded", 6, "X is full"), "X"),
          (group("client", "invalid_key", 4), None)], 10, "fail",
         "Upstream (X): X is full; 6 of 10 failed attempts"),
        ([(group("upstream", "overloaded", 10), None)], 10, "fail",
         "Upstream: It broke; all 10 failed attempts"),
        ([(group("unknown", "service_unavailable", 10), None)], 10, "unsure",
         "Cannot tell which hop failed: It broke; all 10"),
        ([(group("client", "a", 4, "A"), None), (group("edge", "b", 3, "B"), None),
          (group("gateway", "c", 3, "C"), None)], 10, "mixed", "Several causes: A (client, 4), B (edge, 3)"),
        # one cause in two rules is one headline
        ([(group("client", "a", 4, "A"), None), (group("client", "a", 3, "A2"), None),
          (group("edge", "b", 3, "B"), None)], 10, "fail", "Client: A; 7 of 10 failed attempts"),
        # exactly half is enough
        ([(group("client", "a", 5, "A"), None), (group("edge", "b", 5, "B"), None)], 10, "fail", "Client: A; 5 of 10"),
        ([], 0, "ok", "No failures in 10 attempts, 2026-11-22 12:00-13:00 UTC"),
    ],
)  # fmt: skip
def test_headline(
    groups: list[tuple[Group, str | None]], failed: int, status: str, begins: str
) -> None:
    found = verdict.headline(groups, totals(failed), WINDOW)
    assert found.status == status
    assert found.text.startswith(begins)
    assert found.text.endswith(".")


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (NOON, NOON, "2026-11-22 12:00:00 UTC"),
        (NOON, NOON + timedelta(seconds=20), "2026-11-22 12:00:00-12:00:20 UTC"),
        (NOON, NOON + timedelta(minutes=17), "2026-11-22 12:00-12:17 UTC"),
        (NOON, NOON + timedelta(days=1), "2026-11-22 12:00-2026-11-23 12:00 UTC"),
        (None, None, ""),
    ],
)
def test_span(first: datetime | None, last: datetime | None, text: str) -> None:
    assert verdict.span(first, last) == text


@pytest.mark.parametrize(
    ("count", "indices"), [(0, []), (1, [0]), (3, [0, 1, 2]), (101, [0, 50, 100])]
)
def test_samples_are_spread(count: int, indices: list[int]) -> None:
    assert evidence.spread(count) == indices


@pytest.mark.parametrize(
    ("row", "emitter", "behind", "party"),
    [
        ({"layer": "gateway", "emitted_by": "edge", "edge": "cloudflare", "gateway": "rutaapi"},
         "Cloudflare", "RutaAPI", "RutaAPI"),
        ({"layer": "upstream", "emitted_by": "edge", "edge": "cloudflare", "provider": "openai",
          "provider_host": True}, "Cloudflare", "OpenAI's server", "OpenAI"),
        ({"layer": "upstream", "emitted_by": "gateway", "gateway": "litellm", "provider": "openai"},
         "LiteLLM", "OpenAI", "OpenAI"),
        ({"layer": "gateway", "emitted_by": "gateway", "host": "llm.example"},
         "the gateway", "the provider", "llm.example"),
        ({"layer": "client", "emitted_by": "none"}, "nobody", "the provider", None),
        ({"layer": "gateway", "emitted_by": "gateway", "hop": "gateway", "format": "haproxy-json",
          "host": "llm.example"}, "HAProxy", "the provider", "HAProxy"),
    ],
)  # fmt: skip
def test_names_of_the_parties(
    row: dict[str, object], emitter: str, behind: str, party: str | None
) -> None:
    slugs = {
        "cloudflare": "Cloudflare",
        "rutaapi": "RutaAPI",
        "openai": "OpenAI",
        "litellm": "LiteLLM",
        "haproxy": "HAProxy",
    }
    names = parties.Names(slugs)
    blank = dict.fromkeys(
        ["layer", "provider", "gateway", "edge", "error_provider", "host", "emitted_by",
         "provider_host", "model", "status", "hop", "format"]
    )  # fmt: skip
    words = names.words({**blank, **row})
    assert (words["emitter"], words["behind"]) == (emitter, behind)
    assert names.party({**blank, **row}) == party


def test_placeholders_are_filled_and_unknown_ones_stay() -> None:
    assert parties.fill(
        "{{ emitter }} gave up on {{behind}} {{x}}", {"emitter": "the edge", "behind": "B"}
    ) == ("The edge gave up on B {{x}}")


@pytest.mark.parametrize("name", SCENARIOS)
def test_everything_adds_up(name: str) -> None:
    found = analyzer.analyze(SAMPLES / name)
    sums = found.totals
    assert sums.attempts == sums.ok + sums.failed + sums.undecided
    assert list(sums.by_layer) == list(LAYER_WORDS)
    assert sum(sums.by_layer.values()) == sums.failed
    assert sum(group.count for group in found.groups) == sums.failed
    assert sum(row.attempts for row in found.models) == sums.attempts
    assert sum(row.failed for row in found.models) == sums.failed
    for layer in LAYER_WORDS:
        assert sum(row.by_layer[layer] for row in found.models) == sums.by_layer[layer]
    assert sum(slot.attempts for slot in found.timeline.slots) == sums.attempts
    assert sum(slot.failed for slot in found.timeline.slots) == sums.failed
    assert sum(sum(slot.by_layer.values()) for slot in found.timeline.slots) == sums.failed
    assert sum(row.count for row in found.billing.rows) == sums.failed
    told = sums.attempts + sums.corroborating
    assert sum(entry.attempts for entry in found.inputs) == told


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_claim_points_at_evidence_that_exists(name: str) -> None:
    found = analyzer.analyze(SAMPLES / name)
    ids = {item.id for item in found.evidence}
    assert ids == {f"E{i + 1}" for i in range(len(ids))}
    steps = [*found.next_steps.user, *found.next_steps.operator, *found.next_steps.provider]
    cited = [*found.verdict.evidence, *(e for g in found.groups for e in g.evidence),
             *(e for step in steps for e in step.evidence)]  # fmt: skip
    assert set(cited) <= ids
    if found.totals.failed:
        assert found.verdict.evidence
        assert all(group.evidence for group in found.groups)
        assert found.evidence[0].place.split("#")[0] in {i.input for i in found.inputs}


def test_json_round_trip_and_unknown_keys() -> None:
    from pydantic import ValidationError

    found = analyzer.analyze(SAMPLES / "upstream-overload")
    assert Analysis.from_json(found.to_json()) == found
    with pytest.raises(ValidationError, match="nonsense"):
        Analysis.from_json(found.to_json().replace('"totals"', '"nonsense": 1, "totals"', 1))


def test_prompts_and_completions_stay_out() -> None:
    text = analyzer.analyze(SAMPLES / "healthy").to_json()
    assert '"messages"' not in text
    assert "choices" not in text
