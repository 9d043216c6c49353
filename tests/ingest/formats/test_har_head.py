from __future__ import annotations

from typing import Any

import pytest


def named(*pairs: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in pairs]


def test_wanted_headers_become_columns_and_no_others(run, entry, har) -> None:
    made = entry(
        request={"headers": named(("User-Agent", "OpenAI/JS"), ("X-Other", "1"))},
        response={"headers": named(("Server", "nginx"), ("Via", "a"), ("via", "b"), ("X", "y"))},
    )
    wanted = ("req_header.user-agent", "resp_header.server", "resp_header.via", "resp_header.none")
    got = run(har(made), headers=wanted)
    row = got.row
    assert [row[name] for name in wanted] == ["OpenAI/JS", "nginx", "a, b", None]
    assert [name for name in got.frame.columns if "header." in name] == sorted(wanted)
    assert (row["server"], row["via"]) == ("nginx", "a, b")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (named(("server", ["a", "b"])), "a, b"),
        (named(("server", 5)), "5"),
        (named(("server", None)), ""),
        ({"Server": "x"}, "x"),
        ([None, "text", 5, {"name": None, "value": "x"}, {"name": "server", "value": "y"}], "y"),
        ("server: x", None),
        (None, None),
    ],
)
def test_headers_of_any_shape(run, entry, har, headers, expected) -> None:
    row = run(har(entry(response={"headers": headers})), headers=("resp_header.server",)).row
    assert row["resp_header.server"] == expected


KEY = "sk-test-0123456789"


@pytest.mark.parametrize(
    ("sent", "tag"),
    [
        ({"headers": named(("authorization", f"Bearer {KEY}"))}, f"key:Bearer {KEY}"),
        ({"headers": named(("x-api-key", KEY))}, f"key:{KEY}"),
        ({"headers": named(("API-Key", KEY))}, f"key:{KEY}"),
        ({"headers": named(("x-goog-api-key", KEY))}, f"key:{KEY}"),
        ({"url": f"https://g.test/v1beta/models/m:generateContent?alt=sse&key={KEY}"}, f"key:{KEY}"),
        ({"headers": named(("sec-websocket-protocol",
          f"realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1"))}, f"key:{KEY}"),
        ({"headers": named(("x-api-key", KEY), ("authorization", "Bearer first"))},
         "key:Bearer first"),
        ({"headers": []}, None),
    ],
)  # fmt: skip
def test_the_key_is_a_pseudonym(run, entry, har, sent, tag) -> None:
    got = run(har(entry(request=sent)))
    assert got.row["key_tag"] == tag


@pytest.mark.parametrize(
    ("changes", "literal"),
    [
        ({"request": {"headers": named(("Proxy-Authorization", "Basic dTpw"))}}, "Basic dTpw"),
        ({"request": {"headers": named(("cookie", "sid=abc123"))}}, "sid=abc123"),
        ({"request": {"cookies": named(("sid", "cookie-value-1"))}}, "cookie-value-1"),
        ({"response": {"cookies": named(("sid", "cookie-value-2"))}}, "cookie-value-2"),
        ({"response": {"headers": named(("Set-Cookie", "sid=xyz; Path=/"))}}, "sid=xyz; Path=/"),
        ({"request": {"url": "https://u:pass-word-9@h.test/"}}, "pass-word-9"),
        ({"request": {"url": "https://h.test/?a=1&access_token=tok-1234"}}, "tok-1234"),
        ({"request": {"postData": {"text": '{"api_key":"sk-test-body-1"}'}}}, "sk-test-body-1"),
        ({"request": {"postData": {"mimeType": "application/x-www-form-urlencoded", "params":
          named(("client_secret", "form-secret-1"))}}}, "form-secret-1"),
    ],
)  # fmt: skip
def test_every_credential_is_learnt(run, entry, har, changes, literal) -> None:
    got = run(har(entry(**changes)))
    assert literal in got.secrets.learnt


@pytest.mark.parametrize(
    ("headers", "column", "expected"),
    [
        (named(("x-request-id", "a")), "request_id", "a"),
        (named(("request-id", "req_a")), "request_id", "req_a"),
        (named(("apim-request-id", "a"), ("x-ms-request-id", "b")), "request_id", "a"),
        (named(("X-Oneapi-Request-Id", "a"), ("x-request-id", "b")), "request_id", "a"),
        (named(("X-Oneapi-Request-Id", "a"), ("x-request-id", "b")), "upstream_request_id", "b"),
        (named(("x-litellm-call-id", "a"), ("llm_provider-x-request-id", "b")),
         "upstream_request_id", "b"),
        (named(("cf-ray", "8f-FRA")), "ray_id", "8f-FRA"),
        (named(("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")), "trace_id", "a" * 32),
        (named(("traceparent", "nonsense")), "trace_id", None),
        (named(("Server", "AwselB/2.0")), "server", "awselb/2.0"),
        (named(("content-type", "Text/HTML; charset=x")), "content_type", "text/html"),
        (named(("retry-after", "7")), "retry_after_s", 7.0),
        (named(("retry-after", "-7")), "retry_after_s", 0.0),
        (named(("retry-after", "7"), ("retry-after-ms", "1500")), "retry_after_s", 1.5),
        (named(("retry-after", "Sun, 22 Nov 2026 10:01:30 GMT"),
               ("date", "Sun, 22 Nov 2026 10:01:00 GMT")), "retry_after_s", 30.0),
        (named(("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT")), "retry_after_s", 29.63),
        (named(("retry-after", "soon")), "retry_after_s", None),
    ],
)  # fmt: skip
def test_answer_headers(run, entry, har, headers, column, expected) -> None:
    assert run(har(entry(response={"headers": headers}))).row[column] == expected


def test_ids_of_the_body_step_in(run, entry, har) -> None:
    content = {"mimeType": "application/json", "text": '{"id":"chatcmpl-1","choices":[]}'}
    row = run(har(entry(response={"content": content}))).row
    assert row["request_id"] == "chatcmpl-1"
    headers = named(("x-request-id", "req-1"))
    row = run(har(entry(response={"content": content, "headers": headers}))).row
    assert (row["request_id"], row["upstream_request_id"]) == ("req-1", "chatcmpl-1")


def test_what_the_request_says(run, entry, har) -> None:
    text = '{"model":"gpt-x","stream":true,"messages":[{"role":"user","content":"é"}]}'
    headers = named(("X-Stainless-Retry-Count", "2"), ("content-type", "application/json"))
    first = entry(request={"postData": {"text": text}, "headers": headers, "bodySize": 3})
    got = run(har(first, first, entry(request={"postData": {"text": text + " "}})))
    row = got.frame.row(0, named=True)
    assert (row["model"], row["stream"], row["llm"], row["method"]) == ("gpt-x", True, True, "POST")
    assert row["resend_count"] == 2
    assert row["request_bytes"] == len(text.encode())
    digests = got.frame["request_hash"].to_list()
    assert digests[0] == digests[1] != digests[2]
    assert row["hop"] is None or row["hop"] == "client"
    assert row["seen_in"] == ["capture.har#1"]


@pytest.mark.parametrize(
    ("cost", "expected", "kinds"),
    [("0.0123", "0.012300000000000000", []), ("0.1234567890123456789", None, ["bad_money"])],
)
def test_a_cost_is_kept_exactly_or_not_at_all(run, entry, har, cost, expected, kinds) -> None:
    text = f'{{"id":"gen-1","choices":[],"usage":{{"prompt_tokens":1,"cost":{cost}}}}}'
    got = run(har(entry(response={"content": {"mimeType": "application/json", "text": text}})))
    value = got.row["cost"]
    assert (None if value is None else str(value)) == expected
    assert got.kinds == kinds
