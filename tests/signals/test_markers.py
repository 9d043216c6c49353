"""Fingerprints: who wrote an answer, and that mere passing is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from msgspec.structs import asdict

from analyzer import columns, signals
from analyzer.signals import markers
from analyzer.signals.body import read_answer
from analyzer.signals.catalogue import SignalData

NGINX = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway"
    "</h1></center>\r\n<hr><center>{}</center>\r\n</body>\r\n</html>\r\n"
)
HAPROXY = (
    "<html><body><h1>503 Service Unavailable</h1>\n"
    "No server is available to handle this request.\n</body></html>\n"
)
CLOUDFLARE = (
    "<!DOCTYPE html><html><head><title>gw.example | 522: Connection timed out</title></head><body>"
    '<div id="cf-wrapper"><div id="cf-error-details">Error code 522</div></div></body></html>'
)
ALB = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)
PASSED = {"server": "cloudflare", "resp_header.cf-ray": "8c1f-FRA"}


def openai(kind: str | None = None, code: Any = None, message: str = "m") -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def answer(known: SignalData, status: int, body: str, host: str, more: dict[str, Any]) -> Any:
    facts = asdict(read_answer(body, None, status))
    row = {k: v for k, v in facts.items() if k in columns.BY_NAME and v is not None and k != "cost"}
    row |= {
        "method": "POST",
        "host": host,
        "path": "/v1/chat/completions",
        "status": status,
        **more,
    }
    frame = pl.DataFrame(
        {name: [value] for name, value in row.items()},
        schema={name: columns.dtype_of(name) for name in row},
    )
    found = markers.add(signals.apply(frame, known), known)
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("status", "body", "more", "edge", "gateway"),
    [
        (522, CLOUDFLARE, PASSED, "cloudflare-error-page", None),
        (403, "<html><title>Just a moment...</title></html>", {}, "cloudflare-challenge", None),
        (429, "x", {"resp_header.cf-mitigated": "challenge"}, "cloudflare-challenge", None),
        (429, "error code: 1015", PASSED, "cloudflare-error-code", None),
        (502, NGINX.format("cloudflare"), PASSED, "cloudflare-plain-page", None),
        (524, openai("cf_gateway_timeout", 524), PASSED, "cloudflare-openai-json", None),
        (522, '{"title":"Error 522","error_code":522,"cloudflare_error":true}', {},
         "cloudflare-error-json", None),
        (530, "x", {"resp_header.cf-error-type": "1033"}, "cloudflare-error-type", None),
        (504, "An error occurred", {"resp_header.x-vercel-error": "FUNCTION_INVOCATION_TIMEOUT"},
         "vercel-error", None),
        (403, "<HTML><TITLE>ERROR: The request could not be satisfied</TITLE></HTML>", {},
         "cloudfront-error-page", None),
        # passed on, so no marker of the edge
        (502, NGINX.format("nginx/1.25.3"), PASSED, None, "nginx-error-page"),
        (502, NGINX.format("nginx/1.18.0 (Ubuntu)"), {}, None, "nginx-error-page"),
        (502, NGINX.format("openresty"), {}, None, "openresty-error-page"),
        (503, HAPROXY, PASSED, None, "haproxy-error-page"),
        (503, "no healthy upstream", {}, None, "envoy-local-reply"),
        (503, "upstream connect error or disconnect/reset before headers. reset reason: x", {},
         None, "envoy-local-reply"),
        (503, "no healthy upstream", {"resp_header.x-envoy-upstream-service-time": "3"},
         None, None),
        (503, "no available server", {}, None, "traefik-error"),
        (502, "Bad Gateway", {}, None, "traefik-error"),
        (503, "Bad Gateway", {}, None, None),
        (502, ALB, {"server": "awselb/2.0"}, None, "aws-alb-error-page"),
        (502, ALB, {}, None, None),
        (502, "", {"server": "caddy"}, None, "caddy-error"),
        (404, '{"message":"no Route matched with those values"}', {}, None, "kong-error"),
        (504, '{"message":"Endpoint request timed out"}', {}, None, "aws-api-gateway-error"),
        (503, "<h1>Error 503 Backend fetch failed</h1><p>Varnish cache server</p>", {}, None,
         "varnish-error-page"),
        (503, "<h1>The requested URL could not be retrieved</h1>", {}, None, "squid-error-page"),
        (503, openai("new_api_error", "model_not_found"), PASSED, None, "new-api-error"),
        (503, openai("one_api_error"), {}, None, "one-api-error"),
        (500, openai("upstream_error", "bad_response_status_code"), {}, None,
         "new-api-upstream-error"),
        (429, openai("tokens", "rate_limit_exceeded"), {"resp_header.x-oneapi-request-id": "1"},
         None, "new-api-request-id"),
        (500, openai("server_error", message="boom (request id: 20261001120000abcDEF12)"), {},
         None, "new-api-request-id"),
        (429, openai("throttling_error", "429"), {}, None, "litellm-error"),
        (429, openai(None, "model_cooldown"), {}, None, "cliproxyapi-error"),
        (503, openai("server_error"), PASSED, None, None),
        (503, "", PASSED, None, None),
    ],
)  # fmt: skip
def test_who_wrote_it(
    known: SignalData,
    status: int,
    body: str,
    more: dict[str, str],
    edge: str | None,
    gateway: str | None,
) -> None:
    row = answer(known, status, body, "gw.example", more)
    assert (row["edge_marker"], row["gateway_marker"]) == (edge, gateway)
    assert row["upstream_marker"] is None


@pytest.mark.parametrize(
    ("host", "status", "body", "more", "marker", "provider"),
    [
        ("api.openai.com", 429, openai("tokens"), {}, "provider-envelope", "openai"),
        ("gw.example", 429, openai("tokens"), {"resp_header.openai-processing-ms": "5"},
         "openai-answer", "openai"),
        ("gw.example", 529, '{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
         {"resp_header.request-id": "req_1"}, "anthropic-answer", "anthropic"),
        ("gw.example", 529, '{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
         {}, None, None),
        ("gw.example", 503, '{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}',
         {"server": "esf"}, "google-api", "google"),
        ("bedrock-runtime.us-east-1.amazonaws.com", 429, '{"message":"Too many requests"}',
         {"resp_header.x-amzn-errortype": "ThrottlingException"}, "bedrock-error", "bedrock"),
        ("api.openai.com", 524, openai("cf_gateway_timeout", 524), {}, None, "openai"),
    ],
)  # fmt: skip
def test_providers(
    known: SignalData,
    host: str,
    status: int,
    body: str,
    more: dict[str, str],
    marker: str | None,
    provider: str | None,
) -> None:
    row = answer(known, status, body, host, more)
    assert (row["upstream_marker"], row["provider"]) == (marker, provider)


def test_a_marker_names_the_party_unless_it_is_known(known: SignalData) -> None:
    unknown = answer(known, 503, HAPROXY, "gw.example", {})
    assert (unknown["gateway"], unknown["edge"]) == ("haproxy", None)
    profile = answer(known, 503, HAPROXY, "api.rutaapi.com", {})
    assert profile["gateway"] == "rutaapi"
    edge = answer(known, 522, CLOUDFLARE, "gw.example", {})
    assert (edge["edge"], edge["gateway"]) == ("cloudflare", None)
    forward = answer(
        known, 503, "<h1>The requested URL could not be retrieved</h1>", "g.example", {}
    )
    assert forward["gateway"] is None


def test_extra_columns_and_lazy_frames_survive(
    known: SignalData, frame: Callable[..., pl.DataFrame]
) -> None:
    rows = frame({"status": 503, "body_kind": "text", "error_message": "no healthy upstream"})
    rows = rows.with_columns(weight=pl.lit(2.0))
    found = markers.add(rows, known)
    assert found["weight"].to_list() == [2.0]
    assert found["gateway_marker"].to_list() == ["envoy-local-reply"]
    assert markers.add(rows.lazy(), known).collect().equals(found)
