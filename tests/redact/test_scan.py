"""The last look at finished output."""

from __future__ import annotations

import base64
import time

import pytest

from analyzer.errors import SecretSurvived
from analyzer.redact.scan import guard, scan
from analyzer.redact.secrets import SecretStore

KEY = "s" + "k-proj-" + "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"
COOKIE = "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2/+=="


@pytest.fixture
def store() -> SecretStore:
    store = SecretStore(b"salt")
    store.learn(COOKIE, "cookie")
    store.learn("correct horse 1 & <battery>", "password")
    return store


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"<p>{COOKIE}</p>", "cookie"),
        ("<p>correct horse 1 &amp; &lt;battery&gt;</p>", "password"),
        (f"x {COOKIE.replace('/', '%2F').replace('+', '%2B').replace('=', '%3D')} y", "cookie"),
        (f"see {KEY}", "key"),
        (base64.b64encode(f'{{"k": "{KEY}"}}'.encode()).decode(), "encoded"),
        ("eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.x", "jwt"),
        ("-----BEGIN " + "RSA PRIVATE KEY-----", "private-key"),
        ("AK" + "IA" + "ABCDEFGHIJKLMN23", "key"),
        ("Bearer " + "abcdefghij0123456789xyz", "token"),
    ],
)
def test_finds(store: SecretStore, text: str, kind: str):
    found = scan(text, store)
    assert kind in {finding.kind for finding in found}
    assert all(0 <= f.offset < f.offset + f.length <= len(text) for f in found)


@pytest.mark.parametrize(
    "text",
    [
        "<code>sk-…</code> <b>sk-proj-</b> prefixes such as sk-or-v1-… and AIza",
        "[redacted:key:0123abcd] and key:0123abcd",
        "task-12345678901234567890abc disk-1234567890abcdefghij",
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "req_011CVDZabcDEF123456789012 claude-sonnet-4-5-20250929 203.0.113.5",
        "send Bearer authentication; https://gateway.example/v1/chat/completions/that/is/a/long/path",
    ],
)
def test_is_quiet(store: SecretStore, text: str):
    assert scan(text, store) == []


def test_words_that_were_learnt_do_not_block_a_report():
    store = SecretStore(b"salt")
    for word in ("gateway", "retrying", "long waits", "dark", "en-US", "sunshine"):
        store.learn(word, "password")
        store.learn(word, "cookie")
    assert scan("The gateway was retrying after long waits in the sunshine", store) == []


def test_what_redaction_met_is_looked_for_too():
    store = SecretStore(b"salt")
    odd = "Qq1Ww2Ee3Rr4Tt5Yy6"
    store.redact(f'{{"api_key": "{odd}"}}')
    assert [f.kind for f in scan(f"<td>{odd}</td>", store)] == ["key"]


def test_guard_says_where_but_never_what(store: SecretStore):
    text = f"one\ntwo\nthe line with {KEY} and {COOKIE}\n"
    with pytest.raises(SecretSurvived) as caught:
        guard(text, store, "report.html")
    said = str(caught.value)
    assert "report.html was not written" in said
    assert "line 3" in said
    assert "the line with •••" in said
    assert "1 more" in said
    assert KEY[8:14] not in said
    assert COOKIE[:6] not in said
    assert "report this" in said
    assert caught.value.exit_code == 5


def test_guard_passes_clean_output(store: SecretStore):
    guard("<html>nothing</html>", store, "report.html")


def test_a_secret_across_a_chunk_border_is_found(store: SecretStore):
    for shift in range(0, 40, 3):
        text = "." * (4 * 16_384 + 16_384 - shift) + COOKIE + "." * 20_000
        assert [f.offset for f in scan(text, store)] == [5 * 16_384 - shift]


def test_five_megabytes_with_thousands_of_literals_are_quick():
    store = SecretStore(b"salt")
    for n in range(2000):
        store.learn(f"Tok{n:05d}en{n * 7919:09d}xYz", "token")
    text = "<tr><td>model gpt-4o-mini failed with 503 after 12.5 s</td></tr>\n" * 77_000
    began = time.perf_counter()
    assert scan(text, store) == []
    assert time.perf_counter() - began < 5  # 0.4 s on two slow cores
