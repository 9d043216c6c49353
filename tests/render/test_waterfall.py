"""Where the time went: lanes, pixels and letters agree, and nothing unrecorded is invented."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from render.sample_analysis import incident

from analyzer.analysis.model import Evidence
from analyzer.render import html, waterfall
from analyzer.render.waterfall import PHASES, REST


def evidence(number: int = 1, whole: str | None = None, **timings: float) -> Evidence:
    fields = {} if whole is None else {"duration_ms": whole}
    return Evidence(id=f"E{number}", place=f"a#{number}", summary="", fields=fields,
                    timings_ms=timings)  # fmt: skip


@pytest.mark.parametrize(
    ("item", "parts", "total"),
    [
        (evidence(wait=10.0, receive=5.0), [("wait", 0, 10), ("receive", 10, 5)], 15),
        # connect includes tls, so the two may not be added
        (evidence(connect=30.0, tls=20.0), [("connect", 0, 10), ("tls", 10, 20)], 30),
        (evidence(whole="100", wait=60.0), [("wait", 0, 60), (REST, 60, 40)], 100),
        (evidence(whole="100.4", wait=100.0), [("wait", 0, 100)], 100.4),
        (evidence(whole="50", wait=60.0), [("wait", 0, 60)], 60),
        (evidence(whole="2000"), [(REST, 0, 2000)], 2000),
        (evidence(send=0.0, wait=3.0), [("wait", 0, 3)], 3),
    ],
)
def test_lanes(item: Evidence, parts: list[tuple[str, float, float]], total: float) -> None:
    (lane,) = waterfall.lanes([item])
    assert [(p.phase, p.start, p.ms) for p in lane.parts] == parts
    assert lane.total == total
    assert lane.recorded == item.timings_ms


@pytest.mark.parametrize("whole", [None, "", "soon", "nan", "inf", "-5"])
def test_without_any_time_there_is_no_lane(whole: str | None) -> None:
    assert waterfall.lanes([evidence(whole=whole)]) == []


def test_where_no_phase_is_recorded_nothing_is_drawn() -> None:
    lanes = waterfall.lanes([evidence(whole="2000"), evidence(2, whole="30")])
    assert waterfall.waterfall(lanes) is None
    assert waterfall.text_waterfall(lanes) == ""


def test_the_unrecorded_part_is_hatched_and_has_no_label() -> None:
    fall = waterfall.waterfall(waterfall.lanes([evidence(whole="100", wait=40.0)]))
    assert fall is not None
    wait, rest = fall.rows[0].blocks
    assert (wait.phase, wait.label, wait.hatch) == ("wait", "wait 40\u00a0ms", "")
    assert (rest.phase, rest.label) == (REST, "")
    assert fall.phases == ("wait", REST)
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", rest.hatch)
    assert len(points) > 20
    for x, y in points:
        assert rest.x - 0.1 <= float(x) <= rest.x + rest.width + 0.1
        assert rest.y - 0.1 <= float(y) <= rest.y + rest.height + 0.1


@example([{"blocked": 5e-324}])
@given(st.lists(st.dictionaries(st.sampled_from(PHASES), st.floats(0, 1e7)), max_size=6))
def test_blocks_stand_side_by_side_inside_the_picture(items: list[dict[str, float]]) -> None:
    lanes = waterfall.lanes(evidence(i + 1, **timings) for i, timings in enumerate(items))
    fall = waterfall.waterfall(lanes)
    assert (fall is None) == (not any(lane.total > 0 for lane in lanes))
    for row in fall.rows if fall else ():
        edge = float(fall.left) if fall else 0
        for block in row.blocks:
            assert block.x >= edge - 0.11
            edge = block.x
            # half a pixel is the least that is drawn
            assert block.x + block.width <= fall.right + 0.6  # type: ignore[union-attr]
        assert [block.phase for block in row.blocks] == sorted(
            (block.phase for block in row.blocks), key=[*PHASES, REST].index
        )


@pytest.mark.parametrize(
    ("peak", "last"),
    [(0.3, 0.3), (1.0, 1.0), (395.0, 400), (3007.0, 4000), (61_000, 75_000), (600_000, 600_000)],
)
def test_ticks_are_round_and_cover_the_longest(peak: float, last: float) -> None:
    ticks = waterfall.time_ticks(peak)
    assert ticks[0] == 0
    assert ticks[-1] == pytest.approx(last)
    assert len(ticks) <= 7


def test_text_has_a_letter_per_stretch_and_names_only_what_it_shows() -> None:
    lanes = waterfall.lanes(
        [evidence(wait=300.0, receive=100.0), evidence(2, whole="200", dns=1.0, wait=99.0)]
    )
    assert waterfall.text_waterfall(lanes, width=8).replace("\u00a0", " ") == (
        "E1  wwwwwwrr  400 ms\n"
        "E2  ww??      200 ms\n"
        "1 letter = 50 ms; w wait, r receive, ? not recorded"
    )


def test_an_attempt_too_short_for_a_letter_shows_its_longest_phase() -> None:
    lanes = waterfall.lanes([evidence(wait=9000.0), evidence(2, send=0.1, wait=2.0)])
    assert "E2  w  " in waterfall.text_waterfall(lanes)


def test_the_rest_is_counted() -> None:
    lanes = waterfall.lanes(evidence(i, wait=1.0) for i in range(1, 40))
    fall = waterfall.waterfall(lanes)
    assert fall is not None
    assert (len(fall.rows), fall.rest) == (waterfall.MOST_LANES, 39 - waterfall.MOST_LANES)
    assert "and 29 more" in waterfall.text_waterfall(lanes)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (evidence(wait=3005.0, send=0.7), "wait 3.0 s"),
        (evidence(whole="100", wait=50.0), "wait 50 ms, not recorded 50 ms"),
        (evidence(whole="100"), ""),
    ],
)
def test_told_in_words(item: Evidence, words: str) -> None:
    assert waterfall.told(item).replace("\u00a0", " ") == words


def test_picture_and_table_show_the_same_numbers() -> None:
    text = html.render(incident())
    figure = text.partition('<figcaption id="cap-fall">')[2].partition("</figure>")[0]
    assert 'role="img" aria-labelledby="fall-title fall-desc"' in figure
    assert "wait 371\u00a0ms" in figure
    table = text.partition('<caption id="cap-phases">')[2].partition("</table>")[0]
    assert table.count("<tr>") == 1 + 3
    assert "<td>–</td><td>1.2\u00a0ms</td><td>36\u00a0ms</td><td>22\u00a0ms</td>" in table
    assert table.count("395\u00a0ms") == 0  # 410: dns, connect with tls, send, wait
    assert table.count("409\u00a0ms") == 3


def test_where_the_time_is_not_recorded_that_is_said() -> None:
    items = [item.model_copy(update={"timings_ms": {}}) for item in incident().evidence]
    text = html.render(incident().model_copy(update={"evidence": items}))
    assert "The inputs do not record where the time went." in text
    assert "cap-fall" not in text


def test_colours_are_those_of_the_style_sheet() -> None:
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", html.style().split("@media")[0]))
    assert {name: light[name] for name in PHASES} == {name: html.PHASES[name] for name in PHASES}
    assert set(html.PHASES) == {*PHASES, REST}
