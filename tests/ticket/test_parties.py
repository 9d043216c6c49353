"""Which party gets which ids, and what it never gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ticket.captures import PROMPT, entry, save, texts, tickets

from analyzer.ticket import PARTIES

RAY = "9a00002b59d659ab-FRA"
GATEWAY = "https://llm.corp-gw.internal/v1/chat/completions"
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"},
              "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}  # fmt: skip
OPENAI_DOWN = {"error": {"message": "The server had an error while processing your request.",
                         "type": "server_error", "param": None, "code": None}}  # fmt: skip
OPENAI_MODEL, CLAUDE = "gpt-5-mini", "claude-sonnet-4-5"
MESSAGES = "https://api.anthropic.com/v1/messages"
NO_CHANNEL = {"error": {"type": "new_api_error", "code": "model_not_found",
              "message": "No available channel for model gpt-5-mini under group default "
              "(distributor) (request id: 2026112214214400000000abcdefgh)"}}  # fmt: skip

CASES: dict[str, tuple[dict[str, Any], str, dict[str, str], tuple[str, ...]]] = {
    "openai direct": (
        entry("https://api.openai.com/v1/chat/completions", 500, OPENAI_DOWN,
              {"x-request-id": "req_4b1f0c2d9e8a", "cf-ray": RAY, "server": "cloudflare",
               "openai-processing-ms": "31", "openai-organization": "org-abc123def456ghi789"},
              {"X-Client-Request-Id": "mine-0001", "Authorization": "Bearer sk-proj-1234567890abc"}),
        "openai",
        {"x-request-id": "req_4b1f0c2d9e8a", "X-Client-Request-Id": "mine-0001", "cf-ray": RAY},
        ("org-abc123def456ghi789", "sk-proj"),
    ),
    "anthropic direct": (
        entry(MESSAGES, 529, OVERLOADED,
              {"request-id": "req_011CSHoEeqs5C35K2UUqR7Fy", "cf-ray": RAY, "server": "cloudflare",
               "anthropic-organization-id": "3f6c2d1a-1111-4222-8333-944445555666"},
              {"anthropic-version": "2023-06-01", "cookie": "session=abcdef0123456789"},
              model=CLAUDE),
        "anthropic",
        {"request-id": "req_011CSHoEeqs5C35K2UUqR7Fy", "cf-ray": RAY},
        ("3f6c2d1a-1111-4222-8333-944445555666", "abcdef0123456789"),
    ),
    "anthropic through a gateway": (
        entry("https://llm.corp-gw.internal/v1/messages", 529, OVERLOADED,
              {"request-id": "req_011CSHoEeqs5C35K2UUqR7Fy", "cf-ray": RAY,
               "x-oneapi-request-id": "2026112214214400000000abcdefgh"}, model=CLAUDE),
        "anthropic",
        {"request-id": "req_011CSHoEeqs5C35K2UUqR7Fy"},
        (RAY, "2026112214214400000000abcdefgh", "corp-gw", "internal"),
    ),
    "azure": (
        entry("https://my-resource.openai.azure.com/openai/deployments/d1/chat/completions"
              "?api-version=2024-10-21&api-key=0123456789abcdef0123456789abcdef", 500, OPENAI_DOWN,
              {"apim-request-id": "7d5f7e0a-0001-4a11-9c11-000000000001",
               "x-ms-client-request-id": "7d5f7e0a-0002-4a11-9c11-000000000002",
               "x-request-id": "7d5f7e0a-0003-4a11-9c11-000000000003", "x-ms-region": "East US"}),
        "azure",
        {"apim-request-id": "7d5f7e0a-0001-4a11-9c11-000000000001",
         "x-ms-client-request-id": "7d5f7e0a-0002-4a11-9c11-000000000002",
         "x-request-id": "7d5f7e0a-0003-4a11-9c11-000000000003"},
        ("0123456789abcdef0123456789abcdef",),
    ),
    "bedrock": (
        entry("https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v3/converse",
              503, {"message": "Too many connections, please wait before trying again."},
              {"x-amzn-requestid": "7d5f7e0a-0004-4a11-9c11-000000000004",
               "x-amzn-errortype": "ServiceUnavailableException"}),
        "bedrock",
        {"x-amzn-RequestId": "7d5f7e0a-0004-4a11-9c11-000000000004"},
        (),
    ),
    "google": (
        entry("https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent"
              "?key=AIzaSyA1234567890abcdefghijklmnopqrstuv", 503,
              {"error": {"code": 503, "message": "The model is overloaded. Please try again later.",
                         "status": "UNAVAILABLE"}}, {"server": "scaffolding on HTTPServer2"}),
        "google",
        {},
        ("AIza",),
    ),
    "openrouter": (
        entry("https://openrouter.ai/api/v1/chat/completions", 402,
              {"error": {"code": 402, "message": "Insufficient credits. Add more to go on."}},
              {"x-generation-id": "gen-1763821304-AbCdEfGhIjKlMnOp", "cf-ray": RAY}),
        "openrouter",
        {"generation id": "gen-1763821304-AbCdEfGhIjKlMnOp", "cf-ray": RAY},
        (),
    ),
    "cloudflare": (
        entry("https://llm.shop.example/v1/chat/completions", 522,
              "<html><head><title>llm.shop.example | 522: Connection timed out</title></head>"
              "<body>cloudflare</body></html>",
              {"server": "cloudflare", "cf-ray": RAY, "set-cookie": "__cf_bm=0123456789abcdefgh"}),
        "cloudflare",
        {"CF-RAY": RAY},
        ("0123456789abcdefgh",),
    ),
    "a gateway without a name": (
        entry(GATEWAY, 503, NO_CHANNEL,
              {"x-oneapi-request-id": "2026112214214400000000abcdefgh", "cf-ray": RAY}),
        "gateway",
        {"x-oneapi-request-id": "2026112214214400000000abcdefgh", "cf-ray": RAY},
        (),
    ),
    "a gateway with a profile": (
        entry("https://api.rutaapi.com/v1/chat/completions", 503, NO_CHANNEL,
              {"x-request-id": "7d5f7e0a-0005-4a11-9c11-000000000005", "cf-ray": RAY,
               "x-oneapi-request-id": "2026112214214400000000abcdefgh"}),
        "gateway",
        {"x-request-id": "7d5f7e0a-0005-4a11-9c11-000000000005",
         "x-oneapi-request-id": "2026112214214400000000abcdefgh", "cf-ray": RAY},
        (),
    ),
    "the client": (
        entry(GATEWAY, 401, {"error": {"message": "Incorrect API key provided",
              "type": "invalid_request_error", "code": "invalid_api_key"}},
              {"x-request-id": "req_4b1f0c2d9e8a", "cf-ray": RAY},
              {"user-agent": "claude-cli/2.0.1 (external, cli)"}),
        "client",
        {},
        ("req_4b1f0c2d9e8a", RAY, "corp-gw", "internal"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_party_gets_what_it_can_look_up_and_no_more(name: str, tmp_path: Path) -> None:
    exchange, party, ids, forbidden = CASES[name]
    written = tickets([save(tmp_path, [exchange])], [party])[party]
    (sample,) = written.samples
    assert dict(sample.ids) == ids
    for text in texts(written):
        for value in ids.values():
            assert value in text
        for word in (*forbidden, PROMPT, "logs.har"):
            assert word not in text, word
        assert "2026-11-22" in text
        assert "+00:00" in text


@pytest.mark.parametrize("name", CASES)
def test_other_parties_ids_are_in_no_ticket(name: str, tmp_path: Path) -> None:
    """Whoever else gets a ticket of the same capture, the id of one is not sent to another."""
    exchange, party, ids, forbidden = CASES[name]
    shared = {"cf-ray", "CF-RAY"}
    for other, written in tickets([save(tmp_path, [exchange])]).items():
        if other == party or {other, party} <= {"gateway", "openrouter"}:
            continue
        for text in texts(written):
            for label, value in ids.items():
                if other != "gateway" and label not in shared:
                    assert value not in text, (other, label)
            assert PROMPT not in text
            if other != "gateway":
                assert not any(word in text for word in forbidden if word != RAY)


def test_a_413_of_the_edge_in_front_of_anthropic_has_its_ray(tmp_path: Path) -> None:
    page = "<html><head><title>413 Request Entity Too Large</title></head><body>cloudflare</body></html>"
    path = save(tmp_path, [entry(MESSAGES, 413, page, {"server": "cloudflare", "cf-ray": RAY},
                                 model=CLAUDE)])  # fmt: skip
    found = tickets([path], ["anthropic", "cloudflare"])
    assert dict(found["anthropic"].samples[0].ids) == {"cf-ray": RAY}
    if "cloudflare" in found:
        assert found["cloudflare"].missing[0].what == "right to the zone"


def test_a_router_that_names_another_provider_is_believed(tmp_path: Path) -> None:
    answer = {"error": {"code": 502, "message": "Provider returned error",
              "metadata": {"provider_name": "Amazon Bedrock", "raw": "overloaded"}}}  # fmt: skip
    path = save(tmp_path, [entry("https://openrouter.ai/api/v1/chat/completions", 502, answer,
                                 {"x-generation-id": "gen-1763821304-AbCdEfGhIjKlMnOp"},
                                 model="anthropic/claude-sonnet-4.5")])  # fmt: skip
    found = tickets([path])
    assert "anthropic" not in found
    assert "openrouter" in found
    assert "provider named in error.metadata: Amazon Bedrock" in "\n".join(
        found["openrouter"].lines
    )


def test_one_gateway_is_not_told_of_another(tmp_path: Path) -> None:
    one = entry("https://one.example/v1/chat/completions", 503, NO_CHANNEL)
    two = [entry("https://two.example/v1/chat/completions", 503, NO_CHANNEL, seconds=n)
           for n in (1, 2)]  # fmt: skip
    path = save(tmp_path, [one, *two])
    named = tickets([path], ["gateway"], gateways=("one.example",))["gateway"]
    most = tickets([path], ["gateway"])["gateway"]
    assert (named.failed, most.failed) == (1, 2)
    assert "two.example" not in "\n".join(texts(named))
    assert "one.example" not in "\n".join(texts(most))


def test_a_private_profile_is_named_to_its_own_operator_alone(tmp_path: Path) -> None:
    (tmp_path / "kb" / "gateways").mkdir(parents=True)
    (tmp_path / "kb" / "gateways" / "acme.yaml").write_text(
        "id: acme\nname: Acme Secret Gateway\nhosts: {right: [llm.corp-gw.internal]}\n"
        "request_id_headers: [x-acme-id]\n"
        "support:\n  send: [time in UTC, tenant name]\n  never: [the badge number]\n"
        "  note: Ask for Robin.\n  url: https://help.acme.example\n  date: '2026-11-01'\n"
        "  fields:\n    - {name: pool, from: resp_header.x-acme-pool}\n"
        "  missing:\n    - {what: badge colour, how: look at it}\n"
    )
    got = {"request-id": "req_011CSHoEeqs5C35K2UUqR7Fy", "x-acme-id": "acme-77310",
           "x-acme-pool": "blue"}  # fmt: skip
    url = "https://llm.corp-gw.internal/v1/messages"
    path = save(tmp_path, [entry(url, 529, OVERLOADED, got, model=CLAUDE)])
    found = tickets([path], knowledge=(tmp_path / "kb",))
    assert "Acme" not in "\n".join(texts(found["anthropic"]))
    assert "acme-77310" not in "\n".join(texts(found["anthropic"]))
    mine = found["gateway"]
    assert (mine.name, mine.why, mine.note) == ("Acme Secret Gateway", "passed", "Ask for Robin.")
    assert ("x-acme-id", "acme-77310") in mine.samples[0].ids
    assert "pool: blue" in "\n".join(mine.lines)
    assert mine.send_to == (
        "the support of Acme Secret Gateway: https://help.acme.example (read 2026-11-01)",
    )
    assert mine.never[0] == "the badge number"
    assert {"badge colour", "tenant name"} <= {lack.what for lack in mine.missing}


def test_without_ids_the_ticket_says_what_to_fetch(tmp_path: Path) -> None:
    path = save(tmp_path, [entry("https://api.openai.com/v1/chat/completions", 500, OPENAI_DOWN)])
    written = tickets([path], ["openai"])["openai"]
    assert written.samples[0].ids == ()
    assert written.missing[0].what == "request id (x-request-id, X-Client-Request-Id, cf-ray)"
    assert "response headers" in written.missing[0].how


def test_every_party_of_the_command_line_has_its_data() -> None:
    from analyzer import data
    from analyzer.engine import load, support

    known = support.Support(load.load(data.root("knowledge")).data)
    assert tuple(known.parties) == PARTIES
    assert not known.problems


def test_the_summary_knows_the_same_parties() -> None:
    """The line on the terminal is made of names, without reading the data."""
    from analyzer import data
    from analyzer.engine import load, support
    from analyzer.render import tickets as line

    kb = load.load(data.root("knowledge"))
    known = support.Support(kb.data).parties
    names = {**line._UPSTREAM, **line._GATEWAY, **line._EDGE}
    shown = kb.signals.names()
    for word, party in known.items():
        if party.slugs:
            assert names.pop(shown[party.slugs[0]]) == word
    assert not names
