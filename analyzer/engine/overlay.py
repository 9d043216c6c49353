"""A user's rule file: a new rule, or an override of a packaged one.

An override names the revision of the rule that it was written for, so that a packaged rule that has
moved on since is noticed::

    extends: {id: edge.cloudflare-524, rev: 1}
    override:
      confidence: high                       # a scalar replaces
      references: {append: [{url: …}]}       # a list takes append, remove or replace
      match: {and: {host: llm.example}}      # a match is replaced as a whole, or narrowed by and
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from analyzer.engine import rule_file, yaml12
from analyzer.engine.rule_file import FileProblem, Lists, RuleFile
from analyzer.errors import did_you_mean

LIST_VERBS = ("append", "remove", "replace")
FIXED = ("id", "rev", "since")
WHOLE = ("match", "context", "examples")


class OverrideError(ValueError):
    """An override that cannot be applied; ``path`` is below ``override``."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        """Keep the path, by which the place in the file is found."""
        super().__init__(message)
        self.path = path


def read(
    text: str, path: str, known: Mapping[str, RuleFile], lists: Lists
) -> tuple[RuleFile, list[str]]:
    """Read a user's file and return it with warnings.

    An override comes back with the rule it results in, marked as not packaged.
    """
    try:
        front = yaml12.front_matter(text, path)
    except yaml12.YamlError:
        return rule_file.parse(text, path, lists), []
    meta = front.meta
    if not (isinstance(meta.value, dict) and "extends" in meta.value):
        return rule_file.build(meta, front.body, front.body_line, lists), []
    try:
        base, warnings = _base(meta.value, known, path)
        merged = merge(base.document.value, meta.value.get("override") or {})
    except OverrideError as error:
        problem = FileProblem("KB001", meta.locate(error.path), str(error))
        return RuleFile(path, meta, front.body, front.body_line, None, (problem,)), []
    marks = {(): (1, 1), **{p[1:]: m for p, m in meta.marks.items() if p[:1] == ("override",)}}
    body = front.body if front.body.strip() else base.body
    built = rule_file.build(yaml12.Document(path, merged, marks), body, front.body_line, lists)
    if built.rule:
        rule = msgspec.structs.replace(built.rule, builtin=False)
        built = RuleFile(path, built.document, body, front.body_line, rule)
    return built, warnings


def _base(
    value: dict[str, Any], known: Mapping[str, RuleFile], path: str
) -> tuple[RuleFile, list[str]]:
    extra = [key for key in value if key not in ("extends", "override")]
    if extra:
        raise OverrideError((extra[0],), "beside 'extends' only 'override' is allowed")
    extends = value["extends"]
    if not (isinstance(extends, dict) and set(extends) == {"id", "rev"}):
        raise OverrideError(("extends",), "expected {id: …, rev: …}")
    base = known.get(str(extends["id"]))
    if base is None or base.rule is None:
        near = did_you_mean(str(extends["id"]), known)
        raise OverrideError(("extends", "id"), f"there is no rule '{extends['id']}'.{near}")
    if not isinstance(value.get("override", {}), dict):
        raise OverrideError(("override",), "expected a mapping of the keys to change")
    if extends["rev"] == base.rule.rev:
        return base, []
    return base, [
        f"{path}: '{base.rule.id}' is at revision {base.rule.rev} now, the override was written "
        f"for {extends['rev']}; compare them and change 'extends.rev'"
    ]


def merge(base: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the front matter of a rule with the changes of an override.

    Raises:
        OverrideError: a key that cannot be overridden, or a verb that does not fit.
    """
    merged = dict(base)
    for key, change in changes.items():
        path = ("override", key)
        if key in FIXED:
            raise OverrideError(path, f"'{key}' cannot be overridden")
        merged[key] = (
            _whole(merged.get(key), change, path)
            if key in WHOLE
            else _value(merged.get(key), change, path)
        )
    return merged


def _whole(base: Any, change: Any, path: tuple[str, ...]) -> Any:
    verbs = ("replace", "and") if path[-1] == "match" else ("replace",)
    if not (isinstance(change, dict) and len(change) == 1 and next(iter(change)) in verbs):
        raise OverrideError(path, f"'{path[-1]}' takes {' or '.join(verbs)} with a mapping")
    ((verb, value),) = change.items()
    return {"all": [base, value]} if verb == "and" else value


def _value(base: Any, change: Any, path: tuple[str, ...]) -> Any:
    if isinstance(base, list) or (isinstance(change, dict) and set(change) & set(LIST_VERBS)):
        return _list(base or [], change, path)
    if isinstance(base, dict) and isinstance(change, dict):
        merged = dict(base)
        for key, value in change.items():
            merged[key] = _value(merged.get(key), value, (*path, key))
        return merged
    return change


def _list(base: list[Any], change: Any, path: tuple[str, ...]) -> list[Any]:
    if not (isinstance(change, dict) and change and set(change) <= set(LIST_VERBS)):
        raise OverrideError(path, f"a list takes {', '.join(LIST_VERBS)} with a list")
    result = list(base)
    for verb, items in change.items():
        if not isinstance(items, list):
            raise OverrideError((*path, verb), "expected a list")
        if verb == "replace":
            result = list(items)
        elif verb == "append":
            result.extend(items)
        else:
            result = [item for item in result if item not in items]
    return result
