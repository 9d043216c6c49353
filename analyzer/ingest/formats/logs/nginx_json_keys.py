"""The names that people give nginx's variables in a JSON ``log_format``."""

from __future__ import annotations

ALIASES: dict[str, tuple[str, ...]] = {
    "msec": ("msec", "time_msec"),
    "time": (
        "time_iso8601", "@timestamp", "timestamp", "time_local", "time", "ts", "datetime", "date",
        "local_time", "timeLocal",
    ),
    "request": ("request", "request_line", "req"),
    "method": ("request_method", "method", "http_method", "verb", "requestMethod"),
    "target": (
        "request_uri", "uri", "url", "path", "request_path", "document_uri", "requestUri",
    ),
    "query": ("args", "query_string", "request_query", "query", "request_args"),
    "status": ("status", "http_status", "response_code", "status_code", "response_status"),
    "request_time": (
        "request_time", "rt", "req_time", "reqtime", "requesttime", "requestTime", "responsetime",
        "response_time", "request_duration", "duration",
    ),
    "upstream_addr": (
        "upstream_addr", "upstream_address", "upstream", "upstream_host", "upstreamhost",
        "upstreamAddr", "ups_addr", "uaddr", "backend",
    ),
    "upstream_status": (
        "upstream_status", "ups_status", "upstreamstatus", "upstreamStatus", "ustatus", "us",
    ),
    "upstream_connect_time": ("upstream_connect_time", "upstreamConnectTime", "uct", "uc"),
    "upstream_header_time": ("upstream_header_time", "upstreamHeaderTime", "uht", "uh"),
    "upstream_response_time": (
        "upstream_response_time", "upstreamResponseTime", "upstream_time", "upstreamtime",
        "ups_resp_time", "urt", "ut",
    ),
    "upstream_response_length": ("upstream_response_length", "upstreamResponseLength"),
    "upstream_bytes_received": ("upstream_bytes_received", "upstreamBytesReceived"),
    "upstream_name": ("proxy_upstream_name", "upstream_name"),
    "bytes": (
        "body_bytes_sent", "bodyBytesSent", "body_bytes", "bytes_sent", "bytesSent", "size",
        "bytes", "response_size", "response_length",
    ),
    "request_length": ("request_length", "requestLength", "request_size", "bytes_received", "rl"),
    # In formats made for log stores "host" is often the server that logs; the others say more.
    "asked": ("http_host", "vhost", "domain", "authority", "host", "server_name", "serverName"),
    "protocol": ("scheme", "request_scheme"),
    "agent": ("http_user_agent", "user_agent", "userAgent", "useragent", "agent"),
    "referer": ("http_referer", "http_referrer", "referer", "referrer"),
    "request_id": (
        "request_id", "req_id", "x_request_id", "http_x_request_id", "requestId", "reqid", "rid",
    ),
    "upstream_request_id": ("upstream_http_x_request_id", "upstream_request_id"),
    "trace": (
        "traceparent", "http_traceparent", "trace_id", "traceId", "otel_trace_id",
        "opentelemetry_trace_id",
    ),
    "ray": ("http_cf_ray", "cf_ray"),
    "model": ("model",),
    "content_type": (
        "sent_http_content_type", "upstream_http_content_type", "response_content_type",
    ),
    "cache": ("upstream_cache_status", "cache_status"),
    "credential": (
        "http_authorization", "authorization", "http_x_api_key", "x_api_key", "http_api_key",
        "api_key",
    ),
}  # fmt: skip
"""Our field -> keys that hold it, the most telling first."""

KEYS = tuple(dict.fromkeys(key for keys in ALIASES.values() for key in keys))

FOREIGN = (
    r'"(?:response_flags|upstream_cluster|response_code_details|termination_state|haproxy_timestamp'
    r"|DownstreamStatus|OriginStatus|RayID|EdgeResponseStatus|insertId|logName|httpRequest"
    r"|latencies|call_type|custom_llm_provider|response_status_code|resourceSpans|resourceLogs"
    r'|logger|tokens_in|request_created_at|resp_headers)"\s*:'
)
"""Keys by which a line belongs to another program's JSON."""
