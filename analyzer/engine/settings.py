"""``knowledge.yaml`` of a user's directory: disable, suppress, and longer lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from analyzer.engine import tree, yaml12
from analyzer.engine.knowledge import Suppression
from analyzer.engine.rule_file import Day, Lists, Match, Text

FILE = "knowledge.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SuppressPart(_Strict):
    """A known failure that should not be told as news."""

    id: Text
    why: Text
    until: Day | None = None
    where: Match | None = None


class SettingsModel(_Strict):
    """The file's keys."""

    disable: list[Text] = []
    suppress: list[SuppressPart] = []
    lists: dict[str, list[Any]] = {}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file asks for, and what is wrong with it."""

    disable: tuple[str, ...] = ()
    suppress: tuple[Suppression, ...] = ()
    problems: tuple[str, ...] = ()


def read(document: yaml12.Document, lists: Lists) -> Settings:
    """Check the file; what is broken in it is left out and said."""
    try:
        model = SettingsModel.model_validate(document.value or {})
    except ValidationError as error:
        items = error.errors(include_url=False)
        places = ((document.locate(item["loc"]), tree.dotted(item["loc"]), item) for item in items)
        said = (f"{at}: {key}: {item['msg']} (file ignored)" for at, key, item in places)
        return Settings(problems=tuple(said))
    made, problems = [], []
    for index, part in enumerate(model.suppress):
        place = document.locate(("suppress", index))
        try:
            where = tree.resolve_lists(part.where, lists) if part.where else None
            if where:
                tree.read(where)
        except tree.MatchError as error:
            problems.append(f"{place}: suppress.{index}.where: {error} (entry ignored)")
            continue
        made.append(Suppression(part.id, part.why, part.until or "", where, str(place)))
    return Settings(tuple(model.disable), tuple(made), tuple(problems))
