"""Traefik's access log as JSON: the fields of its access log, one object a request.

``Origin*`` is taken around the handler of the service (of the last try), so that the 502, 504, 499
and 500 that this handler writes itself stand there as if a server had sent them.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer.columns import TIME
from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import go_error, heads
from analyzer.ingest.formats.logs import traefik_words as words
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import Alone, Input, Parsed, bad_lines

_KEYS = (
    "DownstreamStatus", "DownstreamContentSize", "Duration", "OriginStatus", "OriginContentSize",
    "OriginDuration", "OriginError", "RequestAddr", "RequestContentSize", "RequestHost",
    "RequestMethod", "RequestPath", "RequestScheme", "RetryAttempts", "ServiceAddr", "StartLocal",
    "StartUTC", "level", "time",
)  # fmt: skip
_ACCESS = ("DownstreamStatus", "OriginStatus", "RequestMethod", "RequestPath")
"""One of these is in every access line, whatever is configured away."""
_SERVICE_URL = r'"ServiceURL"\s*:\s*(?:"([^"]*)"|\{.*?"Host"\s*:\s*"([^"]*)")'
_LACKS = "it has neither a status nor a request"


class TraefikJsonReader(Alone):
    """Reads one input; every line stands alone."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        self._heads: dict[str, tuple[str, ...]] = {
            **{heads.ASKED + name: (_spelt("request", name),) for name in heads.asked(wants)},
            **{
                heads.ANSWERED + name: (_spelt("downstream", name), _spelt("origin", name))
                for name in heads.answered(wants)
            },
        }
        spellings = [key for keys in self._heads.values() for key in keys]
        self._type = pl.Struct({key: pl.String() for key in (*_KEYS, *spellings)})

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        told = words.is_notice(pl.col("line"))
        found = lines.select(told).to_series()
        notices = int(found.sum())
        lines = lines.filter(~found) if notices else lines
        made, bad = decode(lines, self._type)
        access = made.select(pl.any_horizontal(pl.col(*_ACCESS).is_not_null())).to_series()
        others = made.filter(~access)
        program = others["level"].is_not_null()
        bad = pl.concat([bad, bad_lines(others.filter(~program), _LACKS)])
        rows = self._rows(made.filter(access), lines)
        return Parsed(rows, notices + int(program.sum()), bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _rows(self, made: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
        keys = [key for spellings in self._heads.values() for key in spellings]
        made = made.with_columns(
            **{name: pl.coalesce(*keys) for name, keys in self._heads.items()},
        ).drop(keys)
        made = _with_times(_with_line(made, lines).with_columns(_numbers()))
        rows = fields.target(made, "RequestPath", self._wants)
        rows = rows.select("record", "key_tag", "path", pl.col("^(?:req|resp)\\..*$"), **_columns())
        return heads.add(rows, self._wants)


def _spelt(side: str, name: str) -> str:
    return f"{side}_{heads.in_go(name)}"


def _with_line(made: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Add what only the text tells: whether a header of the server was logged, and the service.

    ``ServiceURL`` is a text or an object, by version, and no type fits both.
    """
    url = pl.col("line").str.extract_groups(_SERVICE_URL).struct
    named = pl.coalesce(words.server(url.field("1")), url.field("2"))
    told = lines.select(
        "record",
        _headed=pl.col("line").str.contains(r'[,{]\s*"origin_'),
        _service=fields.known(named),
    )
    return made.join(told, on="record", how="left", maintain_order="left")


def _with_times(made: pl.DataFrame) -> pl.DataFrame:
    """Add ``_start``, and ``_end`` for lines without it: a time is dear to read."""
    text = pl.coalesce("StartUTC", "StartLocal")
    made = made.with_columns(_start=clock.iso_time(text, None))
    if not made["_start"].null_count():
        return made.with_columns(_end=pl.lit(None, TIME))
    return made.with_columns(_end=pl.coalesce(clock.iso_time(pl.col("time"), None), "stamp"))


def _numbers() -> list[pl.Expr]:
    return [
        fields.status(pl.col("DownstreamStatus")).alias("_sent"),
        fields.status(pl.col("OriginStatus")).alias("_origin"),
        pl.col("OriginContentSize").cast(pl.Int64, strict=False).alias("_size"),
        _nanos("Duration").alias("_duration"),
        pl.coalesce(fields.known(pl.col("ServiceAddr")), "_service").alias("_server"),
    ]


def _nanos(name: str) -> pl.Expr:
    return (fields.number(pl.col(name)) / 1e6).round(6)


def _columns() -> dict[str, pl.Expr]:
    start = pl.col("_start")
    end = pl.coalesce(fields.after(start, pl.col("_duration")), "_end")
    begun = start.is_not_null()
    error = fields.known(pl.col("OriginError"))
    tries = pl.col("RetryAttempts").cast(pl.Int64, strict=False) + 1
    return {
        "started_at": pl.coalesce(start, fields.before(end, pl.col("_duration"))),
        "ended_at": end,
        "duration_ms": pl.col("_duration"),
        "time_kind": pl.when(begun).then(pl.lit("start")).otherwise(pl.lit("end")),
        "time_precision_ms": pl.when(begun).then(pl.lit(0.001)).otherwise(pl.lit(1000.0)),
        "method": fields.method(pl.col("RequestMethod")),
        "scheme": pl.coalesce(fields.known(pl.col("RequestScheme")).str.to_lowercase(), "scheme"),
        "host": pl.coalesce(
            fields.host(pl.col("RequestAddr")), fields.host(pl.col("RequestHost")), "named_host"
        ),
        "status": pl.col("_sent"),
        "upstream_status": _behind(),
        "request_bytes": fields.size(pl.col("RequestContentSize")),
        "response_bytes": fields.size(pl.col("DownstreamContentSize")),
        "upstream_address": pl.col("_server"),
        "upstream_tries": pl.when(pl.col("_server").is_not_null()).then(tries),
        "proxy_detail": error,
        "phase": pl.coalesce(go_error.phase(error), _phase()),
    }


def _own() -> pl.Expr:
    """Whether the status of the service is one that Traefik may have written itself.

    Its own answers have a body of known size and no header; what has another size, or a header,
    came from the server. An empty body (an answer to HEAD) shows neither.
    """
    size = pl.col("_size")
    foreign = (size != words.own_size(pl.col("_origin"))) & (size > 0)
    foreign = foreign.fill_null(False) & (pl.col("_origin") != 499)
    failed = fields.known(pl.col("OriginError")).is_not_null()
    return words.own_status(pl.col("_origin")) & (failed | (~foreign & ~pl.col("_headed")))


def _behind() -> pl.Expr:
    return pl.when(~_own()).then("_origin")


def _phase() -> pl.Expr:
    """Return ``not_sent`` for refusals of Traefik's own.

    Some versions log no status of the service at all, so that its absence tells nothing of answers
    that went well, nor where a service was reached.
    """
    reached = pl.col("_server").is_not_null() | (fields.number(pl.col("OriginDuration")) > 0)
    refused = pl.col("_origin").is_null() & (pl.col("_sent") >= 400) & ~reached.fill_null(False)
    return (
        pl.when(refused.fill_null(False))
        .then(pl.lit("not_sent"))
        .when(_behind().is_not_null())
        .then(pl.lit("done"))
    )


class TraefikJson(JsonLog):
    """Traefik access log as JSON."""

    name = "traefik-json"
    title = "Traefik access log (JSON)"
    hop = "gateway"
    source_kind = "proxy"
    pattern = r'"(?:DownstreamStatus|OriginStatus)"\s*:'
    weight = 0.98
    type = pl.Struct({key: pl.String() for key in _KEYS})

    def owns(self, item: dict[str, Any]) -> bool:
        """By the keys of the object itself."""
        return "DownstreamStatus" in item or "OriginStatus" in item

    def reader(self, source: Input) -> TraefikJsonReader:
        """Return a reader for one input."""
        return TraefikJsonReader(source.wants)


FORMAT = TraefikJson()
