"""Where a store is."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.errors import UsageError
from analyzer.history.place import default, place


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"HOME": "/h"}, "linux", "/h/.local/share/whichhop/history"),
        ({"HOME": "/h", "XDG_DATA_HOME": "/d"}, "linux", "/d/whichhop/history"),
        ({"HOME": "/h", "XDG_DATA_HOME": "relative"}, "linux", "/h/.local/share/whichhop/history"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Application Support/whichhop/history"),
        ({"HOME": "/h", "LOCALAPPDATA": "/l"}, "win32", "/l/whichhop/history"),
        ({"HOME": "/h"}, "win32", "/h/AppData/Local/whichhop/history"),
    ],
)
def test_the_default_is_the_users_data_directory(
    environment: dict[str, str], platform: str, expected: str
) -> None:
    assert default(environment, platform) == Path(expected)


def test_the_default_is_shown_from_the_home_folder_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert place(None).shown == "~/.local/share/whichhop/history"


def test_a_url_is_taken_as_it_is() -> None:
    told = place("s3://bucket/some/history/")
    assert (told.uri, told.shown, told.path) == (
        "s3://bucket/some/history", "s3://bucket/some/history/", None
    )  # fmt: skip
    assert place("file:///data/history").path == Path("/data/history")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("s33://bucket/x", "Did you mean 's3'"),
        ("https://bucket/x", "no object store"),
        ("s3:///x", "bucket is missing"),
        ("s3://key:very-secret@bucket/x", "must not hold credentials"),
        ("az://container/x?sig=very-secret", "must not hold credentials"),
    ],
)
def test_what_is_no_place_is_said(told: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        place(told)
    assert "very-secret" not in str(raised.value)
