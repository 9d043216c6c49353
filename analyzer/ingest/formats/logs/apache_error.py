"""Apache error log (2.4, 2.2): the entries that tell why a request failed.

An entry names the client and hardly ever the request, so that a row has a path only where the
message has one, and ``status`` is null: the request stands in the access log, at the same second.
mod_proxy writes several entries for one request (connecting failed, reading failed, returned by
/path); they are one row. Entries below level error or without a client are notices.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import clock, fields
from analyzer.ingest.formats.logs.error_groups import GROUP, grouped, place
from analyzer.ingest.reader import Input, Parsed, bad_lines
from analyzer.ingest.textlog import TextLog

_CTIME = r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4}"
_CLF = r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_ISO = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?"
_LEVEL = r"emerg|alert|crit|error|warn|notice|info|debug|trace[1-8]"
_HEAD = (
    rf"^\[(?P<stamped>{_CTIME}|{_CLF}|{_ISO})\] \[(?:(?P<module>[\w.-]*):)?(?P<level>{_LEVEL})\] "
)
# 2.4 writes the system's error before the client, 2.2 behind it.
_ERROR = r"\((?:EAI )?\d+\)[^\[:]*"
_ENTRY = (
    _HEAD + r"(?:\[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\] )?(?:[\w.]+\(\d+\): )?"
    rf"(?:(?P<error>{_ERROR}): )?(?:\[(?:client|remote) (?P<peer>[^\]]+)\] )?"
    rf"(?:(?P<error22>{_ERROR}): )?(?:(?P<code>AH\d{{5}}): )?(?P<message>.*?)"
    r"(?:, referer: (?P<referer>.*))?$"
)
_LEVELS = ("error", "crit", "alert", "emerg")
_ABOUT_SERVER = r"attempt to connect to|disabling worker"
"""What mod_proxy says of a server without naming the client, just before it fails the request."""
_NO_FAILURE = r"^ModSecurity: Warning|^PHP (?:Warning|Notice|Deprecated)"
_OUTPUT_CODES = ("AH01215", "AH01071")
"""What scripts write to their standard error."""

_PATH = r'returned by (/\S*)|\[uri "([^"]*)"\]|failure for "([^"]*)"'
_HOST = r'\[hostname "([^"]*)"\]'
_UNIQUE = r'\[unique_id "([^"]*)"\]'
_SERVER = (
    r"(?:attempt to connect to|(?:status line from|response from) remote server|body failed to)"
    r" (\S+?:\d+|\[[0-9a-fA-F:]+\]:\d+)(?:[ ,)]|$)"
)
_SERVER_NAME = r"failed to make connection to backend: ([^\s,]+)"
_PERSON = r"(?:\[client [^\]]*\] ?)|(?: from [0-9a-fA-F.:]+ \([^)]*\))"
_USER = r"\buser [^\s:]+"

_NOT_SENT = (
    r"^(?:proxy: )?DNS lookup failure|workers are in error state|client denied by server"
    r"|^File does not exist|^Invalid (?:method|URI)|Directory index forbidden|internal redirects"
    r"|authentication failure|not found: /|^ModSecurity: Access denied"
    r"|No protocol handler was valid"
)
_CONNECTING = r"(?i)attempt to connect to|failed to make connection to backend|SSL Handshake with"
_SENT = r"(?i)error reading status line|error reading from remote server|pass request body failed"
_RETURNED = r" returned by /"
_BODY = r"error reading response"
_AT_ONCE = pl.duration(seconds=2)


class ApacheErrorReader:
    """Reads one input; entries about one request are looked for within a block of lines."""

    def __init__(self, source: Input) -> None:
        self._name = source.name
        self._wants = source.wants

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        made = lines.with_columns(pl.col("line").str.extract_groups(_ENTRY).alias("_")).unnest("_")
        made = made.with_columns(time=self._time(made))
        told = made["time"].is_not_null()
        bad = bad_lines(made.filter(~told), "it lacks '[time] [module:level]'")
        failed = _failed(made.filter(told))
        rows = self._rows(failed) if failed.height else None
        return Parsed(rows, made.height - bad.height - failed.height, bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _time(self, made: pl.DataFrame) -> pl.Expr:
        text, zone = pl.col("stamped"), self._wants.reading.zone
        found = [clock.local_time(text.str.slice(4), "%b %e %H:%M:%S%.f %Y", zone)]
        if made["stamped"].str.contains(r"^\d\d/").any():
            found.append(clock.clf_time(text))
        if made["stamped"].str.contains(r"^\d{4}-").any():
            found.append(clock.iso_time(text, zone))
        return pl.coalesce(*found)

    def _rows(self, failed: pl.DataFrame) -> pl.DataFrame:
        fields.key_tags(failed["referer"], self._wants)
        made = failed.with_columns(
            place(self._name),
            # Neither the client's address nor a user's name leaves the line.
            message=pl.col("message").str.replace_all(_PERSON, "").str.replace(_USER, "user …"),
            error=pl.coalesce("error", "error22"),
        )
        made = fields.target(made.with_columns(asked=_first(_PATH, 3)), "asked", self._wants)
        told = fields.headers(self._wants, {"req_header.referer": pl.col("referer")})
        made = made.with_columns(
            host=fields.host(pl.col("message").str.extract(_HOST)),
            request_id=pl.col("message").str.extract(_UNIQUE),
            server=pl.col("message").str.extract(_SERVER),
            named=pl.col("message").str.extract(_SERVER_NAME),
            flag=pl.concat_str(pl.col("module"), "code", separator=":", ignore_nulls=True),
            detail=pl.concat_str("error", "message", separator=": ", ignore_nulls=True),
            precise=pl.col("stamped").str.contains(".", literal=True),
            **told,
        )
        return _folded(made, sorted(told))


def _first(pattern: str, groups: int) -> pl.Expr:
    message = pl.col("message")
    return pl.coalesce(*(message.str.extract(pattern, group) for group in range(1, groups + 1)))


def _failed(entries: pl.DataFrame) -> pl.DataFrame:
    """Return the entries about failed requests; those about a server join the next client's."""
    message = pl.col("message")
    output = pl.col("code").is_in(_OUTPUT_CODES).fill_null(False)
    serious = pl.col("level").is_in(_LEVELS) & ~message.str.contains(_NO_FAILURE) & ~output
    about = pl.col("peer").is_null() & message.str.contains(_ABOUT_SERVER)
    made = entries.filter(serious & (pl.col("peer").is_not_null() | about))
    thread = ["pid", "tid"]
    own = pl.when(pl.col("peer").is_not_null()).then("time")
    soon = own.backward_fill().over(thread) - pl.col("time") <= _AT_ONCE
    follows = pl.when(soon).then(pl.col("peer").backward_fill().over(thread))
    return made.with_columns(peer=pl.coalesce("peer", follows)).drop_nulls("peer")


def _folded(made: pl.DataFrame, headers: list[str]) -> pl.DataFrame:
    """Return one row per request."""
    server = pl.coalesce("server", "named")
    what = pl.coalesce("code", pl.col("message").str.head(24))
    key = ["pid", "tid", "peer"]
    # "Returned by /path" is the last that is said of a request.
    anew = pl.col("message").str.contains(_RETURNED).shift(1, fill_value=False).over(key)
    made = made.with_columns(kind=pl.concat_str(what, server.fill_null("")), anew=anew)
    near = pl.col("since").is_between(-_AT_ONCE, _AT_ONCE) & ~pl.col("anew")
    made = grouped(made, key, "kind", near)
    known = pl.col("server").drop_nulls()
    once = {name: pl.col(name).drop_nulls().first() for name in ("path", "host", "request_id")}
    once |= {name: pl.col(name).drop_nulls().first() for name in ("key_tag", *headers)}
    rows = made.group_by(GROUP, maintain_order=True).agg(
        pl.col("record").first(),
        pl.col("seen_in"),
        started_at=pl.col("time").first(),
        ended_at=pl.col("time").last(),
        time_precision_ms=pl.when(pl.col("precise").all()).then(0.001).otherwise(1000.0),
        proxy_flags=pl.col("flag").filter(pl.col("flag") != "").unique(maintain_order=True)
        .str.join(","),
        proxy_detail=pl.col("detail").unique(maintain_order=True).str.join("; "),
        upstream_address=pl.coalesce(known.last(), pl.col("named").drop_nulls().last()),
        upstream_tries=pl.when(known.len() > 0).then(known.n_unique().cast(pl.Int64)),
        phase=_phase(pl.col("message").str.join("\n")),
        stream_state=pl.when(pl.col("message").str.contains(_BODY).any()).then(
            pl.lit("truncated")
        ),
        **once,
    )  # fmt: skip
    flags = pl.col("proxy_flags")
    return rows.drop(GROUP).with_columns(
        time_kind=pl.lit("end"), proxy_flags=pl.when(flags != "").then(flags)
    )


def _phase(messages: pl.Expr) -> pl.Expr:
    """Return how far it came, by all that was said: reading comes after connecting."""
    return (
        pl.when(messages.str.contains(_BODY)).then(pl.lit("body"))
        .when(messages.str.contains(_SENT)).then(pl.lit("sent"))
        .when(messages.str.contains(r"attempt to connect to")).then(pl.lit("connecting"))
        .when(messages.str.contains(f"(?m){_NOT_SENT}")).then(pl.lit("not_sent"))
        .when(messages.str.contains(_CONNECTING)).then(pl.lit("connecting"))
    )  # fmt: skip


class ApacheError(TextLog):
    """Apache error log."""

    name = "apache-error"
    title = "Apache error log"
    hop = "gateway"
    source_kind = "proxy"
    pattern = rf"^\[(?:{_CTIME}|{_CLF}|{_ISO})\] \[(?:[\w.-]*:)?(?:{_LEVEL})\] "
    weight = 0.97
    zoned = False

    def reader(self, source: Input) -> ApacheErrorReader:
        """Return a reader for one input."""
        return ApacheErrorReader(source)


FORMAT = ApacheError()
