"""Start-up is a feature: help imports no polars, a plain run none of what it does not use."""

from __future__ import annotations

import subprocess
import sys

from cli import ROOT, SAMPLES

PROBE = """
import sys
from analyzer.cli import main
try:
    main({args!r})
except SystemExit:
    pass
print("MODULES", *sorted(m for m in sys.modules if "." not in m))
"""


def modules(*args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(args=list(args))],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    line = next(x for x in done.stdout.splitlines() if x.startswith("MODULES"))
    return set(line.split()[1:])


def test_help_imports_no_polars() -> None:
    assert not modules("--help") & {"polars", "pydantic", "jinja2", "yaml", "markdown_it"}


def test_a_run_imports_no_template_engine_and_with_a_warm_cache_no_yaml() -> None:
    sample = str(SAMPLES / "healthy")
    modules(sample)
    assert not modules(sample) & {"jinja2", "yaml", "markdown_it", "rich"}


def test_a_run_imports_no_other_command() -> None:
    probe = PROBE.replace('if "." not in m', 'if m.startswith("analyzer.cli.")')
    done = subprocess.run(
        [sys.executable, "-c", probe.format(args=[str(SAMPLES / "healthy")])],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    line = next(x for x in done.stdout.splitlines() if x.startswith("MODULES"))
    assert set(line.split()[1:]) == {f"analyzer.cli.{m}" for m in ("options", "output", "run")}
