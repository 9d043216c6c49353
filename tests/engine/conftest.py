"""Builders of rule files and rules that name only what a test is about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analyzer.engine import rule_file
from analyzer.engine.assemble import headers
from analyzer.engine.knowledge import KnowledgeBase
from analyzer.engine.rule import SECTIONS, Rule

BODY = "\n".join(f"## {name}\nText of {name}.\n" for name in SECTIONS)


def front(rule_id: str = "gateway.sample", **changes: Any) -> dict[str, Any]:
    """Front matter of a sound rule on ``status: 503``; a value of ``...`` removes the key."""
    sound = {
        "id": rule_id,
        "rev": 1,
        "title": "A sample",
        "status": "stable",
        "tier": "specific",
        "layer": "gateway",
        "cause": "bad_gateway",
        "confidence": "high",
        "billing": {"expected": "unbilled", "why": "Refused before the model ran."},
        "match": {"status": 503},
        "examples": {
            "match": [{"status": 503}, {"status": 503, "server": "x"}],
            "no_match": [{"status": 502}, {"server": "x"}],
        },
        "references": [{"url": "https://docs.example/503", "date": "2026-11-22"}],
        "since": "0.1.0",
        **changes,
    }
    return {key: value for key, value in sound.items() if value is not ...}


def text(rule_id: str = "gateway.sample", body: str = BODY, **changes: Any) -> str:
    """A rule file; every key stands on its own line, in the order of :func:`front`."""
    lines = (f"{key}: {json.dumps(value)}" for key, value in front(rule_id, **changes).items())
    return "\n".join(["---", *lines, "---", body])


def rule(rule_id: str = "gateway.sample", **changes: Any) -> Rule:
    read = rule_file.parse(text(rule_id, **changes), f"{rule_id}.md", {})
    assert read.rule, [str(problem) for problem in read.problems]
    return read.rule


UNCLASSIFIED = {
    "rule_id": "unknown.unclassified",
    "tier": "fallback",
    "layer": "unknown",
    "cause": "unclassified",
    "confidence": "low",
    "billing": {"expected": "unknown", "why": "Nobody knows."},
    "match": {"ok": False},
    "examples": {
        "match": [{"status": 1}, {"status": 2}],
        "no_match": [{"ok": True}, {"status": 200, "ok": True}],
    },
}


def knowledge(*rules: Rule, **changes: Any) -> KnowledgeBase:
    everything = tuple(sorted((*rules, rule(**UNCLASSIFIED)), key=lambda one: one.id))
    parts = {"headers": headers(everything), "version": "test", "data": {}, **changes}
    return KnowledgeBase(rules=everything, **parts)


def directory(root: Path, *files: str, **others: str) -> Path:
    """Write a knowledge directory: rule files by their id, other files by ``folder__name``."""
    whole = (*files, text(**UNCLASSIFIED)) if not others.pop("bare", None) else files
    for content in whole:
        rule_id = json.loads(next(one for one in content.split("\n") if one.startswith("id: "))[4:])
        folder, _, slug = rule_id.partition(".")
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{slug}.md").write_text(content, encoding="utf-8")
    for name, content in others.items():
        path = root / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


class Make:
    """The builders above, as one fixture."""

    body = BODY
    unclassified = UNCLASSIFIED
    front = staticmethod(front)
    text = staticmethod(text)
    rule = staticmethod(rule)
    knowledge = staticmethod(knowledge)
    directory = staticmethod(directory)


@pytest.fixture(scope="session")
def make() -> type[Make]:
    return Make


@pytest.fixture
def rows(frame: Callable[..., Any]) -> Callable[..., Any]:
    """Failed attempts at one moment, numbered from 0, unless a row says otherwise."""
    import datetime as dt

    base = {
        "ok": False,
        "hop": "client",
        "host": "llm.example",
        "endpoint": "chat",
        "started_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }

    def build(*given: dict[str, Any]) -> Any:
        return frame(*({**base, "attempt_id": n, **row} for n, row in enumerate(given)))

    return build
