"""The border where a rule file is checked: Markdown with front matter in, a :class:`Rule` out.

The shape is pydantic's job (and the JSON Schema is made from the same model); what the match, the
context and the examples mean is checked here against columns, operators and predicates. Everything
that is wrong with a file is reported, each with its place.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import core_schema

from analyzer import columns, vocabulary
from analyzer.engine import operators, tree, yaml12
from analyzer.engine.context import read_call
from analyzer.engine.context.base import ParamError
from analyzer.engine.rule import BEHIND, Call, Reference, Rule, Trace
from analyzer.errors import Location, did_you_mean

FOLDERS = ("client", "network", "edge", "gateway", "upstream", "unknown")
ID_PATTERN = r"^(client|network|edge|gateway|upstream|unknown|local)\.[a-z0-9]+(-[a-z0-9]+)*$"
EMITTED_BY_FOLDER = {"client": "none", "network": "none", "local": "unknown"}
"""Where the emitter is not the folder's own name."""

Lists = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class _Word:
    """Marks a text that must be one of a closed list, for ``Annotated[str, _Word(...)]``."""

    allowed: tuple[str, ...]

    def check(self, value: str) -> str:
        if value not in self.allowed:
            hint = did_you_mean(value, self.allowed)
            raise ValueError(f"'{value}' is not one of {', '.join(self.allowed)}.{hint}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> Any:
        return {**handler(schema), "enum": list(self.allowed)}


def _day(value: str) -> str:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected a day such as 2026-11-22, got '{value}'") from None
    return value


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
RuleId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
# pydantic drops references to definitions that are not its own, so a marker stands for them here;
# analyzer.engine.schema puts the references in.
DEFINED = "x-defined"
Match = Annotated[dict[str, Any], WithJsonSchema({DEFINED: "match"})]
Example = Annotated[dict[str, Any], WithJsonSchema({DEFINED: "example"})]
TraceRow = Annotated[dict[str, Any], WithJsonSchema({DEFINED: "traceRow"})]
Calls = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {DEFINED: "predicate"}})]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BillingPart(_Strict):
    """What the failure is expected to cost."""

    expected: Annotated[str, _Word(vocabulary.BILLING_WORDS)]
    why: Text


class RetryPart(_Strict):
    """Whether trying again helps."""

    advice: Annotated[str, _Word(vocabulary.words(vocabulary.RETRY_ADVICE))]
    why: Text | None = None
    idempotent_only: bool = False
    wait_s: float | None = Field(default=None, gt=0)


class ContextPart(_Strict):
    """What must have happened around the failure, or speaks for or against the verdict."""

    requires: Calls = []
    raises: Calls = []
    lowers: Calls = []


class NextPart(_Strict):
    """What to do next, for each reader, the first thing first."""

    user: list[Text] = []
    operator: list[Text] = []
    provider: list[Text] = []


class TracePart(_Strict):
    """Several attempts in time; rows have ``t`` (mm:ss) and ``_expect`` (an id or null)."""

    name: Text
    rows: list[TraceRow] = Field(min_length=1)


class ExamplesPart(_Strict):
    """Rows that the rule must and must not match; lint runs them."""

    match: list[Example] = []
    no_match: list[Example] = []
    traces: list[TracePart] = []
    todo: list[Example] = []


class ReferencePart(_Strict):
    """A public page that documents the signature, and the day on which it was read."""

    url: Url
    date: Day


class RuleModel(_Strict):
    """Front matter of a rule file."""

    id: RuleId
    rev: int = Field(ge=1)
    title: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    status: Annotated[str, _Word(vocabulary.words(vocabulary.RULE_STATUS))]
    tier: Annotated[str, _Word(vocabulary.words(vocabulary.TIERS))]
    layer: Annotated[str, _Word((*vocabulary.LAYER_WORDS, BEHIND))]
    cause: Annotated[str, _Word(vocabulary.CAUSE_WORDS)]
    emitted_by: Annotated[str, _Word(vocabulary.EMITTER_WORDS)] | None = None
    severity: Annotated[str, _Word(vocabulary.words(vocabulary.SEVERITIES))] = "major"
    confidence: Annotated[str, _Word(vocabulary.CONFIDENCE_WORDS)]
    billing: BillingPart
    match: Match
    context: ContextPart = ContextPart()
    supersedes: list[RuleId] = []
    retry: RetryPart | None = None
    evidence: list[Text] = []
    decided_by: list[Text] = []
    next: NextPart = NextPart()
    examples: ExamplesPart
    references: list[ReferencePart]
    since: Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    aliases: list[RuleId] = []


@dataclass(frozen=True, slots=True)
class FileProblem:
    """What is wrong with a rule file, and where."""

    code: str
    location: Location
    message: str

    def __str__(self) -> str:
        return f"{self.location}: {self.message}"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file after reading: its data and prose, and the rule if it is sound."""

    path: str
    document: yaml12.Document
    body: str
    body_line: int
    rule: Rule | None = None
    problems: tuple[FileProblem, ...] = field(default=())

    def locate(self, *path: str | int) -> Location:
        """Return the place of a part of the front matter."""
        return self.document.locate(path)


def parse(text: str, path: str, lists: Lists) -> RuleFile:
    """Read a rule file's text; never raises for what it holds."""
    try:
        front = yaml12.front_matter(text, path)
    except yaml12.YamlError as error:
        problem = FileProblem("KB001", error.location, error.reason)
        return RuleFile(path, yaml12.Document(path, None, {}), "", 1, None, (problem,))
    return build(front.meta, front.body, front.body_line, lists)


def build(document: yaml12.Document, body: str, body_line: int, lists: Lists) -> RuleFile:
    """Check front matter that is plain data already (read, or merged with an override)."""
    check = _Check(document, lists)
    rule = check.rule(body)
    problems = tuple(check.problems)
    return RuleFile(document.path, document, body, body_line, None if problems else rule, problems)


def sections(body: str) -> dict[str, str]:
    """Split prose at its second-level headings."""
    parts = re.split(r"^##[ \t]+(.+?)[ \t]*$", body, flags=re.MULTILINE)
    return {title: text.strip() for title, text in zip(parts[1::2], parts[2::2], strict=True)}


class _Check:
    """Collects what is wrong with one file."""

    def __init__(self, document: yaml12.Document, lists: Lists) -> None:
        self.document = document
        self.lists = lists
        self.problems: list[FileProblem] = []

    def fail(self, code: str, path: tuple[str | int, ...], message: str) -> None:
        where = tree.dotted(path) if path else "front matter"
        self.problems.append(FileProblem(code, self.document.locate(path), f"{where}: {message}"))

    def rule(self, body: str) -> Rule | None:
        value = self.document.value
        if not isinstance(value, dict):
            self.fail("KB001", (), "expected 'key: value' lines")
            return None
        try:
            model = RuleModel.model_validate(value)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                self.shape(item, value)
            self.loose(value)
            return None
        match = self.match(model.match)
        self.evidence(model.evidence)
        calls = {
            part: self.calls(getattr(model.context, part), ("context", part))
            for part in ("requires", "raises", "lowers")
        }
        self.examples(model.examples)
        self.sense(model)
        return None if self.problems else _rule(model, match, calls, body, self.document.path)

    def loose(self, value: dict[str, Any]) -> None:
        """Check the match even if the shape is wrong elsewhere, so that all is reported at once."""
        if isinstance(value.get("match"), dict):
            self.match(value["match"])

    def shape(self, item: Any, value: dict[str, Any]) -> None:
        loc = tuple(part for part in item["loc"] if part != "function-after[check(), str]")
        if item["type"] == "extra_forbidden":
            near = did_you_mean(str(loc[-1]), _keys_beside(loc))
            if " " in str(loc[-1]) and item["input"] is None:
                near = " A text with a comma inside { } must be quoted."
            self.fail("KB002", loc, f"unknown key '{loc[-1]}'.{near}")
        elif item["type"] == "missing":
            self.fail("KB001", loc, "this key is required")
        else:
            message = item["msg"].removeprefix("Value error, ")
            given = item["input"]
            shown = "" if isinstance(given, (dict, list)) or "'" in message else f", got {given!r}"
            self.fail("KB001", loc, message[:1].lower() + message[1:] + shown)

    def match(self, written: dict[str, Any]) -> dict[str, Any]:
        try:
            resolved = tree.resolve_lists(written, self.lists)
            tree.read(resolved)
        except tree.MatchError as error:
            for problem in error.problems:
                self.fail("KB010", ("match", *problem.path), problem.message)
            return {}
        return dict(resolved)

    def calls(self, written: Sequence[Any], path: tuple[str | int, ...]) -> tuple[Call, ...]:
        made = []
        for index, item in enumerate(written):
            try:
                made.append(read_call(item))
            except ParamError as error:
                name = next(iter(item)) if isinstance(item, dict) and item else ""
                tail = (name, error.name) if error.name else ()
                self.fail("KB010", (*path, index, *tail), str(error))
        return tuple(made)

    def evidence(self, names: Sequence[str]) -> None:
        for index, name in enumerate(names):
            if columns.dtype_of(name) is None:
                near = did_you_mean(name, columns.BY_NAME)
                self.fail("KB010", ("evidence", index), f"there is no column '{name}'.{near}")

    def examples(self, examples: ExamplesPart) -> None:
        for kind in ("match", "no_match", "todo"):
            for index, row in enumerate(getattr(examples, kind)):
                self.row(row, ("examples", kind, index), ())
        for number, trace in enumerate(examples.traces):
            for index, row in enumerate(trace.rows):
                path = ("examples", "traces", number, "rows", index)
                self.row(row, path, ("t", "_expect"))
                self.trace_row(row, path)

    def row(self, row: dict[str, Any], path: tuple[str | int, ...], extra: tuple[str, ...]) -> None:
        for name, value in row.items():
            if name in extra:
                continue
            dtype = columns.dtype_of(name)
            if dtype is None:
                near = did_you_mean(name, columns.BY_NAME)
                self.fail("KB020", (*path, name), f"there is no column '{name}'.{near}")
            elif value is None:
                self.fail("KB020", (*path, name), "leave a column out instead of writing null")
            else:
                self.cell(value, dtype, (*path, name))

    def cell(self, value: Any, dtype: Any, path: tuple[str | int, ...]) -> None:
        kind = operators.kind_of(dtype)
        items = value if kind == operators.LIST and isinstance(value, list) else [value]
        for item in items:
            problem = operators.scalar_problem(item, kind)
            if problem:
                self.fail("KB020", path, problem)

    def trace_row(self, row: dict[str, Any], path: tuple[str | int, ...]) -> None:
        if trace_seconds(row.get("t")) is None:
            self.fail("KB020", path, f"'t' must be mm:ss such as '02:30', got {row.get('t')!r}")
        expect = row.get("_expect")
        if not (expect is None or (isinstance(expect, str) and re.match(ID_PATTERN, expect))):
            self.fail("KB020", (*path, "_expect"), "expected a rule's id or null")

    def sense(self, model: RuleModel) -> None:
        emitter = model.emitted_by or default_emitter(model.id)
        if model.layer == BEHIND and emitter != "edge":
            self.fail("KB001", ("layer",), "'behind' is for answers that the edge wrote "
                      f"(emitted_by edge, not {emitter})")  # fmt: skip
        if model.id in model.supersedes:
            self.fail("KB033", ("supersedes",), "a rule cannot supersede itself")


def default_emitter(rule_id: str) -> str:
    """Return who wrote the answer when a rule does not say: its folder, as far as that tells."""
    folder = rule_id.partition(".")[0]
    return EMITTED_BY_FOLDER.get(folder, folder)


def trace_seconds(text: Any) -> int | None:
    """Return ``mm:ss`` in seconds, ``None`` if it is none."""
    found = re.fullmatch(r"([0-9]{1,3}):([0-5][0-9])", text) if isinstance(text, str) else None
    return int(found[1]) * 60 + int(found[2]) if found else None


def _keys_beside(loc: tuple[Any, ...]) -> Iterator[str]:
    """Yield the keys that may stand where an unknown one was found."""
    model: type[BaseModel] = RuleModel
    for part in loc[:-1]:
        if isinstance(part, str):
            model = _PARTS.get(part, model)
    yield from model.model_fields


_PARTS: dict[str, type[BaseModel]] = {
    "billing": BillingPart,
    "retry": RetryPart,
    "context": ContextPart,
    "next": NextPart,
    "examples": ExamplesPart,
    "traces": TracePart,
    "references": ReferencePart,
}


def _rule(
    model: RuleModel,
    match: dict[str, Any],
    calls: dict[str, tuple[Call, ...]],
    body: str,
    path: str,
) -> Rule:
    retry = model.retry
    examples = model.examples
    plain: dict[str, Any] = {name: getattr(model, name) for name in _PLAIN}
    tuples: dict[str, Any] = {name: tuple(getattr(model, name)) for name in _TUPLES}
    return Rule(
        **plain,
        **tuples,
        emitted_by=model.emitted_by or default_emitter(model.id),
        billing_expected=model.billing.expected,
        billing_why=model.billing.why,
        match=match,
        requires=calls["requires"],
        raises=calls["raises"],
        lowers=calls["lowers"],
        retry_advice=retry.advice if retry else None,
        retry_why=retry.why if retry else None,
        retry_idempotent_only=bool(retry and retry.idempotent_only),
        retry_wait_s=retry.wait_s if retry else None,
        next_user=tuple(model.next.user),
        next_operator=tuple(model.next.operator),
        next_provider=tuple(model.next.provider),
        examples_match=tuple(examples.match),
        examples_no_match=tuple(examples.no_match),
        examples_todo=tuple(examples.todo),
        traces=tuple(Trace(trace.name, tuple(trace.rows)) for trace in examples.traces),
        references=tuple(Reference(item.url, item.date) for item in model.references),
        sections=sections(body),
        source=path,
    )


_PLAIN = (
    "id", "rev", "title", "status", "tier", "layer", "cause", "severity", "confidence", "since",
)  # fmt: skip
_TUPLES = ("supersedes", "evidence", "decided_by", "aliases")
