"""No planted secret is in any output of any format, explanations and messages included."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from cli import Outcome, analyze
from secrets_gen import Planted, generate


@pytest.fixture(scope="module", params=[1, 2])
def planted(request: pytest.FixtureRequest) -> Planted:
    return generate(request.param)


@pytest.fixture(scope="module")
def outputs(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every output that the program can give of the planted capture, by name."""
    folder = tmp_path_factory.mktemp("planted")
    capture = folder / "logs.har"
    capture.write_text(json.dumps(planted.har))
    files = [folder / f"r.{suffix}" for suffix in ("html", "md", "json", "txt", "jsonl", "parquet")]
    done = analyze(capture, "--all-traffic", "-vv", *(x for f in files for x in ("-o", f)))
    assert done.code == 0, done.err
    found = {"terminal": done.out, "stderr": done.err}
    for path in files[:-1]:
        found[path.name] = path.read_text()
    found["r.parquet"] = pl.read_parquet(files[-1]).write_json()
    for format_ in ("json", "jsonl", "markdown", "html"):
        found[f"stdout {format_}"] = _good(analyze(capture, "--all-traffic", "--format", format_))
    rows = [json.loads(line) for line in found["r.jsonl"].splitlines()]
    one_per_rule = {row["rule"]: row for row in rows if row["ok"] is False}
    for row in one_per_rule.values():
        told = analyze("explain", capture, str(row["record"]), "--all-traffic")
        found[f"explain {row['record']}"] = _good(told)
    found["render"] = _good(analyze("render", folder / "r.json", "-vv"))
    found["error"] = analyze(capture, "-o", "x.xyz").err
    return found


def _good(done: Outcome) -> str:
    assert done.code == 0, done.err
    return done.out + done.err


def test_the_capture_reaches_the_outputs(planted: Planted, outputs: dict[str, str]) -> None:
    rows = [json.loads(line) for line in outputs["r.jsonl"].splitlines()]
    assert len(rows) == len(planted.har["log"]["entries"])
    assert sum(row["ok"] is False for row in rows) > 5
    assert len(outputs) > 15


def test_no_needle_survives_anywhere(planted: Planted, outputs: dict[str, str]) -> None:
    leaks = [
        (name, kind)
        for name, text in outputs.items()
        for kind, forms in planted.needles.items()
        if any(form in text for form in forms)
    ]
    assert not leaks


def test_what_support_needs_survives(planted: Planted, outputs: dict[str, str]) -> None:
    shown = outputs["r.jsonl"] + outputs["r.json"]
    lost = [value for value in planted.survivors if value not in shown]
    assert not lost


def test_a_secret_that_gets_through_stops_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: Planted
) -> None:
    """Break redaction on purpose: the last look must refuse, and leave nothing behind."""
    from analyzer.cli import main
    from analyzer.redact.secrets import SecretStore

    capture = tmp_path / "logs.har"
    capture.write_text(json.dumps(planted.har))
    monkeypatch.setattr(SecretStore, "redact", lambda self, text: text)
    report = tmp_path / "r.html"
    with pytest.raises(SystemExit) as stopped:
        main([str(capture), "--all-traffic", "-qq", "-o", str(report)])
    assert stopped.value.code == 5
    assert list(tmp_path.iterdir()) == [capture]
