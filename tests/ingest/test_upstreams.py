from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest import upstreams


def row(http: int | None, **told: str | None) -> pl.DataFrame:
    data = {"status": http, **{name: told.get(name[9:]) for name in upstreams.FIELDS}}
    return pl.DataFrame(
        [data], schema={"status": pl.Int32, **dict.fromkeys(upstreams.FIELDS, pl.String)}
    )


def read(http: int | None, **told: str | None) -> dict:
    return upstreams.read(row(http, **told)).row(0, named=True)


CASES = [
    # addr, status, connect, header, response, length, received -> upstream_status phase tries
    (200, ("10.0.0.1:80", "200", "0.001", "0.9", "1.4", "5", "50"), 200, "done", 1),
    (502, ("10.0.0.1:80", "502", "-", "-", "0.000", "0", "0"), None, "connecting", 1),
    (502, ("10.0.0.1:80", "502", "0.001", "-", "0.002", "0", "0"), None, "sent", 1),
    (504, ("10.0.0.1:80", "504", "-", "-", "60.0", "0", "0"), None, "connecting", 1),
    (504, ("10.0.0.1:80", "504", "0.001", "-", "60.0", "0", "0"), None, "sent", 1),
    (502, ("10.0.0.1:80", "502", "0.001", "0.5", "0.6", "9", "90"), 502, "done", 1),
    # A head that nginx could not read: bytes came, and no header time.
    (502, ("10.0.0.1:80", "502", None, "-", "0.6", "0", "90"), None, "sent", 1),
    (502, ("backend", "502", "-", "-", "0.000", "0", "0"), None, "not_sent", 0),
    (502, ("10.0.0.1:80, backend", "502, 502", None, None, "0.1, 0.0", None, None), None, "not_sent", 1),
    (429, ("-", "-", "-", "-", "-", "-", "-"), None, "not_sent", 0),
    (499, ("10.0.0.1:80", "-", "0.001", "-", "3.0", "0", "0"), None, "sent", 1),
    (499, ("10.0.0.1:80", "-", "-", "-", "3.0", "0", "0"), None, "connecting", 1),
    (499, ("10.0.0.1:80", "200", "0.001", "0.1", "3.0", "5", "50"), 200, "body", 1),
    (499, (None, "-", None, None, None, None, None), None, None, None),
    (499, (None, "-", None, None, "-", None, None), None, "not_sent", 0),
    (499, ("10.0.0.1:80", "499", None, None, "3.0", "0", None), None, None, 1),
    (499, ("10.0.0.1:80", "499", "0.001", "-", "3.0", "0", "0"), None, "sent", 1),
    (404, (None, "-", None, None, None, None, None), None, "not_sent", 0),
    (404, (None,) * 7, None, None, None),
    (200, (None, None, None, None, "0.4", None, None), None, None, 1),
    # Without connect and header times 502 and 504 may be either's.
    (502, ("10.0.0.1:80", "502", None, None, "0.1", "0", None), 502, None, 1),
    (502, ("10.0.0.1:80", "502", None, None, "0.1", "41", None), 502, "done", 1),
    (429, ("10.0.0.1:80", "429", None, None, "0.1", "0", None), 429, "done", 1),
    (200, ("a:1, b:2", "200, -", None, None, "0.100, -", "-", None), None, None, 2),
    (200, ("a:1, b:2, c:3", "502, 504, 200", None, None, "0.1", "5", None), 200, "done", 3),
]  # fmt: skip


@pytest.mark.parametrize(("http", "told", "status", "phase", "tries"), CASES)
def test_last_try(http, told, status, phase, tries) -> None:
    names = ("addr", "status", "connect_time", "header_time", "response_time", "response_length",
             "bytes_received")  # fmt: skip
    got = read(http, **dict(zip(names, told, strict=True)))
    assert (got["upstream_status"], got["phase"], got["upstream_tries"]) == (status, phase, tries)


def test_times_of_several_tries() -> None:
    got = read(
        200, addr="10.0.0.1:80, [2001:db8::1]:80", status="504, 200", connect_time="-, 0.001",
        header_time="-, 0.900", response_time="0.100, 1.400",
    )  # fmt: skip
    assert (got["upstream_address"], got["proxy_detail"]) == ("[2001:db8::1]:80", "504, 200")
    assert (got["connect_ms"], got["ttfb_ms"]) == (1.0, 1000.0)


@pytest.mark.parametrize("text", ["502 : 200", "502 : 200 : ", "502 : 200 :", "502, 200"])
def test_separators(text) -> None:
    made = pl.DataFrame({"x": [text]}).select(v=upstreams.values(pl.col("x")))
    assert made["v"].to_list() == [["502", "200"]]


def test_shorter_fields_are_padded() -> None:
    frame = pl.DataFrame({"a": ["1, 2, 3", None, "1"], "b": ["x", "y, z", None]})
    count = upstreams.tries(pl.col("a"), pl.col("b"))
    got = frame.with_columns(n=count).select(
        "n",
        p=upstreams.padded(pl.col("b"), pl.col("n")),
        last=upstreams.last(pl.col("a"), pl.col("n")),
        early=upstreams.earlier_ms(pl.col("a"), pl.col("n")),
    )
    assert got["n"].to_list() == [3, 2, 1]
    assert got["p"].to_list() == [["x", None, None], ["y", "z"], None]
    assert got["last"].to_list() == ["3", None, "1"]
    assert got["early"].to_list() == [3000.0, 0.0, 0.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("0123456789.,:- abx", max_size=30), min_size=7, max_size=7))
def test_any_texts(texts) -> None:
    told = {name[9:]: text for name, text in zip(upstreams.FIELDS, texts, strict=True)}
    assert read(502, **told)["status"] == 502
