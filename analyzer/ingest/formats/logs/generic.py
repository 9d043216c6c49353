"""Tables of anybody's own making: which column is which, by what the user says or by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analyzer import columns
from analyzer.errors import ConfigError, did_you_mean

_NOT_MAPPED = frozenset(
    {"attempt_id", "input", "record", "format", "hop", "seen_in", "time_kind", "body_excerpt"}
)
_UNITS = {
    "ms": 1.0, "millis": 1.0, "milliseconds": 1.0, "msec": 1.0, "s": 1e3, "sec": 1e3, "secs": 1e3,
    "seconds": 1e3, "us": 1e-3, "micros": 1e-3, "microseconds": 1e-3, "usec": 1e-3, "ns": 1e-6,
    "nanos": 1e-6, "nanoseconds": 1e-6,
}  # fmt: skip
_NAMES: dict[str, tuple[str, ...]] = {
    "started_at": ("start_time", "started_at", "created_at", "starttime", "request_start"),
    "ended_at": ("time", "timestamp", "ts", "datetime", "date_time", "end_time", "ended_at",
                 "logged_at", "time_iso8601", "time_local", "eventtime", "event_time"),
    "status": ("status", "status_code", "statuscode", "http_status", "http_status_code",
               "response_status", "response_status_code", "response_code", "http_code"),
    "method": ("method", "http_method", "request_method", "verb", "http_request_method"),
    "path": ("path", "url", "uri", "request_uri", "request_path", "request_url", "http_url",
             "url_path", "url_full", "target", "endpoint", "route"),
    "host": ("host", "http_host", "server_name", "authority", "domain"),
    "model": ("model", "model_name", "request_model", "requested_model", "llm_model"),
    "duration_ms": ("duration", "latency", "elapsed", "response_time", "request_time", "took",
                    "total_time", "time_taken", "request_duration", "processing_time",
                    "elapsed_time"),
    "ttfb_ms": ("ttfb", "time_to_first_byte"),
    "ttft_ms": ("ttft", "time_to_first_token"),
    "request_id": ("request_id", "req_id", "requestid", "x_request_id", "correlation_id"),
    "trace_id": ("trace_id", "traceid"),
    "session_id": ("session_id", "conversation_id"),
    "upstream_status": ("upstream_status", "upstream_status_code", "backend_status",
                        "origin_status"),
    "upstream_address": ("upstream_addr", "upstream_address", "backend", "upstream"),
    "error_message": ("error", "error_message", "error_msg", "err", "err_msg", "exception"),
    "error_type": ("error_type", "error_class"),
    "error_code": ("error_code",),
    "response_bytes": ("bytes", "bytes_sent", "body_bytes_sent", "response_size",
                       "response_bytes", "bytes_out"),
    "request_bytes": ("bytes_received", "request_size", "request_bytes", "request_length",
                      "bytes_in"),
    "input_tokens": ("input_tokens", "prompt_tokens", "tokens_in"),
    "output_tokens": ("output_tokens", "completion_tokens", "tokens_out"),
    "provider": ("provider", "llm_provider"),
    "stream": ("stream", "streaming", "is_stream"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "key_tag": ("api_key", "apikey", "authorization"),
    "req_header.user-agent": ("user_agent", "useragent", "http_user_agent"),
}  # fmt: skip
"""Canonical column -> names that are obvious, the best first."""
_SPANS = ("duration_ms", "ttfb_ms", "ttft_ms")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Taken:
    """One column that is used: ``source`` as it is called in the log, ``column`` as here.

    ``factor`` turns its numbers into milliseconds, where it is a duration.
    """

    column: str
    source: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What is read of a table, what is not, and what was asked for and is not there."""

    taken: tuple[Taken, ...]
    unused: tuple[str, ...] = ()
    missing: tuple[Taken, ...] = ()
    unitless: tuple[str, ...] = ()
    """Durations whose unit is not known."""

    def complete(self) -> bool:
        """Whether time, outcome and what was asked are there."""
        found = {item.column for item in self.taken}
        timed = found & {"started_at", "ended_at"}
        return bool(timed and "status" in found and found & {"path", "model"})

    def sentence(self) -> str:
        """Say which columns were taken as what."""
        took = ", ".join(f"{item.column} from '{item.source}'" for item in self.taken)
        said = f"Columns taken: {took}."
        if self.unitless:
            names = ", ".join(f"'{name}'" for name in self.unitless)
            said += f" Unit unknown, not used: {names} (say --map duration_ms=NAME for ms)."
        if self.unused:
            more = ", ..." if len(self.unused) > 12 else ""
            said += f" Not used: {', '.join(self.unused[:12])}{more}."
        return said


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Check the canonical names of a mapping.

    Raises:
        ConfigError: a name is no column that a log (or, with ``time``, a usage export) can fill.
    """
    table = columns.USAGE if for_usage(mapping) else columns.ATTEMPTS
    allowed = [column.name for column in table if column.name not in _NOT_MAPPED]
    for name, source in mapping.items():
        if columns.is_header(name) and name.partition(".")[2]:
            continue
        if name not in allowed:
            hint = did_you_mean(name, allowed)
            msg = f"--map {name}={source}: there is no column '{name}' to fill.{hint}"
            raise ConfigError(msg)


def for_usage(mapping: Mapping[str, str]) -> bool:
    """Whether a mapping describes a usage export: only those have a column called ``time``."""
    return "time" in mapping


def by_mapping(names: Iterable[str], mapping: Mapping[str, str]) -> Choice:
    """Return what a mapping takes of a table that has ``names``; nothing if it is no log's."""
    if for_usage(mapping):
        return Choice(())
    there = {name.lower(): name for name in names}
    taken: list[Taken] = []
    missing: list[Taken] = []
    for column, source in mapping.items():
        name = there.get(source.lower())
        if name is None:
            missing.append(Taken(column, source))
        else:
            taken.append(Taken(column, name, _factor(column, name) or 1.0))
    used = {item.source for item in taken}
    unused = tuple(name for name in there.values() if name not in used)
    return Choice(tuple(taken), unused, tuple(missing))


def by_names(names: Iterable[str], sample: Mapping[str, str | None]) -> Choice:
    """Return what the table of obvious names takes; ``sample`` are the values of one record."""
    bare = {_bare(name): name for name in reversed(list(names))}
    taken: list[Taken] = []
    unitless: list[str] = []
    for column, known in _NAMES.items():
        found = next((bare[word] for word in known if word in bare), None)
        factor: float | None = 1.0
        if column in _SPANS:
            found, factor = _duration(known, bare)
            if found and factor is None and _DURATION.match(sample.get(found) or ""):
                factor = 1.0
            if found and factor is None:
                unitless.append(found)
                continue
        if found is not None and all(item.source != found for item in taken):
            taken.append(Taken(column, found, factor or 1.0))
    used = {item.source for item in taken} | set(unitless)
    unused = tuple(name for name in reversed(bare.values()) if name not in used)
    return Choice(tuple(taken), unused, unitless=tuple(unitless))


def _bare(name: str) -> str:
    """Return a name without what only spells it otherwise: ``@timestamp``, ``http.status-code``."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def _duration(known: tuple[str, ...], bare: Mapping[str, str]) -> tuple[str | None, float | None]:
    """Return the column of a duration and its factor; one that names its unit is preferred."""
    for word in known:
        for unit, factor in _UNITS.items():
            if f"{word}_{unit}" in bare:
                return bare[f"{word}_{unit}"], factor
    return next((bare[word] for word in known if word in bare), None), None


def _factor(column: str, name: str) -> float | None:
    """Return the factor that a source's name states for a column of milliseconds."""
    if not column.endswith("_ms"):
        return None
    return _UNITS.get(_bare(name).rpartition("_")[2])
