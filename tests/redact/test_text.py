"""Text of strangers made harmless to look at."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.redact.text import one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 日本語 🙂", "plain ünïcode 日本語 🙂"),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("over\rwritten", "over\\rwritten"),
        ("\x1b[31mred\x1b]8;;http://x\x07", "\\x1b[31mred\\x1b]8;;http://x\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("zero\u200bwidth\ufeff\u2066", "zero\\u200bwidth\\ufeff\\u2066"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("lone \ud83d half", "lone \\ud83d half"),
        ("line\u2028sep", "line\\u2028sep"),
    ],
)
def test_visible(text: str, shown: str):
    assert visible(text) == shown


@given(st.text(alphabet=st.characters(), max_size=60))
def test_nothing_hidden_is_left_and_once_is_enough(text: str):
    shown = visible(text)
    assert visible(shown) == shown
    assert [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"] == []
    assert not any(
        unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF") for c in shown
    )
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("  a\n b\t\tc ", 20, "a b c"),
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abc defg", 5, "abc…"),
        ("abc", 0, ""),
        ("a\x1bb", 9, "a\\x1bb"),
    ],
)
def test_one_line(text: str, limit: int, line: str):
    assert one_line(text, limit) == line


@given(st.text(max_size=80), st.integers(0, 40))
def test_one_line_is_one_line_within_its_limit(text: str, limit: int):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
