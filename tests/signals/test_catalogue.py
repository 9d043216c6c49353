"""The data files: readable, cacheable, and what happens when a user's are not."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from analyzer import columns, data, signals
from analyzer.engine import tree, yaml12
from analyzer.errors import ConfigError
from analyzer.signals import catalogue
from analyzer.signals.catalogue import SignalData


def test_packaged_data_has_no_problems(known: SignalData) -> None:
    assert known.problems == ()
    assert known.providers
    assert known.products
    assert known.fingerprints
    assert known.clients
    assert known.gateways


def test_it_survives_the_cache(known: SignalData) -> None:
    packed = msgspec.msgpack.encode(known)
    assert msgspec.msgpack.decode(packed, type=SignalData) == known


def test_the_two_ways_to_load_agree(known: SignalData) -> None:
    root = data.root("knowledge")
    names = [p.relative_to(root).as_posix() for p in root.rglob("*.yaml")]
    values = {
        name.removesuffix(".yaml"): yaml12.load((root / name).read_text(), name).value
        for name in names
        if not name.startswith("_")
    }
    assert catalogue.from_data(values) == known


def test_matches_are_sound(known: SignalData) -> None:
    for entry in (*known.fingerprints, *known.clients):
        tree.read(entry.match)


def test_ids_are_unique(known: SignalData) -> None:
    for slugs in (
        [p.slug for p in known.providers],
        [p.slug for p in known.products],
        [f.id for f in known.fingerprints],
    ):
        assert len(slugs) == len(set(slugs))


def test_fingerprints_name_known_parties(known: SignalData) -> None:
    parties = {p.slug for p in known.products} | {p.slug for p in known.providers}
    for mark in known.fingerprints:
        assert mark.product is None or mark.product in parties, mark.id
        assert mark.source, mark.id


def test_a_host_has_one_owner(known: SignalData) -> None:
    hosts = [h for p in (*known.providers, *known.products) for h in p.hosts]
    assert len(hosts) == len(set(hosts))
    assert all(re.fullmatch(r"[a-z0-9.*:\[\]-]+", host) for host in hosts)


def test_headers_needed_are_header_columns(known: SignalData) -> None:
    needed = signals.headers_needed(known)
    assert "req_header.user-agent" in needed
    assert "resp_header.x-oneapi-request-id" in needed
    assert "resp_header.x-amzn-errortype" in needed
    assert all(columns.is_header(name) and name == name.lower() for name in needed)


def test_the_example_profile_is_read(known: SignalData) -> None:
    (profile,) = [g for g in known.gateways if g.slug == "rutaapi"]
    assert profile.hosts == ("api.rutaapi.com",)
    assert {"rutaapi.com", "app.rutaapi.com"} <= set(profile.wrong_hosts)


@pytest.mark.parametrize("tool", ["claude-code", "cline", "continue", "codex", "aider"])
def test_coding_tools_have_settings(known: SignalData, tool: str) -> None:
    said = " ".join(known.steps(tool)).lower()
    assert "key" in said
    assert "/v1/models" in said
    assert "timeout" in said or "time-out" in said
    assert "enabled" in said


def test_a_users_entries_come_first(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(
        "- {slug: mine, name: Mine, hosts: [api.openai.com]}\n- {slug: broken, nmae: X}\n- 3\n"
    )
    made = signals.load_data(data.root("knowledge"), [tmp_path])
    assert made.providers[0].slug == "mine"
    assert len(made.problems) == 2
    assert "broken" in made.problems[0]
    assert "left out" in made.problems[0]


def test_a_users_broken_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "clients.yaml").write_text("- {slug: [\n")
    made = signals.load_data(data.root("knowledge"), [tmp_path])
    assert "clients.yaml" in made.problems[0]
    with pytest.raises(ConfigError, match=r"clients\.yaml"):
        signals.load_data(tmp_path)


def test_an_empty_directory_is_an_empty_catalogue(tmp_path: Path) -> None:
    assert signals.load_data(tmp_path) == SignalData()
