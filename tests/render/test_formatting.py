"""How numbers and times are written, as a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.render import formatting as fmt

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)
_ = fmt.TIE
G = fmt.GROUP


def later(**delta: float) -> datetime:
    return NOON + timedelta(**delta)


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (fmt.number, (None,), "–"),
        (fmt.number, (0,), "0"),
        (fmt.number, (999,), "999"),
        (fmt.number, (4812,), f"4{G}812"),
        (fmt.number, (1234567,), f"1{G}234{G}567"),
        (fmt.number, (1234.56,), f"1{G}234.6"),
        (fmt.count, (None, "attempt"), f"–{_}attempts"),
        (fmt.count, (0, "attempt"), f"0{_}attempts"),
        (fmt.count, (1, "attempt"), f"1{_}attempt"),
        (fmt.count, (3, "attempt"), f"3{_}attempts"),
        (fmt.count, (2, "query", "queries"), f"2{_}queries"),
        (fmt.rate, (None,), "–"),
        (fmt.rate, (0,), f"0{_}%"),
        (fmt.rate, (1,), f"100{_}%"),
        (fmt.rate, (1.0,), f"100{_}%"),
        (fmt.rate, (0.92789,), f"92.79{_}%"),
        (fmt.rate, (0.000001,), f"<0.01{_}%"),
        (fmt.rate, (0.999999,), f">99.99{_}%"),
        (fmt.rate, (0.9999,), f"99.99{_}%"),
        (fmt.percent, (347, 4810), f"7.21{_}%"),
        (fmt.percent, (0, 10), f"0{_}%"),
        (fmt.percent, (1, 10_000_000), f"<0.01{_}%"),
        (fmt.percent, (9_999_999, 10_000_000), f">99.99{_}%"),
        (fmt.percent, (None, 10), "–"),
        (fmt.percent, (0, 0), "–"),
        (fmt.percent, (1, None), "–"),
        (fmt.duration, (None,), "–"),
        (fmt.duration, (0.0,), f"0{_}ms"),
        (fmt.duration, (0.01,), f"<0.1{_}ms"),
        (fmt.duration, (0.42,), f"0.4{_}ms"),
        (fmt.duration, (850.4,), f"850{_}ms"),
        (fmt.duration, (999.6,), f"1.0{_}s"),
        (fmt.duration, (1240,), f"1.2{_}s"),
        (fmt.duration, (59_960,), f"1{_}min{_}00{_}s"),
        (fmt.duration, (125_000,), f"2{_}min{_}05{_}s"),
        (fmt.duration, (3_599_800,), f"1{_}h{_}00{_}min"),
        (fmt.duration, (3_840_000,), f"1{_}h{_}04{_}min"),
        (fmt.duration, (183_600_000,), f"2{_}d{_}3{_}h"),
        (fmt.span, (NOON, None), "–"),
        (fmt.span, (NOON, later(minutes=16, seconds=7)), f"16{_}min{_}07{_}s"),
        (fmt.size, (None,), "–"),
        (fmt.size, (0,), f"0{_}B"),
        (fmt.size, (1_400_000,), f"1.4{_}MB"),
        (fmt.size, (999_999,), f"1.0{_}MB"),
        (fmt.clock, (None,), "–"),
        (fmt.clock, (NOON,), "12:00:05Z"),
        (fmt.stamp, (NOON,), "2026-11-22 12:00:05Z"),
        (fmt.iso, (NOON,), "2026-11-22T12:00:05Z"),
        (fmt.iso, (None,), ""),
        (fmt.window, (None, NOON), "–"),
        (fmt.window, (NOON, later(minutes=17)), "12:00-12:17 UTC"),
        (fmt.window, (NOON, later(seconds=30)), "12:00:05-12:00:35 UTC"),
        (fmt.window, (NOON, NOON), "12:00:05 UTC"),
        (fmt.window, (NOON, later(hours=13)), "2026-11-22 12:00 to 2026-11-23 01:00 UTC"),
        (fmt.bin_width, (10,), f"10{_}s"),
        (fmt.bin_width, (60,), f"1{_}min"),
        (fmt.bin_width, (90,), f"90{_}s"),
        (fmt.bin_width, (7200,), f"2{_}h"),
        (fmt.bin_width, (86_400,), f"1{_}d"),
        (fmt.money, (None, "USD"), "–"),
        (fmt.money, ("0", "USD"), f"0{_}USD"),
        (fmt.money, ("3.82", "USD"), f"3.82{_}USD"),
        (fmt.money, ("3.8", "USD"), f"3.80{_}USD"),
        (fmt.money, ("1234567.891", "USD"), f"1{G}234{G}567.89{_}USD"),
        (fmt.money, ("0.000021400000000000", "USD"), f"0.0000214{_}USD"),
        (fmt.money, ("0.5", "CNY"), f"0.50{_}CNY"),
        (fmt.money, ("1", ""), f"1.00{_}(currency not stated)"),
        (fmt.money, ("NaN", "USD"), f"NaN{_}USD"),
        (fmt.money, ("free", "USD"), f"free{_}USD"),
    ],
)  # fmt: skip
def test_written(function: Callable[..., str], args: tuple[Any, ...], expected: str) -> None:
    assert function(*args) == expected


def test_window_shows_the_date_when_asked() -> None:
    assert fmt.window(NOON, later(minutes=1), dated=True) == "2026-11-22 12:00-12:01 UTC"


@pytest.mark.parametrize(
    ("n", "expected"), [(0, None), (1, 0.95), (226, 0.01317), (10_000, 3 / 10_000)]
)
def test_upper_bound_is_the_rule_of_three(n: int, expected: float | None) -> None:
    bound = fmt.upper_bound(n)
    assert bound == (None if expected is None else pytest.approx(expected, rel=2e-3))


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_only_exact_shares_are_written_as_none_or_all(part: int, more: int) -> None:
    whole = part + more
    text = fmt.percent(part, whole)
    assert (text == f"0{_}%") == (part == 0)
    assert text != f"100{_}%"


@given(st.floats(0, 1e12, allow_nan=False))
def test_a_measured_duration_has_a_unit_and_no_carry_left(ms: float) -> None:
    text = fmt.duration(ms).replace(_, " ")
    assert text.endswith(("ms", "s", "min", "h"))
    assert "60 s" not in text
    assert not text.startswith(("1000 ms", "0.0 ", "60 min", "24 h"))


@given(st.decimals("-1e9", "1e9", places=18))
def test_money_that_is_not_zero_is_not_written_as_zero(amount: Any) -> None:
    text = fmt.money(f"{amount:f}", "USD")
    assert (text == f"0{_}USD") == (amount == 0)
    if amount:
        assert any(char in "123456789" for char in text)
