"""Three tickets as their receivers read them."""

from __future__ import annotations

import pytest
from cli import SAMPLES
from syrupy.assertion import SnapshotAssertion
from ticket.captures import tickets

from analyzer.ticket import layout


@pytest.mark.parametrize(
    ("name", "party"),
    [
        ("upstream-overload", "anthropic"),
        ("edge-522-524-and-passthrough", "cloudflare"),
        ("client-timeout", "client"),
    ],
)
def test_as_text(name: str, party: str, snapshot: SnapshotAssertion) -> None:
    written = tickets([SAMPLES / name], [party])[party]
    assert layout.as_plain(written) == snapshot
    assert layout.as_markdown(written) == snapshot
