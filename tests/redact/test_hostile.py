"""Texts made to keep an expression busy: strangers write logs, and time must not square."""

from __future__ import annotations

import time

import pytest

from analyzer.redact.scan import scan
from analyzer.redact.secrets import SecretStore

UNITS = """
a A1 " \\ = : :: a: @ a@ a@b. sk- sk-1 eyJ eyJaaaaaaaa. *** a*** … sk... %22 % 1.1.1. :// ://a@
token= token=a1b2c3d4& a=b& [redacted: "token":" \\"token\\":\\" &quot;a&quot;: a-
""".split()  # noqa: SIM905
SPACED = (
    "1.1.1.1 ", "<input name=", '<meta name="token" ', 'name="password"\r\n\r\n', "Cookie: a=b;",
    '{"name":"authorization",', "bearer ", "api key key ", "ending in abc ", "\n…\n",
)  # fmt: skip


@pytest.mark.parametrize("unit", [*UNITS, *SPACED])
def test_no_repetition_is_slow(unit: str):
    store = SecretStore(b"salt")
    store.tag("s" + "k-" + "abcdEFGH12345678ijklMNOP")
    store.learn("aaaaaaaab1", "key")
    text = (unit * 16_384)[:16_384]
    began = time.perf_counter()
    clean = store.redact(text)
    scan(text, store)
    assert time.perf_counter() - began < 3  # 0.2 s at most on two slow cores
    assert store.redact(clean) == clean
