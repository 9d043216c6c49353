"""Files are known by what they hold."""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.history import contents
from analyzer.ingest import files
from analyzer.ingest.base import Source


def source(data: bytes, name: str = "a.log") -> Source:
    import io

    return Source(name, lambda: io.BytesIO(data), data[:100], len(data))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=9000), st.lists(st.integers(0, 12_000), max_size=5))
def test_the_digests_of_beginnings_are_those_of_the_bytes(data: bytes, lengths: list[int]) -> None:
    found = contents.content(source(data), lengths)
    assert found.sha256 == sha256(data).hexdigest()
    assert found.size == len(data)
    within = {length for length in lengths if 0 < length <= len(data)}
    assert found.prefixes == {sha256(data[:length]).hexdigest() for length in within}
    assert found.marks == {
        mark: sha256(data[:mark]).hexdigest()[:12] for mark in contents.marks_within(len(data))
    }
    assert contents.marks_of(found.beginnings()) == found.marks


def test_marks_are_four_to_a_doubling() -> None:
    assert list(contents.marks_within(2600)) == [1024, 1280, 1536, 1792, 2048, 2560]
    assert list(contents.marks_within(1023)) == []


def test_a_compressed_file_holds_what_it_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"line\n" * 1000)
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"line\n" * 1000))
    found, _ = files.expand([str(tmp_path / "a.log"), str(tmp_path / "a.log.gz")])
    plain, packed = (contents.content(one) for one in found)
    assert plain.sha256 == packed.sha256
    assert plain.size == packed.size == 5000


def test_the_digest_of_a_set_does_not_depend_on_its_order() -> None:
    one, two = (contents.content(source(data)) for data in (b"a", b"b"))
    assert contents.set_id([one, two]) == contents.set_id([two, one])
    assert contents.set_id([one]) == one.sha256


def test_a_pipe_is_kept_so_that_it_can_be_read_again(tmp_path: Path) -> None:
    import io

    found, _ = files.expand(["-"], stdin=io.BytesIO(b"line\n" * 3))
    kept = contents.kept(found[0], tmp_path)
    assert [kept.open().read() for _ in range(2)] == [b"line\n" * 3] * 2
    assert kept.name == "-"
