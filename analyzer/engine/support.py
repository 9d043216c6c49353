"""``support.yaml``: what each party can look up, wants to know, and must not get.

The file is a list; a user's entries come before the packaged ones, so that they win. A gateway
profile says the same of one gateway under ``support``. Only tickets read this, so that no other run
pays for pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from analyzer import columns
from analyzer.engine import tree, yaml12
from analyzer.engine.rule_file import Day, Text
from analyzer.errors import Location

FILE = "support.yaml"
PROFILES = "gateways/"
WORDS = {"request id": "ids", "time": "time", "model": "model", "error code": "code",
         "base url": "host"}  # fmt: skip
"""What a profile's ``support.send`` can name that every ticket has a place for."""


def _column(name: str) -> str:
    if columns.dtype_of(name) is None:
        raise ValueError(f"'{name}' is no column of attempts and no req_header. or resp_header.")
    return name


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}") from None
    return pattern


Column = Annotated[Text, AfterValidator(_column)]
Regex = Annotated[Text, AfterValidator(_regex)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Id(_Strict):
    """An id by which the party finds one request."""

    name: Text
    """As the party calls it."""
    columns: list[Column] = Field(alias="from", min_length=1)
    """Where it stands, in order; the first that has a value counts."""
    shape: Regex | None = None
    """What the party's own ids look like; others are somebody else's."""
    direct: bool = False
    """It is the party's only where the party's own host was asked."""
    known: Literal["documented", "general"] = "documented"
    """``general``: common knowledge that no page of the party was seen to state."""


class Fact(_Strict):
    """A field that helps the party."""

    name: Text
    column: Column = Field(alias="from")


class Wanted(_Strict):
    """What a capture cannot hold, and where a person finds it."""

    what: Text
    how: Text
    unless: list[Column] = []
    """Not missing where one of these has a value."""
    client: Text | None = None
    """Only for this calling program (slug of ``clients.yaml``)."""


class Reference(_Strict):
    """A page that says so."""

    url: Text
    date: Day


class Desk(_Strict):
    """Where a ticket goes."""

    to: Text
    url: Text | None = None
    date: Day | None = None
    """When the page was read; none for what is common knowledge."""
    client: Text | None = None


class Party(_Strict):
    """One receiver of tickets."""

    party: Text
    name: Text
    kind: Literal["provider", "edge", "gateway", "client"]
    slugs: list[Text] = []
    """Its slugs in providers.yaml, products.yaml or gateways/; none: whoever is seen."""
    desks: list[Desk] = Field(default=[], alias="send")
    ids: list[Id] = []
    no_ids: Text | None = None
    """Said where there are none: what the party goes by instead."""
    fields: list[Fact] = []
    missing: list[Wanted] = []
    never: list[Text] = []
    references: list[Reference] = []


class ProfileSupport(_Strict):
    """``support`` of a gateway profile."""

    send: list[Text] = []
    never: list[Text] = []
    note: Text | None = None
    url: Text | None = None
    date: Day | None = None
    fields: list[Fact] = []
    missing: list[Wanted] = []


class Profile(BaseModel):
    """What a ticket reads of a gateway profile; its other keys are none of its business."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    id: Text | None = None
    name: Text | None = None
    request_id_headers: list[Text] = []
    support: ProfileSupport = ProfileSupport()


Model = TypeVar("Model", bound=BaseModel)


class Support:
    """All parties and the profiles of gateways; what could not be used is in ``problems``."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.problems: list[str] = []
        self.parties: dict[str, Party] = {}
        self.profiles: dict[str, Profile] = {}
        listed = data.get("support") or []
        if not isinstance(listed, list):
            self.problems.append(f"{FILE}: expected a list of parties (file left out)")
            listed = []
        for number, value in enumerate(listed):
            party = self._read(Party, value, f"{FILE}: {number}")
            if party is not None:
                self.parties.setdefault(party.party, party)
        for name in sorted(name for name in data if name.startswith(PROFILES)):
            profile = self._read(Profile, data[name], f"{name}.yaml")
            if profile is not None:
                self.profiles[profile.id or name.removeprefix(PROFILES)] = profile

    def _read(self, kind: type[Model], value: Any, place: str) -> Model | None:
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = tree.dotted(first["loc"])
            self.problems.append(
                f"{place}{'.' if key else ''}{key}: {_said(first)} (left out; "
                "'analyze kb lint' shows the line)"
            )
            return None

    def headers(self) -> frozenset[str]:
        """Return the header columns that tickets look at."""
        found: set[str] = set()
        for one in self.parties.values():
            found.update(column for entry in one.ids for column in entry.columns)
            found.update(_told(one.fields, one.missing))
        for profile in self.profiles.values():
            found.update(f"resp_header.{name.lower()}" for name in profile.request_id_headers)
            found.update(_told(profile.support.fields, profile.support.missing))
        return frozenset(name for name in found if columns.is_header(name))


def _told(facts: Sequence[Fact], missing: Sequence[Wanted]) -> Iterator[str]:
    yield from (fact.column for fact in facts)
    yield from (column for wanted in missing for column in wanted.unless)


def check(name: str, document: yaml12.Document) -> Iterator[tuple[Location, str]]:
    """Yield (location, complaint) for all that is wrong with a data file that tickets read."""
    if name == FILE:
        if not isinstance(document.value, list):
            yield document.locate(()), "expected a list of parties"
            return
        for number, value in enumerate(document.value):
            yield from _checked(Party, value, document, (number,))
    elif name.startswith(PROFILES):
        yield from _checked(Profile, document.value, document, ())


def _checked(
    kind: type[BaseModel], value: Any, document: yaml12.Document, at: tuple[str | int, ...]
) -> Iterator[tuple[Location, str]]:
    try:
        kind.model_validate(value)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            where = (*at, *item["loc"])
            yield document.locate(where), f"{tree.dotted(where)}: {_said(item)}"


def _said(item: Any) -> str:
    allowed = item.get("ctx", {}).get("expected")
    value = "" if isinstance(item["input"], dict | list) else f" (here: {item['input']!r:.80})"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{message}{value}" if allowed or value else message
