"""Which headers and fields hold secrets."""

from __future__ import annotations

import pytest

from analyzer.redact.names import credential_key, secret_header

LISTED = """
    authorization proxy-authorization cookie set-cookie set-cookie2 x-api-key api-key apikey
    x-goog-api-key x-goog-iam-authorization-token ocp-apim-subscription-key x-auth-token
    x-access-token x-session-token x-csrf-token x-xsrf-token x-amz-security-token
    x-amz-signature x-amz-credential x-functions-key x-ms-authorization-auxiliary
    x-vault-token x-gitlab-token private-token x-portkey-api-key x-portkey-virtual-key
    helicone-auth cf-aig-authorization cf-access-jwt-assertion cf-access-client-secret
    x-litellm-api-key x-litellm-key openai-organization openai-project
    anthropic-organization-id x-forwarded-for x-real-ip true-client-ip cf-connecting-ip
    forwarded from sec-websocket-protocol www-authenticate proxy-authenticate x-client-data
    x-oai-attestation oai-device-id x-my-auth x-custom-token my-secret db-password
    acme-api-key acme-apikey session-id aws-credential webhook-signature x-cookie-2 my-jwt
""".split()  # noqa: SIM905

ALLOWED = """
    x-ratelimit-limit-tokens x-ratelimit-remaining-tokens x-ratelimit-reset-tokens
    anthropic-ratelimit-tokens-limit anthropic-ratelimit-input-tokens-remaining
    llm_provider-x-ratelimit-remaining-tokens x-request-id request-id cf-ray retry-after
    openai-processing-ms openai-version x-amzn-requestid anthropic-version x-stainless-auth
    x-stainless-os traceparent content-type user-agent server via x-amzn-errortype
    x-amzn-bedrock-input-token-count access-control-allow-credentials :authority :method
    :path :status host x-litellm-call-id helicone-id x-generation-id
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", LISTED)
def test_listed_headers_are_secret_in_any_case(name: str):
    kind = secret_header(name)
    assert kind
    assert secret_header(name.upper()) == secret_header(name.title()) == kind


@pytest.mark.parametrize("name", ALLOWED)
def test_what_diagnosis_needs_is_not(name: str):
    assert secret_header(name) is None


@pytest.mark.parametrize(
    ("name", "place", "kind"),
    [
        ("password", "json", "password"),
        ("newPassword", "json", "password"),
        ("API_KEY", "json", "key"),
        ("openrouter-api-key", "text", "key"),
        ("refreshToken", "json", "token"),
        ("SAMLResponse", "form", "token"),
        ("X-Amz-Signature", "query", "signature"),
        ("key", "query", "key"),
        ("code", "form", "secret"),
        ("state", "oauth", "secret"),
        ("user", "query", "user"),
        ("user_id", "json", "user"),
        ("code", "json", None),
        ("state", "json", None),
        ("key", "json", None),
        ("user", "text", None),
        ("max_tokens", "json", None),
        ("next_page_token", "json", None),
        ("prompt_cache_key", "json", None),
        ("request_id", "json", None),
        ("x-api-key", "json", "key"),
    ],
)
def test_fields(name: str, place: str, kind: str | None):
    assert credential_key(name, place) == kind
