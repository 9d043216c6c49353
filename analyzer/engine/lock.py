"""The lock file: which revision of each rule means which verdict.

``lock.json`` has for every rule its ``rev`` and a fingerprint of what a verdict depends on. A rule
whose verdict changes must get a new ``rev``, because findings cite rules as ``id@rev``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from analyzer.engine.rule import Rule

FILE = "lock.json"


def fingerprint(rule: Rule) -> str:
    """Return the SHA-256 of the parts of a rule that a verdict depends on."""
    parts = {
        "match": rule.match,
        "context": {
            part: sorted(call.key for call in getattr(rule, part))
            for part in ("requires", "raises", "lowers")
        },
        "verdict": [
            rule.layer,
            rule.emitted_by,
            rule.cause,
            rule.confidence,
            rule.billing_expected,
        ],
        "rank": [rule.tier, sorted(rule.supersedes)],
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def make(rules: Iterable[Rule]) -> dict[str, dict[str, Any]]:
    """Return the lock of the rules, by id."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    return {rule.id: {"rev": rule.rev, "sha256": fingerprint(rule)} for rule in ordered}


def dump(lock: Mapping[str, Any]) -> str:
    """Return the lock as the text of its file: one rule a line, so that merges stay readable."""
    lines = (f"  {json.dumps(rule_id)}: {json.dumps(entry)}" for rule_id, entry in lock.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def complaint(rule: Rule, locked: Mapping[str, Any] | None) -> str:
    """Return what is wrong between a rule and its entry, or an empty string.

    ``locked`` is the rule's entry; a missing one is no complaint of this function.
    """
    if not locked:
        return ""
    rev = locked.get("rev")
    same = locked.get("sha256") == fingerprint(rule)
    if rule.rev == rev and not same:
        return f"the verdict has changed, but 'rev' is still {rev}: write {rule.rev + 1}"
    if isinstance(rev, int) and rule.rev < rev:
        return f"'rev' went back from {rev} to {rule.rev}"
    return ""
