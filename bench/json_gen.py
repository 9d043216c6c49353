"""Writes a JSON access log of LLM traffic, N lines, deterministic: ``cloudflare`` or ``caddy``.

    python bench/json_gen.py cloudflare --lines 3000000 OUT.ndjson
    python bench/json_gen.py caddy --lines 3000000 OUT.ndjson

Cloudflare's records are flat, those of Caddy nested. The servers of one host fail for a while
(10:20 to 10:55); elsewhere a few per cent of the requests do. Caddy's error lines count as lines
and stand before the access line of their request. The traffic is synthetic: not calibrated to any
real gateway.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agents import AGENTS

START_S = int(datetime(2026, 11, 22, 9, 0, 0, tzinfo=UTC).timestamp())
SPAN_S = 3 * 3600
OUTAGE_S = (80 * 60, 115 * 60)
CHUNK = 20_000

CALLS = (
    ("openai.llm.example", "/v1/chat/completions"),
    ("openai.llm.example", "/v1/embeddings"),
    ("claude.llm.example", "/v1/messages"),
    ("deepseek.llm.example", "/v1/chat/completions"),
    ("gemini.llm.example", "/v1beta/models/gemini-2.5-pro:generateContent"),
    ("azure.llm.example", "/openai/deployments/gpt-4o/chat/completions"),
)
WEIGHTS = (40, 5, 26, 10, 9, 10)
DOWN = "deepseek.llm.example"
COLOS = ("FRA", "IAD", "SIN", "AMS", "SJC")


class Request(NamedTuple):
    """What one request has in every log; ``kind`` (0 to 1) decides how it goes."""

    number: int
    at_s: float
    host: str
    path: str
    kind: float
    outage: bool
    head_s: float
    total_s: float


class Traffic:
    """Makes one request after the other; all chance comes from one seeded generator."""

    def __init__(self, lines: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines = lines
        self.clients = [f"198.51.100.{n % 251}" for n in range(500)]
        self._calls = self.random.choices(CALLS, WEIGHTS, k=65_536)

    def at(self, line: int) -> Request:
        """Return the request whose record is the ``line``-th."""
        chance = self.random.random
        since_s = line * SPAN_S / self.lines
        host, path = self._calls[int(chance() * 65_536)]
        head_s = 0.05 + 3.0 * chance() ** 3
        total_s = head_s + 20.0 * chance() ** 4
        outage = host == DOWN and OUTAGE_S[0] <= since_s < OUTAGE_S[1]
        return Request(line, START_S + since_s, host, path, chance(), outage, head_s, total_s)


class Seen(NamedTuple):
    """How Cloudflare's edge saw a request: times in milliseconds, 0 where there is none."""

    status: int
    origin: int
    total_ms: int
    head_ms: int
    connect_ms: int
    action: str = ""


def cloudflare(traffic: Traffic) -> Iterator[str]:
    """Yield records of Logpush's ``http_requests``."""
    chance = traffic.random.random
    for line in range(traffic.lines):
        asked = traffic.at(line)
        seen = _edge(asked)
        start_ns = int(asked.at_s * 1000) * 1_000_000
        origin_ip = "" if seen.action else f"192.0.2.{10 + int(chance() * 8)}"
        yield (
            f'{{"ClientIP":"{traffic.clients[int(chance() * 500)]}","ClientCountry":"us",'
            f'"ClientRequestBytes":{900 + int(chance() * 9000)},"ClientRequestHost":"{asked.host}",'
            f'"ClientRequestMethod":"POST","ClientRequestProtocol":"HTTP/2",'
            f'"ClientRequestScheme":"https","ClientRequestSource":"eyeball",'
            f'"ClientRequestURI":"{asked.path}",'
            f'"ClientRequestUserAgent":"{AGENTS[int(chance() * len(AGENTS))]}",'
            f'"CacheCacheStatus":"dynamic","EdgeColoCode":"{COLOS[int(chance() * 5)]}",'
            f'"EdgeStartTimestamp":{start_ns},'
            f'"EdgeEndTimestamp":{start_ns + seen.total_ms * 1_000_000},'
            f'"EdgeTimeToFirstByteMs":{seen.head_ms + 12},"EdgeResponseStatus":{seen.status},'
            f'"EdgeResponseBytes":{int(200 + 40_000 * chance() ** 3)},'
            f'"EdgeServerIP":"{origin_ip and "203.0.113.7"}","OriginIP":"{origin_ip}",'
            f'"OriginResponseStatus":{seen.origin},"OriginResponseDurationMs":{seen.head_ms},'
            f'"OriginResponseHeaderReceiveDurationMs":{seen.head_ms and seen.head_ms - 1},'
            f'"OriginTCPHandshakeDurationMs":{seen.connect_ms},'
            f'"OriginTLSHandshakeDurationMs":{seen.connect_ms},'
            f'"RayID":"{line * 2_654_435_761 % (1 << 64):016x}","ParentRayID":"00",'
            f'"SecurityAction":"{seen.action}","SecurityActions":{_listed(seen.action)},'
            f'"SecuritySources":{_listed("firewallCustom" if seen.action else "")}}}\n'
        )


def _listed(word: str) -> str:
    return f'["{word}"]' if word else "[]"


def _edge(asked: Request) -> Seen:
    kind, head_ms, total_ms = asked.kind, int(asked.head_s * 1000), int(asked.total_s * 1000)
    if asked.outage and kind < 0.8:
        if kind < 0.4:
            return Seen(522, 0, 19_020, 0, 0)
        if kind < 0.6:
            return Seen(524, 0, 100_050, 0, 14)
        return Seen(503, 503, 45, 21, 0)
    if kind >= 0.041:
        return Seen(200, 200, total_ms, head_ms, 14 if kind < 0.2 else 0)
    if kind < 0.010:
        return Seen(429, 429, 60, 35, 0)
    if kind < 0.016:
        return Seen(401, 401, 48, 20, 0)
    if kind < 0.020:
        return Seen(403, 0, 4, 0, 0, "block")
    if kind < 0.026:
        return Seen(499, 0, head_ms, 0, 14)
    if kind < 0.034:
        return Seen(400, 400, 61, 30, 0)
    if kind < 0.038:
        return Seen(502, 502, 52, 29, 0)
    return Seen(500, 500, 420, 400, 0)


class Answered(NamedTuple):
    """How Caddy answered a request; ``error`` is what its own error line says."""

    status: int
    total_s: float
    error: str = ""


def caddy(traffic: Traffic) -> Iterator[str]:
    """Yield access lines, and the error line before those of Caddy's own errors."""
    line = 0
    while line < traffic.lines:
        asked = traffic.at(line)
        made = _handled(asked)
        if made.error and line + 1 == traffic.lines:
            made = Answered(200, asked.total_s)
        request, told = _request(asked, traffic), f'"duration":{made.total_s:.9f}'
        if made.error:
            line += 1
            yield (
                f'{{"level":"error","ts":{asked.at_s - 0.0001:.7f},'
                f'"logger":"http.log.error.log0","msg":"{made.error}",{request},{told},'
                f'"status":{made.status},"err_id":"{asked.number:09x}",'
                f'"err_trace":"reverseproxy.statusError (reverseproxy.go:1390)"}}\n'
            )
        line += 1
        yield _access(asked, made, request, told, traffic)


def _request(asked: Request, traffic: Traffic) -> str:
    chance = traffic.random.random
    client = traffic.clients[int(chance() * 500)]
    return (
        f'"request":{{"remote_ip":"{client}","remote_port":"{1024 + int(chance() * 64_000)}",'
        f'"client_ip":"{client}","proto":"HTTP/2.0","method":"POST","host":"{asked.host}",'
        f'"uri":"{asked.path}","headers":{{"User-Agent":["{AGENTS[int(chance() * len(AGENTS))]}"],'
        f'"Content-Type":["application/json"],"Authorization":["REDACTED"],'
        f'"Accept":["application/json"],"Accept-Encoding":["gzip, deflate"],'
        f'"X-Stainless-Retry-Count":["{int(chance() * 1.1)}"]}},'
        f'"tls":{{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2",'
        f'"server_name":"{asked.host}"}}}}'
    )


def _access(asked: Request, made: Answered, request: str, told: str, traffic: Traffic) -> str:
    chance = traffic.random.random
    own = '"Server":["Caddy"]'
    if not made.error:
        own = (
            f'"Via":["1.1 Caddy"],"Content-Type":["application/json"],'
            f'"X-Request-Id":["req_{asked.number * 2_654_435_761 % (1 << 64):016x}"],'
            f'"Strict-Transport-Security":["max-age=31536000; includeSubDomains"]'
        )
    if made.status == 429:
        own += ',"Retry-After":["20"]'
    return (
        f'{{"level":"{"error" if made.status >= 500 else "info"}","ts":{asked.at_s:.7f},'
        f'"logger":"http.log.access.log0","msg":"handled request",{request},'
        f'"bytes_read":{900 + int(chance() * 9000)},"user_id":"",{told},'
        f'"size":{int(200 + 40_000 * chance() ** 3)},"status":{made.status},'
        f'"resp_headers":{{{own},"Alt-Svc":["h3=\\":443\\"; ma=2592000"]}}}}\n'
    )


def _handled(asked: Request) -> Answered:
    kind = asked.kind
    if asked.outage and kind < 0.8:
        if kind < 0.4:
            refused = "dial tcp 192.0.2.14:8000: connect: connection refused"
            return Answered(502, 0.002, refused)
        if kind < 0.6:
            return Answered(504, 60.001, "net/http: timeout awaiting response headers")
        return Answered(503, 0.012)
    if kind >= 0.041:
        return Answered(200, asked.total_s)
    if kind < 0.010:
        return Answered(429, 0.020)
    if kind < 0.016:
        return Answered(401, 0.018)
    if kind < 0.026:
        return Answered(499, asked.head_s, "context canceled")
    if kind < 0.034:
        return Answered(400, 0.030)
    if kind < 0.038:
        return Answered(502, 0.090, "EOF")
    return Answered(500, 0.400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["cloudflare", "caddy"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    make = cloudflare if options.kind == "cloudflare" else caddy
    held: list[str] = []
    with options.out.open("w", encoding="utf-8") as stream:
        for line in make(Traffic(options.lines, options.seed)):
            held.append(line)
            if len(held) >= CHUNK:
                stream.write("".join(held))
                held.clear()
        stream.write("".join(held))


if __name__ == "__main__":
    main()
