"""Verdicts on what real proxies logged of staged faults, line by line against what is true.

``sample_logs/proxies/truth.json`` has a row for every line: whether the request was answered well,
else the layer and cause, and whether the fields of that line can tell. A line that can tell gets
that verdict; one that cannot is never blamed on the wrong hop; nothing that went well is a failure.
The tables of a failing run name proxy, format, line, fault, what was said and what is true.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analyzer import pipeline
from analyzer.errors import NothingUsable
from analyzer.pipeline import Options

SAMPLES = Path(__file__).parent.parent / "sample_logs" / "proxies"
PROXIES = frozenset({"apache", "caddy", "envoy", "haproxy", "nginx", "squid", "traefik", "varnish"})
"""Proxies that have to be there, so that none gets lost without a word."""

Row = dict[str, Any]

ERROR_LOGS = ("apache/error.log", "nginx/error.log")
"""Logs with a line for a try: a request may have gone well although one of its tries failed."""


@dataclass(frozen=True, slots=True)
class Open:
    """Faults of some files that are judged otherwise than the recording says, with the reason."""

    faults: tuple[str, ...]
    files: str | tuple[str, ...]
    why: str
    said: tuple[str | None, ...] = ()
    """Layers that are as good; ``None``: the line need not be a failure at all."""

    def covers(self, truth: Row, layer: str | None) -> bool:
        """Whether it lets ``layer`` (``None``: no failure) pass for that line."""
        return (
            truth["fault"] in self.faults
            and truth["file"].startswith(self.files)
            and layer in self.said
        )


OPEN = (
    Open(("abort-streaming",), ("haproxy/", "envoy/", "squid/", "caddy/"),
         "a client that closes behind the last event leaves the same line: undecided", (None,)),
    Open(("relayed-401",), "litellm/uvicorn", "a bare 401 is first of all the caller's to look at",
         ("client",)),
    Open(("abort-waiting",), "apache/error", "the proxy went on waiting, and its limit ran out too",
         ("gateway",)),
    Open(("abort-waiting",), "litellm/payload",
         "the router went on waiting, and its limit ran out too", ("gateway",)),
    Open(("abort-waiting", "abort-streaming"), "nginx/error", "written at level info: a notice",
         (None,)),
    Open(("garbage",), "apache/error", "written at level warn: a notice", (None,)),
    Open(("relayed-429", "relayed-500", "relayed-503", "relayed-529"), "caddy/",
         "a line without an error beside it may also come from Caddy's own respond", ("unknown",)),
    Open(("abort-streaming",), "nginx/json", "request_completion is not read", (None,)),
    Open(("abort-streaming", "cut-reset", "cut-closed", "short-body", "stall"), "traefik/json",
         "OriginStatus 0 also stands on every line of some versions", (None,)),
    Open(("tls-to-plain", "tls-untrusted", "all-refused"), "apache/error",
         "an entry left alone by the folding of entries says less than its request",
         ("unknown", "gateway")),
)  # fmt: skip


@cache
def truths() -> dict[str, list[Row]]:
    """Return the truth of each file, with what all lines of a fault share."""
    shared = SAMPLES / "faults.json"
    faults: dict[str, Row] = json.loads(shared.read_text()) if shared.exists() else {}
    found: dict[str, list[Row]] = defaultdict(list)
    for row in json.loads((SAMPLES / "truth.json").read_text()):
        found[row["file"]].append({**faults.get(row["fault"], {}), **row})
    return dict(found)


@cache
def judged(file: str) -> dict[int, Row]:
    """Return what each line of a file became: its row, with the verdict if it failed.

    Several lines of an error log may tell of one request; each of them stands for its row.
    """
    options = Options(all_traffic=True)
    try:
        rows = pipeline.attempts([str(SAMPLES / file)], options)
        with pipeline.run([str(SAMPLES / file)], options) as result:
            verdicts = {row["record"]: row for row in result.verdicts.iter_rows(named=True)}
    except NothingUsable:
        return {}
    lines: dict[int, Row] = {}
    for row in rows.iter_rows(named=True):
        told = {**row, **verdicts.get(row["record"], {}), "failed": row["record"] in verdicts}
        for place in [*(row["seen_in"] or ()), f"#{row['record']}"]:
            lines[int(place.rpartition("#")[2])] = told
    return lines


def state(truth: Row, row: Row | None) -> str:
    """Return how the line was judged; words in capitals are wrong."""
    if truth["ok"] is None:
        # What came before the first request may be a probe of the port or the warming up.
        quiet = row is None or not row["failed"] or not truth["request"]
        return "notice" if quiet else "NOTICE BLAMED"
    if truth["ok"]:
        return _state_of_good(truth, row)
    layer = row["layer"] if row is not None and row["failed"] else None
    if layer is None:
        verdict = "UNSEEN" if truth["tellable"] or truth.get("shows") else "not seen"
    else:
        verdict = _state_of_failed(truth, row or {})
    if verdict.isupper() and any(entry.covers(truth, layer) for entry in OPEN):
        return "open"
    return verdict


def _state_of_good(truth: Row, row: Row | None) -> str:
    if row is None or not row["failed"]:
        return "good"
    return "failed try" if truth["file"] in ERROR_LOGS else "GOOD BLAMED"


def _state_of_failed(truth: Row, row: Row) -> str:
    layers = (truth["layer"], *truth.get("accept_layers", ()))
    causes = (truth["cause"], *truth.get("accept_causes", ()))
    if row["layer"] in layers and row["cause"] in causes:
        return "right"
    if truth["tellable"]:
        return "WRONG"
    if row["layer"] in layers:
        return "right layer"
    return "unknown" if row["layer"] == "unknown" else "GUESSED"


def table(file: str) -> str:
    """Return the lines of a file that are judged wrongly, one per line, with what they show."""
    found = judged(file)
    lines = []
    for truth in truths()[file]:
        row = found.get(truth["line"])
        how = state(truth, row)
        if not how.isupper():
            continue
        said = "no failure"
        if row and row["failed"]:
            said = f"{row['layer']}/{row['cause']} by {row['rule']}"
        shown = {name: row[name] for name in _SHOWN if row and row[name] is not None}
        lines.append(
            f"{file}:{truth['line']:<3} {how:<13} {truth['fault']}: said {said}; true is "
            f"{truth.get('layer')}/{truth.get('cause')}\n      {shown}"
        )
    return "\n".join(lines)


_SHOWN = ("format", "status", "upstream_status", "phase", "proxy_flags", "proxy_detail",
          "stream_state")  # fmt: skip


@pytest.mark.parametrize("file", sorted(truths()))
def test_every_line_gets_the_verdict_that_it_can_tell(file: str) -> None:
    wrong = table(file)
    assert not wrong, f"\n{wrong}"


@pytest.mark.parametrize("file", sorted(truths()))
def test_requests_that_a_log_tells_of_are_read(file: str) -> None:
    states = Counter(state(row, judged(file).get(row["line"])) for row in truths()[file])
    told = [row for row in truths()[file] if row["ok"] is False and row["tellable"]]
    assert not told or states["right"], f"{file}: {dict(states)}"


def test_no_proxy_is_missing() -> None:
    assert {file.partition("/")[0] for file in truths()} >= PROXIES


def test_the_result_by_proxy_and_format(capsys: pytest.CaptureFixture[str]) -> None:
    head = (
        "right", "right layer", "unknown", "not seen", "good", "looks failed", "failed try", "open",
        "wrong",
    )  # fmt: skip
    lines = [f"{'file':<28}" + "".join(f"{name:>13}" for name in head)]
    for file in sorted(truths()):
        states = Counter(state(row, judged(file).get(row["line"])) for row in truths()[file])
        states["wrong"] = sum(count for name, count in states.items() if name.isupper())
        lines.append(f"{file:<28}" + "".join(f"{states[name]:>13}" for name in head))
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert len(lines) > len(PROXIES)


# The page of the documentation.

_PAGE = Path(__file__).parents[1] / "docs" / "proxy-lab.md"
_INTRO = """# What each proxy's log can tell

<!-- Written by tests/test_proxy_lab.py; edit the recordings or the rules, not this file. -->

Real proxies stood in front of a provider on whose side each fault was staged (`tests/lab/proxies`); the recordings are
`sample_logs/proxies`, the truth of each line beside them. A cell is what the program says of the line that such a
request leaves in that log: **bold** where the line can tell and layer and cause are right. *unknown* is an honest
unknown, with what would decide it in the report; *undecided* is in no percentage; "ok" below a fault means that the log
shows nothing of it; "–" that no line is written or that fault was not staged there.
"""


def page() -> str:
    """Return docs/proxy-lab.md."""
    parts = [_INTRO]
    for proxy in sorted({file.partition("/")[0] for file in truths()}):
        parts.append(f"## {proxy}\n\n{_proxy_table(proxy)}")
    return "\n".join(parts)


def _proxy_table(proxy: str) -> str:
    files = sorted(file for file in truths() if file.startswith(f"{proxy}/"))
    faults = dict.fromkeys(row["fault"] for file in files for row in truths()[file])
    names = [file.partition("/")[2].removesuffix(".log") for file in files]
    lines = ["| Fault | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for fault in faults:
        cells = [_cell(file, fault) for file in files]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(file: str, fault: str) -> str:
    """Return what is said of a fault in a file; several lines may say several things."""
    said = dict.fromkeys(
        _said(row, judged(file).get(row["line"]))
        for row in truths()[file]
        if row["fault"] == fault and row["ok"] is not None
    )
    return "; ".join(one for one in said if one != "–") or "–"


def _said(truth: Row, row: Row | None) -> str:
    if row is None:
        return "–"
    if not row["failed"]:
        return "ok" if row["ok"] else "*undecided*"
    if row["layer"] == "unknown":
        return "*unknown*"
    words = f"{row['layer']}: {row['cause'].replace('_', ' ')}"
    sure = truth["ok"] is False and truth["tellable"] and state(truth, row) == "right"
    return f"**{words}**" if sure else words


def test_the_page_is_current() -> None:
    assert _PAGE.read_text(encoding="utf-8") == page(), "run: python tests/test_proxy_lab.py"


if __name__ == "__main__":
    _PAGE.write_text(page(), encoding="utf-8")
