"""No planted secret survives, everything that a report is for does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from secrets_gen import Planted, generate

from analyzer.redact.scan import scan
from analyzer.redact.secrets import SecretStore

# These have no shape of their own: only a field's name or an earlier sight gives them away.
SHAPELESS = {
    "azure api-key",
    "password in json",
    "session cookie",
    "set-cookie value",
    "signed url signature",
    "sigv4 signature",
    "refresh token",
    "url userinfo",
}


@pytest.fixture(scope="module", params=[0, 1, 2])
def planted(request: pytest.FixtureRequest) -> Planted:
    return generate(request.param)


def strings(value: Any) -> Iterator[str]:
    """Yield every text of a HAR, headers aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("headers", "cookies", "queryString", "params"):
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def headers(har: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in har["log"]["entries"]:
        for side in ("request", "response"):
            yield from ((h["name"], h["value"]) for h in entry[side]["headers"])


def learnt(har: dict[str, Any]) -> SecretStore:
    """Return a store that has seen what ingest sees: headers, cookies, queries, bodies."""
    store = SecretStore(b"salt")
    for name, value in headers(har):
        store.learn_header(name, value)
    for entry in har["log"]["entries"]:
        for side in ("request", "response"):
            for cookie in entry[side]["cookies"]:
                store.learn(cookie["value"], "cookie")
        store.learn_text(entry["request"]["url"])
        store.learn_text(entry["request"]["postData"]["text"])
    return store


def leaks(texts: list[str], planted: Planted, kinds: set[str]) -> dict[str, set[str]]:
    """Return what is left of which kind; equal texts are looked at once."""
    whole = "\n".join(texts)
    return {
        kind: found
        for kind, forms in planted.needles.items()
        if kind in kinds and (found := {form for form in forms if form in whole})
    }


def test_every_needle_and_survivor_is_planted(planted: Planted):
    whole = json.dumps(planted.har)
    raw = {kind: forms[0] for kind, forms in planted.needles.items()}
    assert len(raw) >= 23
    assert [kind for kind, form in raw.items() if form not in whole] == []
    assert [one for one in planted.survivors if one not in whole] == []


def test_nothing_planted_survives_in_any_text(planted: Planted):
    store = learnt(planted.har)
    texts = [store.redact(text) for text in strings(planted.har)]
    assert leaks(texts, planted, set(planted.needles)) == {}


def test_shapes_are_known_without_learning(planted: Planted):
    store = SecretStore(b"salt")
    texts = [store.redact(text) for text in strings(planted.har)]
    assert leaks(texts, planted, set(planted.needles) - SHAPELESS) == {}


def test_survivors_survive(planted: Planted):
    store = learnt(planted.har)
    whole = "\n".join([store.redact(text) for text in strings(planted.har)])
    whole += "\n".join(store.header(*pair) for pair in headers(planted.har))
    assert [one for one in planted.survivors if one not in whole] == []


def test_headers_are_shown_without_their_secrets(planted: Planted):
    store = learnt(planted.har)
    texts = [f"{name}: {store.header(name, value)}" for name, value in headers(planted.har)]
    assert leaks(texts, planted, set(planted.needles)) == {}


def test_redacting_twice_changes_nothing(planted: Planted):
    store = learnt(planted.har)
    for text in strings(planted.har):
        once = store.redact(text)
        assert store.redact(once) == once


def test_the_scan_finds_every_needle_it_is_shown(planted: Planted):
    store = learnt(planted.har)
    known = {
        form for forms in planted.needles.values() for form in forms[:1]
    }  # fmt: skip
    missed = [form for form in known if not scan(f"<td>{form}</td>", store)]
    assert missed == []


def test_the_scan_is_quiet_about_clean_output(planted: Planted):
    store = learnt(planted.har)
    output = "\n".join(store.redact(text) for text in strings(planted.har))
    assert scan(output, store) == []


def test_a_whole_har_as_one_text(planted: Planted):
    """What a renderer would do that puts raw JSON into a report."""
    store = learnt(planted.har)
    clean = store.redact(json.dumps(planted.har, indent=1))
    assert leaks([clean], planted, set(planted.needles)) == {}
    assert scan(clean, store) == []
