"""The cold start: from knowledge files to a knowledge base.

The packaged directory comes first and must be sound. A user's directories add rules, override
packaged ones (``extends`` and ``override``), disable and suppress (``knowledge.yaml``), add data
and lists; what is broken there is left out and said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from analyzer import columns
from analyzer.engine import overlay, rule_file, settings, tree, yaml12
from analyzer.engine.files import KnowledgeFile
from analyzer.engine.knowledge import Finding, KnowledgeBase, Suppression
from analyzer.engine.rule import Rule
from analyzer.engine.rule_file import RuleFile
from analyzer.engine.supersede import cycle
from analyzer.errors import ConfigError
from analyzer.signals import catalogue

LISTS = "_lists/"
MAX_TOLD = 12


def assemble(
    roots: Sequence[Path], found: Sequence[Sequence[KnowledgeFile]], version: str
) -> KnowledgeBase:
    """Read everything and return the knowledge base.

    Raises:
        ConfigError: a file of the first (packaged) directory is broken.
    """
    reading = Reading()
    parsed = [Yaml.of(files, packaged=number == 0) for number, files in enumerate(found)]
    # All lists first: a user's own make those longer that packaged rules refer to.
    for one in parsed:
        for name, document in one.documents:
            reading.add_lists(name, document)
    reading.packaged(roots[0], found[0], parsed[0])
    for files, one in zip(found[1:], parsed[1:], strict=True):
        reading.user(files, one)
    return reading.finish(version)


@dataclass(frozen=True, slots=True)
class Yaml:
    """The YAML files of one directory."""

    documents: list[tuple[str, yaml12.Document]]
    """Name below the directory, and what is in it."""
    errors: list[str]

    @staticmethod
    def of(files: Sequence[KnowledgeFile], *, packaged: bool) -> Yaml:
        """Parse them all; places are shown by name for the packaged ones, else by path."""
        made = Yaml([], [])
        for file in files:
            if file.name.endswith(".yaml"):
                shown = file.name if packaged else str(file.path)
                try:
                    made.documents.append((file.name, yaml12.load(_text(file), shown)))
                except yaml12.YamlError as error:
                    made.errors.append(str(error))
        return made


class Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Any]] = {}
        self.data: dict[str, Any] = {}
        self.files: dict[str, RuleFile] = {}
        self.builtin: dict[str, RuleFile] = {}
        """The packaged ones, as they were before any override."""
        self.own: set[str] = set()
        """Ids of the user's rules and overrides."""
        self.disabled: set[str] = set()
        self.suppressions: list[Suppression] = []
        self.findings: list[Finding] = []

    def packaged(self, root: Path, files: Sequence[KnowledgeFile], parsed: Yaml) -> None:
        """Read the packaged directory; raise ConfigError with all that is wrong."""
        errors = list(parsed.errors)
        for name, document in parsed.documents:
            self.add_data(name, document, first=True)
        for file in files:
            if not file.is_rule:
                continue
            read = rule_file.parse(_text(file), file.name, self.lists)
            errors.extend(str(problem) for problem in read.problems)
            if read.rule is None:
                continue
            other = self.files.get(read.rule.id)
            if other:
                errors.append(f"{file.name}: id '{read.rule.id}' is already that of {other.path}")
            self.files[read.rule.id] = read
        ring = cycle(self.edges())
        if ring:
            errors.append(f"supersedes goes round in a circle: {' -> '.join(ring)}")
        if errors:
            raise ConfigError(_told(root, errors))
        self.builtin = dict(self.files)

    def user(self, files: Sequence[KnowledgeFile], parsed: Yaml) -> None:
        """Read a user's directory."""
        for name, document in parsed.documents:
            if name == settings.FILE:
                self.apply_settings(settings.read(document, self.lists))
            else:
                self.add_data(name, document, first=False)
        self.findings.extend(Finding(f"{error} (file left out)") for error in parsed.errors)
        for file in files:
            if file.is_rule:
                self.user_rule(str(file.path), _text(file))
        self.break_cycles()

    def user_rule(self, path: str, text: str) -> None:
        """Take a user's rule or override, or say why not."""
        read, warnings = overlay.read(text, path, self.files, self.lists)
        self.findings.extend(Finding(warning) for warning in warnings)
        problems = [str(problem) for problem in read.problems]
        if read.rule and read.rule.builtin and read.rule.id in self.files:
            other = self.files[read.rule.id]
            problems.append(
                f"{read.locate('id')}: id '{read.rule.id}' is already that of {other.path}; "
                f"to change that rule write 'extends: {{id: {read.rule.id}, rev: …}}'"
            )
        if problems or read.rule is None:
            name = read.rule.id if read.rule else ""
            self.findings.extend(Finding(f"{text} (rule left out)", name) for text in problems)
            return
        rule = msgspec.structs.replace(read.rule, builtin=False)
        self.files[rule.id] = RuleFile(path, read.document, read.body, read.body_line, rule)
        self.own.add(rule.id)

    def break_cycles(self) -> None:
        """Leave out the user's rules that make supersedes go round in a circle."""
        while ring := cycle(self.edges()):
            shown = " -> ".join(ring)
            for rule_id in sorted(self.own.intersection(ring)):
                read = self.files.pop(rule_id)
                message = f"{read.path}: supersedes goes round in a circle: {shown} (rule left out)"
                self.findings.append(Finding(message, rule_id))
                if rule_id in self.builtin:
                    self.files[rule_id] = self.builtin[rule_id]
                self.own.discard(rule_id)

    def add_lists(self, name: str, document: yaml12.Document) -> None:
        """Take a list file, or the lists of a user's ``knowledge.yaml``."""
        value = document.value
        if name.startswith(LISTS) and not isinstance(value, list):
            self.findings.append(Finding(f"{document.path}: expected a list (file left out)"))
        elif name.startswith(LISTS):
            self.add_list(name.removeprefix(LISTS).removesuffix(".yaml"), value)
        elif name == settings.FILE and isinstance(value, dict):
            lists = value.get("lists")
            for key, items in lists.items() if isinstance(lists, dict) else ():
                self.add_list(key, items)

    def add_list(self, name: str, items: Any) -> None:
        """Make a list longer."""
        self.lists.setdefault(name, []).extend(items if isinstance(items, list) else [])

    def add_data(self, name: str, document: yaml12.Document, *, first: bool) -> None:
        """Take a data file; a user's adds to the packaged one of the same name."""
        key, value = name.removesuffix(".yaml"), document.value
        if name.startswith(LISTS):
            return
        if not first and isinstance(value, list) and isinstance(self.data.get(key), list):
            # A user's entries come first, so that they win where the first hit counts.
            self.data[key] = [*value, *self.data[key]]
        else:
            self.data[key] = value

    def apply_settings(self, wanted: settings.Settings) -> None:
        """Remember what a user's ``knowledge.yaml`` asks for."""
        self.disabled.update(wanted.disable)
        self.suppressions.extend(wanted.suppress)
        self.findings.extend(Finding(problem) for problem in wanted.problems)

    def edges(self) -> dict[str, tuple[str, ...]]:
        """Return the supersedes edges between the rules read so far."""
        return {name: read.rule.supersedes for name, read in self.files.items() if read.rule}

    def finish(self, version: str) -> KnowledgeBase:
        """Return the knowledge base of all that was read."""
        known = set(self.files)
        named = sorted(self.disabled | {one.rule for one in self.suppressions})
        for rule_id in named:
            if rule_id not in known:
                message = f"{settings.FILE}: there is no rule '{rule_id}' to disable or suppress"
                self.findings.append(Finding(message))
        rules = tuple(
            read.rule
            for name, read in sorted(self.files.items())
            if read.rule and name not in self.disabled
        )
        signals = catalogue.from_data(self.data)
        self.findings.extend(Finding(problem) for problem in signals.problems)
        return KnowledgeBase(
            rules=rules,
            signals=signals,
            headers=headers(rules, [one.where for one in self.suppressions if one.where]),
            version=version,
            data=self.data,
            disabled=tuple(sorted(self.disabled & known)),
            suppressions=tuple(self.suppressions),
            problems=tuple(self.findings),
        )


def headers(rules: Sequence[Rule], others: Sequence[dict[str, Any]] = ()) -> frozenset[str]:
    """Return the header columns that rules (and other matches) look at or show as evidence."""
    nodes = (tree.read(match, trusted=True) for match in (*(r.match for r in rules), *others))
    matched = (leaf.field for node in nodes for leaf in tree.leaves(node))
    shown = (name for rule in rules for name in rule.evidence)
    return frozenset(name for name in (*matched, *shown) if columns.is_header(name))


def _text(file: KnowledgeFile) -> str:
    return file.path.read_text(encoding="utf-8", errors="replace")


def _told(root: Path, errors: Sequence[str]) -> str:
    more = len(errors) - MAX_TOLD
    tail = [f"and {more} more"] if more > 0 else []
    head = f"the knowledge in {root} is broken ('analyze kb lint' tells more):"
    return "\n  ".join([head, *errors[:MAX_TOLD], *tail])
