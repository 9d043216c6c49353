"""What a user says of logs, read from words: zones, hops of inputs, columns of unknown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

from analyzer.errors import UsageError, did_you_mean

HOPS = ("client", "network", "edge", "gateway", "upstream")
"""Who can have written a record, from the most client-side one inwards."""


def zone(text: str) -> tzinfo:
    """Return a zone by its IANA name or as an offset such as ``+02:00``.

    Raises:
        UsageError: there is no such zone.
    """
    name = text.strip()
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    if name[:1] in "+-":
        return _offset(name)
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        hint = did_you_mean(name, available_timezones())
        msg = f"--tz: there is no zone '{name}'.{hint} Say Europe/Berlin, UTC or +02:00."
        raise UsageError(msg) from None


def _offset(text: str) -> tzinfo:
    digits = text[1:].replace(":", "")
    if digits.isdigit() and len(digits) in (2, 4):
        hours, minutes = int(digits[:2]), int(digits[2:] or 0)
        if hours <= 14 and minutes < 60:
            delta = timedelta(hours=hours, minutes=minutes)
            return timezone(-delta if text[0] == "-" else delta)
    msg = f"--tz: '{text}' is no offset from UTC; say +02:00 or -0700."
    raise UsageError(msg)


def hop(text: str) -> tuple[str, str]:
    """Return ``(glob, hop)`` of ``access*.log=edge``.

    Raises:
        UsageError: it has another form, or the hop is none.
    """
    glob, mark, word = text.rpartition("=")
    if not mark or not glob:
        msg = f"--hop: '{text}' is not GLOB=HOP, as in 'edge*.log=edge'."
        raise UsageError(msg)
    if word not in HOPS:
        msg = f"--hop: '{word}' is no hop.{did_you_mean(word, HOPS)} Allowed: {', '.join(HOPS)}."
        raise UsageError(msg)
    return glob, word


def mapping(words: Iterable[str]) -> dict[str, str]:
    """Return canonical column -> source column of ``column=source`` words and mapping files.

    Raises:
        UsageError: a word is neither, or the file holds something else.
    """
    told: dict[str, str] = {}
    for word in words:
        path = Path(word)
        if path.suffix in (".toml", ".yaml", ".yml"):
            told |= _mapping_file(path)
            continue
        name, mark, source = word.partition("=")
        if not mark or not name.strip() or not source.strip():
            msg = (
                f"--map: '{word}' is neither COLUMN=SOURCE (as in status=http.status) nor a .toml "
                "or .yaml file of such pairs."
            )
            raise UsageError(msg)
        told[name.strip()] = source.strip()
    return told


def _mapping_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"--map: {path} cannot be read: {getattr(error, 'strerror', error)}."
        raise UsageError(msg) from None
    table = _parsed(path, text)
    if not isinstance(table, Mapping) or not all(isinstance(v, str) for v in table.values()):
        msg = f'--map: {path} must hold pairs such as status = "http.status".'
        raise UsageError(msg)
    return {str(name): str(source) for name, source in table.items()}


def _parsed(path: Path, text: str) -> Any:
    import tomllib

    import yaml

    try:
        return tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        msg = f"--map: {path} is no valid {path.suffix[1:].upper()}: {what}."
        raise UsageError(msg) from None
