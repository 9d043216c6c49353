"""Files that a capture keeps beside itself: Playwright's HAR in ``attach`` mode.

A capture comes from a stranger, so that it may not name what it likes: in a folder only files that
are called by a SHA-1 sum are opened, in an archive any member of the same folder, and a path or a
symbolic link nowhere.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

ATTACHED = re.compile(r"[0-9a-f]{40}(?:\.[A-Za-z0-9]{1,10})?")
"""How Playwright calls a body that it keeps apart."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_AGAIN = 256 << 20
"""Bytes that may be read more than once: a capture may name one large file a million times."""


class Beside:
    """What stands beside one capture; ``used`` are the names (as inputs are shown) that it took."""

    def __init__(self, fetch: Callable[[str, int], bytes | None], prefix: str) -> None:
        self.used: set[str] = set()
        self._fetch = fetch
        self._prefix = prefix
        self._again = _AGAIN

    def read(self, name: object, limit: int) -> bytes | None:
        """Return a file of at most ``limit`` bytes; ``None`` if there is none that may be read."""
        if not isinstance(name, str) or not _PLAIN.fullmatch(name):
            return None
        shown = self._prefix + name
        if shown in self.used and self._again <= 0:
            return None
        data = self._fetch(name, limit)
        if data is None:
            return None
        if shown in self.used:
            self._again -= len(data)
        self.used.add(shown)
        return data


def in_folder(capture: Path, shown: str) -> Beside:
    """Return what stands beside the file ``capture``, which is called ``shown``."""
    folder = capture.parent

    def fetch(name: str, limit: int) -> bytes | None:
        return _regular(folder / name, limit) if ATTACHED.fullmatch(name) else None

    return Beside(fetch, shown[: len(shown) - len(capture.name)])


def _regular(path: Path, limit: int) -> bytes | None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        found = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    try:
        about = os.fstat(found)
        if not stat.S_ISREG(about.st_mode) or about.st_size > limit:
            return None
        with os.fdopen(found, "rb", closefd=False) as stream:
            return stream.read(limit)
    except OSError:
        return None
    finally:
        os.close(found)
