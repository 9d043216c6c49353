"""``python -m analyzer.engine.lint [DIR]``: prints issues, exit status 1 if there are errors."""

from __future__ import annotations

import sys
from pathlib import Path

from analyzer import data
from analyzer.engine.lint import ERROR, run
from analyzer.engine.lint.catalogue import read


def main(arguments: list[str]) -> int:
    """Check a directory and return the exit status."""
    root = Path(arguments[0]) if arguments else data.root("knowledge")
    if not root.is_dir():
        sys.stderr.write(f"{root}: no such directory\n")
        return 2
    catalogue = read(root)
    issues = run(catalogue)
    for issue in issues:
        sys.stdout.write(f"{issue}\n")
    errors = sum(issue.severity == ERROR for issue in issues)
    sys.stdout.write(
        f"{len(catalogue.files)} rules, {errors} errors, {len(issues) - errors} warnings\n"
    )
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
