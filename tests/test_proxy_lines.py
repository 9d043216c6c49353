"""Verdicts on lines of proxies that the lab does not run: Kong, ingress-nginx, IIS, uWSGI.

Each row is one line as the product writes it, read and judged like any log.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer import pipeline
from analyzer.pipeline import Options

CHAT = "/v1/chat/completions"


def kong(status: int, source: str, tries: int, upstream: str, proxy_ms: int) -> str:
    value: dict[str, Any] = {
        "request": {"method": "POST", "uri": CHAT, "url": f"https://llm.example.test:443{CHAT}",
                    "headers": {"host": "llm.example.test"}, "size": "812"},
        "response": {"status": status, "size": "120", "headers": {}},
        "upstream_status": upstream,
        "latencies": {"kong": 3, "proxy": proxy_ms, "request": 60_003},
        "tries": [{"ip": "10.0.0.7", "port": 8000, "balancer_latency": 0}] * tries,
        "client_ip": "10.9.9.9", "started_at": 1_795_576_540_000, "source": source,
        "service": {"read_timeout": 60_000},
    }  # fmt: skip
    return json.dumps(value)


def ingress(status: int, behind: str = "") -> str:
    upstream = f"10.0.0.7:8000 0 0.004 {behind}" if behind else "- - - -"
    return (
        f'10.9.9.9 - - [25/Nov/2026:03:45:28 +0000] "POST {CHAT} HTTP/1.1" {status} 157 "-" '
        f'"lab/1.0" 812 0.004 [default-llm-8000] [] {upstream} '
        "0c9f4a4f2f0a4f5b8c3f1f8a2b3c4d5e"
    )


def iis(status: int, sub: int, win32: int) -> str:
    return (
        "#Software: Microsoft Internet Information Services 10.0\n"
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
        "cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n"
        f"2026-11-25 03:45:28 10.0.0.1 POST {CHAT} - 443 - 10.9.9.9 lab/1.0 - {status} {sub} "
        f"{win32} 120003"
    )


def httpsys(status: str, reason: str) -> str:
    return (
        "#Software: Microsoft HTTP API 2.0\n"
        "#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid "
        "s-reason s-queuename\n"
        f"2026-11-25 03:45:28 10.9.9.9 50100 10.0.0.1 443 HTTP/1.1 POST {CHAT} {status} 1 {reason} "
        "llm"
    )


def uwsgi(status: int) -> str:
    return (
        "[pid: 19300|app: 0|req: 8/12] 10.9.9.9 () {40 vars in 760 bytes} [Wed Nov 25 03:45:28 "
        f"2026] POST {CHAT} => generated 2 bytes in 6 msecs (HTTP/1.1 {status}) 2 headers in 65 "
        "bytes (1 switches on core 0)"
    )


KILLED = (
    f"Wed Nov 25 03:45:28 2026 - HARAKIRI [core 0] 10.9.9.9 - POST {CHAT} since 1795578267"
)  # fmt: skip

LINES = [
    (kong(429, "kong", 0, "", -1), "gateway.log-own-429"),
    (kong(401, "kong", 0, "", -1), "gateway.log-own-401"),
    (kong(502, "kong", 1, "502", -1), "gateway.kong-log-failed-try"),
    (kong(504, "kong", 1, "504", -1), "gateway.kong-log-timeout"),
    (kong(503, "upstream", 1, "503", 40), "upstream.log-passed-through-503"),
    (ingress(503, "503"), "upstream.log-passed-through-503"),
    (ingress(429, "429"), "upstream.log-passed-through-429"),
    (ingress(413), "gateway.log-own-413"),
    (ingress(503), "gateway.log-own-503"),
    (iis(502, 3, 12002), "gateway.arr-log-timeout"),
    (iis(502, 3, 12029), "gateway.arr-log-connect-failed"),
    (iis(502, 3, 12030), "gateway.arr-log-broken-answer"),
    (iis(502, 0, 0), "unknown.log-502-untold"),
    (httpsys("503", "QueueFull"), "gateway.httpsys-unavailable"),
    (httpsys("-", "Connection_Abandoned_By_ReqQueue"), "gateway.httpsys-abandoned"),
    (httpsys("-", "Timer_EntityBody"), "gateway.httpsys-request-unfinished"),
    (uwsgi(500), "upstream.uwsgi-log-5xx"),
    (KILLED, "upstream.uwsgi-harakiri"),
]


@pytest.mark.parametrize(("line", "rule"), LINES, ids=[rule for _, rule in LINES])
def test_line(line: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "proxy.log"
    path.write_text(line + "\n")
    with pipeline.run([str(path)], Options(all_traffic=True)) as result:
        rows = result.verdicts.to_dicts()
    assert [row["rule"] for row in rows] == [rule], rows
