from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.signals.body import read_answer, read_answers
from analyzer.signals.lines import Lines, Payloads

SSE = "text/event-stream"
LINES = st.lists(
    st.sampled_from(["", "data: {}", 'data:{"a":1}', "data:", "event: x", ": ping", " data: no"])
    | st.text("dat:\n {}", max_size=12).map(lambda text: text.replace("\n", ""))
).map("\n".join)


def seen(events: Lines | Payloads, backwards: bool, stop: int) -> list[str]:
    found: list[str] = []

    def see(event: str) -> bool:
        found.append(event)
        return len(found) >= stop

    (events.walk_back if backwards else events.walk)(see)
    return found


@given(LINES, st.integers(1, 9))
def test_both_walks_show_the_data_lines_until_it_is_enough(text: str, stop: int) -> None:
    expected = [line[5:] for line in text.split("\n") if line.startswith("data:")]
    for events in (Lines(text), Payloads(expected)):
        assert list(events) == expected
        assert len(events) == len(expected)
        assert seen(events, False, stop) == expected[:stop]
        assert seen(events, True, stop) == expected[::-1][:stop]


@given(LINES)
def test_plausible_looks_at_the_first_and_the_last_line(text: str) -> None:
    lines = [line[5:].lstrip()[:1] for line in text.split("\n") if line.startswith("data:")]
    assert Lines(text).plausible() == all(
        start in ("", "{", "[") for start in lines[:1] + lines[-1:]
    )


def chat(text: str, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'model': 'm', 'choices': [choice]})}\n\n"


STOP = chat("", "stop") + "data: [DONE]\n\n"


@pytest.mark.parametrize(
    "body",
    [
        chat("hi") + "event: error\ndata: upstream exploded\n\n" + STOP,
        chat("hi") + 'event:error\ndata: {"message": "no word for it"}\n\n' + STOP,
        chat("x" * 70_000) + "event: error\ndata: upstream exploded\n\n" + STOP,
    ],
)
def test_an_error_that_only_its_name_tells_counts_whatever_follows(body: str) -> None:
    facts = read_answer(body, SSE, 200)
    assert facts.stream_state == "error"
    assert facts.error_message in ("upstream exploded", "no word for it")


def test_what_was_said_about_errors_is_no_error() -> None:
    said = 'An "error": write "event: error", then "error".'
    assert read_answer(chat(said) + STOP, SSE, 200).stream_state == "complete"
    assert read_answer(chat(said * 2000) + STOP, SSE, 200).stream_state == "complete"


def test_many_answers_say_what_each_of_them_says() -> None:
    bodies: list[str | bytes | None] = [
        chat("hi") + STOP,
        None,
        "",
        '{"error": {"message": "bad", "type": "t"}}',
        b"\x00\x01",
        "event: error\ndata: gone\n\n",
        "<html><title>502 Bad Gateway</title></html>",
        chat("cut"),
        '{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}',
    ]
    kinds = [SSE, SSE, SSE, "application/json", None, SSE, "text/html", SSE, None]
    statuses = [200, 200, 200, 429, 200, 200, 502, None, 200]
    cuts = [False] * 7 + [True, False]
    single = [read_answer(*each) for each in zip(bodies, kinds, statuses, cuts, strict=True)]
    assert read_answers(bodies, kinds, statuses, cuts) == single
    assert [facts.stream_state for facts in single[:2]] == ["complete", "not_recorded"]
