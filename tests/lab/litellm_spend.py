"""LiteLLM's own spend records without a database: the rows of its table LiteLLM_SpendLogs.

It is copied beside the proxy's configuration and imported there by LiteLLM. LiteLLM makes the row;
where it would insert it into the table, it is appended to a file instead, one JSON object a line.
"""

import json
import os
from pathlib import Path

from litellm.proxy.db.db_spend_update_writer import DBSpendUpdateWriter
from litellm.proxy.hooks.proxy_track_cost_callback import ProxyDBLogger

LEFT_OUT = ("model_map_information", "cost_breakdown", "additional_usage_values")
"""What makes a row 12 kB long: the price list's entry, and sums that stand in the row as well."""


def _told(values):
    return {key: value for key, value in values.items() if value is not None}


async def _record(_self, payload, **_others):
    row = dict(payload)
    metadata = json.loads(row["metadata"])
    for part in LEFT_OUT:
        metadata.pop(part, None)
    error = _told(metadata.get("error_information") or {})
    error.pop("traceback", None)
    metadata["error_information"] = error or None
    row["metadata"] = json.dumps(_told(metadata))
    with Path(os.environ["LAB_SPEND"]).open("a") as file:
        file.write(json.dumps(row, separators=(",", ":"), default=str) + "\n")
    return True


DBSpendUpdateWriter._record_spend_log = _record
spend_file = ProxyDBLogger()
