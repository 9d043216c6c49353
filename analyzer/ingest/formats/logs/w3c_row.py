"""From the values of a W3C extended log to rows, whatever fields it names."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import heads

_READ = (
    "date", "time", "time-taken", "cs-method", "c-method", "cs-uri", "cs-uri-stem", "cs-uri-path",
    "cs-uri-query", "cs-uri-scheme", "cs-host", "cs(host)", "sc-status", "sc-substatus",
    "sc-win32-status", "sc-bytes", "cs-bytes", "cs-start", "s-reason", "s-action", "sc-action",
    "x-exception-id",
)  # fmt: skip
_NO_CONNECTION = ("12007", "12029")
"""WinHTTP's errors, as ARR notes them: name not resolved, cannot connect."""
_HOPS = {"incapsula": "edge", "imperva": "edge", "sgos": "network"}
"""Software, as ``#Software:`` names it -> the hop at which it stands, if not a gateway."""


@dataclass(frozen=True, slots=True)
class Made:
    """Rows, and how many lines are about something else than HTTP requests."""

    rows: pl.DataFrame
    notices: int


def rows(lines: pl.DataFrame, names: list[str], wants: Wants) -> Made:
    """Return the rows of lines with ``_values`` for ``names``, ``_date`` and ``_software``."""
    known = {name.lower(): place for place, name in reversed(list(enumerate(names)))}
    texts = {
        f"f.{name}": fields.known(pl.col("_values").list.get(known[name]))
        if name in known
        else pl.lit(None, pl.String())
        for name in _READ
    }
    made = lines.with_columns(**texts, **_heads(known, wants)).drop("_values", "line")
    told = ~_other(known)
    requests = made.filter(told)
    requests = requests.with_columns(_target=_target(), _stamp=_stamp())
    requests = fields.target(requests, "_target", wants)
    dated = requests.with_columns(**_times())
    done = dated.select(
        "record", "path", "key_tag", "started_at", "ended_at", "duration_ms", "time_kind",
        pl.col("^(?:req|resp)\\..*$"), **_columns(),
    )  # fmt: skip
    return Made(heads.add(done, wants), made.height - requests.height)


def _f(name: str) -> pl.Expr:
    return pl.col(f"f.{name}")


def _heads(known: dict[str, int], wants: Wants) -> dict[str, pl.Expr]:
    """Return the headers that are logged; Microsoft's writers put ``+`` for a blank."""
    told: dict[str, pl.Expr] = {}
    blanks = pl.col("_software").str.contains("(?i)^microsoft").fill_null(False)
    sides = (("cs", heads.ASKED, heads.asked(wants)), ("sc", heads.ANSWERED, heads.answered(wants)))
    for side, prefix, read in sides:
        for name in read:
            place = known.get(f"{side}({name})")
            if place is None:
                continue
            value = pl.col("_values").list.get(place)
            spaced = value.str.replace_all("+", " ", literal=True)
            told[prefix + name] = pl.when(blanks).then(spaced).otherwise(value)
    return told


def _other(known: dict[str, int]) -> pl.Expr:
    """Whether a line is about FTP, or about a connection on which nothing was asked."""
    method, uri = pl.coalesce(_f("cs-method"), _f("c-method")), _target()
    if "x-session" in known:
        return pl.lit(True)
    ftp = method.str.contains(r"^\[\d+\]").fill_null(False)
    return ftp | (method.is_null() & uri.is_null() & _f("sc-status").is_null())


def _target() -> pl.Expr:
    stem = pl.coalesce(_f("cs-uri-stem"), _f("cs-uri-path"))
    query = pl.when(_f("cs-uri-query").is_not_null()).then(
        pl.concat_str(stem, _f("cs-uri-query").str.strip_prefix("?"), separator="?")
    )
    return pl.coalesce(query, stem, _named_uri())


def _named_uri() -> pl.Expr:
    """Return ``cs-uri``, with a scheme before a host that stands without one."""
    uri = _f("cs-uri")
    return pl.when(_schemeless()).then(pl.concat_str(pl.lit("http://"), uri)).otherwise(uri)


def _schemeless() -> pl.Expr:
    bare = _f("cs-uri").str.contains(r"^[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,}(?::\d+)?(?:/|$)")
    return bare.fill_null(False) & _f("cs-uri-stem").is_null()


def _stamp() -> pl.Expr:
    """Return the time of a line; where only that of the day is logged, ``#Date:`` has the day."""
    day = pl.coalesce(_f("date"), pl.col("_date").str.extract(r"^(\d{4}-\d\d-\d\d)"))
    stamp = clock.iso_time(pl.concat_str(day, _f("time"), separator=" "), None)
    return pl.coalesce(stamp, "stamp")


def _times() -> dict[str, pl.Expr]:
    stamp = pl.col("_stamp")
    taken = _f("time-taken")
    # The standard has seconds with a fraction, IIS and proxies have whole milliseconds.
    duration = (
        pl.when(taken.str.contains(".", literal=True))
        .then(fields.millis(taken))
        .otherwise(fields.number(taken))
    )
    start = clock.epoch_time(_f("cs-start"))
    begun = start.is_not_null()
    return {
        "duration_ms": duration,
        "started_at": pl.when(begun).then(start).otherwise(fields.before(stamp, duration)),
        "ended_at": pl.when(begun).then(fields.after(start, duration)).otherwise(stamp),
        "time_kind": pl.when(begun).then(pl.lit("start")).otherwise(pl.lit("end")),
        "time_precision_ms": pl.when(begun | _f("time").str.contains(".", literal=True))
        .then(pl.lit(1.0))
        .otherwise(pl.lit(1000.0)),
    }


def _columns() -> dict[str, pl.Expr]:
    win32 = pl.when(_f("sc-win32-status") != "0").then(_f("sc-win32-status"))
    sub = pl.when(_f("sc-substatus") != "0").then(
        pl.concat_str(_f("sc-status"), _f("sc-substatus"), separator=".")
    )
    software = pl.col("_software").str.to_lowercase()
    hop = pl.coalesce(
        *(pl.when(software.str.contains(word, literal=True)).then(pl.lit(hop))
          for word, hop in _HOPS.items()),
        pl.lit("gateway"),
    )  # fmt: skip
    return {
        "time_precision_ms": pl.col("time_precision_ms"),
        "method": fields.method(pl.coalesce(_f("cs-method"), _f("c-method"))),
        "scheme": pl.coalesce(
            _f("cs-uri-scheme").str.to_lowercase(), pl.when(~_schemeless()).then("scheme")
        ),
        "host": pl.coalesce(fields.host(_f("cs-host")), fields.host(_f("cs(host)")), "named_host"),
        "status": fields.status(_f("sc-status")),
        "response_bytes": fields.size(_f("sc-bytes")),
        "request_bytes": fields.size(_f("cs-bytes")),
        "proxy_flags": pl.coalesce(_f("s-reason"), _f("sc-action"), _f("s-action"), sub),
        "proxy_detail": pl.coalesce(_f("x-exception-id"), pl.format("sc-win32-status {}", win32)),
        "phase": _phase(),
        "hop": hop,
        "edge_status": pl.when(hop == "edge").then(fields.status(_f("sc-status"))),
    }


def _phase() -> pl.Expr:
    """Return what IIS tells: HTTP.SYS refused before any site saw it, or ARR could not connect."""
    refused = _f("s-reason").is_not_null() & (fields.status(_f("sc-status")) >= 400)
    unreached = (_f("sc-status") == "502") & _f("sc-win32-status").is_in(_NO_CONNECTION)
    return (
        pl.when(refused.fill_null(False)).then(pl.lit("not_sent"))
        .when(unreached.fill_null(False)).then(pl.lit("connecting"))
    )  # fmt: skip
