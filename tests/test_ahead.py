"""Reading ahead changes neither order nor content, and ends with what it is given."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from analyzer.ahead import ahead


def test_order_and_content_stay() -> None:
    assert list(ahead(iter(range(500)))) == list(range(500))


def test_what_the_items_raise_is_raised_here_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        msg = "broken"
        raise KeyError(msg)

    seen: list[int] = []
    with pytest.raises(KeyError, match="broken"):
        seen.extend(ahead(items()))
    assert seen == [1, 2]


def test_leaving_early_ends_the_thread_and_the_items() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            closed.set()

    made = items()
    for item in ahead(made):
        if item == 3:
            break
    assert not [t for t in threading.enumerate() if t.name == "whichhop-read" and t.is_alive()]
    made.close()
    assert closed.is_set()
