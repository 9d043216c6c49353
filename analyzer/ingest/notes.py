"""Problems of one input, so many told one by one and the rest counted."""

from __future__ import annotations

from collections import Counter

from analyzer.errors import Problem

ITEMISED = 20
"""Problems of one kind that are told one by one; a capture may hold a million bad lines."""


class Notes:
    """Collects what could not be read in one input.

    The first :data:`ITEMISED` problems of a kind keep their place; the others are counted and told
    once, by :meth:`finish`. ``take`` hands out what has come up since it was last called.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._fresh: list[Problem] = []
        self._told: Counter[str] = Counter()
        self._more: dict[tuple[str, bool], int] = {}

    def add(
        self, kind: str, message: str, record: int | None = None, count: int = 1, lost: bool = True
    ) -> None:
        """Note one problem at ``record``, standing for ``count`` records."""
        self._told[kind] += 1
        if self._told[kind] <= ITEMISED:
            self._fresh.append(Problem(self._name, kind, message, record, count, lost))
        else:
            key = (kind, lost)
            self._more[key] = self._more.get(key, 0) + count

    def take(self) -> tuple[Problem, ...]:
        """Return the itemised problems that are new."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def finish(self) -> tuple[Problem, ...]:
        """Return what is new and one counted problem for each kind that had too many."""
        for (kind, lost), count in self._more.items():
            message = f"{count} more of the kind '{kind}', not listed one by one."
            self._fresh.append(Problem(self._name, kind, message, None, count, lost))
        self._more = {}
        return self.take()
