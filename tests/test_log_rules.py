"""What products say of themselves in their logs: lines as they write them, and the verdict.

Every line is written here, read by its format's own reader and judged by the packaged rules. The
lines of one format are one file, so that they are read as they would be.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analyzer import pipeline
from analyzer.pipeline import Options

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """Lines of a log, and the verdict on their request; no ``layer``: it is no failure."""

    name: str
    text: str
    layer: str | None = None
    cause: str | None = None
    confidence: str | None = None
    rule: str | None = None
    open: bool = False
    """It counts as neither: a redirect, or a client that left and may have had all it wanted."""

    @property
    def said(self) -> tuple[str | None, ...]:
        """Return what the verdict must be."""
        return (self.layer, self.cause, self.confidence, self.rule)


def number(made: object) -> int:
    """Return a number that is each line's own, so that no two are taken for one request."""
    return zlib.crc32(repr(made).encode())


_ASK = "POST /v1/chat/completions HTTP/1.1"
_BUSY = "1/1/0/0"


def haproxy(state: str, status: int, timers: str, where: str = "models/a", more: str = "0") -> str:
    """Return a line of httplog."""
    return (
        f"192.0.2.7:41000 [22/Nov/2026:10:00:00.250] api {where} {timers} {status} 512 - - {state} "
        f'{_BUSY}/{more} 0/0 "{_ASK}"'
    )


_WENT = "0/0/1/250/900"
_NO_HEAD = "0/0/1/-1/900"
_NO_SERVER = "0/-1/-1/-1/0"
_BY_LOCAL = "models/<NOSRV>"

HAPROXY = (
    Case("a good answer", haproxy("----", 200, _WENT)),
    Case("a good answer after a redispatch", haproxy("----", 200, _WENT, more="+1")),
    Case("a redirect of its own", haproxy("LR--", 302, _NO_SERVER, "api/<NOSRV>"), open=True),
    Case("the last bytes were still on their way", haproxy("CL--", 200, _WENT)),
    Case("no server", haproxy("SC--", 503, _NO_SERVER, _BY_LOCAL),
         "gateway", "no_healthy_upstream", "certain", "gateway.haproxy-log-no-server"),
    Case("refused", haproxy("SC--", 503, "0/0/-1/-1/1044", more="1"),
         "gateway", "upstream_connect_failure", "certain", "gateway.haproxy-log-connect-failed"),
    Case("connect time-out", haproxy("sC--", 503, "0/0/-1/-1/2009", more="+2"),
         "gateway", "upstream_connect_failure", "certain", "gateway.haproxy-log-connect-failed"),
    Case("waited in the queue", haproxy("sQ--", 503, "0/-1/-1/-1/30001", _BY_LOCAL),
         "gateway", "overloaded", "certain", "gateway.haproxy-log-queue-timeout"),
    Case("closed before the head", haproxy("SH--", 502, _NO_HEAD),
         "gateway", "bad_gateway", "certain", "gateway.haproxy-502"),
    Case("silent", haproxy("sH--", 504, "0/0/1/-1/60001"),
         "gateway", "upstream_timeout", "certain", "gateway.haproxy-504"),
    Case("closed in the answer", haproxy("SD--", 200, _WENT),
         "upstream", "stream_interrupted", "high", "upstream.haproxy-log-server-cut"),
    Case("silent in the answer", haproxy("sD--", 200, "0/0/1/250/60260"),
         "gateway", "upstream_timeout", "high", "gateway.idle-stream-cut"),
    Case("an answer that is no HTTP", haproxy("PH--", 502, _NO_HEAD),
         "gateway", "bad_gateway", "certain", "gateway.haproxy-502"),
    Case("chunks that are no chunks", haproxy("PD--", 200, _WENT),
         "gateway", "bad_response", "high", "gateway.haproxy-log-broken-chunks"),
    Case("a deny rule", haproxy("PR--", 403, _NO_SERVER, _BY_LOCAL),
         "gateway", "client_not_allowed", "high", "gateway.access-refused"),
    Case("a rate limit", haproxy("PR--", 429, _NO_SERVER, _BY_LOCAL),
         "gateway", "rate_limited", "high", "gateway.haproxy-log-rate-limited"),
    Case("not HTTP at all", haproxy("PR--", 400, "-1/-1/-1/-1/0", "api/<NOSRV>"),
         "client", "invalid_request", "high", "gateway.haproxy-log-bad-request"),
    Case("a silent drop", haproxy("PR--", -1, _NO_SERVER, "api/<NOSRV>"),
         "gateway", "client_not_allowed", "high", "gateway.haproxy-log-rejected"),
    Case("a tarpit", haproxy("PT--", 500, "0/10002/-1/-1/10002", "api/<NOSRV>"),
         "gateway", "client_not_allowed", "certain", "gateway.haproxy-log-tarpit"),
    Case("no socket left", haproxy("PC--", 503, "0/0/-1/-1/0"),
         "gateway", "overloaded", "certain", "gateway.haproxy-log-resources"),
    Case("no source port left", haproxy("RC--", 503, "0/0/-1/-1/0"),
         "gateway", "overloaded", "certain", "gateway.haproxy-log-resources"),
    Case("a state that cannot be", haproxy("IH--", 500, _NO_HEAD),
         "gateway", "internal_error", "certain", "gateway.haproxy-log-internal"),
    Case("its server went down", haproxy("DD--", 200, _WENT),
         "gateway", "no_healthy_upstream", "certain", "gateway.haproxy-log-server-down"),
    Case("killed by an admin", haproxy("KD--", 200, _WENT),
         "gateway", "maintenance", "certain", "gateway.haproxy-log-killed"),
    Case("a maintenance page", haproxy("LR--", 503, _NO_SERVER, "api/<NOSRV>"),
         "gateway", "service_unavailable", "high", "gateway.haproxy-log-local-503"),
    Case("no route", haproxy("LR--", 404, _NO_SERVER, "api/<NOSRV>"),
         "client", "wrong_path", "high", "gateway.log-own-404"),
    Case("left before it had asked", haproxy("CR--", 400, "-1/-1/-1/-1/0", "api/<NOSRV>"),
         "client", "client_abort", "certain", "client.haproxy-log-left-asking"),
    Case("slow to ask", haproxy("cR--", 408, "-1/-1/-1/-1/5000", "api/<NOSRV>"),
         "client", "client_timeout", "medium", "gateway.request-not-received"),
    Case("stopped uploading", haproxy("cH--", 408, "0/0/1/-1/30001"),
         "client", "client_timeout", "medium", "client.haproxy-log-upload-stalled"),
    Case("left the queue", haproxy("CQ--", -1, "0/-1/-1/-1/9000", _BY_LOCAL),
         "client", "client_abort", "certain", "client.haproxy-log-left-queue"),
    Case("left while it connected (503 until 2.4)", haproxy("CC--", 503, "0/0/-1/-1/900"),
         "client", "client_abort", "certain", "client.haproxy-log-left-queue"),
    Case("left while the server worked", haproxy("CH--", -1, _NO_HEAD),
         "client", "client_abort", "high", "client.haproxy-log-left-waiting"),
    Case("a reset stream, with a 400 of its own", haproxy("CH--", 400, _NO_HEAD),
         "client", "client_abort", "high", "client.haproxy-log-left-waiting"),
    Case("the same reset under another state", haproxy("CD--", 400, _NO_HEAD),
         "client", "client_abort", "high", "client.haproxy-log-left-waiting"),
    Case("left while it read: perhaps behind the last event", haproxy("CD--", 200, _WENT), open=True),
    Case("left, or stopped reading", haproxy("cD--", 200, "0/0/1/250/300250"), open=True),
    Case("left while it read an error", haproxy("CD--", 500, _WENT),
         "client", "client_abort", "medium", "client.haproxy-log-left-reading"),
    Case("stopped reading an error", haproxy("cD--", 500, "0/0/1/250/300250"),
         "client", "client_abort", "high", "client.haproxy-log-stopped-reading"),
    Case("a 429 of the server", haproxy("----", 429, "0/0/1/12/12"),
         "upstream", "rate_limited", "medium", "upstream.log-passed-through-429"),
    Case("a 503 of the server", haproxy("----", 503, "0/0/1/12/12"),
         "upstream", "service_unavailable", "medium", "upstream.log-passed-through-503"),
    Case("no handshake",
         "192.0.2.7:41000 [22/Nov/2026:10:00:00.250] api/1: SSL handshake failure",
         "network", "tls_failure", "high", "network.haproxy-log-handshake"),
    Case("left in the handshake",
         "192.0.2.7:41000 [22/Nov/2026:10:00:00.250] api/1: Connection closed during SSL handshake",
         "client", "client_abort", "medium", "client.haproxy-log-left-handshake"),
)  # fmt: skip


def envoy(
    status: int, flags: str, details: str, host: str = "10.0.0.9:8080", why: str = "-"
) -> str:
    """Return a line of Istio's format."""
    return (
        f'[2026-11-22T10:00:00.250Z] "{_ASK}" {status} {flags} {details} - "{why}" 66 98 900 - "-" '
        f'"agent/1.0" "-" "llm.example.test" "{host}" outbound|80||m.default.svc.cluster.local - '
        "10.0.0.1:15001 192.0.2.7:34366 - default"
    )


def plain_envoy(status: int, flags: str, host: str, served: str = "-") -> str:
    """Return a line of Envoy's default format."""
    return (
        f'[2026-11-22T10:00:00.250Z] "{_ASK}" {status} {flags} 66 98 900 {served} "-" "agent/1.0" '
        f'"-" "llm.example.test" "{host}"'
    )


_BEFORE = "upstream_reset_before_response_started"
_AFTER = "upstream_reset_after_response_started"

ENVOY = (
    Case("a good answer", envoy(200, "-", "via_upstream")),
    Case("a good answer after a delay on purpose", envoy(200, "DI", "via_upstream")),
    Case("a good answer from the cache", envoy(200, "RFCF", "response_from_cache", "-")),
    Case("no healthy host", envoy(503, "UH", "no_healthy_upstream", "-"),
         "gateway", "no_healthy_upstream", "high", "gateway.envoy-no-healthy-upstream"),
    Case("refused", envoy(503, "UF", f"{_BEFORE}{{remote_connection_failure}}"),
         "gateway", "upstream_connect_failure", "certain", "gateway.envoy-connect-failed"),
    Case("all tries refused", envoy(503, "URX,UF", f"{_BEFORE}{{connection_timeout}}"),
         "gateway", "upstream_connect_failure", "certain", "gateway.envoy-connect-failed"),
    Case("no certificate that it trusts",
         envoy(503, "UF", f"{_BEFORE}{{remote_connection_failure|TLS_error:|1:CERTIFICATE_VERIFY_FAILED}}"),
         "gateway", "tls_failure", "certain", "gateway.envoy-log-tls-behind"),
    Case("no address", envoy(503, "DF", "dns_resolution_failure", "-"),
         "gateway", "dns_failure", "certain", "gateway.envoy-log-dns"),
    Case("closed before the head", envoy(503, "UC", f"{_BEFORE}{{connection_termination}}"),
         "gateway", "bad_gateway", "high", "gateway.envoy-reset"),
    Case("reset before the head", envoy(503, "UR", f"{_BEFORE}{{remote_reset}}"),
         "gateway", "bad_gateway", "high", "gateway.envoy-reset"),
    Case("no HTTP", envoy(502, "UPE", f"{_BEFORE}{{protocol_error}}"),
         "gateway", "bad_gateway", "high", "gateway.envoy-reset"),
    Case("closed in the answer", envoy(200, "UC", f"{_AFTER}{{connection_termination}}"),
         "upstream", "stream_interrupted", "high", "upstream.envoy-log-cut-mid-answer"),
    Case("200 UR, as it is often seen", envoy(200, "UR", "via_upstream"),
         "upstream", "stream_interrupted", "high", "upstream.envoy-log-cut-mid-answer"),
    Case("silent", envoy(504, "UT", "upstream_response_timeout"),
         "gateway", "upstream_timeout", "high", "gateway.envoy-timeout"),
    Case("silent in each try", envoy(504, "UT", "upstream_per_try_timeout"),
         "gateway", "upstream_timeout", "certain", "gateway.envoy-log-per-try-timeout"),
    Case("a stream longer than the route allows", envoy(200, "UT", "via_upstream"),
         "gateway", "upstream_timeout", "certain", "gateway.envoy-log-cut-by-timeout"),
    Case("a stream that paused", envoy(200, "SI", "stream_idle_timeout"),
         "gateway", "upstream_timeout", "high", "gateway.idle-stream-cut"),
    Case("a request that paused", envoy(408, "SI", "stream_idle_timeout", "-"),
         "client", "client_timeout", "high", "gateway.envoy-log-request-idle"),
    Case("a stream longer than any may be",
         envoy(200, "UMSDR", "upstream_max_stream_duration_reached"),
         "gateway", "upstream_timeout", "certain", "gateway.envoy-log-max-duration"),
    Case("a connection longer than any may be", envoy(504, "DT", "duration_timeout"),
         "gateway", "upstream_timeout", "certain", "gateway.envoy-log-max-duration"),
    Case("a circuit breaker", envoy(503, "UO", f"{_BEFORE}{{overflow}}", "-"),
         "gateway", "overloaded", "certain", "gateway.envoy-overflow"),
    Case("its own load", envoy(503, "OM", "overload", "-"),
         "gateway", "overloaded", "certain", "gateway.envoy-overflow"),
    Case("its own load, in the answer", envoy(200, "OM", "via_upstream"),
         "gateway", "overloaded", "certain", "gateway.envoy-log-cut-by-overload"),
    Case("no route", envoy(404, "NR", "route_not_found", "-"),
         "client", "wrong_path", "high", "gateway.no-such-route"),
    Case("no cluster", envoy(503, "NC", "cluster_not_found", "-"),
         "gateway", "config_error", "certain", "gateway.envoy-log-config"),
    Case("a local limit", envoy(429, "RL", "local_rate_limited", "-"),
         "gateway", "rate_limited", "high", "gateway.proxy-rate-limited"),
    Case("no limit service", envoy(500, "RLSE", "rate_limiter_error", "-"),
         "gateway", "internal_error", "certain", "gateway.envoy-log-ratelimit-error"),
    Case("a 429 of the host", envoy(429, "-", "via_upstream"),
         "upstream", "rate_limited", "medium", "upstream.log-passed-through-429"),
    Case("refused by policy", envoy(403, "UAEX", "ext_authz_denied", "-"),
         "gateway", "permission_denied", "high", "gateway.envoy-log-authz-denied"),
    Case("no key", envoy(401, "UAEX", "ext_authz_denied", "-"),
         "client", "invalid_key", "high", "gateway.envoy-log-authz-key"),
    Case("no decision", envoy(403, "UAEX", "ext_authz_error", "-"),
         "gateway", "internal_error", "certain", "gateway.envoy-log-authz-error"),
    Case("an access list", envoy(403, "-", "rbac_access_denied_matched_policy[none]", "-"),
         "gateway", "client_not_allowed", "certain", "gateway.envoy-log-rbac"),
    Case("no token", envoy(401, "-", "jwt_authn_access_denied{Jwt_is_missing}", "-"),
         "client", "invalid_key", "certain", "gateway.envoy-log-jwt"),
    Case("a large prompt", envoy(413, "-", "request_payload_too_large", "-"),
         "client", "request_too_large", "certain", "gateway.envoy-log-request-too-large"),
    Case("a large answer", envoy(500, "-", "response_payload_too_large"),
         "gateway", "bad_response", "certain", "gateway.envoy-log-response-too-large"),
    Case("failed on purpose", envoy(503, "FI", "fault_filter_abort", "-"),
         "gateway", "config_error", "certain", "gateway.envoy-log-fault"),
    Case("a header that is checked", envoy(400, "IH", "request_headers_failed_strict_check", "-"),
         "client", "invalid_request", "certain", "gateway.envoy-log-invalid-request"),
    Case("broken HTTP", envoy(400, "DPE", "http1.codec_error", "-"),
         "client", "invalid_request", "certain", "gateway.envoy-log-invalid-request"),
    Case("draining", envoy(503, "LH", "health_check_failed", "-"),
         "gateway", "maintenance", "certain", "gateway.envoy-log-draining"),
    Case("in maintenance", envoy(503, "-", "maintenance_mode", "-"),
         "gateway", "maintenance", "certain", "gateway.envoy-log-maintenance"),
    Case("left while it waited", envoy(0, "DC", "downstream_remote_disconnect"),
         "client", "client_abort", "high", "client.closed-early"),
    Case("left while it read: perhaps behind the last event",
         envoy(200, "DC", "downstream_remote_disconnect"), open=True),
    Case("a 503 of the host", envoy(503, "-", "via_upstream"),
         "upstream", "service_unavailable", "medium", "upstream.log-passed-through-503"),
    Case("plain format: a good answer", plain_envoy(200, "-", "10.0.0.9:8080", "880")),
    Case("plain format: a 500 of the host", plain_envoy(500, "-", "10.0.0.9:8080", "880"),
         "upstream", "internal_error", "medium", "upstream.log-passed-through-500"),
    Case("plain format: a 503 that nobody explains", plain_envoy(503, "-", "10.0.0.9:8080"),
         "unknown", "service_unavailable", "low", "unknown.instant-503"),
)  # fmt: skip


def alb(codes: str, timers: str = "0.002 0.250 0.001", *, target: str = "10.0.0.1:8080",
        actions: str = "forward", error: str = "-", reasons: str = '"-" "-"',
        seconds: float = 0.9) -> str:  # fmt: skip
    """Return a line of an application load balancer, each with a trace id of its own."""
    key = number((codes, timers, target, actions, error, reasons, seconds))
    end = f"2026-11-22T10:{int(seconds) // 60:02d}:{seconds % 60:09.6f}Z"
    return (
        f"https {end} app/lb/50dc6c49 192.0.2.7:41000 {target} {timers} {codes} 512 2048 "
        f'"POST https://api.gateway.test:443/v1/chat/completions HTTP/1.1" "agent/1.0" ECDHE TLSv1.3 '
        f'arn:aws:tg/x "Root=1-0123abcd-{key:024x}" "api.gateway.test" "session-reused" 1 '
        f'2026-11-22T10:00:00.000000Z "{actions}" "-" "{error}" "{target}" "-" {reasons} TID_{key:x}'
    )


_NEVER = "-1 -1 -1"
_SENT = "0.002 -1 -1"

ALB = (
    Case("a good answer", alb("200 200")),
    Case("a good answer behind WAF", alb("200 200", actions="waf,forward")),
    Case("a redirect of its own", alb("301 -", _NEVER, target="-", actions="redirect"), open=True),
    Case("closed by the target", alb("502 -", _SENT),
         "gateway", "bad_gateway", "high", "gateway.alb-log-target-closed"),
    Case("refused or broken", alb("502 -", _NEVER),
         "gateway", "bad_gateway", "medium", "gateway.alb-log-target-refused"),
    Case("an answer that it cannot pass on", alb("502 200"),
         "gateway", "bad_response", "high", "gateway.alb-log-bad-answer"),
    Case("no target", alb("503 -", _NEVER, target="-"),
         "gateway", "no_healthy_upstream", "high", "gateway.alb-log-no-target"),
    Case("silent", alb("504 -", _SENT, seconds=60.003),
         "gateway", "upstream_timeout", "certain", "gateway.alb-log-target-silent"),
    Case("no connection in ten seconds", alb("504 -", _NEVER, seconds=10.004),
         "gateway", "upstream_connect_failure", "high", "gateway.alb-log-connect-timeout"),
    Case("a limit, of whatever", alb("504 -", _NEVER, seconds=60.002),
         "gateway", "upstream_timeout", "medium", "gateway.alb-log-504-untold"),
    Case("a 503 of the target", alb("503 503"),
         "upstream", "service_unavailable", "medium", "upstream.log-passed-through-503"),
    Case("a 401 of the target", alb("401 401"),
         "client", "invalid_key", "medium", "upstream.log-passed-through-401"),
    Case("left", alb("460 -", _SENT, seconds=30.0),
         "client", "client_abort", "certain", "client.alb-log-left"),
    Case("a loop of proxies", alb("463 -", _NEVER, target="-"),
         "client", "invalid_request", "certain", "gateway.alb-log-too-many-hops"),
    Case("another protocol", alb("464 -", _NEVER, target="-"),
         "gateway", "config_error", "high", "gateway.alb-log-protocol-mismatch"),
    Case("no login", alb("561 -", _NEVER, target="-", actions="authenticate", error="AuthTokenEpRequestFailed"),
         "gateway", "permission_denied", "high", "gateway.alb-log-login-failed"),
    Case("blocked by WAF", alb("403 -", _NEVER, target="-", actions="waf"),
         "gateway", "waf_block", "certain", "gateway.alb-log-waf"),
    Case("WAF did not answer", alb("500 -", _NEVER, target="-", actions="waf-failed"),
         "gateway", "internal_error", "certain", "gateway.alb-log-waf-failed"),
    Case("no rule", alb("404 -", _NEVER, target="-", actions="fixed-response"),
         "client", "wrong_path", "high", "gateway.alb-log-fixed-404"),
    Case("a maintenance rule", alb("503 -", _NEVER, target="-", actions="fixed-response"),
         "gateway", "maintenance", "medium", "gateway.alb-log-fixed-5xx"),
    Case("ambiguous HTTP", alb("400 -", _NEVER, target="-", reasons='"Severe" "BadContentLength"'),
         "client", "invalid_request", "certain", "gateway.alb-log-desync"),
    Case("a function that crashed", alb("502 -", "0.002 -1 -1", target="-", error="LambdaUnhandled"),
         "gateway", "worker_error", "certain", "gateway.alb-log-lambda"),
    Case("a function that was throttled",
         alb("502 -", "0.002 -1 -1", target="-", error="LambdaThrottling"),
         "gateway", "overloaded", "certain", "gateway.alb-log-lambda-throttled"),
)  # fmt: skip


def elb(codes: str, timers: str = "0.00007 0.25 0.00005", backend: str = "10.0.0.1:80") -> str:
    """Return a line of a classic load balancer."""
    return (
        f"2026-11-22T10:00:00.345678Z my-lb 192.0.2.7:41000 {backend} {timers} {codes} 31 2048 "
        f'"POST https://api.gateway.test:443/v1/chat/completions HTTP/1.1" "agent/1.0" ECDHE TLSv1.2'
    )


ELB = (
    Case("a good answer", elb("200 200")),
    Case("no instance", elb("503 -", _NEVER, "-"),
         "gateway", "no_healthy_upstream", "high", "gateway.alb-log-no-target"),
    Case("silent", elb("504 -", "0.00007 -1 -1"),
         "gateway", "upstream_timeout", "certain", "gateway.alb-log-target-silent"),
    Case("a 504 that tells nothing", elb("504 -", _NEVER, "-"),
         "unknown", "upstream_timeout", "low", "unknown.log-504-untold"),
    Case("a 502 that tells nothing", elb("502 -", _NEVER, "-"),
         "unknown", "bad_gateway", "low", "unknown.log-502-untold"),
)  # fmt: skip


def cloudfront(status: str, result: str, detail: str = "", response: str = "") -> str:
    """Return a record of CloudFront's second version, as JSON."""
    return json.dumps({
        "date": "2026-11-22", "time": "10:00:05", "x-edge-location": "FRA56-P2", "sc-bytes": "703",
        "c-ip": "192.0.2.7", "cs-method": "POST", "cs(Host)": "d111111abcdef8.cloudfront.net",
        "cs-uri-stem": "/v1/chat/completions", "sc-status": status, "cs-protocol": "https",
        "x-edge-result-type": result, "x-edge-request-id": f"{status}{result}{detail}{response}==",
        "x-host-header": "api.gateway.test", "time-taken": "4.250",
        "x-edge-response-result-type": response or result,
        "x-edge-detailed-result-type": detail or result,
    })  # fmt: skip


CLOUDFRONT = (
    Case("a good answer", cloudfront("200", "Miss")),
    Case("a good answer from the cache", cloudfront("200", "Hit")),
    Case("no name", cloudfront("502", "Error", "OriginDnsError"),
         "gateway", "dns_failure", "certain", "edge.cloudfront-log-dns"),
    Case("no connection", cloudfront("502", "Error", "OriginConnectError"),
         "gateway", "upstream_connect_failure", "certain", "edge.cloudfront-log-connect"),
    Case("silent", cloudfront("504", "Error", "OriginCommError"),
         "gateway", "origin_timeout", "certain", "edge.cloudfront-log-origin-silent"),
    Case("closed", cloudfront("502", "Error", "OriginReadError"),
         "gateway", "bad_gateway", "high", "edge.cloudfront-log-origin-closed"),
    Case("cut", cloudfront("200", "Error", "OriginReadError"),
         "gateway", "stream_interrupted", "high", "edge.cloudfront-log-origin-cut"),
    Case("no HTTP", cloudfront("502", "Error", "OriginInvalidResponseError"),
         "gateway", "bad_response", "certain", "edge.cloudfront-log-bad-answer"),
    Case("another country", cloudfront("403", "Error", "ClientGeoBlocked"),
         "edge", "geo_block", "certain", "edge.cloudfront-log-geo"),
    Case("blocked", cloudfront("403", "Error", "InvalidRequestBlocked"),
         "edge", "waf_block", "high", "edge.cloudfront-log-blocked"),
    Case("no POST allowed", cloudfront("403", "Error", "InvalidRequestMethod"),
         "client", "invalid_request", "certain", "edge.cloudfront-log-invalid-request"),
    Case("no room", cloudfront("503", "CapacityExceeded"),
         "edge", "overloaded", "certain", "edge.cloudfront-log-capacity"),
    Case("a quota", cloudfront("503", "LimitExceeded"),
         "edge", "rate_limited", "certain", "edge.cloudfront-log-limit"),
    Case("left before an answer", cloudfront("000", "Error", "ClientCommError"),
         "client", "client_abort", "high", "client.cloudfront-log-left"),
    Case("left in the answer", cloudfront("200", "Error", "Error", "Miss"),
         "client", "client_abort", "medium", "client.cloudfront-log-left-reading"),
    Case("a function failed", cloudfront("503", "Error", "FunctionExecutionError"),
         "edge", "worker_error", "medium", "edge.cloudfront-log-function"),
    Case("a 503 of the origin", cloudfront("503", "Error", "Error"),
         "gateway", "service_unavailable", "medium", "gateway.edge-log-origin-503"),
    Case("a 403 that may be anybody's", cloudfront("403", "Error", "Error"),
         "unknown", "permission_denied", "low", "unknown.bare-403"),
)  # fmt: skip

_CLOUDFLARE = {
    "EdgeStartTimestamp": 1795341600250000000, "EdgeEndTimestamp": 1795341604500000000,
    "EdgeResponseStatus": 200, "EdgePathingSrc": "macro", "EdgePathingOp": "wl",
    "EdgePathingStatus": "nr", "EdgeServerIP": "172.70.131.84",
    "ClientRequestHost": "api.gateway.test", "ClientRequestMethod": "POST",
    "ClientRequestURI": "/v1/chat/completions", "ClientRequestScheme": "https",
    "ClientRequestSource": "eyeball", "CacheCacheStatus": "dynamic", "OriginIP": "192.0.2.80",
    "OriginResponseStatus": 200, "OriginResponseHeaderReceiveDurationMs": 600,
    "OriginTCPHandshakeDurationMs": 10, "SecurityAction": "", "SecuritySources": [],
    "WorkerStatus": "unknown",
}  # fmt: skip


def cloudflare(status: int, **more: Any) -> str:
    """Return a record of Logpush; without an origin's status the origin gave none."""
    silent = {"OriginResponseStatus": 0, "OriginResponseHeaderReceiveDurationMs": 0}
    made = {**_CLOUDFLARE, **silent, "EdgeResponseStatus": status, **more}
    return json.dumps({**made, "RayID": f"{number(made):016x}"})


_UNASKED: Mapping[str, Any] = {
    "OriginIP": "", "EdgeServerIP": "", "OriginTCPHandshakeDurationMs": 0,
}  # fmt: skip

CLOUDFLARE = (
    Case("a good answer", cloudflare(200, OriginResponseStatus=200)),
    Case("a good answer from the cache", cloudflare(200, CacheCacheStatus="hit", **_UNASKED)),
    Case("a solved challenge",
         cloudflare(200, OriginResponseStatus=200, SecurityAction="managedChallengeBypassed")),
    Case("blocked", cloudflare(403, SecurityAction="block", SecuritySources=["firewallCustom"], **_UNASKED),
         "edge", "waf_block", "certain", "edge.cloudflare-log-blocked"),
    Case("limited", cloudflare(429, SecurityAction="block", SecuritySources=["ratelimit"], **_UNASKED),
         "edge", "rate_limited", "certain", "edge.cloudflare-log-rate-limited"),
    Case("challenged", cloudflare(403, SecurityAction="managedChallenge", SecuritySources=["bic"], **_UNASKED),
         "edge", "bot_challenge", "certain", "edge.cloudflare-log-challenged"),
    Case("an address that is banned",
         cloudflare(403, EdgePathingSrc="user", EdgePathingOp="ban", EdgePathingStatus="ip", **_UNASKED),
         "edge", "client_not_allowed", "high", "edge.cloudflare-log-access-rule"),
    Case("a country that is banned",
         cloudflare(403, EdgePathingSrc="user", EdgePathingOp="ban", EdgePathingStatus="ctry", **_UNASKED),
         "edge", "geo_block", "high", "edge.cloudflare-log-country"),
    Case("an empty answer", cloudflare(520),
         "gateway", "bad_gateway", "certain", "edge.cloudflare-log-520"),
    Case("refused", cloudflare(521, OriginTCPHandshakeDurationMs=0),
         "gateway", "connection_refused", "certain", "edge.cloudflare-log-521"),
    Case("no handshake", cloudflare(522, OriginTCPHandshakeDurationMs=0),
         "gateway", "connect_timeout", "certain", "edge.cloudflare-log-522"),
    Case("a handshake, then nothing", cloudflare(522),
         "gateway", "origin_timeout", "high", "edge.cloudflare-log-522-silent"),
    Case("unreachable", cloudflare(523, OriginTCPHandshakeDurationMs=0),
         "gateway", "unreachable", "certain", "edge.cloudflare-log-523"),
    Case("silent", cloudflare(524),
         "gateway", "origin_timeout", "certain", "edge.cloudflare-log-524"),
    Case("no certificate that it trusts", cloudflare(526),
         "gateway", "tls_failure", "certain", "edge.cloudflare-log-525-526"),
    Case("left", cloudflare(499),
         "client", "client_abort", "certain", "client.cloudflare-log-left"),
    Case("no tunnel", cloudflare(530, OriginTCPHandshakeDurationMs=0),
         "gateway", "unreachable", "certain", "edge.cloudflare-log-530"),
    Case("a worker that threw", cloudflare(500, WorkerStatus="exception"),
         "edge", "worker_error", "medium", "edge.cloudflare-log-worker"),
    Case("its own error", cloudflare(500, **_UNASKED),
         "edge", "service_unavailable", "medium", "edge.log-answered-itself"),
    Case("a 502 of the origin", cloudflare(502, OriginResponseStatus=502),
         "gateway", "bad_gateway", "medium", "gateway.edge-log-origin-502"),
    Case("a 504 of the origin", cloudflare(504, OriginResponseStatus=504),
         "gateway", "upstream_timeout", "medium", "gateway.edge-log-origin-504"),
    Case("a 503 that nobody explains", cloudflare(503),
         "unknown", "service_unavailable", "low", "unknown.log-503-untold"),
)  # fmt: skip


def gcp(
    status: int, word: str = "", proxy: str = "", outcome: str = "", seconds: float = 4.25
) -> str:
    """Return an entry of Cloud Logging."""
    told = {"statusDetails": word} if word else {"proxyStatus": proxy}
    policy = {"enforcedSecurityPolicy": {"outcome": outcome}} if outcome else {}
    return json.dumps({
        "httpRequest": {
            "requestMethod": "POST", "requestUrl": "https://api.gateway.test/v1/chat/completions",
            "requestSize": "512", "status": status, "responseSize": "2048", "remoteIp": "192.0.2.7",
            "latency": f"{seconds}s",
        },
        "insertId": f"{status}{word}{proxy}", "timestamp": "2026-11-22T10:00:00.250123Z",
        "jsonPayload": {
            "@type": "type.googleapis.com/google.cloud.loadbalancing.type.LoadBalancerLogEntry",
            **told, **policy,
        },
        "resource": {"type": "http_load_balancer"},
    })  # fmt: skip


GCP = (
    Case("a good answer", gcp(200, "response_sent_by_backend")),
    Case("a good answer from the cache", gcp(200, "response_from_cache")),
    Case("no backend", gcp(503, "failed_to_pick_backend"),
         "gateway", "no_healthy_upstream", "certain", "gateway.gcp-log-no-backend"),
    Case("no backend, regional",
         gcp(503, proxy='error="destination_unavailable"; details="failed_to_pick_backend"'),
         "gateway", "no_healthy_upstream", "certain", "gateway.gcp-log-no-backend"),
    Case("no connection", gcp(502, "failed_to_connect_to_backend"),
         "gateway", "upstream_connect_failure", "certain", "gateway.gcp-log-connect-failed"),
    Case("refused, regional", gcp(503, proxy='error="connection_refused"; details="x"'),
         "gateway", "upstream_connect_failure", "certain", "gateway.gcp-log-connect-failed"),
    Case("silent", gcp(504, "backend_timeout", seconds=30.0),
         "gateway", "upstream_timeout", "certain", "gateway.gcp-log-backend-timeout"),
    Case("silent, regional", gcp(504, proxy='error="http_response_timeout"; details="response_timeout"'),
         "gateway", "upstream_timeout", "certain", "gateway.gcp-log-backend-timeout"),
    Case("a stream longer than the limit", gcp(200, "backend_timeout", seconds=30.0),
         "gateway", "upstream_timeout", "certain", "gateway.gcp-log-cut-by-timeout"),
    Case("closed before the answer", gcp(502, "backend_connection_closed_before_data_sent_to_client"),
         "gateway", "bad_gateway", "certain", "gateway.gcp-log-backend-closed"),
    Case("closed before the answer, regional",
         gcp(503, proxy='error="connection_terminated"; details="backend_connection_closed"'),
         "gateway", "bad_gateway", "certain", "gateway.gcp-log-backend-closed"),
    Case("closed in the answer", gcp(200, "backend_connection_closed_after_partial_response_sent"),
         "upstream", "stream_interrupted", "high", "upstream.gcp-log-cut-mid-answer"),
    Case("left while it waited", gcp(0, "client_disconnected_before_any_response"),
         "client", "client_abort", "certain", "client.gcp-log-left-waiting"),
    Case("left while it read", gcp(200, "client_disconnected_after_partial_response"),
         "client", "client_abort", "high", "client.gcp-log-left-reading"),
    Case("denied", gcp(403, "denied_by_security_policy", outcome="DENY"),
         "gateway", "waf_block", "certain", "gateway.gcp-log-armor"),
    Case("throttled", gcp(429, "throttled_by_security_policy", outcome="DENY"),
         "gateway", "rate_limited", "certain", "gateway.gcp-log-throttled"),
    Case("no identity", gcp(401, "handled_by_identity_aware_proxy"),
         "gateway", "permission_denied", "high", "gateway.gcp-log-iap"),
    Case("a header that is too long", gcp(413, "headers_too_long"),
         "client", "invalid_request", "certain", "gateway.gcp-log-invalid-request"),
    Case("no route", gcp(404, "serverless_neg_routing_failed"),
         "gateway", "config_error", "certain", "gateway.gcp-log-config"),
    Case("another name in the certificate", gcp(502, "ssl_certificate_san_verification_failed"),
         "gateway", "tls_failure", "certain", "gateway.gcp-log-tls-behind"),
    Case("no name", gcp(502, proxy='error="dns_error"; details="x"'),
         "gateway", "dns_failure", "certain", "gateway.gcp-log-dns"),
    Case("no HTTP", gcp(502, "backend_response_corrupted"),
         "gateway", "bad_response", "certain", "gateway.gcp-log-bad-answer"),
    Case("its own error", gcp(502, "internal_error"),
         "gateway", "internal_error", "certain", "gateway.gcp-log-internal"),
    Case("a 500 of the backend", gcp(500, "response_sent_by_backend"),
         "upstream", "internal_error", "medium", "upstream.log-passed-through-500"),
    Case("a word that nobody knows", gcp(502, "some_new_word"),
         "unknown", "bad_gateway", "low", "unknown.log-502-untold"),
)  # fmt: skip


def litellm(kind: str, code: str, message: str, category: str | None = None, **more: Any) -> str:
    """Return a payload of a try that failed; without a class, of one that went well."""
    about = {
        "error_code": code, "error_class": kind, "error_message": message,
        "error_rate_limit_category": category,
    }  # fmt: skip
    made = {
        "trace_id": f"{kind}{code}{message}", "call_type": "acompletion", "stream": False,
        "status": "failure" if kind else "success", "custom_llm_provider": "openai",
        "startTime": 1_795_341_600.0, "endTime": 1_795_341_602.5, "model": "gpt-4o",
        "completionStartTime": 1_795_341_602.5, "model_group": "gpt-4o", "cache_hit": None,
        "api_base": "https://api.openai.com/v1", "error_information": about, "error_str": message,
        **more,
    }  # fmt: skip
    return json.dumps({**made, "id": f"{number(made)}"})


_LIMIT = "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached"
_LEFT = {"error_code": "499", "error_class": "ClientDisconnected",
         "error_message": "Client disconnected the request"}  # fmt: skip

LITELLM = (
    Case("a good answer", litellm("", "", "")),
    Case("a good answer from the cache", litellm("", "", "", cache_hit=True)),
    Case("a limit of the key", litellm("ProxyRateLimitError", "429", "Rate limited", "litellm_rate_limit"),
         "gateway", "rate_limited", "certain", "gateway.litellm-log-own-limit"),
    Case("a limit of the provider", litellm("RateLimitError", "429", _LIMIT, "vendor_rate_limit"),
         "upstream", "rate_limited", "certain", "gateway.litellm-log-vendor-limit"),
    Case("a limit of a batch", litellm("RateLimitError", "429", "slow down", "vendor_batch_rate_limit"),
         "upstream", "rate_limited", "certain", "gateway.litellm-log-vendor-limit"),
    Case("a limit of the router",
         litellm("RateLimitError", "429", "litellm.RateLimitError: Model rate limit exceeded. RPM limit=1, "
                 "current usage=2", "vendor_rate_limit"),
         "gateway", "rate_limited", "high", "gateway.litellm-router-limit"),
    Case("a budget", litellm("BudgetExceededError", "400", "over", api_base=""),
         "gateway", "budget_exceeded", "certain", "gateway.litellm-log-budget"),
    Case("cooling down", litellm("RouterRateLimitError", "429", "No deployments available for selected "
                                 "model, Try again in 60 seconds."),
         "gateway", "cooldown", "certain", "gateway.litellm-log-cooldown"),
    Case("cooling down, without words", litellm("RouterRateLimitErrorBasic", "429", "none"),
         "gateway", "cooldown", "certain", "gateway.litellm-log-cooldown"),
    Case("silent", litellm("Timeout", "408", "litellm.Timeout: APITimeoutError - Request timed out."),
         "gateway", "upstream_timeout", "certain", "gateway.litellm-timeout"),
    Case("silent in the answer", litellm("APITimeoutError", "", "Request timed out."),
         "gateway", "upstream_timeout", "certain", "gateway.litellm-log-stalled"),
    Case("no connection", litellm("InternalServerError", "500", "litellm.InternalServerError: "
                                  "InternalServerError: OpenAIException - Connection error."),
         "gateway", "upstream_connect_failure", "medium", "gateway.litellm-connection-error"),
    Case("broken by whomever", litellm("APIConnectionError", "", "Connection error."),
         "unknown", "stream_interrupted", "low", "gateway.litellm-log-stream-broke"),
    Case("broken after tokens", litellm("MidStreamFallbackError", "503", "litellm.MidStreamFallbackError: x"),
         "upstream", "stream_interrupted", "high", "gateway.litellm-log-midstream"),
    Case("overloaded", litellm("InternalServerError", "500", "litellm.InternalServerError: AnthropicError - "
                               '{"type":"error","error":{"type":"overloaded_error"}}'),
         "upstream", "overloaded", "certain", "gateway.litellm-log-overloaded"),
    Case("a key that nobody can look up", litellm("ProxyException", "400", "No connected db.", api_base=""),
         "client", "invalid_key", "medium", "gateway.litellm-log-no-db"),
    Case("a guardrail", litellm("GuardrailRaisedException", "400", "no", api_base=""),
         "gateway", "content_filtered", "certain", "gateway.litellm-log-guardrail"),
    Case("left", litellm("", "", "", stream=True, error_information=_LEFT),
         "client", "client_abort", "high", "client.stopped-reading"),
    Case("a class that nobody knows", litellm("SomeNewError", "", "huh", api_base=""),
         "unknown", "unclassified", "low", "unknown.no-answer"),
)  # fmt: skip


def new_api(name: str, status: int, *said: str) -> str:
    """Return the gin line of a request, and what the relay said of it before."""
    key = f"2026112210000{name}"
    told = [f"[ERR] 2026/11/22 - 10:00:01 | {key} | {text} " for text in said]
    access = (
        f"[GIN] 2026/11/22 - 10:00:02 | {key} | {status:3d} |      1.5s | client_ip=192.0.2.7 |    "
        "POST /v1/chat/completions"
    )
    return "\n".join([access, *told])


def relay(code: int, text: str) -> str:
    """Return the relay's words of a channel that failed."""
    return f"channel error (channel #3, status code: {code}): {text}"


NEW_API = (
    Case("a good answer", new_api("good0001", 200)),
    Case("a good answer of the second channel", new_api("good0002", 200, relay(500, "boom"))),
    Case("a key of the channel", new_api("fail0001", 401, relay(401, "bad response status code 401")),
         "gateway", "no_upstream_credential", "high", "gateway.newapi-log-channel-key"),
    Case("the balance of the channel", new_api("fail0002", 402, relay(402, "pay")),
         "upstream", "quota_exhausted", "high", "gateway.newapi-log-channel-balance"),
    Case("no connection", new_api("fail0003", 500, relay(500, "do request failed: dial tcp: refused")),
         "gateway", "upstream_connect_failure", "high", "gateway.newapi-log-connect-failed"),
    Case("silent", new_api("fail0004", 500, relay(500, "context deadline exceeded")),
         "gateway", "upstream_timeout", "high", "gateway.newapi-log-timeout"),
    Case("saturated", new_api("fail0005", 429, relay(429, "x"),
                              "relay error: 当前分组上游负载已饱和，请稍后再试"),
         "upstream", "rate_limited", "medium", "gateway.newapi-group-saturated"),
    Case("a 500 of the provider", new_api("fail0006", 500, relay(500, "server had an error")),
         "upstream", "upstream_error", "medium", "upstream.log-passed-through-5xx"),
    Case("its own 401", new_api("fail0007", 401),
         "client", "invalid_key", "medium", "gateway.newapi-log-token-refused"),
    Case("its own 403", new_api("fail0008", 403),
         "gateway", "permission_denied", "medium", "gateway.newapi-log-refused"),
    Case("no channel", new_api("fail0009", 503),
         "gateway", "no_route_for_model", "medium", "gateway.newapi-log-no-channel"),
    Case("a 500 without a word", new_api("fail0010", 500),
         "unknown", "internal_error", "low", "unknown.bare-500"),
)  # fmt: skip
GIN = (
    Case("a good answer", '[GIN] 2026/11/22 - 10:00:02 | 200 |  1.5s |  192.0.2.7 | POST     "/api/chat"'),
    Case("a 503 without a word",
         '[GIN] 2026/11/22 - 10:00:03 | 503 |  4.5s |  192.0.2.7 | POST     "/api/chat"',
         "unknown", "service_unavailable", "low", "unknown.log-503-untold"),
)  # fmt: skip


def ai_gateway(key: str, **more: Any) -> str:
    """Return a record of Cloudflare AI Gateway's Logpush."""
    return json.dumps({
        "Cached": False, "Endpoint": "v1/messages", "Gateway": "prod", "Model": "claude-x",
        "Provider": "anthropic", "RateLimited": False, "RequestBody": {"type": "encrypted"},
        "CreatedAt": "2026-11-22T10:00:05.250Z", "Id": key, **more,
    })  # fmt: skip


AI_GATEWAY = (
    Case("a good answer", ai_gateway("a", StatusCode=200)),
    Case("a limit of its own", ai_gateway("b", RateLimited=True, StatusCode=429),
         "gateway", "rate_limited", "certain", "gateway.cfai-log-rate-limited"),
    Case("a limit of the provider", ai_gateway("c", StatusCode=429),
         "upstream", "rate_limited", "medium", "upstream.log-passed-through-429"),
    Case("nobody was asked", ai_gateway("d", Success=False),
         "gateway", "unclassified", "medium", "gateway.cfai-log-not-asked"),
)  # fmt: skip


def portkey(status: int | None, success: bool, **more: Any) -> str:
    """Return a row of Portkey's export."""
    return json.dumps({
        "id": f"pk-{status}-{success}", "created_at": "2026-11-22T10:00:00.000Z",
        "is_success": success, "ai_org": "openai", "ai_model": "gpt-4o", "req_units": 10,
        "request_url": "https://api.openai.com/v1/chat/completions", "response_time": 1234,
        "response_status_code": status, **more,
    })  # fmt: skip


PORTKEY = (
    Case("a good answer", portkey(200, True)),
    Case("a guardrail that warns", portkey(246, True)),
    Case("a guardrail that denies", portkey(446, False),
         "gateway", "content_filtered", "certain", "gateway.portkey-log-guardrail"),
    Case("a budget", portkey(412, False),
         "gateway", "budget_exceeded", "high", "gateway.budget-words"),
    Case("a 503 of somebody", portkey(503, False, response_time=4321),
         "unknown", "service_unavailable", "low", "unknown.log-503-untold"),
)  # fmt: skip


def helicone(status: int, **more: Any) -> str:
    """Return a row of Helicone's export."""
    return json.dumps({
        "response_status": status, "request_id": f"q{status}", "delay_ms": 2000,
        "request_created_at": "2026-11-22 10:00:00.125", "request_model": "m",
        "request_path": "https://api.openai.com/v1/chat/completions", "provider": "OPENAI",
        "cache_reference_id": "00000000-0000-0000-0000-000000000000", **more,
    })  # fmt: skip


HELICONE = (
    Case("a good answer", helicone(200)),
    Case("cancelled", helicone(-3),
         "client", "client_abort", "high", "client.helicone-log-cancelled"),
    Case("silent", helicone(-1),
         "gateway", "upstream_timeout", "medium", "gateway.helicone-log-timeout"),
    Case("a threat", helicone(-4),
         "gateway", "content_filtered", "high", "gateway.helicone-log-threat"),
    Case("a 429 of the provider", helicone(429),
         "upstream", "rate_limited", "medium", "upstream.log-passed-through-429"),
)  # fmt: skip


def span(key: str, **named: Any) -> str:
    """Return a document with one client span."""
    told = {"http.request.method": "POST", "url.full": "https://llm.example.test/v1/chat/completions",
            **{name.replace("__", "."): value for name, value in named.items()}}  # fmt: skip
    attributes = [
        {"key": name, "value": {"stringValue": str(value)}} for name, value in told.items()
    ]
    failed = {"status": {"code": 2}} if "error__type" in named else {}
    one = {
        "traceId": key * 16, "spanId": key * 8, "name": "POST", "kind": 3,
        "startTimeUnixNano": "1795341600000000000", "endTimeUnixNano": "1795341602000000000",
        "attributes": attributes, **failed,
    }  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]})


OTLP = (
    Case("a good answer", span("a1", http__response__status_code=200)),
    Case("the caller's limit", span("a2", error__type="httpx.ReadTimeout"),
         "client", "client_timeout", "high", "client.otlp-timeout"),
    Case("the caller's limit, by its usual word", span("a3", error__type="timeout"),
         "client", "client_timeout", "high", "client.otlp-timeout"),
    Case("no connection", span("a4", error__type="httpx.ConnectError"),
         "network", "unreachable", "medium", "network.otlp-no-connection"),
    Case("cancelled", span("a5", error__type="asyncio.CancelledError"),
         "client", "client_abort", "medium", "client.otlp-cancelled"),
    Case("an exception of whatever", span("a6", error__type="_OTHER"),
         "unknown", "unclassified", "low", "unknown.no-answer"),
)  # fmt: skip


def mitm(answer: str, port: int = 54321) -> str:
    """Return what mitmdump prints of a flow."""
    return f"127.0.0.1:{port}: POST https://llm.example.test/v1/chat/completions HTTP/2.0\n << {answer}"


MITM = (
    Case("a good answer", mitm("HTTP/2.0 200 OK 337b")),
    Case("the server left", mitm("Server disconnected"),
         "network", "connection_reset", "medium", "network.closed-without-answer"),
    Case("the client left", mitm("Client disconnected."),
         "client", "client_abort", "high", "client.aborted"),
    Case("a reset stream", mitm("stream reset by client (CANCEL)"),
         "client", "client_abort", "high", "client.aborted"),
)  # fmt: skip

LOGS: Mapping[str, tuple[Case, ...]] = {
    "haproxy.log": HAPROXY, "envoy.log": ENVOY, "alb.log": ALB, "elb.log": ELB,
    "cloudfront.json": CLOUDFRONT, "cloudflare.json": CLOUDFLARE, "gcp.json": GCP,
    "litellm.jsonl": LITELLM, "new-api.log": NEW_API, "gin.log": GIN, "ai-gateway.json": AI_GATEWAY,
    "portkey.jsonl": PORTKEY, "helicone.jsonl": HELICONE, "otlp.json": OTLP, "mitmdump.txt": MITM,
}  # fmt: skip
FORMATS = {
    "haproxy.log": "haproxy", "envoy.log": "envoy", "alb.log": "aws-alb", "elb.log": "aws-elb",
    "cloudfront.json": "cloudfront", "cloudflare.json": "cloudflare", "gcp.json": "gcp-lb",
    "litellm.jsonl": "litellm", "new-api.log": "new-api", "gin.log": "gin",
    "ai-gateway.json": "cloudflare-ai-gateway", "portkey.jsonl": "portkey",
    "helicone.jsonl": "helicone", "otlp.json": "otlp", "mitmdump.txt": "mitmdump",
}  # fmt: skip

Judge = Callable[[str], dict[int, Row]]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Return what reads and judges a log, once: line -> its row, with the verdict if it failed."""
    folder = tmp_path_factory.mktemp("logs")
    known: dict[str, dict[int, Row]] = {}

    def judged(file: str) -> dict[int, Row]:
        if file not in known:
            known[file] = _judged(folder / file, LOGS[file])
        return known[file]

    return judged


def _judged(path: Path, cases: tuple[Case, ...]) -> dict[int, Row]:
    path.write_text("".join(f"{case.text}\n" for case in cases), encoding="utf-8")
    options = Options(all_traffic=True)
    rows = {row["record"]: row for row in pipeline.attempts([str(path)], options).to_dicts()}
    with pipeline.run([str(path)], options) as result:
        for row in result.verdicts.to_dicts():
            rows[row["record"]] = {**rows[row["record"]], **row}
    return rows


def _record(cases: tuple[Case, ...], case: Case) -> int:
    """Return the first line of a case."""
    before = cases[: cases.index(case)]
    return 1 + sum(1 + one.text.count("\n") for one in before)


@pytest.mark.parametrize(
    ("file", "case"),
    [
        pytest.param(file, case, id=f"{file}: {case.name}")
        for file, cases in LOGS.items()
        for case in cases
    ],
)
def test_a_line_gets_the_verdict_that_it_tells(judge: Judge, file: str, case: Case) -> None:
    row = judge(file).get(_record(LOGS[file], case))
    assert row is not None, "the line was not read"
    assert row["format"] == FORMATS[file]
    said = tuple(row.get(name) for name in ("layer", "cause", "confidence", "rule"))
    shown = {
        name: row[name] for name in ("ok", "status", "upstream_status", "phase", "proxy_flags", "proxy_detail")
    }  # fmt: skip
    assert said == case.said, shown
    assert row["ok"] is (None if case.open else case.layer is None)


def test_there_are_lines_that_went_well_and_lines_that_cannot_tell() -> None:
    cases = [case for cases in LOGS.values() for case in cases]
    assert len(cases) > 200
    assert sum(case.layer is None for case in cases) > 20
    assert sum(case.layer == "unknown" for case in cases) > 8
