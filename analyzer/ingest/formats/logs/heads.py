"""Heads of HTTP messages in the JSON logs of gateways: which headers are read, what they fill.

A format brings the text of each header of :func:`asked` and :func:`answered` as columns named
``req.<name>`` and ``resp.<name>`` (lower case, repeats joined with ``, ``); :func:`add` makes the
canonical columns of them.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants
from analyzer.ingest.formats.har_head import (
    CREDENTIAL_HEADERS,
    GATEWAY_ID_HEADERS,
    REQUEST_ID_HEADERS,
    REQUEST_PREFIX,
    RESPONSE_PREFIX,
    SESSION_HEADERS,
    UPSTREAM_ID_HEADERS,
)
from analyzer.redact.names import secret_header

ASKED, ANSWERED = "req.", "resp."
_ASKED = (
    *CREDENTIAL_HEADERS, *SESSION_HEADERS, "host", "traceparent", "x-request-id", "cf-ray",
    "x-stainless-retry-count", "apikey", "proxy-authorization",
)  # fmt: skip
_ANSWERED = (
    *GATEWAY_ID_HEADERS, *REQUEST_ID_HEADERS, *UPSTREAM_ID_HEADERS, "content-type", "retry-after",
    "retry-after-ms", "cf-ray",
)  # fmt: skip
MEASURES = frozenset(
    (
        *GATEWAY_ID_HEADERS, *REQUEST_ID_HEADERS, *UPSTREAM_ID_HEADERS, "traceparent",
        "x-request-id", "cf-ray", "date", "content-length",
    )
)  # fmt: skip
"""Headers of which only their being there tells anything of the kind of a request."""
_BLANK = ("REDACTED",)
"""What loggers write in place of a value that they keep to themselves."""


_FIRST = 100
"""Lines in which names are looked for at a time."""


def asked(wants: Wants) -> tuple[str, ...]:
    """Return the names of the request headers that are read, lower case."""
    return _names(wants, REQUEST_PREFIX, _ASKED)


def answered(wants: Wants) -> tuple[str, ...]:
    """Return the names of the response headers that are read, lower case."""
    return _names(wants, RESPONSE_PREFIX, _ANSWERED)


def _names(wants: Wants, prefix: str, read: tuple[str, ...]) -> tuple[str, ...]:
    wanted = {name.removeprefix(prefix) for name in wants.headers if name.startswith(prefix)}
    return tuple(sorted({*read, *wanted}))


def in_go(name: str) -> str:
    """Return a header's name as Go spells it: ``x-request-id`` -> ``X-Request-Id``."""
    return "-".join(part.capitalize() for part in name.split("-"))


def joined(values: pl.Expr) -> pl.Expr:
    """Return a header's values (a list) as one text; null if there are none."""
    return pl.when(values.list.len() > 0).then(values.list.join(", "))


class Logged:
    """Which of the headers that a run wants stand in one log: reading the others costs a lot.

    Names only become more. ``spell`` turns a name into the key that it has in the log.
    """

    def __init__(self, wants: Wants, spell: Callable[[str], str] = str) -> None:
        self._asked, self._answered = asked(wants), answered(wants)
        self._absent = {spell(name): name for name in (*self._asked, *self._answered)}
        self._present: set[str] = set()

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of :func:`asked` that were met."""
        return tuple(name for name in self._asked if name in self._present)

    @property
    def answered(self) -> tuple[str, ...]:
        """The names of :func:`answered` that were met."""
        return tuple(name for name in self._answered if name in self._present)

    def look(self, lines: pl.Series) -> None:
        """Take note of the keys in ``lines``, JSON as text."""
        while self._absent:
            quoted = {f'"{key}"': key for key in self._absent}
            hit = lines.str.contains_any(list(quoted)).fill_null(False)
            if not hit.any():
                return
            # The first lines have most of the names, and one pass over all lines is dear.
            lines = lines.filter(hit)
            met = lines.head(_FIRST).str.extract_many(list(quoted)).explode().unique()
            self._present.update(self._absent.pop(quoted[text]) for text in met.drop_nulls())


def add(rows: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    """Return ``rows`` with what the ``req.`` and ``resp.`` columns fill, those columns gone.

    Credentials are learnt; ``key_tag`` of the query stays where no header has one. ``ended_at`` is
    used if it is there, for answers that name the moment at which to come again.
    """
    told = [name for name in rows.columns if name.startswith((ASKED, ANSWERED))]
    rows = rows.with_columns(
        pl.when(~pl.col(name).is_in(["", "-", *_BLANK])).then(pl.col(name)).alias(name)
        for name in told
    )
    shown = {name for name in told if rows[name].null_count() < rows.height}
    tags = _tags(rows, shown, wants)
    rows = rows.with_columns(tags, **_ids(shown), **_about(rows, shown), **_wanted(shown, wants))
    return rows.drop(told)


def _tags(rows: pl.DataFrame, shown: set[str], wants: Wants) -> pl.Expr:
    """Learn the secrets in the heads; return ``key_tag`` by the usual order of the headers."""
    found = [
        pl.lit(fields.credential_tags(rows[ASKED + name], wants))
        for name in CREDENTIAL_HEADERS
        if ASKED + name in shown
    ]
    for name in sorted(shown):
        bare = name.partition(".")[2]
        kind = secret_header(bare)
        if kind and bare not in CREDENTIAL_HEADERS:
            for value in rows[name].drop_nulls().unique():
                wants.secrets.learn(value, kind)
    if "key_tag" in rows.columns:
        found.append(pl.col("key_tag"))
    return pl.coalesce(*found, pl.lit(None, pl.String())).alias("key_tag")


def _ids(shown: set[str]) -> dict[str, pl.Expr]:
    """Return the ids; one that only a router gives makes a plain one that of the hop behind."""
    router = _first(shown, ANSWERED, GATEWAY_ID_HEADERS)
    plain = _first(shown, ANSWERED, REQUEST_ID_HEADERS)
    behind = _first(shown, ANSWERED, UPSTREAM_ID_HEADERS)
    trace = _first(shown, ASKED, ("traceparent",))
    return {
        "request_id": pl.coalesce(router, plain, _first(shown, ASKED, ("x-request-id",))),
        "upstream_request_id": pl.coalesce(behind, pl.when(router.is_not_null()).then(plain)),
        "ray_id": pl.coalesce(
            _first(shown, ANSWERED, ("cf-ray",)), _first(shown, ASKED, ("cf-ray",))
        ),
        "trace_id": trace.str.extract(r"(?i)^[0-9a-f]{2}-([0-9a-f]{32})-").str.to_lowercase(),
        "session_id": _first(shown, ASKED, SESSION_HEADERS),
    }


def _about(rows: pl.DataFrame, shown: set[str]) -> dict[str, pl.Expr]:
    count = _first(shown, ASKED, ("x-stainless-retry-count",))
    media = _first(shown, ANSWERED, ("content-type",)).str.splitn(";", 2).struct.field("field_0")
    return {
        "resend_count": count.cast(pl.Int64, strict=False),
        "content_type": fields.known(media.str.strip_chars().str.to_lowercase()),
        "retry_after_s": _wait(rows, shown),
    }


def _wait(rows: pl.DataFrame, shown: set[str]) -> pl.Expr:
    text = _first(shown, ANSWERED, ("retry-after",))
    millis = fields.number(_first(shown, ANSWERED, ("retry-after-ms",))) / 1000
    seconds = fields.number(text)
    if ANSWERED + "retry-after" not in shown or "ended_at" not in rows.columns:
        return pl.coalesce(millis, seconds)
    moment = text.str.to_datetime("%a, %d %b %Y %H:%M:%S GMT", strict=False, time_unit="us")
    left = (moment.dt.replace_time_zone("UTC") - pl.col("ended_at")).dt.total_milliseconds() / 1000
    return pl.coalesce(millis, seconds, left.clip(lower_bound=0.0))


def _wanted(shown: set[str], wants: Wants) -> dict[str, pl.Expr]:
    pairs = ((REQUEST_PREFIX, ASKED), (RESPONSE_PREFIX, ANSWERED))
    return {
        name: pl.col(short + name.removeprefix(long))
        for name in sorted(wants.headers)
        for long, short in pairs
        if name.startswith(long) and short + name.removeprefix(long) in shown
    }


def _first(shown: set[str], prefix: str, names: tuple[str, ...]) -> pl.Expr:
    there = [pl.col(prefix + name) for name in names if prefix + name in shown]
    return pl.coalesce(*there, pl.lit(None, pl.String()))
