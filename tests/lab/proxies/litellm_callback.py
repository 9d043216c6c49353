"""LiteLLM's custom callback of the lab: StandardLoggingPayload, one JSON object a line.

It is copied beside the proxy's configuration and imported there by LiteLLM.
"""

import json
import os
from pathlib import Path

from litellm.integrations.custom_logger import CustomLogger

LEFT_OUT = (
    "model_map_information", "cost_breakdown", "messages", "response", "request_tags",
    "standard_built_in_tools_params", "status_fields", "request_model_access_groups",
    "saved_cache_cost",
)  # fmt: skip
"""What makes a line 12 kB long: the price list's entry, and texts that LiteLLM blackened."""
TAIL = 2
"""Lines that are kept of a traceback, which is long."""


def _told(values):
    return {key: value for key, value in values.items() if value is not None}


class PayloadFile(CustomLogger):
    """Append every payload that LiteLLM hands over to the file named in LAB_PAYLOADS."""

    def _write(self, kwargs):
        payload = json.loads(json.dumps(kwargs.get("standard_logging_object"), default=str))
        if payload:
            for part in LEFT_OUT:
                payload.pop(part, None)
            said = payload.get("error_information") or {}
            if said.get("traceback"):
                said["traceback"] = "\n".join(said["traceback"].splitlines()[-TAIL:])
            for part in ("metadata", "hidden_params", "error_information"):
                payload[part] = _told(payload.get(part) or {})
            payload = _told(payload)
            with Path(os.environ["LAB_PAYLOADS"]).open("a") as file:
                file.write(json.dumps(payload, separators=(",", ":")) + "\n")

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self._write(kwargs)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self._write(kwargs)


payload_file = PayloadFile()
