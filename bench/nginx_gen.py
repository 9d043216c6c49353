"""Writes an nginx access log of LLM traffic with upstream fields: deterministic, N lines.

    python bench/nginx_gen.py --lines 5000000 OUT.log

``--print-format`` prints the ``log_format`` string of the lines. The traffic has an outage of one
model (10:20 to 10:55), other failures at a few per cent, retries over two servers, clients that
give up, and answers longer than 100 s. It is synthetic: not calibrated to any real gateway.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from agents import AGENTS

FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent" rt=$request_time ua="$upstream_addr" '
    'us="$upstream_status" ut="$upstream_response_time" uc="$upstream_connect_time" '
    'uh="$upstream_header_time" model="$upstream_http_x_model"'
)
START = datetime(2026, 11, 22, 9, 0, 0, tzinfo=UTC)
SPAN_S = 3 * 3600
OUTAGE_S = (80 * 60, 115 * 60)
CHUNK = 20_000

MODELS = (
    "gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "claude-opus-4-1", "deepseek-v3",
    "gemini-2.5-pro", "llama-4-scout", "text-embedding-3-small",
)  # fmt: skip
WEIGHTS = (20, 25, 20, 6, 10, 9, 5, 5)
DOWN = "deepseek-v3"
PATHS = {"text-embedding-3-small": "/v1/embeddings"}
CLAUDE = "/v1/messages"
CHAT = "/v1/chat/completions"


class Outcome(NamedTuple):
    """How one request went, as nginx notes it."""

    status: int
    total: float
    size: int
    statuses: str
    times: str
    connects: str
    heads: str


class Traffic:
    """Writes one line after the other; all chance comes from one seeded generator."""

    def __init__(self, lines: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._lines = lines
        self._clients = [f"10.{n % 7}.{n % 251}.{n % 199 + 1}" for n in range(500)]
        self._servers = [f"192.0.2.{n}:8000" for n in range(10, 18)]

    def lines(self) -> Iterator[str]:
        """Yield the lines in the order of their times, as nginx writes them."""
        chance = self._random.random
        models = self._random.choices(MODELS, WEIGHTS, k=65_536)
        stamp, at = "", -1
        for number in range(self._lines):
            second = number * SPAN_S // self._lines
            if second != at:
                stamp = (START + timedelta(seconds=second)).strftime("%d/%b/%Y:%H:%M:%S +0000")
                at = second
            model = models[int(chance() * 65_536)]
            yield self._line(stamp, model, OUTAGE_S[0] <= second < OUTAGE_S[1])

    def _line(self, stamp: str, model: str, outage: bool) -> str:
        chance = self._random.random
        kind = chance()
        head = 0.05 + 3.0 * chance() ** 3
        total = head + 20.0 * chance() ** 4
        server = self._servers[int(chance() * 8)]
        made = Outcome(200, total, int(200 + 40_000 * chance() ** 3), "200", f"{total:.3f}",
                       "0.001", f"{head:.3f}")  # fmt: skip
        if outage and model == DOWN and kind < 0.8:
            made = _down(kind)
        elif kind < 0.045:
            made = _failed(total, head, kind)
        if ", " in made.statuses:
            server = f"{server}, {self._servers[int(chance() * 8)]}"
        elif made.statuses == "-" and made.status != 499:
            server = "-"
        path = CLAUDE if model.startswith("claude") else PATHS.get(model, CHAT)
        agent = AGENTS[int(chance() * len(AGENTS))]
        client = self._clients[int(chance() * 500)]
        return (
            f'{client} - - [{stamp}] "POST {path} HTTP/1.1" {made.status} {made.size} "-" '
            f'"{agent}" rt={made.total:.3f} ua="{server}" us="{made.statuses}" '
            f'ut="{made.times}" uc="{made.connects}" uh="{made.heads}" model="{model}"\n'
        )


def _down(kind: float) -> Outcome:
    """Return one failure of the outage: refused twice, no answer in 60 s, or a 503."""
    if kind < 0.4:
        return Outcome(502, 0.002, 157, "502, 502", "0.001, 0.001", "-, -", "-, -")
    if kind < 0.6:
        return Outcome(504, 60.001, 167, "504", "60.001", "0.001", "-")
    return Outcome(503, 0.012, 98, "503", "0.011", "0.001", "0.011")


def _failed(total: float, head: float, kind: float) -> Outcome:
    """Return a line that is not the usual one."""
    if kind < 0.010:
        return Outcome(429, 0.020, 180, "429", "0.020", "0.000", "0.020")
    if kind < 0.016:
        return Outcome(401, 0.001, 90, "-", "-", "-", "-")
    if kind < 0.024:
        return Outcome(499, head, 0, "-", f"{head:.3f}", "0.001", "-")
    if kind < 0.030:
        return Outcome(200, total + 0.004, 5_120, "502, 200", f"0.004, {total:.3f}", "-, 0.001",
                       f"-, {head:.3f}")  # fmt: skip
    if kind < 0.036:
        return Outcome(200, 130.5, 90_000, "200", "130.499", "0.001", f"{head:.3f}")
    if kind < 0.041:
        return Outcome(400, 0.030, 310, "400", "0.030", "0.001", "0.030")
    return Outcome(500, 0.400, 220, "500", "0.400", "0.001", "0.400")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print-format", action="store_true")
    options = parser.parse_args()
    if options.print_format or options.out is None:
        print(FORMAT)
        return
    held: list[str] = []
    with options.out.open("w", encoding="utf-8") as stream:
        for line in Traffic(options.lines, options.seed).lines():
            held.append(line)
            if len(held) == CHUNK:
                stream.write("".join(held))
                held.clear()
        stream.write("".join(held))


if __name__ == "__main__":
    main()
