from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analyzer import columns
from analyzer.errors import Problem
from analyzer.ingest import capture, detect, files
from analyzer.ingest.base import Batch, Format, Source, Wants


class Fake(Format):
    name = "fake"
    title = "Fake"
    kind = "attempts"
    hop = "edge"
    source_kind = "proxy"

    def sniff(self, head: bytes, name: str) -> float:
        return 1.0 if head.startswith(b"FAKE") else 0.0

    def read(self, source: Source, wants: Wants) -> Iterator[Batch]:
        yield Batch(pl.DataFrame({"record": [1], "status": [503]}), records=1)
        if b"FAIL" in source.head:
            msg = "boom"
            raise KeyError(msg)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    known = detect.formats()
    monkeypatch.setattr(detect, "families", lambda: ("all",))
    monkeypatch.setattr(detect, "family", lambda name: (*known, Fake()))


def read(*args: str) -> list[tuple[str, str | None, Batch]]:
    sources, problems = files.expand(args)
    assert problems == []
    wants = Wants(frozenset({"resp_header.server"}), capture._Forgetful())
    return [
        (source.name, found and found.name, batch) for source, found, batch in
        capture.read(sources, wants)
    ]  # fmt: skip


def test_batches_are_canonical_and_say_where_they_are_from(fake, tmp_path) -> None:
    (tmp_path / "a").write_text("FAKE")
    ((name, found, batch),) = read(str(tmp_path / "a"))
    assert (name, found) == ("a", "fake")
    assert batch.attempts is not None
    assert batch.attempts.columns == [*columns.BY_NAME, "resp_header.server"]
    row = batch.attempts.row(0, named=True)
    assert (row["format"], row["hop"], row["status"]) == ("fake", "edge", 503)


def test_a_format_that_fails_ends_only_its_own_input(fake, tmp_path) -> None:
    (tmp_path / "a").write_text("FAKE FAIL")
    (tmp_path / "b").write_text("FAKE")
    got = read(str(tmp_path))
    problems = [problem for _, _, batch in got for problem in batch.problems]
    assert [(p.input, p.kind) for p in problems] == [("a", "internal")]
    assert "KeyError" in problems[0].message
    assert [name for name, _, batch in got if batch.attempts is not None] == ["a", "b"]


def test_an_unknown_input_says_what_was_tried(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("what is this")
    ((_, found, batch),) = read(str(tmp_path / "a.txt"))
    assert found is None
    (problem,) = batch.problems
    assert (problem.input, problem.kind, problem.lost) == ("a.txt", "unknown_format", True)
    assert "har-yaml" in problem.message
    assert "nginx" in problem.message


def test_in_a_folder_what_is_no_capture_is_one_counted_note(fake, tmp_path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(5):
        (tmp_path / "logs" / f"{number}.txt").write_text("x")
    (tmp_path / "logs" / "a").write_text("FAKE")
    got = read(str(tmp_path / "logs"))
    problems = [problem for _, _, batch in got for problem in batch.problems]
    (note,) = problems
    assert (note.input, note.kind, note.count, note.lost) == ("logs", "unknown_format", 5, False)


def test_an_empty_input_says_so(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"")
    ((_, found, batch),) = read(str(tmp_path / "a"))
    assert found is None
    assert [problem.kind for problem in batch.problems] == ["empty"]


def test_what_went_wrong_below_the_format_is_told(tmp_path, entry, har) -> None:
    packed = gzip.compress(har(*[entry()] * 400, indent=2) + bytes(range(256)) * 40)
    (tmp_path / "a.har.gz").write_bytes(packed[: len(packed) - 12])
    got = read(str(tmp_path / "a.har.gz"))
    kinds = {problem.kind for _, _, batch in got for problem in batch.problems}
    assert "truncated_archive" in kinds
    assert any(batch.attempts is not None for _, _, batch in got)


def test_a_bomb_is_called_one_even_if_it_is_no_capture(tmp_path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(200 << 20)))
    got = read(str(tmp_path / "bomb.gz"))
    assert [p.kind for _, _, batch in got for p in batch.problems] == ["bomb"]


def test_formats_are_discovered_by_name_order() -> None:
    names = [found.name for found in detect.formats()]
    assert names == sorted(names)
    assert {"har", "nginx", "openrouter-activity"} <= set(names)


def test_the_surest_format_wins(source) -> None:
    class Sure(Fake):
        name = "sure"

        def sniff(self, head: bytes, name: str) -> float:
            return 0.2 if name == "member" else 0.0

    made = source(b"x", "a.zip!member")
    assert [score.score for score in detect.scores(made, [Sure(), Fake()])] == [0.2, 0.0]
    assert detect.detect(made, [Sure(), Fake()]) is None
    assert detect.detect(source(b"FAKE"), [Sure(), Fake()]).name == "fake"


def test_read_frame_is_one_canonical_frame(tmp_path, entry, har) -> None:
    (tmp_path / "a.har").write_bytes(har(entry(), entry()))
    (tmp_path / "b.har").write_bytes(har(entry()))
    problems: list[Problem] = []
    frame = capture.read_frame([str(tmp_path)], ["resp_header.content-type"], problems=problems)
    assert problems == []
    assert frame["input"].to_list() == ["a.har", "a.har", "b.har"]
    assert frame["format"].unique().to_list() == ["har"]
    assert frame["hop"].unique().to_list() == ["client"]
    assert frame["resp_header.content-type"].to_list() == ["application/json"] * 3
    assert_frame_equal(
        frame.filter(input="b.har"),
        capture.read_frame([str(tmp_path / "b.har")], ["resp_header.content-type"]),
    )


def test_read_frame_warns_of_losses(tmp_path, entry) -> None:
    text = json.dumps({"log": {"entries": [entry(), None]}})
    (tmp_path / "a.har").write_text(text)
    with pytest.warns(UserWarning, match="a.har#2"):
        frame = capture.read_frame(
            [
                str(tmp_path / "a.har"),
            ]
        )
    assert frame.height == 1
    assert capture.read_frame([], problems=[]).height == 0
