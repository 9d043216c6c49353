"""Text from logs: shown, measured, cut and wrapped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render.sample_analysis import HOSTILE, hostile

from analyzer.render import text

ESC, BIDI, NEL = chr(27), chr(0x202E), chr(0x85)


def test_shown_copies_every_text_of_an_analysis() -> None:
    before = hostile()
    after = text.shown(before)
    assert ESC in before.verdict.text
    dump = after.model_dump_json().encode().decode("unicode_escape", "replace")
    for hidden in (ESC, BIDI, chr(0x200B), chr(7)):
        assert hidden not in after.verdict.text
        assert hidden not in after.evidence[0].place
        assert hidden not in "".join(after.evidence[0].fields)
        assert hidden not in after.method.definitions[0][1]
        assert hidden not in after.timeline.markers[0][1]
    assert dump
    assert after.totals == before.totals


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a\nb\t c", "a b c"),
        (f"{ESC}[31m", "\\x1b[31m"),
        (f"a{BIDI}b", "a\\u202eb"),
        ("1\u00a0s", "1\u00a0s"),
        ("  x  ", "x"),
    ],
)
def test_one_line(raw: str, expected: str) -> None:
    assert text.one_line(raw) == expected


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert text.one_line("abcdef", 4) == "abc…"
    assert text.one_line("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("raw", "width"),
    [("abc", 3), ("模型", 4), ("ｶﾅ", 2), ("e\u0301", 1), ("", 0), ("→", 1), ("\u202f", 1)],
)
def test_cells(raw: str, width: int) -> None:
    assert text.cells(raw) == width


def test_to_ascii_drops_nothing() -> None:
    assert text.to_ascii("4\u202f812 – “x” 模") == '4,812 - "x" \\u6a21'


@given(st.text(st.sampled_from("ab 模\n\u00a0é"), max_size=60), st.integers(2, 30))
def test_wrapped_lines_fit_and_keep_all_text(raw: str, width: int) -> None:
    lines = text.wrap(raw, width)
    assert all(text.cells(line) <= width for line in lines)
    whole = raw.replace(" ", "").replace("\n", "")
    assert "".join(lines).replace(" ", "") == whole


@given(st.text(max_size=80), st.integers(2, 30), st.integers(1, 3))
def test_wrap_shows_that_it_cut(raw: str, width: int, most: int) -> None:
    every, lines = text.wrap(raw, width), text.wrap(raw, width, most=most)
    assert len(lines) <= most
    assert all(text.cells(line) <= width for line in lines)
    if len(every) > most:
        assert lines[-1].endswith("…")
    else:
        assert lines == every


@given(st.text(max_size=40), st.integers(1, 20), st.booleans())
def test_padded_text_has_exactly_its_width(raw: str, width: int, right: bool) -> None:
    assert text.cells(text.pad(raw, width, right=right)) <= max(width, 2)
    if text.cells(raw) <= width:
        assert text.cells(text.pad(raw, width, right=right)) == width


def test_hostile_text_is_one_visible_line() -> None:
    flat = text.one_line(HOSTILE)
    assert "\n" not in flat
    assert ESC not in flat
    assert "\\x1b[31m" in flat


def test_piles_of_combining_marks_are_counted_instead_of_drawn() -> None:
    pile = "z" + chr(0x337) * 50
    assert text.one_line(pile) == "z" + chr(0x337) * 4 + "[+46 combining marks]"
    assert text.one_line("e\u0301\u0323 ok") == "e\u0301\u0323 ok"
