"""The peer for nginx logs: chDB (ClickHouse) cuts the lines of nginx_gen.py at quotes.

    python bench/peers/nginx_chdb.py FILE.log

Reads the fields that `analyze` reads of a line, the zone of a time taken to be UTC, and sums them
per minute, model and status. Prints the requests and, of those answered with 400 and more, how many
had which status.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import chdb

QUERY = """
WITH splitByChar('"', line) AS p, splitByChar(' ', p[2]) AS request, splitByChar(' ', p[3]) AS told,
    toInt32OrZero(told[2]) AS status, splitByString(', ', p[8]) AS servers,
    parseDateTimeInJodaSyntax(substring(p[1], -28, 20), 'dd/MMM/yyyy:HH:mm:ss', 'UTC') AS at,
    toFloat64OrNull(substring(p[7], 5, length(p[7]) - 8)) AS total_s
SELECT toStartOfMinute(at) AS minute, p[18] AS model, status, count() AS requests,
    sum(toInt64OrZero(told[3])), sum(total_s), max(total_s), sum(length(servers)),
    sum(toFloat64OrNull(splitByChar(' ', p[12])[-1])),
    sum(toFloat64OrNull(splitByChar(' ', p[14])[-1])),
    sum(toFloat64OrNull(splitByChar(' ', p[16])[-1])),
    countIf(toInt32OrZero(splitByChar(' ', p[10])[-1]) <> status), sum(length(p[6])),
    max(servers[-1]), countIf(request[1] = 'POST'),
    countIf(splitByChar('?', request[2])[1] = '/v1/messages')
FROM file('{file}', LineAsString) GROUP BY minute, model, status FORMAT JSONCompact
"""


def main() -> None:
    file = str(Path(sys.argv[1]).resolve()).replace("'", "\\'")
    rows = json.loads(str(chdb.query(QUERY.replace("{file}", file))))["data"]
    failed: dict[str, int] = {}
    for row in rows:
        if row[2] >= 400:
            failed[str(row[2])] = failed.get(str(row[2]), 0) + int(row[3])
    print(json.dumps({"requests": sum(int(row[3]) for row in rows), "failed": failed}))


if __name__ == "__main__":
    main()
