from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.ingest import files
from analyzer.ingest.base import Limits, Source

TEXT = b'{"log":{"entries":[]}}\n' * 50


def zstd(data: bytes) -> bytes:
    import sys

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(data)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def content(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.chdir(tmp_path)

    def build(**made: bytes) -> Path:
        for name, data in made.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path

    return build


def names(args: list[str]) -> list[str]:
    return [source.name for source in files.expand(args)[0]]


def test_names_are_relative_to_the_argument(tree) -> None:
    root = tree(a_dot_har=TEXT, logs__b_dot_har=TEXT, logs__sub__c_dot_log=TEXT)
    assert names(["a.har"]) == ["a.har"]
    assert names(["logs/b.har"]) == ["logs/b.har"]
    assert names([str(root / "logs" / "b.har")]) == ["b.har"]
    assert names(["logs"]) == ["b.har", "sub/c.log"]
    assert names([str(root / "logs")]) == ["b.har", "sub/c.log"]
    assert names(["logs/*.har"]) == ["logs/b.har"]
    assert names([f"{root}/**/*.har"]) == ["a.har", "b.har"]
    assert names(["../" + root.name + "/a.har"]) == ["../" + root.name + "/a.har"]


def test_no_path_of_this_machine_is_shown(tree) -> None:
    root = tree(a_dot_har=TEXT)
    missing = [str(root / "none.har"), f"{root}/*.zip", str(root / "empty")]
    (root / "empty").mkdir()
    sources, problems = files.expand([str(root), *missing])
    said = " ".join([*(s.name for s in sources), *(p.input + p.message for p in problems)])
    assert str(root) not in said
    assert sorted(p.kind for p in problems) == ["empty_folder", "missing_file", "missing_file"]


def test_a_folder_is_walked_sorted_without_hidden_names(tree) -> None:
    tree(b=TEXT, a=TEXT, _dot_hidden=TEXT, x__c=TEXT, _dot_git__d=TEXT)
    assert names(["."]) == ["a", "b", "x/c"]


def test_one_file_named_twice_is_read_once(tree) -> None:
    tree(logs__a_dot_har=TEXT)
    sources, problems = files.expand(["logs", "logs/a.har"])
    assert [s.name for s in sources] == ["a.har"]
    assert [(p.kind, p.lost) for p in problems] == [("duplicate_input", False)]


def test_two_files_of_one_name_are_told_apart(tree) -> None:
    tree(x__a_dot_har=TEXT, y__a_dot_har=TEXT + b" ")
    assert names(["x", "y"]) == ["a.har", "a.har~2"]


CODECS = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "plain": lambda data: data,
}


@pytest.mark.parametrize("codec", CODECS)
def test_codecs_are_told_by_their_bytes(tree, codec) -> None:
    tree(capture=CODECS[codec](TEXT))
    (source,), problems = files.expand(["capture"])
    assert problems == source.faults == []
    assert content(source) == TEXT == content(source)
    assert source.head == TEXT
    assert (source.path is None) == (codec != "plain")


@pytest.mark.parametrize("codec", ["gzip", "bz2", "xz", "zstd"])
def test_members_one_after_the_other_are_one_file(tree, codec) -> None:
    tree(capture=CODECS[codec](TEXT) + CODECS[codec](b"more"))
    (source,), _ = files.expand(["capture"])
    assert content(source) == TEXT + b"more"
    assert source.faults == []


@pytest.mark.parametrize("codec", ["gzip", "zlib", "bz2", "xz", "zstd"])
def test_a_codec_that_is_cut_off_gives_its_readable_part(tree, codec) -> None:
    data = os.urandom(300_000)
    packed = CODECS[codec](data)
    tree(capture=packed[: len(packed) * 2 // 3])
    (source,), _ = files.expand(["capture"])
    got = content(source)
    assert data.startswith(got)
    assert codec == "bz2" or len(got) > 50_000
    assert [problem.kind for problem in source.faults] == ["truncated_archive"]


@pytest.mark.parametrize("codec", ["gzip", "zlib", "bz2", "xz", "zstd"])
def test_a_codec_that_is_damaged_ends_with_a_problem(tree, codec) -> None:
    packed = bytearray(CODECS[codec](os.urandom(300_000)))
    packed[len(packed) // 2 :] = b"\x55" * (len(packed) - len(packed) // 2)
    tree(capture=bytes(packed))
    (source,), _ = files.expand(["capture"])
    content(source)
    assert len(source.faults) == 1
    assert source.faults[0].kind in ("corrupt_archive", "truncated_archive")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbf" + TEXT, TEXT),
        ("\ufeff".encode("utf-16-le") + "é{😀}".encode("utf-16-le"), "é{😀}".encode()),
        ("\ufeff".encode("utf-16-be") + "é{😀}".encode("utf-16-be"), "é{😀}".encode()),
        ("{}ab".encode("utf-16-le"), b"{}ab"),
        ("{}ab".encode("utf-16-be"), b"{}ab"),
        (b"\xff\xfe" + "ab".encode("utf-16-le") + b"\x3d\xd8", b"ab\xef\xbf\xbd"),
        (b"x^2 is no zlib", b"x^2 is no zlib"),
        (b"\xef\xbb", b"\xef\xbb"),
    ],
)
def test_everything_becomes_utf8_without_a_mark(tree, data, expected) -> None:
    tree(capture=data, packed=gzip.compress(data))
    for source in files.expand(["capture", "packed"])[0]:
        assert content(source) == expected
        assert source.head == expected


def test_utf16_larger_than_a_buffer(tree) -> None:
    text = "é😀{" * 400_000
    tree(capture=b"\xff\xfe" + text.encode("utf-16-le"))
    assert content(files.expand(["capture"])[0][0]) == text.encode()


def test_a_zip_gives_a_source_a_member(tree) -> None:
    members = {
        "har.har": TEXT,
        "sub/b.log": b"b",
        "__MACOSX/._har.har": b"x",
        ".DS_Store": b"x",
        "dir/": b"",
        "/abs/c.log": b"c",
        "w\\d.log": b"d",
    }
    tree(x=zipped(members))
    sources, problems = files.expand(["x"])
    expected = ["x!har.har", "x!sub/b.log", "x!abs/c.log", "x!w/d.log"]
    assert [source.name for source in sources] == expected
    assert [content(source) for source in sources] == [TEXT, b"b", b"c", b"d"]
    assert {source.group for source in sources} == {"x"}
    assert problems == []


def test_two_zips_are_read_in_turn(tree) -> None:
    tree(x=zipped({"a": b"1", "b": b"2"}), y=zipped({"a": b"3"}))
    one, two, three = files.expand(["x", "y"])[0]
    with one.open() as first, three.open() as third, two.open() as second:
        assert (first.read(), second.read(), third.read()) == (b"1", b"2", b"3")


def test_a_damaged_zip_is_a_problem(tree) -> None:
    data = zipped({"a": os.urandom(5000), "b": b"b" * 100})
    hurt = bytearray(data)
    hurt[200:400] = b"\x00" * 200
    tree(cut=data[:3000], hurt=bytes(hurt))
    sources, problems = files.expand(["cut", "hurt"])
    assert [(p.input, p.kind) for p in problems] == [("cut", "corrupt_archive")]
    for source in sources:
        content(source)
    assert [p.kind for source in sources for p in source.faults] == ["corrupt_archive"]


def bomb(size: int) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0) as packed:
        packed.write(b'{"log":{"entries":[')
        for _ in range(size >> 20):
            packed.write(bytes(1 << 20))
    return out.getvalue()


def test_a_bomb_stops_early_in_constant_memory(tree) -> None:
    import resource

    packed = bomb(512 << 20)
    assert len(packed) < 1 << 20
    tree(gz=packed)
    (source,), _ = files.expand(["gz"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = 0
    with source.open() as stream:
        while piece := stream.read(1 << 20):
            read += len(piece)
    assert [problem.kind for problem in source.faults] == ["bomb"]
    assert read <= 66 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 << 10
    assert "200 to 1" in source.faults[0].message


def test_a_bomb_in_a_zip(tree) -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.har", "w", force_zip64=True) as member,
    ):
        for _ in range(256):
            member.write(bytes(1 << 20))
    tree(x=out.getvalue())
    (source,), _ = files.expand(["x"])
    assert len(content(source)) <= 66 << 20
    assert [problem.kind for problem in source.faults] == ["bomb"]


def test_the_decompressed_size_is_limited(tree) -> None:
    tree(x=gzip.compress(os.urandom(400_000)))
    (source,), _ = files.expand(["x"], Limits(decompressed_bytes=100_000))
    assert len(content(source)) <= 200_000
    assert [problem.kind for problem in source.faults] == ["too_large"]


@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd"])
def test_standard_input_is_read_once(codec) -> None:
    stdin = io.BytesIO(CODECS[codec](TEXT * 1000))
    sources, problems = files.expand(["-", "-"], stdin=stdin)  # type: ignore[arg-type]
    assert [source.name for source in sources] == ["-"]
    assert [problem.kind for problem in problems] == ["duplicate_input"]
    assert content(sources[0]) == TEXT * 1000


def test_a_zip_may_be_piped() -> None:
    stdin = io.BytesIO(zipped({"a.har": TEXT}))
    sources, _ = files.expand(["-"], stdin=stdin)
    assert [(source.name, content(source)) for source in sources] == [("-!a.har", TEXT)]


def test_a_named_pipe_is_read_once(tmp_path) -> None:
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(TEXT))
    writer.start()
    sources, problems = files.expand([str(pipe)])
    writer.join()
    assert problems == []
    assert [(source.name, content(source)) for source in sources] == [("pipe", TEXT)]


def test_an_unreadable_file_is_a_problem(tree) -> None:
    tree(a=TEXT)
    Path("loop").symlink_to("loop")
    _, problems = files.expand(["loop", "a/b"])
    assert {problem.input for problem in problems} == {"loop", "a/b"}
    assert {problem.kind for problem in problems} <= {"unreadable", "missing_file"}


def test_heads_share_a_budget(tree, monkeypatch) -> None:
    monkeypatch.setattr(files, "HEADS_BUDGET", 100_000)
    tree(**{f"f{n}": b"x" * 70_000 + bytes([n]) for n in range(10)})
    assert {len(source.head) for source in files.expand(["."])[0]} == {10_000}
