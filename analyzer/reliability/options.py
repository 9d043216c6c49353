"""What a weekly report can be told: the zone of the week, and the targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from analyzer.errors import UsageError

TARGET = 0.995
"""Target where nobody states one."""
DEFAULT = "default"
"""The name in the configuration under which the target of all other models stands."""


@dataclass(frozen=True, slots=True)
class Options:
    """The defaults are those of the command line."""

    zone: tzinfo = UTC
    target: float = TARGET
    targets: Mapping[str, float] = field(default_factory=dict)
    """Targets of single models, by name in lower case."""
    weeks_before: int = 4
    """With how many weeks the week is compared."""
    command: str = ""

    def of(self, model: str) -> float:
        """Return the target of a model."""
        return self.targets.get(model.lower(), self.target)


def told(words: Iterable[str], configured: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """Return the common target and those of models: ``99.5`` and ``MODEL=99.9`` over the file's.

    Raises:
        UsageError: a word is no percentage below 100.
    """
    named = {name.lower(): _share(percent) for name, percent in configured.items()}
    for word in words:
        name, _, text = word.rpartition("=")
        named[name.strip().lower() or DEFAULT] = _share(_percent(word, text))
    return named.pop(DEFAULT, TARGET), named


def _percent(word: str, text: str) -> float:
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1.0
    if 0 < value < 100:
        return value
    msg = f"--slo '{word}': say a percentage above 0 and below 100, as in 99.5 or MODEL=99.9"
    raise UsageError(msg)


def _share(percent: float) -> float:
    """Return a percentage as a share; 99.9 / 100 is not 0.999 in binary."""
    return round(percent / 100, 12)
