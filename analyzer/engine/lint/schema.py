"""Lints of the file itself: shape, keys, ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from analyzer.engine.lint.base import ERROR, Catalogue, Issue, Lint


class Shape(Lint):
    """What reading the file found; the codes are those of the single problems."""

    code = "KB001"
    doc = "The file cannot be read: YAML, keys, words, match, context or example cells."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        for file in catalogue.files:
            for problem in file.problems:
                yield Issue(problem.code, ERROR, problem.location, problem.message)


class IdIsPath(Lint):
    """A packaged rule's id is its path."""

    code = "KB003"
    doc = "The id is not '<folder>.<file name>'."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        if not catalogue.packaged:
            return
        for file in catalogue.files:
            path = PurePath(file.path)
            wanted = f"{path.parent.name}.{path.stem}"
            if file.rule and file.rule.id != wanted:
                message = f"the id is '{file.rule.id}', but the file's place says '{wanted}'"
                yield self.issue(file.locate("id"), message)


class UniqueId(Lint):
    """No two files have one id, former ids included."""

    code = "KB004"
    doc = "The id or a former id (alias) is used twice."

    def finish(self, catalogue: Catalogue) -> Iterator[Issue]:
        """See the base class."""
        taken: dict[str, str] = {}
        for file in catalogue.files:
            if not file.rule:
                continue
            for name in (file.rule.id, *file.rule.aliases):
                if name in taken:
                    message = f"'{name}' is already used by {taken[name]}"
                    yield self.issue(file.locate("id"), message)
                taken.setdefault(name, file.path)
