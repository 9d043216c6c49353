"""Reading a directory for the lints: unlike loading, a broken file stops nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analyzer import data
from analyzer.engine import files, rule_file, support, yaml12
from analyzer.engine.lint.base import ERROR, Catalogue, Issue
from analyzer.errors import Location

LOCK = "lock.json"
LISTS = "_lists/"


def read(root: Path) -> Catalogue:
    """Return everything in ``root``; paths are shown as the directory was given."""
    found = files.walk(root)
    problems: list[Issue] = []
    lists: dict[str, Any] = {}
    for file in found:
        if not file.name.endswith(".yaml"):
            continue
        shown = str(root / file.name)
        try:
            document = yaml12.load(_text(file.path), shown)
        except yaml12.YamlError as error:
            problems.append(Issue("KB001", ERROR, error.location, error.reason))
            continue
        problems.extend(
            Issue("KB001", ERROR, place, message)
            for place, message in support.check(file.name, document)
        )
        if file.name.startswith(LISTS):
            problems.extend(_list_problems(document))
            name = file.name.removeprefix(LISTS).removesuffix(".yaml")
            lists[name] = document.value if isinstance(document.value, list) else []
    packaged = _is_packaged(root)
    rules = [
        rule_file.parse(_text(file.path), str(root / file.name), lists)
        for file in found
        if file.is_rule
    ]
    return Catalogue(
        rules, problems, _lock(root, problems), packaged=packaged, known=_known(packaged)
    )


def _list_problems(document: yaml12.Document) -> Sequence[Issue]:
    value = document.value
    if isinstance(value, list) and value and all(isinstance(v, (str, int, float)) for v in value):
        return ()
    reason = "a list file holds a YAML list of texts or numbers"
    return (Issue("KB001", ERROR, Location(document.path, 1, 1), reason),)


def _lock(root: Path, problems: list[Issue]) -> dict[str, Any] | None:
    path = root / LOCK
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        problems.append(Issue("KB050", ERROR, Location(str(path)), f"cannot be read: {error}"))
        return None
    return value if isinstance(value, dict) else None


def _is_packaged(root: Path) -> bool:
    """Whether the directory is laid out like the packaged one: a folder for each emitter's kind."""
    return any((root / folder).is_dir() for folder in rule_file.FOLDERS)


def _known(packaged: bool) -> frozenset[str]:
    if packaged:
        return frozenset()
    root = data.root("knowledge")
    names = (file.name for file in files.walk(root) if file.is_rule and "/" in file.name)
    return frozenset(name.removesuffix(".md").replace("/", ".", 1) for name in names)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
