"""The end of an HAProxy HTTP line: captured headers, the request, and what ``httpslog`` adds.

Captures have no names in the log. What is unmistakable by its form (a host name, a product with a
version, a UUID, a trace id, a media type) is taken as what has that form; the rest is left alone.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.base import Wants

_GROUPS = r"^ ?(?:\{([^}]*)\})?(?: \{([^}]*)\})?"
_BARE = r"^(?: \{[^}]*\}){0,2} ([A-Z][A-Z-]{1,19} .*|<BADREQ>)$"
"""A request that the user's format does not quote."""
_HTTPS = r"^ (\d+/[0-9A-Fa-f]+/\d+/\d+/\d+) ([^/\s]*)/(\S+)/\S+"
_NO_ERROR = r"^0/0+/0/0/"
_HOST = r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z]{2,}(?::\d{1,5})?"
_AGENT = r"[A-Za-z][\w.-]*/(?:[A-Za-z]+ )?v?\d[^|]*"
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_TRACE = r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}"
_MEDIA = r"((?:text|application|image|audio|video|multipart)/[A-Za-z0-9.+-]+)(?:;[^|]*)?"
_CREDENTIAL = r"(?i)(?:bearer|basic) [^|]+|sk-[A-Za-z0-9_-]{8,}"
_ESCAPED = {"#22": '"', "#23": "#", "#5C": "\\", "#7B": "{", "#7C": "|", "#7D": "}"}


def request_and_captures(found: pl.DataFrame, wants: Wants) -> pl.DataFrame:
    """Take ``tail`` apart; needs ``inserted``, ``cookie`` and ``cookie_set`` as well.

    Adds ``request told_host agent request_id trace_id content_type proxy_detail tls`` and
    ``header_tag``, and learns the credentials among captured headers and cookies.
    """
    _learn_cookies(found, wants)
    # Quotes inside fields are written #22: the first one opens the request, the next one ends it.
    piece = pl.col("tail").str.splitn('"', 3).struct
    rows = found.with_columns(
        piece.field("field_0").alias("_captured"),
        piece.field("field_1").alias("_quoted"),
        piece.field("field_2").fill_null("").alias("_behind"),
    )
    rows = rows.with_columns(request=_request(rows["_quoted"]))
    rows = _captures(rows)
    tags = fields.credential_tags(rows["_credential"], wants).alias("header_tag")
    return _https(rows.with_columns(tags))


def _request(quoted: pl.Series) -> pl.Expr:
    # Some syslog daemons write \" for ".
    text = pl.col("_quoted").str.strip_suffix("\\")
    if quoted.str.contains("#", literal=True).any():
        text = text.str.replace_many(list(_ESCAPED), list(_ESCAPED.values()))
    return pl.coalesce(text, pl.col("tail").str.extract(_BARE)) if quoted.has_nulls() else text


def _captures(rows: pl.DataFrame) -> pl.DataFrame:
    """Read captured headers and the fields that users insert, by their form."""
    nothing = pl.lit(None, pl.String())
    named = pl.col("inserted").str.strip_chars_end().str.replace_all(" ", "|", literal=True)
    if not rows["_captured"].str.contains("{", literal=True).any():
        rows = rows.with_columns(_named=named, _answer=nothing)
    else:
        group = pl.col("_captured").str.extract_groups(_GROUPS).struct
        asked, answer = group.field("1").fill_null(""), group.field("2").fill_null("")
        rows = rows.with_columns(_answer=answer, _named=pl.format("{}|{}|{}", named, asked, answer))
    if not rows["_named"].str.contains("[^|]").any():
        names = ("told_host", "agent", "request_id", "trace_id", "content_type", "_credential")
        return rows.with_columns(nothing.alias(name) for name in names)
    text = pl.col("_named")
    # Clients come again and again: each combination is looked at once.
    forms = (
        rows.select("_named", "_answer")
        .unique()
        .with_columns(
            told_host=text.str.extract(_among(f"({_HOST})")),
            agent=text.str.extract(_among(f"({_AGENT})")),
            request_id=text.str.extract(_among(f"({_UUID})")),
            trace_id=text.str.extract(_among(_TRACE)),
            content_type=pl.col("_answer").str.extract(_among(_MEDIA)).str.to_lowercase(),
            _credential=text.str.extract(_among(f"({_CREDENTIAL})")),
        )
    )
    on = ["_named", "_answer"]
    return rows.join(forms, on=on, how="left", nulls_equal=True, maintain_order="left")


def _among(pattern: str) -> str:
    return rf"(?:^|\|)(?:{pattern})(?:\||$)"


def _https(rows: pl.DataFrame) -> pl.DataFrame:
    """Read what ``httpslog`` adds: connection errors, SNI and TLS version."""
    if not rows["_behind"].str.contains("/", literal=True).any():
        nothing = pl.lit(None, pl.String())
        return rows.with_columns(proxy_detail=nothing, tls=nothing)
    group = pl.col("_behind").str.extract_groups(_HTTPS).struct
    errors, version = group.field("1"), fields.known(group.field("3"))
    return rows.with_columns(
        proxy_detail=pl.when(~errors.str.contains(_NO_ERROR)).then(errors),
        told_host=pl.coalesce("told_host", fields.known(group.field("2"))),
        tls=pl.when(version.is_not_null()).then(pl.lit("https")),
    )


def _learn_cookies(found: pl.DataFrame, wants: Wants) -> None:
    """Learn the values of captured cookies: they are sessions' credentials."""
    for name in ("cookie", "cookie_set"):
        told = found[name].filter(found[name] != "-")
        for cookie in told.unique():
            value = cookie.rpartition("=")[2]
            if len(value) > 7:
                wants.secrets.learn(value, "cookie")
