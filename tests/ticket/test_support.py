"""``support.yaml``: what is wrong with it is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli import analyze

from analyzer import columns
from analyzer.engine import support, yaml12

SOUND = "- party: x\n  name: X\n  kind: gateway\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("party: x\n", 1, "expected a list of parties"),
        ("- party: x\n  kind: gateway\n", 1, "0.name: Field required"),
        ("- party: x\n  name: X\n  kind: gatway\n", 3, "(here: 'gatway')"),
        (SOUND + "  extra: 1\n", 4, "0.extra: Extra inputs are not permitted"),
        (SOUND + "  ids:\n    - {name: a, from: [resp_heder.b]}\n", 5, "'resp_heder.b' is no column"),
        (SOUND + "  ids:\n    - {name: a, from: []}\n", 5, "0.ids.0.from"),
        (SOUND + "  ids:\n    - {name: a, from: [ray_id], shape: '('}\n", 5, "no regular expression"),
        (SOUND + "  send: [{to: a, date: yesterday}]\n", 4, "0.send.0.date"),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(text: str, line: int, said: str) -> None:
    ((place, message), *_) = support.check("support.yaml", yaml12.load(text, "support.yaml"))
    assert place.line == line
    assert said in message


def test_a_sound_file_and_other_files_have_no_mistakes() -> None:
    sound = yaml12.load(SOUND + "  ids:\n    - {name: a, from: [resp_header.b]}\n", "s.yaml")
    assert not list(support.check("support.yaml", sound))
    assert not list(support.check("products.yaml", yaml12.load("- a\n", "p.yaml")))


def test_a_broken_entry_is_left_out_and_said() -> None:
    data = {
        "support": [{"party": "a", "name": "A", "kind": "edge"}, {"party": "b"}],
        "gateways/g": {"name": "G", "support": {"send": 7}},
    }
    made = support.Support(data)
    assert list(made.parties) == ["a"]
    assert not made.profiles
    assert [text.partition(":")[0] for text in made.problems] == [
        "support.yaml", "gateways/g.yaml.support.send",
    ]  # fmt: skip


def test_a_users_entry_wins() -> None:
    entry = {"party": "a", "name": "Mine", "kind": "edge"}
    made = support.Support({"support": [entry, {**entry, "name": "Packaged"}]})
    assert made.parties["a"].name == "Mine"


def test_headers_are_those_of_ids_fields_and_missing() -> None:
    entry = {
        "party": "a", "name": "A", "kind": "edge",
        "ids": [{"name": "i", "from": ["resp_header.i", "ray_id"]}],
        "fields": [{"name": "f", "from": "req_header.f"}],
        "missing": [{"what": "m", "how": "h", "unless": ["req_header.m"]}],
    }  # fmt: skip
    profile = {"request_id_headers": ["X-Own-Id"]}
    wanted = support.Support({"support": [entry], "gateways/g": profile}).headers()
    assert wanted == {"resp_header.i", "req_header.f", "req_header.m", "resp_header.x-own-id"}


def test_only_ticket_runs_read_these_headers(tmp_path: Path) -> None:
    from ticket.captures import entry, save

    from analyzer import pipeline

    path = save(tmp_path, [entry("https://api.openai.com/v1/chat/completions", 500, {},
                                 {"x-ms-region": "East US"})])  # fmt: skip
    for wanted in (False, True):
        with pipeline.run([str(path)], pipeline.Options(support=wanted)) as run:
            names = [n for n in run.counted.failures.columns if columns.is_header(n)]
            assert ("resp_header.x-ms-region" in names) is wanted


def test_kb_lint_shows_the_line(tmp_path: Path) -> None:
    (tmp_path / "support.yaml").write_text(SOUND + "  extra: 1\n")
    done = analyze("kb", "lint", tmp_path)
    assert done.code == 1
    assert "support.yaml:4:3 KB001 0.extra" in done.out


def test_the_line_of_the_summary() -> None:
    from dataclasses import replace

    from render.sample_analysis import incident

    from analyzer.render import tickets

    made = incident()
    for layer, party, word in (
        ("upstream", "Anthropic", "anthropic"), ("upstream", "Mistral", None),
        ("edge", "Cloudflare", "cloudflare"), ("edge", "Fastly", None),
        ("gateway", "OpenRouter", "openrouter"), ("gateway", "HAProxy", "gateway"),
        ("gateway", None, "gateway"), ("client", None, None), ("network", None, None),
    ):  # fmt: skip
        verdict = replace(made.verdict, layer=layer, party=party)
        method = replace(made.method, command="analyze a.har 'b c.log' --tz UTC")
        told = tickets.command(replace(made, verdict=verdict, method=method))
        assert told == (word and f"analyze ticket {word} a.har 'b c.log' --tz UTC")
        if told:
            other = replace(method, command="analyze run a.har -o report.html")
            told = tickets.command(replace(made, verdict=verdict, method=other))
            assert told == f"analyze ticket {word} FILE..."
            assert tickets.brief(told) == f"analyze ticket {word} FILE..."
