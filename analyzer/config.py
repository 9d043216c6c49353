"""Configuration: ``[tool.whichhop]`` of a pyproject.toml, or a whichhop.toml.

Searched upward from the current folder to the root of the version control system, then in the
user's configuration directory; never beside the logs, which come from strangers.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyzer.errors import ConfigError, did_you_mean

KEYS = {
    "gateways": "list of hosts that are LLM gateways",
    "knowledge": "list of directories with your own rules, relative to the file",
    "all_traffic": "true: every request is LLM traffic",
    "fail_on": "list of gates, as for --fail-on",
    "log_format": "nginx log_format of text logs, or the name of one, as for --log-format",
    "log_formats": "table of named nginx log_formats, for --log-format NAME",
    "tz": "zone of log times that name none, as for --tz",
    "hops": "list of GLOB=HOP, as for --hop",
    "slo": "table of model = percent, the targets of analyze weekly; default = 99.5 for the others",
}
"""Every key and its meaning; the documentation is checked against this."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a configuration file says; the defaults are those of no file at all."""

    gateways: tuple[str, ...] = ()
    knowledge: tuple[Path, ...] = ()
    all_traffic: bool = False
    fail_on: tuple[str, ...] = ()
    log_format: str | None = None
    log_formats: Mapping[str, str] = field(default_factory=dict)
    tz: str | None = None
    hops: tuple[str, ...] = ()
    slo: Mapping[str, float] = field(default_factory=dict)
    path: Path | None = None


def load(path: Path | None = None) -> Config:
    """Return the configuration of ``path``, else of the file that the search finds.

    Raises:
        ConfigError: the file is missing, is no TOML, or has an unknown key or a wrong value.
    """
    if path is not None and not path.is_file():
        msg = f"configuration file {path} does not exist; leave out --config to search for one"
        raise ConfigError(msg)
    found = path or search(Path.cwd())
    return parse(found) if found else Config()


def search(start: Path) -> Path | None:
    """Return the nearest configuration file, or ``None``."""
    for folder in (start, *start.parents):
        named = folder / "whichhop.toml"
        if named.is_file():
            return named
        project = folder / "pyproject.toml"
        if project.is_file() and "whichhop" in _toml(project).get("tool", {}):
            return project
        if (folder / ".git").exists() or (folder / ".hg").exists():
            break
    user = user_dir() / "config.toml"
    return user if user.is_file() else None


def user_dir() -> Path:
    """Return the user's configuration directory for whichhop."""
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "whichhop"
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "whichhop"


def parse(path: Path) -> Config:
    """Return what a configuration file says."""
    whole = _toml(path)
    table = whole.get("tool", {}).get("whichhop", {}) if path.name == "pyproject.toml" else whole
    for key in table:
        if key not in KEYS:
            msg = f"{path}: unknown key '{key}'.{did_you_mean(key, KEYS)} Known: {', '.join(KEYS)}"
            raise ConfigError(msg)
    return Config(
        gateways=_texts(path, table, "gateways"),
        knowledge=tuple(path.parent / name for name in _texts(path, table, "knowledge")),
        all_traffic=_flag(path, table, "all_traffic"),
        fail_on=_texts(path, table, "fail_on"),
        log_format=_text(path, table, "log_format"),
        log_formats=_named(path, table, "log_formats"),
        tz=_text(path, table, "tz"),
        hops=_texts(path, table, "hops"),
        slo=_percents(path, table, "slo"),
        path=path,
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is no valid TOML: {error}"
        raise ConfigError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from None


def _texts(path: Path, table: dict[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    msg = f"{path}: '{key}' must be a {KEYS[key]}, not {value!r}"
    raise ConfigError(msg)


def _text(path: Path, table: dict[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is None or isinstance(value, str):
        return value
    msg = f"{path}: '{key}' must be a text ({KEYS[key]}), not {value!r}"
    raise ConfigError(msg)


def _named(path: Path, table: dict[str, Any], key: str) -> dict[str, str]:
    value = table.get(key, {})
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return value
    msg = f"{path}: '{key}' must be a {KEYS[key]}, not {value!r}"
    raise ConfigError(msg)


def _percents(path: Path, table: dict[str, Any], key: str) -> dict[str, float]:
    value = table.get(key, {})
    if isinstance(value, dict):
        bad = [name for name, percent in value.items() if not _percent(percent)]
        if not bad:
            return {name: float(percent) for name, percent in value.items()}
        msg = f"{path}: '{key}': {bad[0]} = {value[bad[0]]!r}: say a number above 0 and below 100"
        raise ConfigError(msg)
    msg = f"{path}: '{key}' must be a {KEYS[key]}, not {value!r}"
    raise ConfigError(msg)


def _percent(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 100


def _flag(path: Path, table: dict[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if isinstance(value, bool):
        return value
    msg = f"{path}: '{key}' must be true or false, not {value!r}"
    raise ConfigError(msg)
