"""A bare wheel in an empty folder works: knowledge and templates are inside."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cli import ROOT, SAMPLES


@pytest.mark.slow
def test_bare_wheel_in_an_empty_folder(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path / "dist", ROOT], check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wheel = next((tmp_path / "dist").glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("knowledge", "reports"):
        packed = {
            n.removeprefix(f"analyzer/_data/{folder}/") for n in names if f"_data/{folder}/" in n
        }
        ours = {
            str(p.relative_to(ROOT / folder)) for p in (ROOT / folder).rglob("*") if p.is_file()
        }
        assert ours <= packed
    unpacked = tmp_path / "site"
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", unpacked, wheel], check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    empty = tmp_path / "empty"
    empty.mkdir()
    probe = (
        "import analyzer; assert 'site' in analyzer.__file__; import analyzer.cli as c; c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(SAMPLES / "upstream-overload"), "-o", "report.html"],
        cwd=empty, env={**os.environ, "PYTHONPATH": str(unpacked)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pstream" in done.stdout
    assert (empty / "report.html").stat().st_size > 5_000
