from __future__ import annotations

import io
import os
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ingest.lines import Numbers, line_blocks


class _File(io.FileIO):
    """A file with some bytes in it, gone when closed."""

    def __init__(self, data: bytes) -> None:
        with tempfile.TemporaryFile(buffering=0) as made:
            made.write(data)
            made.seek(0)
            super().__init__(os.dup(made.fileno()))


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=12)),
    last=st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=12),
    block=st.integers(1, 40),
    ahead=st.integers(1, 10),
    in_file=st.booleans(),
)
def test_blocks_hold_every_line_once_with_its_number(lines, last, block, ahead, in_file) -> None:
    data = ("".join(f"{line}\n" for line in lines) + last).encode()
    expected = [*lines, last] if last else lines
    seen: list[str] = []
    # In files it is looked ahead for the end of a line.
    stream = io.BufferedReader(_File(data)) if in_file else io.BytesIO(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.ingest.lines._AHEAD", ahead)
        blocks = list(map(Numbers().counted, line_blocks(stream, 1000, block)))
    for found in blocks:
        assert found.first == len(seen) + 1
        part = found.data.decode().split("\n")
        part = part[:-1] if found.complete else part
        assert len(part) == found.lines
        seen += part
    assert seen == expected


@pytest.mark.parametrize("block", [3, 7, 10, 64])
def test_a_line_over_the_limit_is_dropped_and_counted(block) -> None:
    data = b"a\n" + b"x" * 50 + b"\nb\nc\n" + b"y" * 50
    found = list(map(Numbers().counted, line_blocks(io.BytesIO(data), 20, block)))
    numbered = [
        (part.first + index, line)
        for part in found
        for index, line in enumerate(part.data.split(b"\n"))
        if line and len(line) <= 20
    ]
    assert numbered == [(1, b"a"), (3, b"b"), (4, b"c")]
    if block < 50:
        assert sum(part.too_long for part in found) == 2


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    (found,) = line_blocks(io.BytesIO(b"a\xff\n"), 100)
    assert found.data == "a\ufffd\n".encode()
