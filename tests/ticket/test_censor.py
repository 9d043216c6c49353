"""What may leave in a ticket."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.redact.secrets import SecretStore
from analyzer.ticket.censor import HOST, ID, QUOTE, Censor, private

REQ = "req_011CSHoEeqs5C35K2UUqR7Fy"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("llm-7", True), ("localhost:8080", True), ("10.1.2.3", True), ("10.1.2.3:443", True),
        ("vllm.svc.cluster.local", True), ("gw.corp", True), ("[::1]", True), ("[fd00::2]:80", True),
        ("192.168.0.7:11434", True), ("a.b.internal:9", True), ("nas.home.arpa", True),
        ("api.openai.com", False), ("api.anthropic.com:443", False), ("8.8.8.8", False),
        ("internal.example", False), ("[2606:4700::1111]", False),
    ],
)  # fmt: skip
def test_private_hosts(host: str, expected: bool) -> None:
    assert private(host) is expected


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("dial tcp 10.0.3.4:8000: connect: connection refused",
         f"dial tcp {HOST}: connect: connection refused"),
        ("lookup vllm-3 on 10.96.0.10:53: no such host", f"lookup {HOST} on {HOST}: no such host"),
        ('Post "http://vllm-3:8000/v1/chat": EOF', f'Post "http://{HOST}/v1/chat": EOF'),
        ("no route to gpu-1.prod.internal today", f"no route to {HOST} today"),
        ("upstream api.openai.com said no", "upstream api.openai.com said no"),
        ("quota of user id: 48213 is used up", "quota of user id: [left out] is used up"),
        ("user_id=u-77 tenant=acme-3", "user_id=[left out] tenant=[left out]"),
        ("user robin.7@people.example is blocked", "user robin.7@people.example is blocked"),
        ("input 'write a poem about my mother and her orchard' is too long",
         f"input {QUOTE} is too long"),
        ("value “the harvest plan of the northern orchard, all of it", f"value {QUOTE}"),
        ("don't panic, it's only a test of the model's patience, isn't it",
         "don't panic, it's only a test of the model's patience, isn't it"),
        ("model 'gpt-9' not found", "model 'gpt-9' not found"),
        (f"failed (request id: {REQ})", f"failed (request id: {REQ})"),
        ("failed (request id: 2026112214214400000000abcdefgh)", f"failed (request id: {ID})"),
        ("see gen-1763821304-AbCdEfGh for more", f"see {ID} for more"),
        ("session-id=5f1c77aa-0001 closed", f"session-id={ID} closed"),
        ("two\nlines\x1b[31m", "two lines\\x1b[31m"),
    ],
)  # fmt: skip
def test_texts(raw: str, told: str) -> None:
    assert Censor(str, shapes=["^req_"]).text(raw) == told


def test_the_receivers_own_words_keep_its_ids_and_hosts() -> None:
    own = Censor(SecretStore(b"salt").redact, frozenset({"gw.corp"}), own=True)
    text = "gw.corp has no channel (request id: 2026112214214400000000abcdefgh)"
    assert own.text(text) == text


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (REQ, True), ("9a00002b59d659ab-FRA", True), ("2026112214214400000000abcdefgh", True),
        ("7d5f7e0a-0001-4a11-9c11-000000000001", True), ("Root=1-67a-8f;x", False), ("ab", False),
        ("<script>alert(1)</script>", False), ("a b c d", False), ("x" * 200, False),
        ("sk-proj-" + "Ab3" * 20, False), ("evil\u202eid-1", False), ("a@b.example", False),
    ],
)  # fmt: skip
def test_an_id_is_an_id_or_is_left_out(raw: str, kept: bool) -> None:
    assert (Censor(SecretStore(b"salt").redact).id(raw) == raw) is kept


def test_what_is_redacted_already_stays_as_it_is() -> None:
    store = SecretStore(b"salt")
    text = "session_id: 5f1c77aa-0001 from 10.1.2.3:8000 with Bearer sk-proj-Ab3dEf6hIj9kLm2nOp5q"
    assert Censor(store.redact).text(text) == store.redact(text)


@given(st.text(max_size=80), st.sampled_from(["gw-1.internal", "10.2.3.4", "localhost:11434"]))
@settings(max_examples=50, deadline=None)
def test_no_private_host_comes_through_between_spaces(noise: str, host: str) -> None:
    told = Censor(SecretStore(b"salt").redact).text(f"{noise[:40]} {host} {noise[40:]}", 10_000)
    assert f" {host} " not in told


@given(st.text(max_size=600), st.integers(10, 300))
@settings(max_examples=50, deadline=None)
def test_texts_are_one_line_of_the_length_that_was_asked_for(raw: str, limit: int) -> None:
    told = Censor(SecretStore(b"salt").redact).text(raw, limit)
    assert len(told) <= limit
    assert "\n" not in told
    assert told.isprintable() or not any(ord(c) < 32 for c in told)
