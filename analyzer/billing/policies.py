"""Published billing policies, as the data of ``knowledge/policies.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

DOCUMENTED = ("stated", "measured", "code")
"""Strengths that count as documented: the party's own page, its staff's word, its source code."""
PHASES = ("finish_stated", "before_output", "not_streamed")
"""Circumstances that an answer itself shows; others (a batch, a service tier) are not seen."""

_SCHEMA = pl.Schema(
    {
        "party": pl.String(),
        "class": pl.String(),
        "phase": pl.String(),
        "_verdict": pl.String(),
        "_documented": pl.Boolean(),
        "_url": pl.String(),
        "_date": pl.String(),
        "_note": pl.String(),
    }
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What one party says of one class of failures."""

    party: str
    """Slug of the provider or gateway that keeps the ledger."""
    failure_class: str
    verdict: str
    strength: str
    url: str
    date: str
    phase: str = ""
    """The entry holds only in this circumstance; empty for the general answer."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies, and which causes belong to which class of failures."""

    policies: tuple[Policy, ...]
    classes: Mapping[str, str]
    """Cause -> class."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Policies:
        """Read the parsed ``policies.yaml``."""
        listed = tuple(
            Policy(
                party=str(item["party"]),
                failure_class=str(item["class"]),
                verdict=str(item["verdict"]),
                strength=str(item["strength"]),
                url=str(item.get("url") or ""),
                date=str(item.get("date") or ""),
                phase=str(item.get("phase") or ""),
                note=str(item.get("note") or ""),
            )
            for item in document.get("policies", [])
        )
        classes = {
            cause: name for name, causes in document.get("classes", {}).items() for cause in causes
        }
        return cls(listed, classes)

    def frame(self) -> pl.DataFrame:
        """Return ``party class phase _verdict _documented _url _date _note``.

        One row per party, class and phase.

        A class that only has special answers for some phases gets its general answer there too.
        """
        said: dict[tuple[str, str, str], Policy] = {}
        for policy in self.policies:
            if policy.strength != "silent":
                said.setdefault((policy.party, policy.failure_class, policy.phase), policy)
        for party, name, phase in list(said):
            for other in PHASES:
                if not phase:
                    said.setdefault((party, name, other), said[party, name, ""])
        rows = [
            (party, name, phase, policy.verdict, policy.strength in DOCUMENTED, policy.url,
             policy.date, policy.note)
            for (party, name, phase), policy in said.items()
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
