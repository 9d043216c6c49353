"""What is done with files, given what is there already."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.history import contents
from analyzer.history.plan import StoredFile, StoredSet, decide, relation
from analyzer.ingest.base import Source

BYTES = {name: f"{name}{'x' * 70}\n".encode() * 60 for name in "ABCU"}
LONGER = {name.lower(): data + b"more\n" for name, data in BYTES.items()}
OTHER = {"8": BYTES["A"][:-50] + b"something else" * 10}
CUT = {"1": BYTES["A"][:-300]}
ALL = {**BYTES, **LONGER, **OTHER, **CUT}
"""``a`` is a longer version of ``A``, ``8`` one that differs at its end, ``1`` an earlier state;
``U`` is a usage export."""


def content(name: str, lengths: Sequence[int] = ()) -> contents.Content:
    data = ALL[name]
    source = Source(name, lambda: io.BytesIO(data), data[:10], len(data))
    return contents.content(source, lengths, export=name.upper() == "U")


def stored(names: str) -> StoredSet:
    made = [content(name) for name in names]
    return StoredSet(
        names,
        datetime(2026, 11, 20, tzinfo=UTC),
        tuple(StoredFile(c.name, c.sha256, c.size, c.export, c.beginnings()) for c in made),
    )


def new(names: str, held: Sequence[StoredSet]) -> list[contents.Content]:
    lengths = [file.size for old in held for file in old.files]
    return [content(name, lengths) for name in names]


@pytest.mark.parametrize(
    ("names", "kind"),
    [("AA", "same"), ("aA", "longer"), ("1A", "shorter"), ("8A", "other"), ("BA", "apart")],
)
def test_what_a_file_is_to_a_stored_one(names: str, kind: str) -> None:
    held = stored(names[1])
    assert relation(new(names[0], [held])[0], held.files[0]) == kind


@pytest.mark.parametrize(
    ("held", "given_", "action", "ingests"),
    [
        ("", "A", "add", ""),
        ("B", "A", "add", ""),
        ("A", "A", "known", "A"),
        ("A", "1", "known", "A"),
        ("AB", "A", "known", "AB"),
        ("AB", "BA", "known", "AB"),
        ("A", "a", "replace", "A"),
        ("A", "AB", "replace", "A"),
        ("A B", "AB", "replace", "A B"),
        ("AB", "aB", "replace", "AB"),
        ("AB C", "aBC", "replace", "AB C"),
        ("A", "AU", "replace", "A"),
        ("AU", "A", "known", "AU"),
        ("AU", "AUB", "replace", "AU"),
        ("AU", "BU", "add", ""),
        ("AU", "Bu", "add", ""),
        ("AU", "au", "replace", "AU"),
        ("AB", "aC", "refuse", "B"),
        ("AB", "a", "refuse", "B"),
        ("AU", "a", "refuse", "U"),
        ("AB", "AC", "refuse", "B"),
        ("A", "8", "refuse", "A"),
        ("A BC", "AB", "refuse", "C"),
    ],
)
def test_what_is_done(held: str, given_: str, action: str, ingests: str) -> None:
    sets = [stored(names) for names in held.split()]
    if action == "refuse":
        with pytest.raises(
            UsageError, match=rf"Nothing was changed.*--ingest {'|'.join(held.split())}"
        ):
            decide(sets, new(given_, sets))
        return
    decision = decide(sets, new(given_, sets))
    assert (decision.action, " ".join(decision.ingests)) == (action, ingests)


def test_an_earlier_state_is_named() -> None:
    held = [stored("A")]
    assert decide(held, new("1", held)).earlier == ("1",)


def test_files_of_which_nothing_is_stored_are_nothing_in_common() -> None:
    old = stored("AB")
    empty = StoredFile(
        **{**{f: getattr(old.files[1], f) for f in StoredFile.__slots__}, "empty": True}
    )
    held = [StoredSet("AB", None, (old.files[0], empty))]
    assert decide(held, new("BC", held)).action == "add"
    assert decide(held, new("a", held)).action == "replace"
    assert decide(held, new("AB", held)).action == "known"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.text("ABCabcU", min_size=1, max_size=3).map(lambda t: "".join(sorted(set(t)))),
        max_size=7,
    )
)
def test_no_attempt_is_ever_stored_twice_or_dropped(steps: list[str]) -> None:
    """Whatever is ingested in whatever order, each file's attempts are in one set, at its longest."""
    held: list[StoredSet] = []
    told: set[str] = set()
    for names in steps:
        if len({name.upper() for name in names}) < len(names):
            continue  # a file and its own longer version in one set
        try:
            decision = decide(held, new(names, held))
        except UsageError:
            continue
        told |= {name for name in names if name.upper() != "U"}
        if decision.action != "known":
            held = [old for old in held if old.ingest_id not in decision.ingests]
            held.append(stored(names))
    kept = [name for old in held for name in old.ingest_id if name.upper() != "U"]
    assert len({name.upper() for name in kept}) == len(kept)
    assert {name.upper() for name in told} == {name.upper() for name in kept}
    assert {name for name in told if name.islower()} <= set(kept)
