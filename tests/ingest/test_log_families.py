"""Every log of other projects is detected as its family, and each of its lines is accounted for."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from analyzer.ingest import capture, detect, files
from analyzer.ingest.base import Wants

pytestmark = pytest.mark.corpus

FAMILIES = {
    "apache_combined": "combined", "apache_common": "combined", "apache_error": "apache-error",
    "apache_malformed": "combined", "aws_alb": "aws-alb", "aws_elb_classic": "aws-elb",
    "aws_s3": "aws-s3", "caddy_json": "caddy", "cloudflare_logpush": "cloudflare",
    "cloudfront_standard": "cloudfront", "envoy": "envoy-json", "envoy_istio": "envoy",
    "gcp_http_lb": "gcp-lb", "haproxy_custom": "haproxy", "haproxy_http": "haproxy",
    "iis_w3c": "iis", "kong_file_log": "kong", "litellm_standard_logging": "litellm",
    "litespeed": "combined", "nginx_combined": "combined", "nginx_error": "nginx-error",
    "nginx_ingress": "nginx-ingress", "nginx_main": "combined", "nginx_malformed": "combined",
    "nginx_proxy_manager": "nginx-proxy-manager", "otel_collector": "otlp", "squid": "squid",
    "traefik_clf": "traefik", "traefik_json": "traefik-json", "uwsgi": "uwsgi",
    "varnish_ncsa": "combined", "w3c_extended": "w3c",
}  # fmt: skip
"""Folder of the corpus -> format. ``combined`` is one family, whoever wrote it."""

OTHERS = {
    # Lines of nginx-proxy-manager's fallback host and one of the manager itself.
    "nginx_combined/crowdsecurity+hub__hub-nginx_http-catch-npm.log": "nginx-proxy-manager",
    "nginx_combined/crowdsecurity+hub__hub-pfsense-rfc5424-nginx.log": "nginx-error",
    "nginx_proxy_manager/crowdsecurity+hub__hub-nginx-proxy-manager-malformed.log": "combined",
    "w3c_extended/tstack+lnav__test_logfile_w3c.2.log": "iis",
    # No access logs: an application's log, JSON without requests, XML, syslog.
    "edge_cases/tstack+lnav__test_logfile_crlf.0.log": None,
    "edge_cases/tstack+lnav__test_logfile_invalid_json.json.log": None,
    "edge_cases/tstack+lnav__test_logfile_invalid_utf8.0.log": None,
    "edge_cases/tstack+lnav__test_logfile_syslog_with_access_log.0.log": None,
}  # fmt: skip
"""Files that are not what their folder is."""


def index(folder: Path) -> list[str]:
    with (folder / "INDEX.tsv").open(encoding="utf-8", newline="") as stream:
        return [row["file"] for row in csv.DictReader(stream, delimiter="\t")]


def test_every_log_is_detected_and_its_lines_accounted_for(corpus: Path) -> None:
    wants = Wants(frozenset(), capture._Forgetful())
    wrong: list[str] = []
    for name in index(corpus / "logs"):
        (source,), _ = files.expand([str(corpus / "logs" / name)])
        found = detect.detect(source)
        expected = OTHERS[name] if name in OTHERS else FAMILIES[name.partition("/")[0]]
        if (found.name if found else None) != expected:
            wrong.append(f"{name}: {found.name if found else None}, not {expected}")
        if found is None:
            assert "Known formats" in detect.reasons(source)
            continue
        batches = [batch for _, _, batch in capture.read([source], wants)]
        problems = [problem for batch in batches for problem in batch.problems]
        assert "internal" not in {problem.kind for problem in problems}, name
        for problem in problems:
            assert problem.message, name
            assert problem.kind != "bad_line" or problem.record, name
        rows = sum(b.attempts.height for b in batches if b.attempts is not None)
        told = sum(problem.count for problem in problems)
        assert rows + told > 0, name
    assert wrong == []
