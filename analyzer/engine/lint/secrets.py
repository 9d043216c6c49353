"""Lint: no secrets and no personal data in examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from analyzer.engine.lint.base import Issue, Lint
from analyzer.engine.rule import Rule
from analyzer.engine.rule_file import RuleFile

_PATTERNS = (
    ("an API key", re.compile(r"\b(?:sk|pk|rk|key|xai|gsk|hf|ghp|AIza)[-_](?=\w*\d)[\w-]{16,}")),
    ("an AWS key id", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a bearer token", re.compile(r"\b[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}")),
    ("a JSON Web Token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.")),
    (
        "an e-mail address",
        re.compile(r"\b[\w.+-]+@(?!(?:[\w-]+\.)*example\b)[\w-]+\.[\w.-]*[a-z]{2,}\b"),
    ),
)
_FAKE = re.compile(r"test|fake|example|xxxx|\*{3}|0000|…", re.IGNORECASE)


class NoSecrets(Lint):
    """Examples are published; they hold nothing that looks like a key or a person."""

    code = "KB060"
    doc = "An example holds what looks like a secret or an e-mail address."

    def check(self, file: RuleFile, rule: Rule) -> Iterator[Issue]:
        """See the base class."""
        groups: dict[tuple[str | int, ...], tuple[dict[str, Any], ...]] = {
            ("examples", "match"): rule.examples_match,
            ("examples", "no_match"): rule.examples_no_match,
            ("examples", "todo"): rule.examples_todo,
        }
        for index, trace in enumerate(rule.traces):
            groups["examples", "traces", index, "rows"] = trace.rows
        for path, rows in groups.items():
            for index, row in enumerate(rows):
                for name, value in row.items():
                    what = looks_like(str(value))
                    if what:
                        place = file.locate(*path, index, name)
                        yield self.issue(place, f"'{name}' holds what looks like {what}")


def looks_like(text: str) -> str:
    """Return what a text seems to give away, or an empty string."""
    for what, pattern in _PATTERNS:
        found = pattern.search(text)
        if found and not _FAKE.search(found[0]):
            return what
    return ""
