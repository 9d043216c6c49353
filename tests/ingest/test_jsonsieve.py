"""JSON lines: to count those that are alike gives the same as to read them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sifted import analysed

from analyzer.ingest.formats.logs import caddy_sift
from analyzer.ingest.jsonsieve import sample, sieve_of

BASE_S = 1_795_338_000
TYPE = pl.Struct(
    {
        "at": pl.String(), "status": pl.String(), "host": pl.String(), "id": pl.String(),
        "heads": pl.Struct({"agent": pl.String(), "id": pl.String()}), "list": pl.List(pl.String()),
    }
)  # fmt: skip
LINE = (
    '{"at":12.5,"host":"llm.example","status":200,"id":"a1","other":7,'
    '"heads":{"agent":["curl"],"id":["x"]},"list":[]}'
)


def kinds(*lines: str) -> list[int | None]:
    """Return the kinds of some lines, among many like LINE."""
    sieve = sieve_of([LINE] * 9, TYPE, [("at",)], lambda path: path == ("at",) or "id" in path,
                     ("heads",))  # fmt: skip
    assert sieve is not None
    found = sieve.scan("\n".join([LINE, *lines]).encode()).collect()
    assert found["at"][0] == "12.5"
    return found["kind"].to_list()


def test_ids_and_measures_make_no_kind() -> None:
    usual, *others = kinds(
        LINE.replace("12.5", "13.25"), LINE.replace('"a1"', '"b2"'), LINE.replace('"x"', '"y"'),
        LINE.replace(":7", ":8"),
    )  # fmt: skip
    assert usual is not None
    assert others == [usual] * 4


@pytest.mark.parametrize(
    ("old", "new"), [("curl", "wget"), ("200", "503"), ("llm.example", "b.example"), ("]}", '"]}')]
)
def test_other_values_make_another_kind(old: str, new: str) -> None:
    usual, other = kinds(LINE.replace(old, new))
    assert other != usual


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"agent"', '"Agent"'), ('"status"', '"state"'), ('"at"', '"on"'), (',"other":7', ""),
        ("]}", ']},"more":{"a":"b"}'), (LINE[40:], ""),
    ],
)  # fmt: skip
def test_other_keys_make_none(old: str, new: str) -> None:
    usual, other = kinds(LINE.replace(old, new))
    assert usual is not None
    assert other is None


def test_a_measure_may_be_the_last_value() -> None:
    lines = [f'{{"status":200,"host":"a","at":{at}.5}}' for at in range(9)]
    type_ = pl.Struct({"at": pl.String(), "status": pl.String(), "host": pl.String()})
    sieve = sieve_of(lines, type_, [("at",)], lambda path: path == ("at",))
    assert sieve is not None
    cut = lines[0].removesuffix("}")
    found = sieve.scan("\n".join([*lines, cut]).encode()).collect()["kind"].to_list()
    assert found[0] is not None
    assert found == [found[0]] * 9 + [None]


def test_a_sieve_fits_lines_of_its_shape() -> None:
    sieve = sieve_of([LINE] * 9, TYPE, [("at",)], lambda path: False, ("heads",))
    assert sieve is not None
    assert sieve.fits([LINE.replace("curl", "wget")] * 9)
    assert not sieve.fits([LINE.replace('"agent"', '"Agent"')] * 9)
    assert not sieve.fits([LINE.replace('"other"', '"OTHER"')] * 9)
    assert not sieve.fits(["{}"] * 9)
    assert not sieve.fits([])


def test_lines_that_have_no_shape_in_common_have_no_sieve() -> None:
    lines = [json.dumps({f"k{n}": "v" for n in range(width)}) for width in range(1, 9)]
    assert sieve_of(lines, TYPE, [("at",)], lambda path: False) is None
    assert sieve_of([], TYPE, [("at",)], lambda path: False) is None


def test_lines_of_which_nothing_is_read_have_no_sieve() -> None:
    lines = ['{"msg":"started"}'] * 9
    assert sieve_of(lines, TYPE, [("at",)], lambda path: False) is None
    assert sieve_of([LINE] * 9, TYPE, [("at",)], lambda path: True) is None


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("count", [1, 3, 500])
def test_samples_are_whole_lines(count: int, end: str) -> None:
    lines = [f"line {number} with a text" for number in range(count)]
    found = sample(("\n".join(lines) + end).encode())
    assert set(found) <= set(lines)
    assert found[0] == lines[0]
    assert len(found) >= min(count, 150)


def caddy(told: dict[str, Any]) -> list[str]:
    """Return the lines of one request: an error line before it if it has trouble."""
    heads = {
        "User-Agent": [told["agent"]], "X-Stainless-Retry-Count": [told["resend"]],
        "Accept": ["*/*"],
    }  # fmt: skip
    if told["order"]:
        heads = dict(reversed(heads.items()))
    request = {
        "remote_ip": "203.0.113.7", "remote_port": told["port"], "method": "POST",
        "host": "llm.example", "uri": told["path"], "headers": heads,
    }  # fmt: skip
    answer = {"X-Request-Id": [told["id"]], "Content-Type": [told["media"]], "Via": ["1.1 Caddy"]}
    at = BASE_S + told["at"]
    access = {
        "level": "info", "ts": at, "logger": "http.log.access", "msg": "handled request",
        "request": request, "duration": told["took"], "size": told["size"],
        "status": told["status"], "resp_headers": answer,
    }  # fmt: skip
    lines = [json.dumps(access, separators=(",", ":") if told["tight"] else None)]
    if told["trouble"]:
        error = {
            "level": "error", "ts": at - 0.01, "logger": "http.log.error", "msg": told["trouble"],
            "request": request, "duration": told["took"], "status": told["status"],
            "err_trace": "reverseproxy.statusError (reverseproxy.go:1390)",
        }  # fmt: skip
        if told["trouble"].startswith("aborting"):
            error |= {"logger": "http.handlers.reverse_proxy", "error": "context canceled"}
        lines.insert(0, json.dumps(error, separators=(",", ":")))
    return lines


CADDY = st.fixed_dictionaries(
    {
        "agent": st.sampled_from(["curl/8.5.0", "openai-python/1"]),
        "resend": st.sampled_from(["0", "0", "0", "1"]),
        "order": st.sampled_from([False, False, False, True]),
        "tight": st.sampled_from([True, True, True, False]),
        "port": st.sampled_from(["1001", "1002", "1003", "1004"]),
        "path": st.sampled_from(["/v1/messages", "/v1/chat/completions", "/", '/v1/models?q="x"']),
        "id": st.sampled_from(["req_1", "req_2", ""]),
        "media": st.sampled_from(["application/json", "application/json", "text/html"]),
        "at": st.floats(0, 600).map(lambda at: round(at, 4)),
        "took": st.sampled_from([0.25, 1.5, 2, 60.001, 9.1e-05]),
        "size": st.integers(0, 900),
        "status": st.sampled_from([200, 200, 200, 200, 404, 429, 502, 503]),
        "trouble": st.sampled_from(
            [""] * 6 + ["dial tcp 192.0.2.9:80: connect: connection refused",
            "aborting with incomplete response"]
        ),
    }
)  # fmt: skip


def cloudflare(told: dict[str, Any]) -> list[str]:
    """Return the line of a request, and that of its Worker's if it has one."""
    start = (BASE_S * 1000 + told["at"]) * 1_000_000
    line = {
        "ClientRequestBytes": told["size"], "ClientRequestHost": "llm.example",
        "ClientRequestMethod": "POST", "ClientRequestURI": told["path"],
        "ClientRequestUserAgent": told["agent"], "ClientRequestSource": "eyeball",
        "CacheCacheStatus": "dynamic", "EdgeStartTimestamp": start,
        "EdgeEndTimestamp": start + told["took"] * 1_000_000, "EdgeTimeToFirstByteMs": 3,
        "EdgeResponseStatus": told["status"], "EdgeResponseBytes": told["size"],
        "OriginIP": told["ip"], "OriginResponseStatus": told["origin"],
        "OriginTCPHandshakeDurationMs": told["shake"], "RayID": told["ray"], "ParentRayID": "00",
        "SecurityAction": told["action"], "SecurityActions": [],
    }  # fmt: skip
    if told["seconds"]:
        line["EdgeStartTimestamp"] = start // 1_000_000_000
    lines = [json.dumps(line, separators=(",", ":"))]
    if told["worker"]:
        inner = {"ParentRayID": told["ray"], "ClientRequestSource": "edgeWorkerFetch"}
        lines.append(json.dumps(line | inner, separators=(",", ":")))
    return lines


CLOUDFLARE = st.fixed_dictionaries(
    {
        "agent": st.sampled_from(["curl/8.5.0", "openai-python/1"]),
        "path": st.sampled_from(["/v1/messages", "/v1/chat/completions", "/", "/v1/models?x=1"]),
        "ip": st.sampled_from(["192.0.2.1", "192.0.2.2", ""]),
        "ray": st.uuids().map(lambda ray: ray.hex[:16]),
        "action": st.sampled_from(["", "", "", "block"]),
        "at": st.integers(0, 600_000), "took": st.integers(0, 60_000), "size": st.integers(0, 900),
        "shake": st.sampled_from([0, 12]), "origin": st.sampled_from([200, 200, 200, 0, 503]),
        "status": st.sampled_from([200, 200, 200, 200, 404, 429, 502, 524, 530]),
        "seconds": st.sampled_from([False, False, False, True]),
        "worker": st.sampled_from([False, False, False, True]),
    }
)  # fmt: skip
OTHERS = st.sampled_from(["", "no line", '{"level":"info","ts":1', "{}", '{"msg":"started"}'])


@st.composite
def logs(draw: st.DrawFn, lines: Any, drawn: st.SearchStrategy[dict[str, Any]]) -> str:
    """Draw a log, in the order of time, with lines of no request here and there."""
    told = sorted(draw(st.lists(drawn, min_size=2, max_size=70)), key=lambda one: one["at"])
    # Lines of one shape first, so that the format is told.
    entries = [lines(told[0] | {"trouble": "", "worker": False}), *map(lines, told)]
    for place, other in draw(st.lists(st.tuples(st.integers(1, 70), OTHERS), max_size=6)):
        entries.insert(place, [other])
    return "\n".join(line for entry in entries for line in entry)


@pytest.mark.parametrize(("lines", "drawn"), [(caddy, CADDY), (cloudflare, CLOUDFLARE)])
@settings(
    max_examples=30, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    data=st.data(), block=st.sampled_from([4_000, 15_000, 1 << 20]),
    most=st.sampled_from([0.2, 1.0]), every=st.booleans(),
)  # fmt: skip
def test_counting_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Any, drawn: st.SearchStrategy[Any],
    data: st.DataObject, block: int, most: float, every: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(caddy_sift, "_SEAM", 0)
    path = tmp_path / "log.json"
    text = data.draw(logs(lines, drawn)) + data.draw(st.sampled_from(["", "\n"]))
    path.write_bytes(text.encode())
    counted = analysed(path, monkeypatch, block, most, all_traffic=every)
    assert counted == analysed(path, monkeypatch, None, all_traffic=every)
