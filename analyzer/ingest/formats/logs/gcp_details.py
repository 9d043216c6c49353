"""What Google's load balancers say of an answer: ``statusDetails`` and ``proxyStatus``."""

from __future__ import annotations

import polars as pl

DONE = (
    "response_sent_by_backend", "response_from_cache_validated",
    "aborted_request_due_to_backend_early_response", "websocket_closed",
    "byte_range_caching_forwarded_backend_response",
)  # fmt: skip
NOT_SENT = (
    "response_from_cache", "byte_range_caching", "cache_lookup_failed_after_partial_response",
    "cache_lookup_timeout_after_partial_response", "denied_by_security_policy",
    "banned_by_security_policy", "throttled_by_security_policy", "redirected_by_security_policy",
    "handled_by_identity_aware_proxy", "body_not_allowed", "config_not_found", "direct_response",
    "early_data_rejected", "failed_parsing_client_headers", "failed_to_pick_backend",
    "fault_filter_abort", "headers_too_long", "http_version_not_supported",
    "invalid_chunk_framing", "invalid_external_origin_endpoint",
    "invalid_http2_client_header_format", "invalid_http2_client_request_path",
    "invalid_request_headers", "malformed_chunked_body", "multiple_iap_policies",
    "request_loop_detected", "required_body_but_no_content_length", "secure_url_rejected",
    "serverless_neg_routing_failed", "unsupported_100_continue", "unsupported_method",
    "upgrade_header_rejected", "uri_too_long",
)  # fmt: skip
CONNECTING = (
    "failed_to_connect_to_backend", "failed_to_negotiate_alpn",
    "ssl_certificate_chain_verification_failed", "ssl_certificate_san_verification_failed",
)  # fmt: skip
SENT = (
    "backend_connection_closed_before_data_sent_to_client", "backend_timeout",
    # The words of regional load balancers.
    "backend_connection_closed",
)  # fmt: skip
HEADERS = (
    "backend_early_response_with_non_error_status", "backend_interim_response_not_supported",
    "backend_response_corrupted", "backend_response_headers_too_long",
    "error_uncompressing_gzipped_body",
)  # fmt: skip
BROKEN_OFF = (
    "backend_connection_closed_after_partial_response_sent",
    "client_disconnected_after_partial_response",
    "byte_range_caching_aborted",
    "byte_range_caching_retrieval_from_backend_failed_after_partial_response",
)  # fmt: skip
"""The client has a part of the answer, by the load balancer's own word."""
CACHE_BROKE = ("cache_lookup_failed_after_partial_response",
               "cache_lookup_timeout_after_partial_response")  # fmt: skip

# RFC 9209, section 2.3: the types of proxy errors.
_NOT_SENT_TYPES = (
    "destination_not_found", "destination_unavailable", "destination_ip_prohibited",
    "connection_limit_reached", "http_request_error", "http_request_denied",
    "proxy_internal_response", "proxy_configuration_error", "proxy_loop_detected",
)  # fmt: skip
_CONNECTING_TYPES = (
    "dns_timeout", "dns_error", "destination_ip_unroutable", "connection_refused",
    "connection_timeout", "tls_protocol_error", "tls_certificate_error", "tls_alert_received",
)  # fmt: skip
_SENT_TYPES = (
    "connection_terminated", "connection_read_timeout", "connection_write_timeout",
    "http_response_timeout",
)  # fmt: skip
_HEADERS_TYPES = r"^http_(?:response|protocol|upgrade)_"


def word(details: pl.Expr, proxy: pl.Expr) -> pl.Expr:
    """Return the load balancer's word: ``statusDetails``, else the ``details`` of the other."""
    named = proxy.str.extract(r'details="?([A-Za-z_0-9]+)')
    return pl.coalesce(details, named)


def phase(told: pl.Expr, proxy: pl.Expr, status: pl.Expr) -> pl.Expr:
    """Return how far the request came, by the word, else by the type of proxy error.

    A connection that ends before an answer of 5xx ended before the backend's own; where the answer
    is another one it is the backend's, broken off.
    """
    kind = proxy.str.extract(r'error="?([a-z_0-9]+)')
    own = (status >= 500).fill_null(True)
    silent = pl.when(own).then(pl.lit("sent")).when(status != 101).then(pl.lit("body"))
    by_word = (
        pl.when(told.is_in(DONE)).then(pl.lit("done"))
        .when(told.is_in(NOT_SENT) | told.str.starts_with("client_cert_")).then(pl.lit("not_sent"))
        .when(told.is_in(CONNECTING) | told.str.starts_with("server_cert_"))
        .then(pl.lit("connecting"))
        .when(told.is_in(SENT)).then(silent)
        .when(told.is_in(HEADERS)).then(pl.lit("headers"))
        # Without a status not even the head came whole.
        .when(told.is_in(BROKEN_OFF))
        .then(pl.when(status.is_null()).then(pl.lit("sent")).otherwise(pl.lit("body")))
    )  # fmt: skip
    by_type = (
        pl.when(kind.is_in(_NOT_SENT_TYPES)).then(pl.lit("not_sent"))
        .when(kind.is_in(_CONNECTING_TYPES)).then(pl.lit("connecting"))
        .when(kind.is_in(_SENT_TYPES)).then(silent)
        .when(kind == "http_response_incomplete")
        .then(pl.when(own).then(pl.lit("headers")).otherwise(pl.lit("body")))
        .when(kind.str.contains(_HEADERS_TYPES)).then(pl.lit("headers"))
    )  # fmt: skip
    return pl.coalesce(by_word, by_type)


def upstream_status(told: pl.Expr, reached: pl.Expr, status: pl.Expr) -> pl.Expr:
    """Return the backend's own status: what was sent on, whole or in part."""
    passed = (reached == "done") & (told != "response_from_cache_validated")
    return pl.when((passed | (reached == "body")).fill_null(False)).then(status)


def broken_off(told: pl.Expr, reached: pl.Expr, status: pl.Expr) -> pl.Expr:
    """Whether a successful answer broke off, by the load balancer's own word."""
    broke = told.is_in(BROKEN_OFF) | told.is_in(CACHE_BROKE) | (reached == "body")
    return broke.fill_null(False) & status.is_between(200, 299)
