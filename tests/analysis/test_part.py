"""Parts of an Analysis behave as frozen dataclasses do."""

from __future__ import annotations

import dataclasses

import pytest

from analyzer.analysis.model import Count, NextSteps, Step, Tool


def test_defaults_are_filled_in_and_never_shared() -> None:
    assert vars(Tool(version="1", knowledge_version="2", rules=3))["name"] == "whichhop"
    one, other = NextSteps(), NextSteps()
    assert one == other
    assert one.user is not other.user


def test_what_is_missing_or_unknown_is_told() -> None:
    with pytest.raises(TypeError, match="Count needs 'count'"):
        Count(value="a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Count has no more, other"):
        Count(value="a", count=1, other=2, more=3)  # type: ignore[call-arg]


def test_nothing_can_be_changed() -> None:
    count = Count(value="a", count=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        count.count = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del count.count
    assert count.model_copy(update={"count": 2}) == Count(value="a", count=2)


def test_a_document_gives_the_same_part() -> None:
    steps = NextSteps(user=[Step(action="look", evidence=["E1"], count=2)])
    assert NextSteps.model_validate_json(steps.model_dump_json()) == steps
