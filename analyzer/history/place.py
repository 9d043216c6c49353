"""Where a store is: a folder, or the URL of an object store."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from analyzer.errors import UsageError, did_you_mean

SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "file")
"""URLs that delta-rs opens; credentials come from the environment alone."""
_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")


@dataclass(frozen=True, slots=True)
class Place:
    """A store's address."""

    uri: str
    """What delta-rs is given: an absolute path or a URL."""
    shown: str
    """As the user named it; what is under the home folder begins with ``~``."""
    path: Path | None
    """The folder, if it is one of this machine."""


def place(told: str | None) -> Place:
    """Return where ``told`` is, or the default place of this user.

    Raises:
        UsageError: a URL of an unknown scheme or one that holds credentials.
    """
    if told is None or not told.strip():
        return _folder(default(), None)
    scheme = _URL.match(told)
    if scheme is None:
        return _folder(Path(told).expanduser(), told)
    return _url(told.strip(), scheme[1].lower())


def default(environment: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """Return the default folder: ``whichhop/history`` under the user's data directory."""
    told = os.environ if environment is None else environment
    home = Path(told.get("HOME") or Path("~").expanduser())
    if platform == "win32":
        local = told.get("LOCALAPPDATA")
        base = Path(local) if local else home / "AppData" / "Local"
    elif platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        data = told.get("XDG_DATA_HOME", "")
        # The specification: a relative path in it is to be ignored.
        base = Path(data) if Path(data).is_absolute() else home / ".local" / "share"
    return base / "whichhop" / "history"


def _folder(path: Path, told: str | None) -> Place:
    whole = path.absolute()
    return Place(str(whole), told or _homely(whole), whole)


def _homely(path: Path) -> str:
    home = Path("~").expanduser()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _url(told: str, scheme: str) -> Place:
    parts = urlsplit(told)
    if scheme not in SCHEMES:
        near = did_you_mean(scheme, SCHEMES)
        msg = f"--store: {scheme}:// is no object store.{near} Known: {', '.join(SCHEMES)}"
        raise UsageError(msg)
    if parts.password or parts.query or (parts.username and not scheme.startswith("abfs")):
        msg = (
            "--store: a URL must not hold credentials, as commands are kept in shells' histories. "
            "Set the usual environment variables instead (AWS_ACCESS_KEY_ID ...)"
        )
        raise UsageError(msg)
    if scheme == "file":
        return _folder(Path(parts.path), told)
    if not parts.netloc:
        msg = f"--store {told}: the bucket is missing, as in {scheme}://bucket/history"
        raise UsageError(msg)
    return Place(told.rstrip("/"), told, None)
