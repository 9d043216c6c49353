"""The sample reports under docs/samples are what the program writes today.

``WHICHHOP_UPDATE=1 python -m pytest tests/render/incident/test_sample_report.py`` writes them anew.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cli import ROOT
from render.incident.test_report import made, storm_of

from analyzer.pipeline import Result
from analyzer.render.incident import show

FOLDER = ROOT / "docs" / "samples"
FORMS = {"incident.html": "html", "incident.md": "markdown"}


@pytest.mark.parametrize("name", FORMS)
def test_the_sample_is_rebuilt_byte_by_byte(stormy: Result, name: str) -> None:
    number = storm_of(stormy)
    document = made(
        stormy, number=number, zone=ZoneInfo("Europe/Berlin"), zone_name="Europe/Berlin",
        files=("storm.har",),
        command=f"analyze incident storm.har --incident {number} --tz Europe/Berlin "
        "--marker '14:19Z deploy 4.2'",
    )  # fmt: skip
    # The version of the knowledge changes with every rule; the sample shall not.
    document = replace(document, tool="whichhop, a sample report")
    written = show.render(document, FORMS[name]).encode()
    path: Path = FOLDER / name
    if os.environ.get("WHICHHOP_UPDATE"):
        path.write_bytes(written)
    assert path.read_bytes() == written, "write it anew: see the head of this test"
    assert len(written) < 120_000
