"""From the JSON objects of Caddy's logs to rows: access, error and reverse-proxy lines alike.

Every line about a request has the same ``request`` object, which is why all kinds become rows of
one shape; ``caddy_pairs`` folds those of one request together. Times and durations come in every
format that the encoder can be told to use.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import heads

ACCESS, ERROR, ABORT, TRIP = "access", "error", "abort", "trip"
"""Kinds of lines: a request handled, an error of the server, an answer broken off by the reverse
proxy, one try of it (a debug line)."""

HEADERS = ("headers", "resp_headers")
"""Objects whose keys differ from request to request."""
TIMES = ("ts", "time", "timestamp", "@timestamp")
"""The key of the time can be renamed; these are the usual names."""
_TOP = (
    "level", "logger", "msg", "duration", "size", "bytes_read", "status", "err_trace", "error",
    "upstream", *TIMES,
)  # fmt: skip
_REQUEST = ("remote_ip", "remote_port", "remote_addr", "method", "host", "uri")
_FIRST_ERROR = ("msg", "status", "err_trace")
_PROXY = "http.handlers.reverse_proxy"
_SECONDS = r"^\d{10}\.\d+$"
_TO_MS = 14
"""Length of such a number with three digits behind the point."""
_LONG_MEDIAN = 50_000
"""Whole numbers above this are nanoseconds: as milliseconds half of the requests took a minute."""


def type_of(logged: heads.Logged, *, joined: bool = False) -> pl.Struct:
    """Return the keys that are read, of the headers those that are ``logged``.

    A header is a list of texts, or one text if the lists come ``joined``.
    """
    values = pl.String() if joined else pl.List(pl.String())
    asked = {heads.in_go(name): values for name in logged.asked}
    answered = {heads.in_go(name): values for name in logged.answered}
    request: dict[str, pl.DataType] = {name: pl.String() for name in _REQUEST}
    request["tls"] = pl.Struct({"version": pl.Int64()})
    if asked:
        request["headers"] = pl.Struct(asked)
    return pl.Struct(
        {
            **{name: pl.String() for name in _TOP},
            "request": pl.Struct(request),
            **({"resp_headers": pl.Struct(answered)} if answered else {}),
            "first_error": pl.Struct({name: pl.String() for name in _FIRST_ERROR}),
        }
    )


def kind() -> pl.Expr:
    """Return which kind of line it is; null for what is about no request."""
    logger, told = pl.col("logger").fill_null(""), pl.col("msg")
    handled = told.is_in(["handled request", "NOP"])
    proxy = logger.str.starts_with(_PROXY)
    asked = pl.col("request").struct.field("method").is_not_null()
    asked |= pl.col("request").struct.field("uri").is_not_null()
    return (
        pl.when(~asked).then(None)
        .when(logger.str.starts_with("http.log.access") | handled).then(pl.lit(ACCESS))
        .when(logger.str.starts_with("http.log.error")).then(pl.lit(ERROR))
        .when(proxy & (told == "aborting with incomplete response")).then(pl.lit(ABORT))
        .when(proxy & (told == "upstream roundtrip")).then(pl.lit(TRIP))
    )  # fmt: skip


def rows(made: pl.DataFrame, logged: heads.Logged, wants: Wants, scale: float) -> pl.DataFrame:
    """Return canonical columns and the helpers that pairing needs (``_kind`` and so on).

    ``made`` has the keys of :func:`type_of` as columns and ``_kind``; ``scale`` turns durations
    that are plain numbers into milliseconds.
    """
    request = pl.col("request").struct
    made = made.with_columns(
        *(request.field(name) for name in _REQUEST),
        _tls=request.field("tls").struct.field("version").is_not_null(),
        **_heads(logged, made.schema),
    )
    made = fields.target(made, "uri", wants)
    time, precise = times(made.select(pl.coalesce(*TIMES)).to_series(), wants.reading.zone)
    made = made.with_columns(
        ended_at=pl.coalesce(time, "stamp"),
        duration_ms=_durations(made["duration"], scale),
        time_precision_ms=precise,
    )
    made = made.select(
        "record", "ended_at", "duration_ms", "time_precision_ms", "path", "key_tag", "_kind",
        pl.col("^(?:req|resp)\\..*$"), **_columns(), **_helpers(),
    )  # fmt: skip
    return heads.add(made, wants)


def _heads(logged: heads.Logged, schema: pl.Schema) -> dict[str, pl.Expr]:
    """Return the headers of ``schema`` that are logged: lists of texts, or already joined."""
    sent = pl.col("request").struct.field("headers").struct
    got = pl.col("resp_headers").struct
    request = dict(_inside(schema.get("request")))
    sides = (
        (heads.ASKED, logged.asked, sent, dict(_inside(request.get("headers")))),
        (heads.ANSWERED, logged.answered, got, dict(_inside(schema.get("resp_headers")))),
    )
    told = {}
    for prefix, names, side, there in sides:
        for name in names:
            key = heads.in_go(name)
            if key in there:
                value = side.field(key)
                told[prefix + name] = value if there[key] == pl.String else heads.joined(value)
    return told


def _inside(type_: object) -> Iterator[tuple[str, pl.DataType]]:
    """Yield the names and types of a struct's fields; nothing for what is none."""
    if isinstance(type_, pl.Struct):
        yield from ((field.name, field.dtype) for field in type_.fields)  # type: ignore[misc]  # instances


def _columns() -> dict[str, pl.Expr]:
    secured = pl.when("_tls").then(pl.lit("https"))
    first = pl.col("first_error").struct.field("status")
    return {
        "started_at": fields.before(pl.col("ended_at"), pl.col("duration_ms")),
        "time_kind": pl.lit("end"),
        "method": fields.method(pl.col("method")),
        "scheme": pl.coalesce("scheme", secured),
        "host": pl.coalesce(fields.host(pl.col("host")), "named_host"),
        "status": fields.status(pl.coalesce("status", first)),
        "request_bytes": fields.size(pl.col("bytes_read")),
        "response_bytes": fields.size(pl.col("size")),
    }


def _helpers() -> dict[str, pl.Expr]:
    """Return what tells the lines of one request, and what an error line says."""
    client = pl.coalesce(pl.format("{}:{}", "remote_ip", "remote_port"), "remote_addr")
    first = pl.col("first_error").struct
    cause = pl.coalesce(first.field("msg"), "msg")
    aborted = pl.concat_str("msg", "error", separator="; ", ignore_nulls=True)
    is_kind = pl.col("_kind")
    return {
        "_peer": client.fill_null(""),
        "_uri": pl.col("uri").fill_null(""),
        "_verb": pl.col("method").fill_null(""),
        "_text": (
            pl.when(is_kind == ERROR).then(cause)
            .when(is_kind == ABORT).then(aborted)
            .when(is_kind == TRIP).then(pl.col("error"))
        ),
        "_trace": pl.coalesce(first.field("err_trace"), "err_trace").str.extract(r"^(\S+)"),
        "_upstream": fields.known(pl.col("upstream")),
        "_nop": (pl.col("msg") == "NOP").fill_null(False),
    }  # fmt: skip


def times(texts: pl.Series, zone: tzinfo | None) -> tuple[pl.Series, pl.Series]:
    """Return times and their precision; for the usual numbers of seconds most tests are spared."""
    frame, text = texts.alias("_").to_frame(), pl.col("_")
    if texts.str.contains(_SECONDS).fill_null(False).all():
        exact = pl.when(text.str.len_bytes() > _TO_MS).then(0.001).otherwise(1.0)
        made = frame.select(time=clock.epoch_time(text), precise=exact)
    else:
        made = frame.select(time=read_time(text, zone), precise=_precision(text))
    return made["time"], made["precise"]


def _durations(texts: pl.Series, scale: float) -> pl.Series:
    """Return milliseconds; Go's words are only looked for where there are some."""
    frame, text = texts.alias("_").to_frame(), pl.col("_")
    plain = frame.select((fields.number(text) * scale).round(6)).to_series()
    if plain.null_count() == texts.null_count():
        return plain
    return frame.select(read_duration(text, scale)).to_series()


def read_time(text: pl.Expr, zone: tzinfo | None) -> pl.Expr:
    """Read a time in any format of Caddy's encoders; a wall clock shows UTC unless told."""
    number = pl.when(text.str.contains(r"^\d{9,}(?:\.\d+)?$")).then(clock.epoch_time(text))
    common = pl.when(text.str.contains(r"^\d\d/")).then(clock.clf_time(text))
    wall = text.str.replace_all("/", "-", literal=True)
    return pl.coalesce(number, common, clock.iso_time(wall, zone))


def _precision(text: pl.Expr) -> pl.Expr:
    fraction = text.str.extract(r"[.,](\d+)").str.len_chars()
    whole = text.str.contains(r"^\d{17,}$")
    return (
        pl.when(whole | (fraction > 3)).then(pl.lit(0.001))
        .when(fraction.is_not_null() | text.str.contains(r"^\d{12,}")).then(pl.lit(1.0))
        .otherwise(pl.lit(1000.0))
    )  # fmt: skip


def read_duration(text: pl.Expr, scale: float) -> pl.Expr:
    """Read a duration: Go's words, else a number times ``scale``; milliseconds."""
    number = (fields.number(text) * scale).round(6)
    return pl.coalesce(number, clock.go_duration_ms(text))


def scale_of(durations: pl.Series) -> float | None:
    """Return what turns the numbers among ``durations`` into ms; null if they do not tell.

    The default are seconds with a fraction; without one they are milliseconds or nanoseconds.
    """
    numbers = durations.filter(durations.str.contains(r"^\d+(?:\.\d+)?$").fill_null(False))
    if numbers.str.contains(".", literal=True).any():
        return 1000.0
    middle = numbers.cast(pl.Float64).filter(numbers != "0").median()
    if not isinstance(middle, float):
        return None
    return 1e-6 if middle > _LONG_MEDIAN else 1.0
