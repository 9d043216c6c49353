"""Configuration files and --fail-on gates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from analyzer import config, gates
from analyzer.errors import ConfigError, UsageError


def test_search_stops_at_the_root_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "whichhop.toml").write_text('gateways = ["outside.example"]')
    inner = tmp_path / "repo" / "a"
    inner.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    assert config.search(inner) is None
    (tmp_path / "repo" / "pyproject.toml").write_text('[tool.whichhop]\ngateways = ["in.example"]')
    found = config.search(inner)
    assert found is not None
    assert config.parse(found).gateways == ("in.example",)


def test_knowledge_is_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "whichhop.toml"
    path.write_text('knowledge = ["rules"]\nall_traffic = true\nfail_on = ["any"]')
    assert config.load(path) == config.Config(
        knowledge=(tmp_path / "rules",), all_traffic=True, fail_on=("any",), path=path
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gatways = []", "Did you mean 'gateways'"),
        ("gateways = 'x'", "must be a list of hosts"),
        ("all_traffic = 1", "must be true or false"),
        ("gateways = [", "no valid TOML"),
    ],
)
def test_bad_configuration_is_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "whichhop.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        config.load(path)
    assert "whichhop.toml" in str(error.value)


def test_missing_configuration_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        config.load(tmp_path / "none.toml")


@pytest.mark.parametrize("gate", ["upstrem", "success>99", "success<", ""])
def test_bad_gate_names_the_allowed(gate: str) -> None:
    with pytest.raises(UsageError, match="Allowed: client, network"):
        gates.check([gate])


@pytest.mark.parametrize(
    ("gate", "trips"),
    [
        ("any", True),
        ("upstream", True),
        ("edge", False),
        ("success<99.5", True),
        ("success < 50 %", False),
    ],
)
def test_gates_trip(gate: str, trips: bool) -> None:
    layers = {"upstream": 2, "edge": 0}
    totals = SimpleNamespace(failed=2, success_rate=0.98, by_layer=layers)
    gates.check([gate])
    told = gates.tripped(SimpleNamespace(totals=totals), [gate])  # type: ignore[arg-type]
    assert bool(told) is trips


def test_an_empty_window_trips_no_rate() -> None:
    totals = SimpleNamespace(failed=0, success_rate=None, by_layer={})
    assert gates.tripped(SimpleNamespace(totals=totals), ["success<99", "any"]) == []  # type: ignore[arg-type]
