"""The weekly report in every format: the same words, nothing a log could act with, one screen."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from reliability import process
from render.weekly import sample_weekly
from syrupy.assertion import SnapshotAssertion

from analyzer.errors import UsageError
from analyzer.records import Records
from analyzer.reliability.build import weekly
from analyzer.reliability.model import Weekly
from analyzer.render import weekly as renders
from analyzer.render.weekly import csv as sheet
from analyzer.render.weekly import json as document

HOSTILE = (
    '=HYPERLINK("http://evil.example","x")', "<script>alert(1)</script>", "a|b\\|c", "@channel #1",
    "\x1b[31mred", "\u202egpj.exe", "+1", "-2", "`code`", "model\nnewline", "![x](http://e.example)",
)  # fmt: skip


@pytest.fixture(scope="session")
def report() -> Weekly:
    return sample_weekly.report()


@pytest.fixture(scope="session")
def hostile() -> Weekly:
    kinds = tuple(process.Kind(name, name, 300, "chat", 900, 200) for name in HOSTILE)
    return weekly(process.records(2, weeks=2, kinds=kinds, gap=None))


@pytest.fixture(scope="session")
def tiny() -> Weekly:
    kinds = (process.Kind("m", "openai", 14, "chat", 900, None),)
    return weekly(process.records(3, weeks=1, kinds=kinds, gap=None, priced=False))


@pytest.mark.parametrize("name", sample_weekly.SAMPLES)
def test_committed_samples_are_what_the_code_makes(report: Weekly, name: str) -> None:
    made = renders.render(report, renders.for_suffix(Path(name)))
    assert (sample_weekly.FOLDER / name).read_text(encoding="utf-8") == made, (
        "python tests/render/weekly/sample_weekly.py"
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_first_screen(report: Weekly, width: int, snapshot: SnapshotAssertion) -> None:
    assert renders.render(report, "text", width=width) == snapshot


def test_text_in_full(report: Weekly, snapshot: SnapshotAssertion) -> None:
    assert renders.render(report, "text", verbose=True) == snapshot


def test_text_of_very_little(tiny: Weekly, snapshot: SnapshotAssertion) -> None:
    assert renders.render(tiny, "text") == snapshot


@pytest.mark.parametrize("name", ["report", "hostile", "tiny"])
@pytest.mark.parametrize("width", [80, 100, 132])
def test_the_answer_is_on_one_screen(name: str, width: int, request: pytest.FixtureRequest) -> None:
    lines = renders.render(request.getfixturevalue(name), "text", width=width).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert any(word in lines[2] for word in ("FAIL", "WARN", "NOTE", "OK"))


def test_ascii_terminals_lose_nothing(report: Weekly) -> None:
    text = renders.render(report, "text", unicode=False)
    assert text.isascii()
    assert "[FAIL]" in text


@pytest.mark.parametrize("format_", ["text", "html", "markdown", "json", "csv"])
def test_logs_cannot_act(hostile: Weekly, format_: str) -> None:
    text = renders.render(hostile, format_, verbose=True)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if format_ == "html":
        assert "<script" not in text
        assert "style=" not in text
    if format_ == "markdown":
        outside = re.sub(r"(`+).+?\1", "", text)
        assert "<script>" not in outside.replace("\\<", "")
        assert "](http" not in outside
        assert "@channel" not in outside


def test_csv_cells_are_no_formulas(hostile: Weekly) -> None:
    rows = list(csv.reader(io.StringIO(renders.render(hostile, "csv"))))
    assert rows[0] == [name for name, _, _ in sheet.COLUMNS]
    assert len(rows) == len(HOSTILE) + 2
    names = {row[2] for row in rows[1:]}
    assert {"'+1", "'-2"} <= names
    assert any(name.startswith("'=HYPERLINK") for name in names)
    assert not any(name.startswith(("=", "+", "-", "@")) for name in names)


def test_csv_has_the_same_numbers(report: Weekly) -> None:
    rows = list(csv.DictReader(io.StringIO(renders.render(report, "csv"))))
    assert [row["model"] for row in rows] == ["(all models)", *(m.model for m in report.models)]
    for row, one in zip(rows, (report.totals, *report.models), strict=True):
        assert int(row["attempts"]) == one.attempts
        assert int(row["failed_calls"]) == one.failed_calls
        assert float(row["availability"]) == pytest.approx(one.availability, abs=1e-6)
        assert row["verdict"] == one.verdict
        assert sum(int(row[f"failed_{n}"]) for n in one.failed_by_layer) == one.failed_attempts


@pytest.mark.parametrize("name", ["report", "hostile", "tiny"])
def test_json_is_as_published(name: str, request: pytest.FixtureRequest) -> None:
    made = json.loads(renders.render(request.getfixturevalue(name), "json"))
    jsonschema.validate(made, json.loads(document.schema_text()))
    assert Weekly.model_validate_json(json.dumps(made)) == request.getfixturevalue(name)
    for model in made["models"]:
        assert {"model", "attempts", "failed_attempts", "calls", "failed_calls", "availability",
                "latency_ms", "failed_by_layer"} <= set(model)  # fmt: skip
        assert {"p50", "p95", "p99"} <= set(model["latency_ms"])
    for incident in made["incidents"]:
        assert {"start", "end", "layer", "cause", "models", "attempts"} <= set(incident)


class Outline(HTMLParser):
    """Ids, links within the page and headings."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labels: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        self.ids += [told["id"]] if told.get("id") else []
        self.links += [told["href"][1:]] if (told.get("href") or "").startswith("#") else []
        self.labels += (told.get("aria-labelledby") or "").split()


@pytest.mark.parametrize("name", ["report", "hostile", "tiny"])
def test_html_is_one_sound_page(name: str, request: pytest.FixtureRequest) -> None:
    text = renders.render(request.getfixturevalue(name), "html")
    page = Outline()
    page.feed(text)
    assert len(page.ids) == len(set(page.ids))
    assert set(page.links) <= set(page.ids)
    assert set(page.labels) <= set(page.ids)
    assert page.tags.count("h1") == 1
    assert not set(page.tags) & {"script", "img", "iframe", "form", "link"}
    assert len(text.encode()) < 500_000


def test_same_words_everywhere(report: Weekly) -> None:
    for format_ in ("html", "markdown"):
        text = renders.render(report, format_).replace("\\", "")
        for sentence in report.headline:
            assert sentence.replace("\u00a0", " ") in text.replace("\u00a0", " ")
        for one in report.models:
            assert one.verdict_why in text


def test_many_models_are_cut_and_it_is_said(report: Weekly) -> None:
    many = report.model_copy(
        update={"models": [report.models[0].model_copy(update={"model": f"model-{i}" * 4})
                           for i in range(900)]}
    )  # fmt: skip
    page = renders.render(many, "html")
    assert "800 more models left out" in page.replace("\u00a0", " ")
    assert len(page.encode()) < 500_000
    assert "left out" in renders.render(many, "markdown")
    assert len(renders.render(many, "text").splitlines()) <= 24


def test_unknown_suffix_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt \.html .*Did you mean '\.htm'"):
        renders.check("text", [tmp_path / "x.htlm"], [])
    with pytest.raises(UsageError, match="overwrite an input"):
        renders.check("text", [tmp_path / "x.csv"], [str(tmp_path / "x.csv")])
    with pytest.raises(UsageError, match="its folder does not exist"):
        renders.check("text", [tmp_path / "no" / "x.csv"], [])
    with pytest.raises(UsageError, match="Did you mean 'markdown'"):
        renders.check("markdwn", [], [])


def test_nothing_of_the_week_is_lost_without_failures(generated_healthy: Records) -> None:
    made = weekly(generated_healthy)
    text = renders.render(made, "text", verbose=True)
    assert "No attempt failed." in text
    assert "nothing failed" in text
    assert made.causes == made.hygiene == made.incidents == []


@pytest.fixture
def generated_healthy() -> Records:
    from dataclasses import replace

    import polars as pl

    from analyzer import records as kept

    whole = process.records(4, weeks=1, kinds=(process.KINDS[2],), gap=None)
    healthy = whole.counts.with_columns(
        attempts=pl.col("attempts") - pl.col("failed"), failed=pl.lit(0, pl.Int64)
    )
    empty = kept.empty()
    return replace(whole, counts=healthy, failed=empty.failed, calls=empty.calls,
                   failures=empty.failures)  # fmt: skip
