"""What each audience must not see, in any form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render.incident import storm
from render.incident.test_report import made, storm_of

from analyzer.analysis.model import Evidence, Step
from analyzer.pipeline import Result
from analyzer.render.incident import report, show
from analyzer.render.incident.scrub import Scrub

FORMS = ("text", "html", "markdown", "json")


def every(result: Result, **wanted: object) -> str:
    """Return the report in all forms, one behind the other."""
    document = made(result, **wanted)
    return "\n".join(show.render(document, form, verbosity=1) for form in FORMS)


def tags(result: Result) -> list[str]:
    return result.counted.counts["key_tag"].drop_nulls().unique().to_list()


def test_the_operator_sees_what_the_others_do_not(stormy: Result) -> None:
    told = every(stormy)
    assert storm.HOST in told
    assert all(tag in told for tag in tags(stormy))
    assert "storm.har#" in told


def test_a_provider_sees_nothing_but_its_own(stormy: Result) -> None:
    told = every(stormy, audience="provider", number=storm_of(stormy))
    assert "req_0000" in told
    assert storm.MODELS[0] in told
    hidden = [
        storm.HOST, "example.com", "storm.har", "gw-", *tags(stormy), *storm.MODELS[1:], "deploy 4.2",
        "OpenAI", "DeepSeek", "analyze incident",
    ]  # fmt: skip
    assert [word for word in hidden if word in told] == []


def test_a_page_of_another_provider_is_asked_for_by_name(hops: Result) -> None:
    own = every(hops, audience="provider", provider="anthropic")
    assert "Anthropic" in own
    assert "OpenAI" not in own
    assert "gpt-5-mini" not in own
    wanted = report.Wanted(audience="provider", provider="anthropic")
    assert report.other_providers(hops, wanted) == ["openai"]


def test_a_run_in_which_no_provider_failed_has_no_page_for_one(calm: Result) -> None:
    told = every(calm, audience="provider")
    assert "No failed attempt arose at a provider" in told


def test_a_user_sees_its_own_capture_and_totals(hops: Result) -> None:
    told = every(hops, audience="user")
    assert "logs.har#" in told
    assert "llm.example.test" in told
    hidden = ["access.log", "haproxy.log", "127.0.0.1", "haproxy#", "analyze incident"]
    assert [word for word in hidden if word in told] == []


def test_a_user_of_a_shared_log_sees_no_sample_and_no_key(hops: Result) -> None:
    shared = [row.model_copy(update={"hop": "gateway"}) for row in hops.analysis.inputs]
    counts = hops.counted.counts.with_columns(hop=report.slices.pl.lit("gateway"))
    changed = report.replace(
        hops,
        analysis=hops.analysis.model_copy(update={"inputs": shared}),
        counted=report.replace(hops.counted, counts=counts),
    )
    told = every(changed, audience="user")
    hidden = ["logs.har", "llm.example.test", *tags(hops)]
    assert [word for word in hidden if word in told] == []
    assert "Samples of logs that several users share are not shown" in told


def test_providers_can_be_kept_from_users(stormy: Result) -> None:
    told = every(stormy, audience="user", hide_providers=True, number=storm_of(stormy))
    names = [p.name for p in stormy.facts.providers if p.name in ("Anthropic", "OpenAI")]
    assert len(names) == 2
    assert [name for name in (*names, "upstream.anthropic") if name in told] == []
    assert storm.MODELS[0] in told


def test_a_status_page_names_nobody(stormy: Result) -> None:
    number = storm_of(stormy)
    told = every(stormy, audience="public", number=number)
    for word in ("Investigating", "Identified", "Monitoring", "Resolved"):
        assert word in told
    hidden = [
        storm.HOST, "storm.har", "key:", "req_", "gw-", *storm.MODELS, "claude", "gpt", "deploy",
        "Anthropic", "529", *(p.name for p in stormy.facts.providers),
    ]  # fmt: skip
    assert [word for word in hidden if word in told] == []


@pytest.mark.parametrize("run", ["stormy", "hops", "calm"])
def test_updates_come_in_the_order_of_their_times(run: str, request: pytest.FixtureRequest) -> None:
    for part in made(request.getfixturevalue(run), audience="public").parts:
        paragraphs = [block for block in part.sections[0].blocks if block.kind == "para"]
        times = [
            piece.at
            for block in paragraphs
            for piece in (block.text if isinstance(block.text, tuple) else ())
            if getattr(piece, "kind", "") == "moment"
        ]
        assert times == sorted(times)


# ------------------------------------------------------------------ scrubbing


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("connect to 10.1.2.3:8080 refused", "connect to [address] refused"),
        ("from 2001:db8::1 on", "from [address] on"),
        ("at 14:21:44Z and 14:21", "at 14:21:44Z and 14:21"),
        ("Claude 4.5.1 of 2026-11-22", "Claude 4.5.1 of 2026-11-22"),
        ("pool-3.prod.internal:443 is down", "[host] is down"),
        ("llm.svc.cluster.local gave up", "[host] gave up"),
        ("gw.example.net, gw.example.network", "[host], gw.example.network"),
        ("xgw.example.net", "xgw.example.net"),
        ("key:1a2b was used, key:1a2bc not", "[key] was used, key:1a2bc not"),
        ("OpenAI lacks capacity", "The provider lacks capacity"),
        ("deepseek-chat by DeepSeek", "deepseek-chat by the provider"),
    ],
)
def test_scrub(text: str, shown: str) -> None:
    scrub = Scrub.of(
        hosts=["gw.example.net"], keys=["key:1a2b"], providers=["OpenAI", "DeepSeek", "deepseek"]
    )
    assert scrub.text(text) == shown


def test_in_samples_any_host_goes_that_is_not_public() -> None:
    scrub = Scrub.of(public=lambda host: host == "api.openai.com")
    item = Evidence(
        id="E1", place="", summary="a.b.com", excerpt="api.openai.com to c.example.io:8"
    )
    assert scrub.apply(item).excerpt == "api.openai.com to [host]"
    assert scrub.apply(item).summary == "[host]"
    # What the knowledge base says names public pages.
    assert scrub.apply(Step(action="see docs.vendor.com")).action == "see docs.vendor.com"


names = st.text("abcdefgh.-", min_size=2, max_size=12).filter(lambda t: t[0].isalnum())


@settings(max_examples=50, deadline=None)
@given(st.lists(names, min_size=1, max_size=5), st.text(" ,:/", max_size=3))
def test_no_hidden_host_survives_between_words(hosts: list[str], gap: str) -> None:
    scrub = Scrub.of(hosts=hosts)
    for host in hosts:
        assert scrub.text(f"at {gap} {host} {gap}") == f"at {gap} [host] {gap}"
