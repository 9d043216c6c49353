"""The peer for JSON logs: DuckDB reads what `analyze` reads of a line and sums it per minute.

    python bench/peers/json_duckdb.py cloudflare|caddy FILE.ndjson

Prints the requests and, of those answered with 400 and more, how many had which status.
"""

from __future__ import annotations

import json
import sys

import duckdb

CLOUDFLARE = """
SELECT time_bucket(INTERVAL 1 minute, make_timestamp_ns(EdgeStartTimestamp)) AS minute,
    ClientRequestHost AS host, split_part(ClientRequestURI, '?', 1) AS path,
    EdgeResponseStatus AS status, count(*) AS requests,
    sum(EdgeEndTimestamp - EdgeStartTimestamp) / 1e6 AS duration_ms,
    sum(EdgeTimeToFirstByteMs), sum(EdgeResponseBytes), sum(ClientRequestBytes),
    sum(OriginResponseDurationMs), sum(OriginResponseHeaderReceiveDurationMs),
    sum(OriginTCPHandshakeDurationMs + OriginTLSHandshakeDurationMs),
    count(*) FILTER (OriginResponseStatus <> EdgeResponseStatus),
    count(*) FILTER (OriginIP <> '' AND EdgeServerIP <> ''),
    count(*) FILTER (SecurityAction <> '' OR len(SecurityActions) > 0),
    count(*) FILTER (len(SecuritySources) > 0),
    count(*) FILTER (ParentRayID <> '00' OR ClientRequestSource <> 'eyeball'),
    count(*) FILTER (CacheCacheStatus = 'hit'), max(RayID), sum(strlen(ClientRequestUserAgent)),
    count(*) FILTER (ClientRequestMethod = 'POST' AND ClientRequestScheme = 'https')
FROM read_json($file, format = 'newline_delimited', columns = {
    EdgeStartTimestamp: 'BIGINT', EdgeEndTimestamp: 'BIGINT', EdgeTimeToFirstByteMs: 'BIGINT',
    EdgeResponseStatus: 'INTEGER', EdgeResponseBytes: 'BIGINT', EdgeServerIP: 'VARCHAR',
    ClientRequestBytes: 'BIGINT', ClientRequestHost: 'VARCHAR', ClientRequestMethod: 'VARCHAR',
    ClientRequestURI: 'VARCHAR', ClientRequestScheme: 'VARCHAR', ClientRequestSource: 'VARCHAR',
    ClientRequestUserAgent: 'VARCHAR', CacheCacheStatus: 'VARCHAR', OriginIP: 'VARCHAR',
    OriginResponseStatus: 'INTEGER', OriginResponseDurationMs: 'BIGINT',
    OriginResponseHeaderReceiveDurationMs: 'BIGINT', OriginTCPHandshakeDurationMs: 'BIGINT',
    OriginTLSHandshakeDurationMs: 'BIGINT', RayID: 'VARCHAR', ParentRayID: 'VARCHAR',
    SecurityAction: 'VARCHAR', SecurityActions: 'VARCHAR[]', SecuritySources: 'VARCHAR[]'
})
GROUP BY ALL
"""
# An error line belongs to the access line behind it: counted, its words with it.
CADDY = """
SELECT time_bucket(INTERVAL 1 minute, make_timestamp(CAST(ts * 1e6 AS BIGINT))) AS minute,
    request.host AS host, split_part(request.uri, '?', 1) AS path, status,
    count(*) FILTER (logger LIKE 'http.log.access%' OR msg = 'handled request') AS requests,
    sum(duration) * 1000 AS duration_ms, sum(size), sum(bytes_read),
    count(*) FILTER (logger LIKE 'http.log.error%'), max(msg), max(err_trace),
    count(*) FILTER (request.method = 'POST' AND request.tls.version > 0),
    sum(strlen(request.remote_ip) + strlen(request.remote_port)),
    sum(strlen(request.headers."User-Agent"[1])),
    sum(CAST(request.headers."X-Stainless-Retry-Count"[1] AS INTEGER)),
    max(resp_headers."X-Request-Id"[1]), max(resp_headers."Retry-After"[1]),
    count(*) FILTER (resp_headers."Content-Type"[1] = 'application/json'),
    count(*) FILTER (resp_headers."Via"[1] <> '' OR resp_headers."Server"[1] <> '')
FROM read_json($file, format = 'newline_delimited', columns = {
    level: 'VARCHAR', ts: 'DOUBLE', logger: 'VARCHAR', msg: 'VARCHAR', duration: 'DOUBLE',
    size: 'BIGINT', bytes_read: 'BIGINT', status: 'INTEGER', err_trace: 'VARCHAR',
    request: 'STRUCT(remote_ip VARCHAR, remote_port VARCHAR, method VARCHAR, host VARCHAR,
        uri VARCHAR, headers STRUCT("User-Agent" VARCHAR[], "X-Stainless-Retry-Count" VARCHAR[]),
        tls STRUCT(version INTEGER))',
    resp_headers: 'STRUCT("Server" VARCHAR[], "Via" VARCHAR[], "Content-Type" VARCHAR[],
        "X-Request-Id" VARCHAR[], "Retry-After" VARCHAR[])'
})
GROUP BY ALL
"""
QUERIES = {"cloudflare": CLOUDFLARE, "caddy": CADDY}


def main() -> None:
    kind, file = sys.argv[1:]
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    rows = connection.execute(QUERIES[kind], {"file": file}).fetchall()
    failed: dict[str, int] = {}
    for row in rows:
        if row[3] >= 400:
            failed[str(row[3])] = failed.get(str(row[3]), 0) + row[4]
    print(json.dumps({"requests": sum(row[4] for row in rows), "failed": failed}))


if __name__ == "__main__":
    main()
