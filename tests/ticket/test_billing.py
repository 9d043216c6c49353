"""The line on money, against usage exports and without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from billing.test_end_to_end import HEAD, entry, line
from ticket.captures import tickets

FAILED = {3: 502, 5: 503, 7: 502}
TIMES = [60.0 * n for n in range(12)]


def write(folder: Path, rows: list[str] | None, late: bool = False) -> list[Path]:
    entries = [entry(n, t, FAILED.get(n, 200)) for n, t in enumerate(TIMES)]
    entries += [entry(90, 9000, 502)] if late else []
    log = {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}
    paths = [folder / "logs.har"]
    paths[0].write_text(json.dumps({"log": log}))
    if rows is not None:
        paths.append(folder / "usage.csv")
        paths[1].write_text("\n".join([HEAD, *rows]) + "\n")
    return paths


def rows(charged: dict[int, str]) -> list[str]:
    """Return an export with all successes, and of the failures those that were charged."""
    kept = [n for n in range(12) if n not in FAILED or n in charged]
    return [line(n, TIMES[n], charged.get(n, "0.0021")) for n in kept]


@pytest.mark.parametrize(
    ("export", "late", "said"),
    [
        (rows({3: "0.0021", 5: "0.0034"}), False,
         "2 of 3 charged in the usage export (0.0055 USD); please check why failed requests are "
         "charged."),
        (rows({}), False, "0 of 3 charged in the usage export (shown for all of them); please "
         "confirm not billed."),
        (rows({}), True, "0 of 4 charged in the usage export (shown for 3, not covered 1); please "
         "confirm not billed."),
        (None, False, "No usage export at hand; we expect none of them to be billed; please "
         "confirm."),
    ],
)  # fmt: skip
def test_what_an_export_shows(
    export: list[str] | None, late: bool, said: str, tmp_path: Path
) -> None:
    written = tickets(write(tmp_path, export, late), ["openrouter"])["openrouter"]
    (told,) = (section.texts for section in written.sections if section.label == "Billing")
    assert told == (said,)


def test_a_gateways_charges_are_not_the_providers_business(tmp_path: Path) -> None:
    """An export of the router says nothing to the provider behind it."""
    written = tickets(write(tmp_path, rows({3: "0.0021"})), ["openai"])["openai"]
    assert "usage export (" not in "\n".join(written.lines)
    assert "0.0021" not in "\n".join(written.lines)


def test_an_edge_and_a_client_bill_nobody() -> None:
    from cli import SAMPLES

    found = tickets([SAMPLES / "edge-522-524-and-passthrough"], ["cloudflare"])
    found |= tickets([SAMPLES / "client-timeout"], ["client"])
    for written in found.values():
        assert not any(s.texts for s in written.sections if s.label == "Billing")
    assert set(found) == {"cloudflare", "client"}
