"""The peer for nginx logs: DuckDB cuts the lines of nginx_gen.py at quotes and sums per minute.

    python bench/peers/nginx_duckdb.py FILE.log

Reads the fields that `analyze` reads of a line, the zone of a time taken to be UTC. Prints the
requests and, of those answered with 400 and more, how many had which status.
"""

from __future__ import annotations

import json
import sys

import duckdb

PIECES = 19
QUERY = """
WITH fields AS (
    SELECT strptime(p0[-28:-9], '%d/%b/%Y:%H:%M:%S') AS moment,
        split_part(p1, ' ', 1) AS method, split_part(split_part(p1, ' ', 2), '?', 1) AS path,
        CAST(split_part(p2, ' ', 2) AS INTEGER) AS status,
        CAST(split_part(p2, ' ', 3) AS BIGINT) AS size,
        p5 AS agent, TRY_CAST(p6[5:-5] AS DOUBLE) AS total_s,
        split_part(p7, ' ', -1) AS server,
        1 + strlen(p7) - strlen(replace(p7, ',', '')) AS tries,
        TRY_CAST(split_part(p9, ' ', -1) AS INTEGER) AS upstream_status,
        TRY_CAST(split_part(p11, ' ', -1) AS DOUBLE) AS upstream_s,
        TRY_CAST(split_part(p13, ' ', -1) AS DOUBLE) AS connect_s,
        TRY_CAST(split_part(p15, ' ', -1) AS DOUBLE) AS head_s,
        p17 AS model
    FROM read_csv($file, delim = '"', quote = '', escape = '', header = false,
        auto_detect = false, columns = $columns)
)
SELECT time_bucket(INTERVAL 1 minute, moment) AS minute, model, status, count(*) AS requests,
    sum(size), sum(total_s), max(total_s), sum(tries), sum(upstream_s), sum(connect_s),
    sum(head_s), count(*) FILTER (upstream_status <> status), sum(strlen(agent)), max(server),
    count(*) FILTER (method = 'POST'), count(*) FILTER (path = '/v1/messages')
FROM fields GROUP BY ALL
"""


def main() -> None:
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    columns = {f"p{number}": "VARCHAR" for number in range(PIECES)}
    query = QUERY.replace("$columns", str(columns))
    rows = connection.execute(query, {"file": sys.argv[1]}).fetchall()
    failed: dict[str, int] = {}
    for row in rows:
        if row[2] >= 400:
            failed[str(row[2])] = failed.get(str(row[2]), 0) + row[3]
    print(json.dumps({"requests": sum(row[3] for row in rows), "failed": failed}))


if __name__ == "__main__":
    main()
