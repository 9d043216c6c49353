"""Envoy: its default text format, the one of Istio, and a JSON format."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tests.lab.proxies.backend import LOOPBACK
from tests.lab.proxies.client import HOST, Ask
from tests.lab.proxies.proxy import Log, Proxy
from tests.lab.proxies.scenario import (
    ALL_REFUSED,
    BODY_LIMIT,
    BUSY,
    DOWN,
    FULL,
    LIMITED,
    MAIN,
    POOL,
    REFUSED,
    RETRY,
    TLS_PLAIN,
    TLS_UNTRUSTED,
    Fault,
    Truth,
)

ISTIO = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% '
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% "
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
JSON_FIELDS = {
    "start_time": "%START_TIME%", "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%", "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%", "bytes_sent": "%BYTES_SENT%", "duration": "%DURATION%",
    "request_duration": "%REQUEST_DURATION%", "response_duration": "%RESPONSE_DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "user_agent": "%REQ(USER-AGENT)%", "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%", "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%", "route_name": "%ROUTE_NAME%",
    "upstream_request_attempt_count": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
}  # fmt: skip
TELLS = frozenset({
    "refused", "connect-timeout", "all-refused", "reset", "closed", "garbage", "silent",
    "no-healthy", "no-route", "no-cluster", "limited", "overflow", "abort-waiting",
    "abort-streaming", "tls-to-plain", "tls-untrusted", "cut-reset", "cut-closed", "short-body",
    "stall", "relayed-401", "relayed-429", "relayed-500", "relayed-503", "relayed-529",
    "too-large",
})  # fmt: skip
"""The default text shows a relayed answer by its upstream service time, the others by details."""
TYPE = "type.googleapis.com/envoy.extensions"
NO_CLUSTER = Fault(
    "no-cluster", Truth(False, "gateway", "no_healthy_upstream", "not_sent", ("config_error",)),
    Ask(headers={POOL: "pool-of-nobody"}), (503,),
)  # fmt: skip

Json = dict[str, Any]


class Envoy(Proxy):
    """Envoy with three access loggers."""

    name: ClassVar[str] = "envoy"
    program: ClassVar[str] = "envoy"
    version: ClassVar[tuple[str, ...]] = ("--version",)
    cannot: ClassVar[dict[str, str]] = {"limited-503": "its limiter answers 429"}
    extra: ClassVar[tuple[Fault, ...]] = (NO_CLUSTER,)

    def logs(self) -> tuple[Log, ...]:
        """Return the logs."""
        return tuple(Log(name, TELLS) for name in ("text.log", "istio.log", "json.log"))

    @property
    def extent(self) -> str:
        """Show every fault once."""
        return "once"

    def start(self) -> None:
        """Start Envoy in the foreground."""
        path = self.write("envoy.json", json.dumps(self._config(), indent=1))
        flags = ["--file-flush-interval-msec", "50", "--concurrency", "1", "-l", "warning"]
        self.run(self.executable(), "-c", str(path), "--disable-hot-restart", *flags)
        self.wait_for_port()

    def _config(self) -> Json:
        chain = {"filters": [{"name": "hcm", "typed_config": self._connections()}]}
        listener = {"name": "api", "address": _address(self.port), "filter_chains": [chain]}
        return {"static_resources": {"listeners": [listener], "clusters": self._clusters()}}

    def _connections(self) -> Json:
        filters = [
            _filter("http", "local_ratelimit.v3.LocalRateLimit", stat_prefix="limit"),
            _filter("http", "buffer.v3.Buffer", max_request_bytes=BODY_LIMIT),
            _filter("http", "router.v3.Router"),
        ]
        return {
            "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "api",
            "http_filters": filters,
            "access_log": self._loggers(),
            "route_config": {"virtual_hosts": [self._host()]},
        }

    def _loggers(self) -> list[Json]:
        formats: dict[str, Json | None] = {
            "text.log": None,
            "istio.log": {"text_format_source": {"inline_string": ISTIO}},
            "json.log": {"json_format": JSON_FIELDS},
        }
        kind = f"{TYPE}.access_loggers.file.v3.FileAccessLog"
        return [
            {
                "name": name,
                "typed_config": {
                    "@type": kind,
                    "path": str(self.folder / name),
                    **({"log_format": how} if how else {}),
                },
            }
            for name, how in formats.items()
        ]

    def _host(self) -> Json:
        def route(name: str, headers: Json, **action: Any) -> Json:
            match = {"prefix": "/v1/", "headers": [headers] if headers else []}
            return {"name": name, "match": match, "route": action}

        bucket = {"max_tokens": 1, "tokens_per_fill": 1, "fill_interval": "60s"}
        always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
        limit = {
            "@type": f"{TYPE}.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "limit", "token_bucket": bucket,
            "filter_enabled": always, "filter_enforced": always,
        }  # fmt: skip
        limited = route("limited", {"name": LIMITED, "present_match": True}, cluster=MAIN)
        limited["typed_per_filter_config"] = {"limit": limit}
        retry = {"retry_on": "connect-failure", "num_retries": 2}
        retry["retry_host_predicate"] = [
            {
                "name": "others",
                "typed_config": {
                    "@type": f"{TYPE}.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ]
        exact = {"name": "x-lab-fault", "string_match": {"exact": "silent"}}
        pool = {"name": POOL, "string_match": {"safe_regex": {"regex": f"{RETRY}|{ALL_REFUSED}"}}}
        routes = [
            limited,
            route("short", exact, cluster=MAIN, timeout="1s"),
            route("patient", pool, cluster_header=POOL, retry_policy=retry),
            route("chosen", {"name": POOL, "present_match": True}, cluster_header=POOL),
            route("default", {}, cluster=MAIN, timeout="0s", idle_timeout="1s"),
        ]
        return {"name": "api", "domains": [HOST], "routes": routes}

    def _clusters(self) -> list[Json]:
        here = self.backend
        full = {
            "thresholds": [{"max_connections": 0, "max_pending_requests": 0, "max_requests": 0}]
        }
        check = {"timeout": "0.3s", "interval": "0.2s", "unhealthy_threshold": 1}
        check |= {"healthy_threshold": 1, "http_health_check": {"path": "/healthz"}}
        panic = {"healthy_panic_threshold": {"value": 0}}
        tls = self._tls()
        return [
            _cluster(MAIN, here.port),
            _cluster(REFUSED, here.closed_port),
            _cluster(FULL, here.full_port),
            _cluster(DOWN, here.closed_port, health_checks=[check], common_lb_config=panic),
            _cluster(TLS_PLAIN, here.port, transport_socket=tls),
            _cluster(RETRY, here.closed_port, here.port),
            _cluster(TLS_UNTRUSTED, here.tls_port, transport_socket=tls),
            _cluster(ALL_REFUSED, here.closed_port, here.closed_port),
            _cluster(BUSY, here.port, circuit_breakers=full),
        ]

    def _tls(self) -> Json:
        trusted = {"trusted_ca": {"filename": str(self.backend.other_ca)}}
        context = {"@type": f"{TYPE}.transport_sockets.tls.v3.UpstreamTlsContext"}
        context |= {"common_tls_context": {"validation_context": trusted}}
        return {"name": "tls", "typed_config": context}


def _address(port: int) -> Json:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _cluster(name: str, *ports: int, **more: Any) -> Json:
    endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
    assigned = {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}
    return {"name": name, "connect_timeout": "1s", "load_assignment": assigned, **more}


def _filter(family: str, kind: str, **settings: Any) -> Json:
    name = kind.partition(".")[0].replace("local_ratelimit", "limit")
    config = {"@type": f"{TYPE}.filters.{family}.{kind}", **settings}
    return {"name": name, "typed_config": config}
