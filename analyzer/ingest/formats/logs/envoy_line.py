"""The grammar of Envoy's text lines: default format and Istio's, by quotes or by a regex.

All begin ``[start] "METHOD path PROTOCOL" code flags`` and go on, after what Istio inserts there,
``received sent duration service-time "x-forwarded-for" "user-agent" "request id" "authority"
"upstream host"``. Inserted are: nothing; a quoted word (1.1, 1.2); two (to 1.8); or details,
termination and quoted transport failure (since then), which may hold blanks in older builds.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

FIELDS = (
    "start", "request", "code", "flags", "details", "termination", "transport", "received",
    "sent", "duration", "service", "agent", "request_id", "authority", "upstream", "tail",
)  # fmt: skip
"""What a line gives, as text; ``tail`` is what Istio writes behind the upstream host."""
_FLAGS = r"(?:-|[A-Z][A-Za-z0-9,]*)"
_NUMBERS = r"(?:\d+|-) (?:\d+|-) (?:\d+|-) (?:\d+|-)"
_LINE = (
    r'^(?:ACCESS )?\[(?P<start>[^\]]+)\] "(?P<request>.*?)" (?P<code>\d{1,3}|-) '
    rf"(?P<flags>{_FLAGS}) (?:(?P<said>.*?) )??"
    r"(?P<received>\d+|-) (?P<sent>\d+|-) (?P<duration>\d+|-) (?P<service>\d+|-) "
    # User agents are not escaped: three plain fields end the one that holds quotes.
    r'"[^"]*" "(?P<agent>.*)" "(?P<request_id>[^"]*)" "(?P<authority>[^"]*)" '
    r'"(?P<upstream>[^"]*)"(?P<tail>.*)$'
)
_QUOTED = r'^"([^"]*)"(?: "([^"]*)")?$'
_DETAILS = r'^([^"].*?)(?: (\S+) "(.*)")?$'
_START = r'^(?:ACCESS )?\[[^\]"]+\] "[^"]*" (?:\d{1,3}|-) ' + _FLAGS
_LAST = r'"[^"]*" "[^"]*" "[^"]*" "[^"]*" "[^"]*"[^"]*$'
_PLAIN = rf'{_START}(?: [^"]*)? {_NUMBERS} {_LAST}'
_MESH = rf'{_START} [^"\s][^"]* [^"\s]+ "[^"]*" {_NUMBERS} {_LAST}'


@dataclass(frozen=True, slots=True)
class _Sign:
    """What a line must have, and how to say that it lacks it."""

    pattern: str
    lack: str


_SIGNS = (
    _Sign(r"^(?:ACCESS )?\[[^\]]+\]", "it does not begin with [start time]"),
    _Sign(r'\] ".*?" (?:\d{1,3}|-) ', 'it lacks "METHOD path PROTOCOL" and a code'),
    _Sign(rf'" (?:\d{{1,3}}|-) {_FLAGS} ', "no response flags stand behind the code"),
    _Sign(rf' {_NUMBERS} "', "it lacks bytes, duration and service time"),
)
_ORDER = 'it lacks "user-agent" "request id" "authority" "upstream host"'


def split(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the lines that are Envoy's, with :data:`FIELDS`, and the others."""
    mesh = lines["line"].str.contains(_MESH)
    plain = lines["line"].str.contains(_PLAIN) & ~mesh
    rest = lines.filter(~mesh & ~plain)
    parts = [_by_quotes(lines.filter(mesh), 5), _by_quotes(lines.filter(plain), 3)]
    if not rest.height:
        return pl.concat(parts), rest
    by_regex = rest.with_columns(pl.col("line").str.extract_groups(_LINE).alias("_")).unnest("_")
    told = by_regex["start"].is_not_null()
    parts.append(_said(by_regex.filter(told)).select(parts[0].columns))
    return pl.concat(parts), rest.filter(~told)


def lacks() -> pl.Expr:
    """Return the first thing that a line which is none of Envoy's lacks."""
    reason = pl.lit(_ORDER)
    for sign in reversed(_SIGNS):
        has = pl.col("line").str.contains(sign.pattern)
        reason = pl.when(~has).then(pl.lit(sign.lack)).otherwise(reason)
    return reason


def _by_quotes(lines: pl.DataFrame, forwarded: int) -> pl.DataFrame:
    """Take lines apart whose quotes are where they are meant to be.

    ``forwarded`` is the number of the piece that holds ``x-forwarded-for``.
    """
    piece = pl.col("line").str.splitn('"', forwarded + 10).struct
    names = [f"field_{number}" for number in range(forwarded + 10)]
    pieces = lines.with_columns(piece.rename_fields(names).alias("_")).unnest("_")
    words = pl.col("field_2").str.strip_chars(" ").str.split(" ")
    numbers = pl.col(f"field_{forwarded - 1}").str.strip_chars(" ").str.split(" ")
    rest = words.list.slice(2) if forwarded == 5 else words.list.slice(2, words.list.len() - 6)
    nothing = pl.lit(None, pl.String())
    if forwarded == 5:
        details = rest.list.head(rest.list.len() - 1).list.join(" ")
        termination, transport = rest.list.get(-1, null_on_oob=True), pl.col("field_3")
    else:
        details, termination, transport = rest.list.join(" "), nothing, nothing
    fields = {
        "start": pl.col("field_0").str.strip_prefix("ACCESS ").str.strip_chars("[] "),
        "request": pl.col("field_1"),
        "code": words.list.get(0),
        "flags": words.list.get(1),
        "details": details,
        "termination": termination,
        "transport": transport,
        "received": numbers.list.get(-4, null_on_oob=True),
        "sent": numbers.list.get(-3, null_on_oob=True),
        "duration": numbers.list.get(-2, null_on_oob=True),
        "service": numbers.list.get(-1, null_on_oob=True),
        "agent": pl.col(f"field_{forwarded + 2}"),
        "request_id": pl.col(f"field_{forwarded + 4}"),
        "authority": pl.col(f"field_{forwarded + 6}"),
        "upstream": pl.col(f"field_{forwarded + 8}"),
        "tail": pl.col(f"field_{forwarded + 9}"),
    }
    return pieces.select("record", "line", "stamp", **fields)


def _said(rows: pl.DataFrame) -> pl.DataFrame:
    """Read what stands between the flags and the numbers."""
    quoted = pl.col("said").str.extract_groups(_QUOTED).struct
    plain = pl.col("said").str.extract_groups(_DETAILS).struct
    return rows.with_columns(
        details=plain.field("1"),
        # Mixer's status stood in the one quoted field of the oldest form.
        termination=pl.coalesce(plain.field("2"), quoted.field("1")),
        transport=pl.coalesce(plain.field("3"), quoted.field("2")),
    )
