"""A ticket is short whatever the logs hold: hostile texts, one failure, ten thousand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import hostile
import jsonschema
import pytest
from cli import SAMPLES, analyze
from secrets_gen import generate
from ticket.captures import PROMPT, entry, save, texts, tickets

from analyzer.render.text import cells
from analyzer.ticket import PARTIES, Ticket, layout
from analyzer.ticket.model import BODY_LINES, SUBJECT_CHARS
from analyzer.ticket.model import SAMPLES as MOST
from analyzer.ticket.schema import schema

NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())


def check(written: Ticket) -> None:
    """Hold a ticket to every budget, in all three forms."""
    assert len(written.subject) <= SUBJECT_CHARS
    assert "\n" not in written.subject
    assert 1 <= len(written.samples) <= MOST
    assert len(written.lines) <= BODY_LINES
    assert all(cells(line) <= layout.WIDTH for line in written.lines)
    plain, markdown, document = texts(written)
    assert len(markdown.splitlines()) - 2 <= BODY_LINES
    assert not [c for c in plain + markdown + document if c != "\n" and not c.isprintable()]
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document))
    times = [sample.time for sample in written.samples if sample.time]
    assert times == sorted(times)
    if times and written.first and written.last:
        assert written.first <= times[0] <= times[-1] <= written.last


@cache
def of_sample(name: str) -> dict[str, Ticket]:
    return tickets([SAMPLES / name])


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_log(name: str) -> None:
    for party, written in of_sample(name).items():
        check(written)
        assert written.party == party
        assert written.failed >= 1
        shown = "\n".join(texts(written))
        if written.why == "arose":
            assert "we think this arose at: " in shown or "cannot tell" in shown


RECEIVED = {
    "bad-key": {
        "openai": "answered", "anthropic": "answered", "gateway": "answered", "client": "arose",
    },
    "client-timeout": {"gateway": "arose", "client": "arose"},
    "edge-522-524-and-passthrough": {
        "cloudflare": "answered", "gateway": "arose", "openai": "arose",
    },
    "gateway-no-healthy-upstream": {"gateway": "arose"},
    "healthy": {},
    "network-refused": {},
    "one-model-route-down": {"gateway": "arose"},
    "upstream-overload": {"anthropic": "arose", "openai": "arose", "gateway": "passed"},
    "wrong-base-url": {"client": "arose", "gateway": "answered"},
}  # fmt: skip


@pytest.mark.parametrize("name", RECEIVED)
def test_who_gets_a_ticket(name: str) -> None:
    assert {p: t.why for p, t in of_sample(name).items()} == RECEIVED[name]


def test_hostile_texts(tmp_path: Path) -> None:
    captures = hostile.write(tmp_path, twin=False)
    seen = set()
    for capture in captures:
        for party, written in tickets([capture.path], all_traffic=True).items():
            check(written)
            seen.add(party)
    assert "gateway" in seen


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_planted_secret_is_in_any_ticket(seed: int, tmp_path: Path) -> None:
    planted = generate(seed)
    path = tmp_path / "logs.har"
    path.write_text(json.dumps(planted.har))
    found = tickets([path], all_traffic=True)
    assert "gateway" in found
    for party, written in found.items():
        for text in texts(written):
            leaks = [k for k, forms in planted.needles.items() if any(f in text for f in forms)]
            assert not leaks, party


def test_prompts_and_completions_stay_at_home(tmp_path: Path) -> None:
    url, canary = "https://api.openai.com/v1/chat/completions", "completion-canary of the orchard"
    stream = (
        'data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
        f'{{"content":"{canary}"}}}}]}}\n\n'
        'data: {"error":{"message":"The server had an error","type":"server_error"}}\n\n'
    )
    broken = entry(url, 200, stream)
    kind = [{"name": "content-type", "value": "text/event-stream"}]
    broken["response"].update(headers=kind)
    broken["response"]["content"]["mimeType"] = "text/event-stream"
    echoed = entry(url, 400, {"error": {"type": "invalid_request_error", "code": "bad_value",
                   "message": f"Invalid value: '{PROMPT}' is not allowed"}}, seconds=1)  # fmt: skip
    for written in tickets([save(tmp_path, [broken, echoed])]).values():
        for text in texts(written):
            assert PROMPT not in text
            assert canary not in text


@pytest.mark.parametrize("count", [1, 2, 6, 10_000])
def test_many_failures(count: int, tmp_path: Path) -> None:
    rows = "".join(
        f'10.0.0.1 - - [22/Nov/2026:14:{n // 60 % 60:02}:{n % 60:02} +0000] "POST '
        f'/v1/chat/completions HTTP/1.1" 503 19 "-" "x"\n'
        for n in range(count)
    )
    path = tmp_path / "access.log"
    path.write_text(rows)
    for written in tickets([path]).values():
        check(written)
        assert written.failed == count
        assert f"{count:,} request" in written.subject
        assert len(written.samples) == min(count, MOST)
        assert "exact to the second" in "\n".join(written.lines)


@pytest.mark.parametrize("room", range(5, 20))
def test_a_long_missing_list_says_what_it_leaves_out(room: int) -> None:
    from analyzer.ticket.model import Lack

    lacks = [Lack(f"thing {n}", "somewhere " * (n % 4 + 1)) for n in range(30)]
    lines = layout._missing(lacks, room)
    assert len(lines) <= room
    named = sum(f"thing {n}:" in "\n".join(lines) for n in range(30))
    assert f"- and {30 - named} more" in lines[-1]


def test_the_command(tmp_path: Path) -> None:
    har = save(tmp_path, [entry("https://api.openai.com/v1/chat/completions", 500,
               {"error": {"message": "The server had an error", "type": "server_error"}},
               {"x-request-id": "req_4b1f0c2d9e8a"})])  # fmt: skip
    shown = analyze("ticket", "openai", har)
    assert shown.code == 0
    assert shown.out.startswith("**")
    assert "never add: API keys" in shown.err
    assert "logs.har#1" in shown.err
    assert "logs.har" not in shown.out
    for suffix, begins in ((".md", "**"), (".txt", "Subject: "), (".json", "{")):
        path = tmp_path / f"t{suffix}"
        done = analyze("ticket", "openai", har, "-o", path)
        assert (done.code, done.out) == (0, "")
        assert path.read_text().startswith(begins)
    assert analyze("ticket", "openai", har, "--plain").out == (tmp_path / "t.txt").read_text()
    assert analyze("ticket", "openai", har, "--json").out == (tmp_path / "t.json").read_text()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("opnai", "{har}"), 2, "Did you mean 'openai'? Known: openai, anthropic"),
        (("openai", "{har}", "--plain", "--json"), 2, "give one of them"),
        (("openai", "{har}", "-o", "t.html"), 2, "tickets are written as .md, .txt or .json"),
        (("openai", "{har}", "-o", "{har}", "--json"), 2, "would overwrite an input"),
        (("openai", "{har}", "-o", "no/such/t.md"), 2, "its folder does not exist"),
        (("openai", "missing.har"), 3, "There is no such file"),
        (("anthropic", "{har}"), 3, "they arose at: upstream (1). Who they arose at gets: analyze "
         "ticket openai FILE"),
        (("gateway", "{har}", "--gateway", "gw.example"), 3, "arose at the gateway at gw.example"),
        (("openai", "{healthy}"), 3, "no attempt failed, so there is no ticket"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_said(
    args: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    har = save(tmp_path, [entry("https://api.openai.com/v1/chat/completions", 500,
               {"error": {"message": "The server had an error", "type": "server_error"}})])  # fmt: skip
    healthy = SAMPLES / "healthy"
    done = analyze("ticket", *(a.format(har=har, healthy=healthy) for a in args), cwd=tmp_path)
    assert done.code == code, done.err
    assert said in done.err
    assert done.out == ""


def test_the_published_parties_are_those_of_the_help() -> None:
    told = analyze("ticket", "--help", COLUMNS="200").out
    assert all(party in told for party in PARTIES)
