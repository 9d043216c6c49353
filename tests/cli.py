"""Runs the program as a user does and tells how it went."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_logs"


@dataclass(frozen=True)
class Outcome:
    """Exit code and both outputs."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        assert "Traceback" not in self.err, self.err


def analyze(*args: str | Path, stdin: bytes = b"", cwd: Path | None = None, **env: str) -> Outcome:
    """Run ``analyze`` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", *map(str, args)],
        input=stdin,
        capture_output=True,
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
