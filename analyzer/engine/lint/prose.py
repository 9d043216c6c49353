"""Lints of the prose: headings, placeholders, links, references."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.engine.lint.base import Catalogue, Issue, Lint
from analyzer.engine.lint.examples import is_draft
from analyzer.engine.rule import SECTIONS, TEMPLATE_NAMES, UNCLASSIFIED, Rule
from analyzer.engine.rule_file import RuleFile
from analyzer.errors import Location, did_you_mean

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*$")
_BRACES = re.compile(r"\{\{(.*?)\}\}|\{%|\{#")
_LINK = re.compile(r"\[\[([^\]]*)\]\]")


class Headings(Lint):
    """The five headings, in their order, each with text."""

    code = "KB040"
    doc = f"The prose does not have the headings {', '.join(SECTIONS)}, in this order."

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """See the base class."""
        found = list(_headings(file))
        names = tuple(name for name, _ in found)
        if names != SECTIONS:
            wanted = ", ".join(f"'## {name}'" for name in SECTIONS)
            place = next(
                (at for (name, at), right in zip(found, SECTIONS, strict=False) if name != right),
                Location(file.path, file.body_line, 1),
            )
            yield self.issue(place, f"the headings must be {wanted}, in this order",
                             soft=is_draft(rule))  # fmt: skip
            return
        for name, place in found:
            if not rule.sections.get(name):
                yield self.issue(place, f"'{name}' is empty", soft=is_draft(rule))


class Placeholders(Lint):
    """Only the placeholders that a report can fill."""

    code = "KB042"
    doc = "A placeholder in braces is not one that a report can fill."

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """See the base class."""
        for place, text in _texts(file, rule):
            for found in _BRACES.finditer(text):
                name = (found[1] or "").strip()
                if name not in TEMPLATE_NAMES:
                    allowed = ", ".join(TEMPLATE_NAMES)
                    near = did_you_mean(name, TEMPLATE_NAMES)
                    message = f"'{found[0]}' cannot be filled; there are {allowed}.{near}"
                    yield self.issue(place, message)


class Links(Lint):
    """``[[id]]`` leads to a rule."""

    code = "KB043"
    doc = "A [[link]] names no rule."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        rules = catalogue.rules
        known = catalogue.known.union(rules, *(rule.aliases for rule in rules.values()))
        for file in catalogue.files:
            if not file.rule:
                continue
            for place, text in _texts(file, file.rule):
                for found in _LINK.finditer(text):
                    if found[1] not in known:
                        near = did_you_mean(found[1], known)
                        yield self.issue(place, f"[[{found[1]}]] names no rule.{near}")


class ReferenceForCertain(Lint):
    """Whoever says certain says where it is written."""

    code = "KB044"
    doc = "Confidence 'certain' without a reference."

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """See the base class."""
        if rule.confidence == "certain" and not rule.references and rule.id != UNCLASSIFIED:
            message = "'certain' needs a reference; without one it is at most 'high'"
            yield self.issue(file.locate("confidence"), message)


def _headings(file: RuleFile) -> Iterator[tuple[str, Location]]:
    fenced = False
    for number, line in enumerate(file.body.splitlines(), start=file.body_line):
        fenced ^= line.startswith("```")
        found = _HEADING.match(line)
        if found and not fenced and len(found[1]) <= 2:
            yield found[2], Location(file.path, number, 1)


def _texts(file: RuleFile, rule: Rule) -> Iterator[tuple[Location, str]]:
    """Yield every text that a report shows, line by line for the prose."""
    yield file.locate("title"), rule.title
    yield file.locate("billing", "why"), rule.billing_why
    yield file.locate("retry", "why"), rule.retry_why or ""
    for index, text in enumerate(rule.decided_by):
        yield file.locate("decided_by", index), text
    for who in ("user", "operator", "provider"):
        for index, text in enumerate(getattr(rule, f"next_{who}")):
            yield file.locate("next", who, index), text
    for number, line in enumerate(file.body.splitlines(), start=file.body_line):
        yield Location(file.path, number, 1), line
