"""The border: what is wrong with a rule file is said with its place and what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer import vocabulary
from analyzer.engine import rule_file
from analyzer.engine.rule import Call, Reference, Trace

# Lines of make.text(): 2 id, 3 rev, 4 title, 5 status, 6 tier, 7 layer, 8 cause, 9 confidence,
# 10 billing, 11 match, 12 examples, 13 references, 14 since; added keys follow.


def problems(text: str, lists: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    return [
        (problem.code, str(problem))
        for problem in rule_file.parse(text, "x.md", lists or {}).problems
    ]


def test_a_whole_file_becomes_a_rule(make: Any) -> None:
    trace = {"name": "t", "rows": [{"t": "00:30", "status": 503, "_expect": None}]}
    rule = make.rule(
        "edge.whole",
        layer="behind",
        severity="minor",
        context={"requires": ["immediate"], "raises": [{"models_endpoint_ok": {"within": "1m"}}]},
        supersedes=["edge.other"],
        retry={"advice": "after-backoff", "why": "Wait.", "wait_s": 30, "idempotent_only": True},
        evidence=["status", "resp_header.cf-ray"],
        decided_by=["The log."],
        next={"user": ["Wait."], "operator": ["Look."], "provider": ["Fix."]},
        examples={"match": [{"status": 503}], "traces": [trace], "todo": [{"status": 504}]},
        aliases=["edge.former"],
    )

    assert (rule.emitted_by, rule.layer, rule.severity, rule.folder) == (
        "edge",
        "behind",
        "minor",
        "edge",
    )
    assert rule.requires == (Call("immediate", {"below": 2.0}),)
    assert rule.raises == (Call("models_endpoint_ok", {"within": 60.0}),)
    assert (rule.retry_advice, rule.retry_why, rule.retry_wait_s) == ("after-backoff", "Wait.", 30)
    assert (rule.next_user, rule.next_operator, rule.next_provider) == (
        ("Wait.",),
        ("Look.",),
        ("Fix.",),
    )
    assert rule.traces == (Trace("t", ({"t": "00:30", "status": 503, "_expect": None},)),)
    assert rule.references == (Reference("https://docs.example/503", "2026-11-22"),)
    assert rule.sections["Not this cause when"] == "Text of Not this cause when."


@pytest.mark.parametrize(
    ("rule_id", "emitter"),
    [("client.a", "none"), ("network.a", "none"), ("edge.a", "edge"), ("gateway.a", "gateway"),
     ("upstream.a", "upstream"), ("unknown.a", "unknown"), ("local.a", "unknown")],
)  # fmt: skip
def test_the_emitter_defaults_to_the_folder(make: Any, rule_id: str, emitter: str) -> None:
    assert make.rule(rule_id).emitted_by == emitter
    assert make.rule(rule_id, emitted_by="network").emitted_by == "network"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"billing": ...}, "KB001", "x.md:2:1: billing: this key is required"),
        ({"titel": "x"}, "KB002", "x.md:15:1: titel: unknown key 'titel'. Did you mean 'title'?"),
        (
            {"billing": {"expected": "unbilled", "wyh": "x"}},
            "KB001",
            "billing.why: this key is required",
        ),
        (
            {"billing": {"expected": "unbilled", "why": "x", "wy": "x"}},
            "KB002",
            "Did you mean 'why'?",
        ),
        ({"tier": "specfic"}, "KB001", "x.md:6:1: tier: 'specfic' is not one of specific, general"),
        ({"cause": "overload"}, "KB001", "Did you mean 'overloaded'?"),
        (
            {"layer": "behind"},
            "KB001",
            "x.md:7:1: layer: 'behind' is for answers that the edge wrote",
        ),
        ({"rev": 0}, "KB001", "x.md:3:1: rev: input should be greater than or equal to 1, got 0"),
        ({"rev": "1"}, "KB001", "x.md:3:1: rev: input should be a valid integer"),
        ({"rev": True}, "KB001", "rev: input should be a valid integer"),
        ({"id": "gateway.Not_a_slug"}, "KB001", "x.md:2:1: id:"),
        ({"id": "elsewhere.a"}, "KB001", "x.md:2:1: id:"),
        ({"title": ""}, "KB001", "x.md:4:1: title:"),
        ({"since": 1.0}, "KB001", "x.md:14:1: since:"),
        (
            {"references": [{"url": "docs.example", "date": "2026-11-22"}]},
            "KB001",
            "references.0.url",
        ),
        (
            {"references": [{"url": "https://a.example", "date": "2026-13-22"}]},
            "KB001",
            "references.0.date: expected a day such as 2026-11-22, got '2026-13-22'",
        ),
        (
            {"match": {"statu": 503}},
            "KB010",
            "x.md:11:9: match.statu: there is no column 'statu'. Did",
        ),
        ({"match": {"status": {"in": "$none"}}}, "KB010", "there is no list '$none'"),
        ({"evidence": ["statuss"]}, "KB010", "evidence.0: there is no column 'statuss'. Did you"),
        (
            {"context": {"requires": ["immediat"]}},
            "KB010",
            "x.md:15:24: context.requires.0: there is",
        ),
        (
            {"context": {"raises": [{"immediate": {"below": 5}}]}},
            "KB010",
            "context.raises.0.immediate.below: expected a duration",
        ),
        ({"supersedes": ["gateway.sample"]}, "KB033", "supersede itself"),
        (
            {"examples": {"match": [{"statos": 503}]}},
            "KB020",
            "examples.match.0.statos: there is no",
        ),
        (
            {"examples": {"match": [{"status": "503"}]}},
            "KB020",
            "examples.match.0.status: expected a n",
        ),
        ({"examples": {"no_match": [{"status": None}]}}, "KB020", "leave a column out"),
        (
            {"examples": {"traces": [{"name": "t", "rows": [{"t": "5"}]}]}},
            "KB020",
            "'t' must be mm:ss",
        ),
        (
            {"examples": {"traces": [{"name": "t", "rows": [{"t": "00:05", "_expect": 3}]}]}},
            "KB020",
            "a rule's id or null",
        ),
        ({"retry": {"advice": "later"}}, "KB001", "retry.advice: 'later' is not one of never, now"),
        ({"next": {"user": "Wait."}}, "KB001", "next.user: input should be a valid list"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    make: Any, changes: dict[str, Any], code: str, said: str
) -> None:
    found = problems(make.text(**changes))

    assert code in {one for one, _ in found}
    assert any(said in text for _, text in found), found


def test_everything_wrong_is_reported_at_once(make: Any) -> None:
    text = make.text(tier="x", match={"statu": 1, "all": [{"servr": "y"}]}, nonsense=1)

    assert {code for code, _ in problems(text)} == {"KB001", "KB002", "KB010"}
    assert len(problems(text)) == 4


def test_a_comma_in_an_unquoted_text_is_recognised(make: Any) -> None:
    text = make.text().replace("\nsince", "\nretry: {advice: now, why: Wait, then try.}\nsince")

    ((code, said),) = problems(text)
    assert (code, said.startswith("x.md:14:")) == ("KB002", True)
    assert "must be quoted" in said


@pytest.mark.parametrize(
    "text", ["", "no front matter", "---\n- a\n---\n", "---\n: :\n---\n", "---\n---\n"]
)
def test_a_file_that_is_no_rule_is_a_problem_not_a_crash(text: str) -> None:
    ((code, said),) = problems(text)

    assert code == "KB001"
    assert said.startswith("x.md")


def test_lists_are_resolved_in_the_rule(make: Any) -> None:
    text = make.text(match={"server": {"in": "$ids"}})
    read = rule_file.parse(text, "x.md", {"ids": ["a", "b"]})

    assert read.rule
    assert read.rule.match == {"server": {"in": ["a", "b"]}}


@pytest.mark.parametrize("word", vocabulary.CAUSE_WORDS)
def test_every_cause_can_be_written(make: Any, word: str) -> None:
    assert make.rule(cause=word).cause == word
