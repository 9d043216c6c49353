"""The store: what it learns, which pseudonyms it gives, what goes and what stays."""

from __future__ import annotations

import base64
import json
import random
import re
import string
import subprocess
import sys
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from analyzer import vocabulary
from analyzer.redact.secrets import SecretStore

ALNUM = string.ascii_letters + string.digits
R = random.Random(7)


def chars(count: int, alphabet: str = ALNUM) -> str:
    return "".join(R.choices(alphabet, k=count)) + "7aQ"


# Put together here, so that no scanner takes this file for a leak.
KEY = "s" + "k-" + chars(40)
OPAQUE = chars(32)


@pytest.fixture
def store() -> SecretStore:
    return SecretStore(b"salt")


def gone(store: SecretStore, text: str, secret: str) -> str:
    clean = store.redact(text)
    assert secret not in clean
    assert "[redacted:" in clean
    return clean


# pseudonyms


def test_equal_secrets_have_equal_tags_and_salts_separate_reports(store: SecretStore):
    tag = store.tag(KEY)
    assert tag == store.tag(f"Bearer {KEY}") == store.tag(f"  bearer {KEY} ")
    assert tag.startswith("key:")
    assert len(tag) == 12
    assert tag != SecretStore(b"other").tag(KEY)
    assert tag != store.tag(KEY + "x")
    assert f"[redacted:key:{tag[4:]}]" in store.redact(f"refused {KEY}")


def test_one_sigv4_key_is_one_tag_whatever_it_signs(store: SecretStore):
    key = "AK" + "IA" + "ABCDEFGHIJKLMN23"
    values = [
        f"AWS4-HMAC-SHA256 Credential={key}/2026112{n}/eu/bedrock/aws4_request, "
        f"SignedHeaders=host, Signature={n}f{'0a' * 31}"
        for n in (0, 1)
    ]
    assert store.tag(values[0]) == store.tag(values[1])
    assert "0a0a0a" not in store.header("authorization", values[0])


def test_a_salt_is_needed_and_nothing_is_shown_by_accident(store: SecretStore):
    with pytest.raises(ValueError, match="salt"):
        SecretStore(b"")
    store.tag(KEY)
    assert KEY not in repr(store)


# learnt literals


@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda s: quote(s, safe=""),
        lambda s: quote(quote(s, safe=""), safe=""),
        lambda s: json.dumps({"a": s}),
        lambda s: json.dumps(json.dumps({"a": s})),
        lambda s: base64.b64encode(s.encode()).decode(),
        lambda s: base64.b64encode(f"a{s}".encode()).decode()[2:],
        lambda s: base64.urlsafe_b64encode(f"ab{s}c".encode()).decode(),
        lambda s: f"x{s}y",
        lambda s: s.replace("/", "\\/"),
        lambda s: s.replace("&", "&amp;"),
        lambda s: s[:20],
    ],
)
def test_a_literal_goes_in_every_spelling(store: SecretStore, spell):
    secret = f"{OPAQUE}/+&{chars(6)}"
    store.learn(secret)
    spelt = spell(secret)
    clean = store.redact(f"echo: {spelt}")
    core = spelt.strip('"{}xy')
    assert core[4:16] not in clean
    assert clean.startswith("echo: ")


@pytest.mark.parametrize(
    ("value", "echo"),
    [
        (KEY, f"{KEY[:7]}***{KEY[-4:]}"),
        (KEY, f"{KEY[:5]}...{KEY[-4:]}"),
        (KEY, f"sk-…{KEY[-4:]}"),
        (OPAQUE, f"{OPAQUE[:4]}…{OPAQUE[-4:]}"),
        (OPAQUE, f"••••{OPAQUE[-4:]}"),
        (OPAQUE, f"a key ending in {OPAQUE[-4:]}"),
    ],
)
def test_masked_echoes_bear_the_tag_of_their_key(store: SecretStore, value: str, echo: str):
    tag = store.tag(value)
    assert f"[redacted:{tag}]" in gone(store, f"Wrong key {echo} given", value[-4:])


@pytest.mark.parametrize(
    "value",
    [
        "abc12",
        "true",
        "undefined",
        "null",
        "test",
        "ollama",
        "upstream",
        "------",
        "1234567",
        "aaaaaa",
    ],
)
def test_plain_and_short_values_do_not_spoil_texts(store: SecretStore, value: str):
    for kind in ("key", "cookie", "password"):
        store.learn(value, kind)
    text = f"The upstream of ollama said {value} (test): true, null, undefined."
    assert store.redact(text) == text
    clean = store.redact(json.dumps({"password": "test", "api_key": value, "n": 1}))
    assert '"test"' not in clean


def test_no_word_of_the_vocabulary_can_be_learnt_away(store: SecretStore):
    words = [word for terms in vocabulary.LISTS.values() for word in vocabulary.words(terms)]
    for word in words:
        store.learn(word, "key")
    text = " ".join(words)
    assert store.redact(text) == text


def test_cookies_are_learnt_apart_and_attributes_are_not(store: SecretStore):
    store.learn(f"theme=dark; model=gpt-4o-mini; sid={OPAQUE}", "cookie")
    store.learn(f"csrf={OPAQUE[::-1]}; Domain=.gateway.example; Path=/v1/chat; HttpOnly", "cookie")
    text = "gpt-4o-mini at .gateway.example/v1/chat in dark HttpOnly"
    assert store.redact(text) == text
    gone(store, f"session {OPAQUE}", OPAQUE)
    gone(store, f"session {OPAQUE[::-1]}", OPAQUE[::-1])


def test_basic_credentials_are_learnt_decoded(store: SecretStore):
    store.tag("Basic " + base64.b64encode(f"svc:{OPAQUE}".encode()).decode())
    gone(store, f"login svc with {OPAQUE} failed", OPAQUE)


def test_kept_names_survive_as_cookies_but_not_as_keys(store: SecretStore):
    model = "acme/Router-Model-X1-Preview-20261120"
    store.learn(model, "cookie")
    store.keep([model, "10.1.2.3:3000", None, KEY])
    assert store.redact(f"{model} at 10.1.2.3:3000") == f"{model} at 10.1.2.3:3000"
    assert "10.1.2.4" not in store.redact("from 10.1.2.4")
    store.learn(KEY, "key")
    gone(store, f"model {KEY} not found", KEY)


# values by their shape


@pytest.mark.parametrize(
    "secret",
    [
        "s" + "k-" + chars(45),
        "s" + "k-proj-" + chars(60) + "_" + chars(8),
        "s" + "k-ant-api03-" + chars(50),
        "s" + "k-or-v1-" + chars(60, "0123456789abcdef"),
        "s" + "k-" + "1234",
        "AI" + "za" + chars(32),
        "ya" + "29." + chars(40),
        "h" + "f_" + chars(30),
        "g" + "sk_" + chars(48),
        "x" + "ai-" + chars(70),
        "r" + "8_" + chars(34),
        "pp" + "lx-" + chars(44),
        "AS" + "IA" + "ABCDEFGHIJKLMN23",
        "gh" + "o_" + chars(33),
        "github" + "_pat_" + chars(70),
        "xo" + "xb-" + chars(40),
        "nv" + "api-" + chars(60),
        "acme-" + chars(37),
        "eyJ" + chars(20) + "." + chars(60) + "." + chars(40),
        "someone.else+tag@mail.example.org",
        "203.0.113.77",
        "10.2.3.4",
        "2001:db8::5:77",
        "org" + "-" + chars(21),
        "proj" + "_" + chars(21),
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "Bad key: {}.", '{{"a":"{}"}}', "x\\n{}\\n", "({}),", "%22{}%22", "a={}&b=1"]
)
def test_shapes_go_without_learning(store: SecretStore, secret: str, around: str):
    gone(store, around.format(secret), secret)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://svc:pw@h.example/v1", "https://*@h.example/v1"),
        ("/v1?key=abc&alt=sse", "/v1?key=*&alt=sse"),
        ("/cb?code=Sp1&state=xyz#t", "/cb?code=*&state=*#t"),
        ("a=1\\u0026key=abcd", "a=1\\u0026key=*"),
        ("grant_type=x&code=Abc&user=bob", "grant_type=x&code=*&user=*"),
        ("?X-Amz-Signature=ab12&X-Amz-Date=1", "?X-Amz-Signature=*&X-Amz-Date=1"),
        ("?sv=1&sig=aB%2F1&se=2", "?sv=1&sig=*&se=2"),
        ('{"api_key": "anything", "n": 1}', '{"api_key": "*", "n": 1}'),
        ('{"client-secret":"a\\"b","n":1}', '{"client-secret":"*","n":1}'),
        ('"{\\"refreshToken\\":\\"a\\",\\"n\\":1}"', '"{\\"refreshToken\\":\\"*\\",\\"n\\":1}"'),
        ('{"password":12345678}', '{"password":*}'),
        (
            '{"name":"authorization","value":"Bearer q"}',
            '{"name":"authorization","value":"Bearer *"}',
        ),
        ('{"grant_type":"x","code":"Sp1"}', '{"grant_type":"x","code":"*"}'),
        ("Cookie: a=b1; theme=dark\nHost: x", "Cookie: a=*; theme=*\nHost: x"),
        ("x-api-key: 0a1b2c3d4e\nhost: a", "x-api-key: *\nhost: a"),
        ("&quot;token&quot;:&quot;Abcd1234&quot;", "&quot;token&quot;:&quot;*&quot;"),
        ("<input name='csrf_token' value='q1'>", "<input name='csrf_token' value='*'>"),
        (
            'form-data; name="password"\r\n\r\nx y\r\n--b',
            'form-data; name="password"\r\n\r\n*\r\n--b',
        ),
        ("Key Hash (Token) =88dc28d0f030c55ed4ab, x", "Key Hash (Token) =*, x"),
        ("Your api key: ****ab1d is invalid", "Your api key: * is invalid"),
        ("Invalid token: abcd1234efgh", "Invalid token: *"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- x", "* x"),
        ("-----BEGIN PRIVATE KEY-----\\nMII", "*"),
    ],
)
def test_fields_and_what_stays_around_them(store: SecretStore, text: str, clean: str):
    assert re.sub(r"\[redacted:[^\]]*\]", "*", store.redact(text)) == clean


@pytest.mark.parametrize(
    "text",
    [
        '{"error":{"code":"invalid_api_key","type":"auth_error","param":"user","state":"x"}}',
        '{"error":{"message":"m","code":429},"code":"1113","user":"u","key":"k","state":"open"}',
        '{"usage":{"prompt_tokens":9,"max_tokens":4096,"total_tokens":11}}',
        "req_011CVDZabcDEF123456789012 chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx12345",
        "gen-1763800000-AbCdEf1234AbCdEf1234",
        "msg_01AbCdEfGhIjKlMnOpQrSt resp_68af0123456789abcdef0123456789abcdef01234567",
        "(request id: 20261120100000123456789AbCdEf) cf-ray 9f0a1b2c3d4e5f60-FRA",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "x-acme-id: zzz-9f0aB12c3d4E5f60AbCdEf9f0aB12c3d4E",
        "claude-sonnet-4-5-20250929 meta-llama/Llama-3.3-70B-Instruct-Turbo gpt-4o-mini-2024-07-18",
        "@cf/meta/llama-3.1-8b-instruct claude-3-5-sonnet@20240620 us.anthropic.claude-v2:1",
        "connect ECONNREFUSED 127.0.0.1:11434 [::1]:80 at 12:34:56 in std::io::Error",
        "Chrome/131.0.0.0 nginx/1.25.3 HTTP/1.1 v1.2.3.4",
        "token limit exceeded: 128000 tokens, max_tokens=4096; bearer authentication required",
        "Unexpected token '<', \"<!DOCTYPE html\" is not valid JSON",
        "rpc error: code = Unavailable desc = token expired; status=503 code=503",
        "time to first token before/during/after, token authentication/authorization",
        "The session: expired. auth: failed. password: must be changed",
        'Bearer realm="api", error="invalid_token"',
        "**bold** and ***both***, loading...done, https://gateway.example:8443/v1/chat",
        "openrouter: first token (OpenRouter), sk- and hf_ prefixes, pip install hf_transfer",
        "",
    ],
)
def test_what_a_report_needs_survives(store: SecretStore, text: str):
    store.tag(KEY)
    assert store.redact(text) == text


def test_sampled_tokens_are_no_credentials(store: SecretStore):
    text = '{"logprobs":{"content":[{"token":" wonderful","logprob":-0.1}]}}'
    assert store.redact(text) == text


@pytest.mark.parametrize(
    ("path", "survives"),
    [
        (f"/v1/{KEY}/chat/completions", False),
        ("/bot123456789:" + chars(32) + "/send", False),
        ("/u/eyJ" + chars(20) + "." + chars(40) + "." + chars(20), False),
        (f"/hooks/{chars(30)}/x", False),
        ("/v1/0123456789abcdef0123456789abcdef/gateway/openai/chat/completions", True),
        ("/v1/responses/resp_68aBcDeF0123456789AbCdEf0123", True),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", True),
        ("/openai/deployments/GPT4o-Prod-EastUS2-2024/chat/completions", True),
    ],
)
def test_paths(store: SecretStore, path: str, survives: bool):
    assert (store.path(path) == path) is survives


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer x", "Bearer *"),
        ("COOKIE", "a=b; c=d", "a=*; c=*"),
        ("set-cookie", "a=b; Path=/; Secure", "a=*; Path=/; Secure"),
        ("x-forwarded-for", "203.0.113.7:443, unknown", "*, unknown"),
        ("forwarded", 'for="[2001:db8::1]:4711";proto=https', 'for="[*]:4711";proto=https'),
        ("www-authenticate", 'Bearer realm="r", error="invalid_token"',
         'Bearer realm=*, error="invalid_token"'),
        ("sec-websocket-protocol", "realtime, openai-insecure-api-key.ab",
         "realtime, openai-insecure-api-key.*"),
        ("openai-organization", "acme", "*"),
        ("x-request-id", "req_1", "req_1"),
        ("referer", "https://a.example/?key=q", "https://a.example/?key=*"),
        (":path", "/v1?api_key=q", "/v1?api_key=*"),
        ("x-ratelimit-remaining-tokens", "149984", "149984"),
    ],
)  # fmt: skip
def test_headers_keep_what_is_no_secret(store: SecretStore, name: str, value: str, shown: str):
    assert re.sub(r"\[redacted:[^\]]*\]", "*", store.header(name, value)) == shown


def test_counts_tell_how_many_secrets_of_which_kind(store: SecretStore):
    assert store.counts() == {}
    store.tag(KEY)
    store.redact(f"{KEY} {KEY} 203.0.113.5 203.0.113.6 203.0.113.5")
    assert store.counts() == {"ip": 2, "key": 1}


def test_importing_the_store_does_not_load_polars():
    code = (
        "import sys, analyzer.redact.secrets, analyzer.redact.scan; print('polars' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# laws

SAFE_WORDS = st.sampled_from(
    """
    the gateway said overloaded model gpt-4o request id 503 after 12.5 s (retry) status code: 429
    Too Many Requests, req_011AbC upstream_error net::ERR_FAILED /v1/chat/completions
    """.split()  # noqa: SIM905
)
PIECES = st.one_of(
    SAFE_WORDS,
    st.sampled_from([
        KEY, OPAQUE, f"{KEY[:6]}…{KEY[-4:]}", "a@b.example.com", "203.0.113.9", '{"password":"',
        "Bearer ", "token=", "?key=", "&", "=", "Cookie: ", "\\n", "\n…\n", "[redacted:", "]", "://",
        "[redacted:key:0123abcd]", "%22", "\\", '"', "***", "eyJ", ".", "-----BEGIN ", "sk-", ":",
        " ", '"}',
    ]),
    st.text(alphabet=ALNUM + "-_./+= :\"'&%\\…İß", max_size=12),
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=14).map("".join)


def learned() -> SecretStore:
    store = SecretStore(b"salt")
    store.tag(KEY)
    store.learn(OPAQUE, "cookie")
    return store


@given(TEXTS)
@example(f"{OPAQUE}{KEY}")
@example(f"token={KEY[:12]}")
def test_redacting_twice_is_redacting_once(text: str):
    store = learned()
    once = store.redact(text)
    assert store.redact(once) == once


@given(st.text(max_size=20), st.text(alphabet=ALNUM + '+/=&<" ', min_size=10, max_size=60), TEXTS)
def test_a_learnt_literal_is_never_in_the_output(before: str, secret: str, after: str):
    secret = f"{secret.strip()}x7Q"
    store = SecretStore(b"salt")
    store.learn(secret, "secret")
    for text in (before + secret + after, json.dumps({"m": before + secret})):
        clean = store.redact(text)
        assert secret not in clean
        assert json.dumps(secret)[1:-1] not in clean


@given(st.lists(SAFE_WORDS, max_size=30).map(" ".join))
def test_text_without_secrets_is_unchanged(text: str):
    assert learned().redact(text) == text


@given(st.lists(st.one_of(st.none(), TEXTS), max_size=8))
def test_a_series_is_redacted_as_its_texts_are(texts: list[str | None]):
    series = pl.Series("t", texts, dtype=pl.String)
    want = [None if text is None else learned().redact(text) for text in texts]
    assert_series_equal(learned().redact_series(series), pl.Series("t", want, dtype=pl.String))


def test_series_without_texts(store: SecretStore):
    nulls = pl.Series("n", [None, None])
    assert store.redact_series(nulls).null_count() == 2
    assert store.redact_series(pl.Series("e", [], dtype=pl.String)).len() == 0
    enum = pl.Series("c", ["a", "b"], dtype=pl.Categorical)
    assert store.redact_series(enum).to_list() == ["a", "b"]
