"""What to do now: per party, and by what the steps are against."""

from __future__ import annotations

import re

from render.sample_analysis import all_ok, empty, incident, several

from analyzer.analysis.model import NextSteps, Step
from analyzer.render import html, markdown, steps


def test_steps_of_one_failure_stand_together_and_are_numbered_through() -> None:
    sample = incident()
    many = [
        Step(action="a", rule="upstream.anthropic-529@2", count=298, evidence=["E1"]),
        Step(action="b", rule="upstream.anthropic-529@2", count=298, evidence=["E1"]),
        Step(action="c", rule="client.context-too-long@1", count=14, evidence=["E4"]),
        Step(action="d", count=2),
    ]
    party = steps.parties(sample.model_copy(update={"next_steps": NextSteps(user=many)}))[0]
    assert [(b.title, b.rule, b.count, b.first, len(b.steps)) for b in party.blocks] == [
        ("Anthropic is overloaded (529)", "upstream.anthropic-529", 298, 1, 2),
        ("The prompt does not fit the model's context", "client.context-too-long", 14, 3, 1),
        ("", "", 2, 4, 1),
    ]
    assert [step for block in party.blocks for step in block.steps] == many


def test_a_single_block_needs_no_title() -> None:
    operator = steps.parties(incident())[1]
    assert [block.title for block in operator.blocks] == [""]


def test_a_party_without_steps_says_why() -> None:
    assert {party.empty for party in steps.parties(all_ok())} == {"No failures, so nothing to do."}
    assert steps.parties(several())[2].empty == "No step follows from the evidence."
    assert [party.blocks for party in steps.parties(empty())] == [(), (), ()]


def test_only_the_first_step_of_a_party_stands_out() -> None:
    section = html.render(incident()).partition('id="now"')[2].partition("</section>\n\n<nav")[0]
    assert section.count("<strong>") == 3
    assert re.findall(r'<ol class="steps" start="(\d)">', section) == ["1", "2", "1", "1"]
    text = markdown.render(incident()).partition("## What to do now")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\d\. \*\*", text, re.MULTILINE)) == 3
    assert re.search(r"^2\. Shorten the history", text, re.MULTILINE)
