"""Playwright's ``attach`` mode: bodies in files beside the capture, and what may not be opened."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analyzer.errors import Problem
from analyzer.ingest import capture, files
from analyzer.ingest.beside import Beside, in_folder

BODY = b'{"model":"m","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'
ASKED = b'{"model":"gpt-4o","messages":[]}'
MESSAGES = "".join(
    json.dumps({"type": kind, "time": 1.0, "opcode": 1, "data": json.dumps(value)}) + "\n"
    for kind, value in (
        ("send", {"type": "response.create"}),
        ("receive", {"type": "response.created"}),
        ("receive", {"type": "response.done", "response": {"status": "completed", "output": [1]}}),
    )
).encode()


def named(data: bytes, suffix: str = "json") -> str:
    return f"{hashlib.sha1(data).hexdigest()}.{suffix}"


@pytest.fixture
def log(entry, har):
    def build(file: Any = None, key: str = "_file", **response: Any) -> bytes:
        content = {"size": len(BODY), "mimeType": "application/json"}
        if file is not None:
            content[key] = file
        made = entry(response={"content": content, **response})
        made["request"]["postData"] = {"mimeType": "application/json", "_file": named(ASKED)}
        return har(made, creator="Playwright")

    return build


def read(path: Path) -> tuple[pl.DataFrame, list[Problem]]:
    problems: list[Problem] = []
    frame = capture.read_frame([str(path)], problems=problems)
    return frame, problems


@pytest.mark.parametrize("key", ["_file", "_sha1"])
def test_bodies_in_a_folder(tmp_path: Path, log: Any, key: str) -> None:
    (tmp_path / named(BODY)).write_bytes(BODY)
    (tmp_path / named(ASKED)).write_bytes(ASKED)
    (tmp_path / "trace.har").write_bytes(log(named(BODY), key))
    for argument in (tmp_path / "trace.har", tmp_path):
        frame, problems = read(argument)
        assert problems == []
        row = frame.row(0, named=True)
        assert (row["body_kind"], row["finish_reason"], row["model"]) == ("json", "stop", "gpt-4o")


@pytest.mark.parametrize("folder", ["", "inner/"])
@pytest.mark.parametrize("blob", [named(BODY), "main-response.txt"])
def test_bodies_in_an_archive(tmp_path: Path, log: Any, folder: str, blob: str) -> None:
    path = tmp_path / "trace.har.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(folder + blob, BODY)
        archive.writestr(folder + named(ASKED), ASKED)
        archive.writestr(folder + "har.har", log(blob))
    frame, problems = read(path)
    assert problems == []
    row = frame.row(0, named=True)
    assert (row["body_kind"], row["model"]) == ("json", "gpt-4o")
    assert row["input"] == f"trace.har.zip!{folder}har.har"


def test_a_capture_behind_ten_thousand_bodies_is_found(tmp_path: Path, log: Any) -> None:
    path = tmp_path / "trace.har.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(files.MEMBERS + 5):
            archive.writestr(f"{number:040x}.txt", b"")
        archive.writestr(named(BODY), BODY)
        archive.writestr(named(ASKED), ASKED)
        archive.writestr("har.har", log(named(BODY)))
    frame, problems = read(path)
    assert problems == []
    assert frame["body_kind"].to_list() == ["json"]


@pytest.mark.parametrize(
    "name",
    [
        "secret.txt",  # any other file of the folder
        "../outside.json",
        "/etc/hostname",
        "..",
        ".hidden",
        "a\\b",
        "x" * 300,
        7,
        ["x"],
        {"a": 1},
        "f" * 40 + ".json",  # not there
        "e" * 40,  # a folder
        "d" * 40,  # a link
        "c" * 40,  # a pipe
    ],
)
def test_what_may_not_be_opened(tmp_path: Path, log: Any, name: Any) -> None:
    outside = tmp_path / "outside.json"
    inner = tmp_path / "inner"
    inner.mkdir()
    for path in (outside, inner / "secret.txt", inner / ".hidden"):
        path.write_bytes(BODY)
    (inner / ("e" * 40)).mkdir()
    (inner / ("d" * 40)).symlink_to(outside)
    os.mkfifo(inner / ("c" * 40))
    (inner / "trace.har").write_bytes(log(name))
    frame, problems = read(inner / "trace.har")
    assert frame["body_kind"].to_list() == ["absent"]
    assert [(p.kind, p.count, p.lost) for p in problems] == [("missing_body", 2, False)]


def test_a_body_over_the_limit_is_not_read(tmp_path: Path) -> None:
    name = named(BODY)
    (tmp_path / name).write_bytes(BODY)
    beside = in_folder(tmp_path / "x.har", "x.har")
    assert beside.read(name, len(BODY)) == BODY
    assert beside.read(name, len(BODY) - 1) is None
    assert beside.used == {name}


def test_one_large_body_is_not_read_for_ever() -> None:
    asked: list[str] = []

    def fetch(name: str, limit: int) -> bytes:
        asked.append(name)
        return b"x" * (100 << 20)

    beside = Beside(fetch, "in/")
    got = [beside.read("a", 1 << 30) for _ in range(50)]
    assert sum(data is not None for data in got) == len(asked) == 4
    assert beside.used == {"in/a"}


def test_messages_of_a_socket_in_a_file(tmp_path: Path, log: Any) -> None:
    name = named(MESSAGES, "jsonl")
    (tmp_path / name).write_bytes(MESSAGES + b"broken\n")
    (tmp_path / named(ASKED)).write_bytes(ASKED)
    (tmp_path / "trace.har").write_bytes(log(name, status=101))
    frame, problems = read(tmp_path)
    assert problems == []
    row = frame.row(0, named=True)
    assert (row["stream_state"], row["stream_events"]) == ("complete", 2)


def test_other_files_of_a_folder_are_still_counted(tmp_path: Path, log: Any) -> None:
    (tmp_path / named(BODY)).write_bytes(BODY)
    (tmp_path / "notes.md").write_text("# hello\n")
    (tmp_path / "trace.har").write_bytes(log(named(BODY)))
    _, problems = read(tmp_path)
    assert [(p.kind, p.count) for p in problems] == [("missing_body", 1), ("unknown_format", 1)]
    (tmp_path / "trace.har").unlink()
    frame, problems = read(tmp_path)
    assert [(p.kind, p.count) for p in problems] == [("unknown_format", 2)]
    assert frame.height == 0
