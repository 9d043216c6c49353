from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.ingest.url import address, host_of


@given(st.text())
def test_any_text_has_an_address(text: str) -> None:
    found = address(text)
    assert found.host is None or found.host == found.host.lower()
    assert found.path is None or "?" not in found.path


@pytest.mark.parametrize(
    ("netloc", "host"),
    [
        ("API.Example.test", "api.example.test"),
        ("h.test.", "h.test"),
        ("h.test.:8080", "h.test:8080"),
        ("h.test:80", "h.test"),
        ("h.test:443", "h.test"),
        ("h.test:", "h.test"),
        ("u:p@h.test", "h.test"),
        ("[::1]:443", "[::1]"),
        ("", None),
        (":8080", None),
    ],
)
def test_hosts(netloc, host) -> None:
    assert host_of(netloc) == host


@pytest.mark.parametrize(
    ("url", "key", "secrets"),
    [
        ("https://g.test/v1?key=K-1234567", "K-1234567", {"K-1234567"}),
        ("https://g.test/v1?alt=sse&api_key=a%2Fb", "a/b", {"a%2Fb"}),
        ("https://g.test/v1?X-Amz-Signature=0123abcd&x=1", None, {"0123abcd"}),
        ("https://sk-test-7@h.test/", None, {"sk-test-7"}),
        ("https://u:p%40ss@h.test/", None, {"p@ss"}),
        ("https://g.test/v1?key=&max_tokens=5#key=x", None, set()),
    ],
)
def test_credentials(url, key, secrets) -> None:
    found = address(url)
    assert found.key == key
    assert {value for _, value in found.secrets} == secrets
