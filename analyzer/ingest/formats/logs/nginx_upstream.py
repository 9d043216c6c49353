"""What nginx says of the servers behind it: one value for each that it tried.

``10.0.0.1:80, 10.0.0.2:80`` are two servers of a group, ``10.0.0.1:80 : 10.0.0.9:80`` servers of
two groups (after an internal redirect). The last one counts. A 502 or 504 in ``$upstream_status``
is nginx's own word where no response head came, and is taken back here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from analyzer.ingest import fields
from analyzer.ingest.formats.logs.nginx_variables import kind_of

ADDRESS = "upstream_addr"
STATUS = "upstream_status"
CONNECT = "upstream_connect_time"
HEADER = "upstream_header_time"
RESPONSE = "upstream_response_time"
RECEIVED = "upstream_bytes_received"
VARIABLES = (ADDRESS, STATUS, CONNECT, HEADER, RESPONSE, RECEIVED)

_GIVEN_UP = 499
_NONE_LIVE = 502
_SAID_ITSELF = (_GIVEN_UP, 502, 504)
"""Statuses that nginx notes as the upstream's when the upstream said nothing."""
_SERVER = r":\d+$|^unix:"
"""An address has a port or is a socket; the bare name of a group means that no server was live."""


def logged(variables: Iterable[str]) -> list[str]:
    """Return which of the variables are about the upstream."""
    names = frozenset(variables)
    return [name for name in VARIABLES if name in names]


def values(names: Sequence[str]) -> list[pl.Expr]:
    """Return the values read as those of one server, as ``_<variable>``."""
    return [value(pl.col(name), name).alias(f"_{name}") for name in told(names)]


def told(names: Sequence[str]) -> list[str]:
    """Return the variables that tell of every try; the times of answers do if no other does."""
    others = [name for name in names if name not in (RESPONSE, RECEIVED)]
    return [name for name in names if name != RESPONSE or not others]


def unusual(made: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return which lines may tell of several tries, or of a group without a live server."""
    signs: list[pl.Expr] = []
    for name in told(names):
        text = pl.col(name)
        if name == ADDRESS:
            # One address has no blank in it.
            signs.append(text.str.contains(" ", literal=True))
        else:
            signs.append(pl.col(f"_{name}").is_null() & (text.str.len_bytes() > 1))
    if ADDRESS in names:
        code = pl.col(f"_{STATUS}") if STATUS in names else pl.col("_status")
        signs.append(code == _NONE_LIVE)
    return made.select(_unusual=pl.any_horizontal(signs).fill_null(False))["_unusual"]


def sound(made: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return which lines have values that nginx can have written."""
    right = [pl.col(name).str.contains(f"^(?:{kind_of(name).pattern})$") for name in names]
    return made.select(pl.all_horizontal(right).fill_null(True)).to_series()


def columns(made: pl.DataFrame, names: Sequence[str]) -> list[pl.Series]:
    """Return the columns about the upstream: none if nothing of it is logged.

    ``made`` has the variables as text, what :func:`values` gives, ``_status`` and ``_unusual``.
    """
    if not names:
        return []
    return _last_values(made, names).select(**_columns(frozenset(names))).get_columns()


def _last_values(made: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the values of the last server tried; for most lines it is the only one.

    Adds ``_before`` (seconds that the tries before took), ``_tries``, ``_live`` (false: the group
    had no server to try) and ``_several`` (what is logged of more than one try).
    """
    read = made.select(
        "_status",
        *(f"_{name}" for name in told(names)),
        _before=pl.lit(0.0),
        _live=pl.lit(True),
        _tries=_chosen(names).cast(pl.Int64),
        _several=pl.lit(None, pl.String()),
    )
    places = made["_unusual"].arg_true()
    if not places.len():
        return read
    exact = _several(made[places], names)
    return read.with_columns(read[name].scatter(places, exact[name]) for name in exact.columns)


def value(text: pl.Expr, name: str) -> pl.Expr:
    """Return what the text of a variable says of one server; null if it is nothing of one."""
    if name == ADDRESS:
        return fields.known(text)
    kinds = {STATUS: pl.Int32(), RECEIVED: pl.Int64()}
    return text.cast(kinds.get(name, pl.Float64()), strict=False)


def _chosen(names: Sequence[str]) -> pl.Expr:
    """Whether a server was chosen: something is noted of one."""
    noted = [ADDRESS] if ADDRESS in names else [name for name in names if name != RECEIVED]
    return pl.any_horizontal(~pl.col(name).is_in(fields.BLANKS).fill_null(True) for name in noted)


def _several(made: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the values of the last try, for lines that may have several."""
    tries = pl.max_horizontal(pl.col(f"_{name}").list.len() for name in names).cast(pl.Int64)
    lists = made.lazy().with_columns(_list(name).alias(f"_{name}") for name in names)
    lists = lists.with_columns(_noted=tries, _live=_is_live(names))
    # Where the last group had none left to try, the tries before are what happened.
    gone = (~pl.col("_live")).cast(pl.Int64)
    chosen = pl.when(_chosen(names)).then(pl.col("_noted") - gone).otherwise(0)
    lists = lists.with_columns(
        _tries=chosen, _at=(pl.col("_noted") - 1 - gone).clip(lower_bound=0)
    ).with_columns(_live=pl.col("_live") | (pl.col("_tries") > 0))
    before = pl.lit(0.0)
    if RESPONSE in names:
        took = pl.col(f"_{RESPONSE}").list.head("_at")
        before = took.list.eval(pl.element().cast(pl.Float64, strict=False)).list.sum()
    said = pl.col(STATUS) if STATUS in names else pl.lit(None, pl.String())
    slots = [
        value(pl.col(f"_{name}").list.get(pl.col("_at"), null_on_oob=True), name).alias(f"_{name}")
        for name in told(names)
    ]
    return lists.select(
        *slots,
        "_live",
        "_tries",
        _before=before.fill_null(0.0),
        _several=pl.when(pl.col("_noted") > 1).then(said),
    ).collect()


def _is_live(names: Sequence[str]) -> pl.Expr:
    """Whether the last value is the address of a server rather than the name of a group."""
    if ADDRESS not in names:
        return pl.lit(True)
    last = pl.col(f"_{ADDRESS}").list.last()
    return (last.str.contains(_SERVER) | last.is_in(fields.BLANKS)).fill_null(True)


def _list(name: str) -> pl.Expr:
    # A separator at the end stands before a group that was not asked.
    text = pl.col(name).str.strip_suffix(" : ").str.strip_suffix(" :")
    return text.str.replace_all(" : ", ", ", literal=True).str.split(", ")


def _columns(names: frozenset[str]) -> dict[str, pl.Expr]:
    made = {
        "upstream_tries": pl.when((pl.col("_tries") > 0) | _untold(names)).then("_tries"),
        "proxy_detail": pl.col("_several"),
        "phase": _phase(names),
    }
    if STATUS in names:
        made["upstream_status"] = _upstream_status(names)
    if ADDRESS in names:
        made["upstream_address"] = pl.col(f"_{ADDRESS}")
    if CONNECT in names:
        made["connect_ms"] = _millis(pl.col(f"_{CONNECT}"))
    if HEADER in names:
        # The client waits through the tries that failed, then for the last one's head.
        made["ttfb_ms"] = _millis(pl.col("_before") + pl.col(f"_{HEADER}"))
    return made


def _millis(seconds: pl.Expr) -> pl.Expr:
    return (seconds * 1000).round()


def _upstream_status(names: frozenset[str]) -> pl.Expr:
    code = pl.col(f"_{STATUS}")
    own = code.is_in(_SAID_ITSELF) & _silent(names)
    real = code.is_between(100, 999) & ~own & pl.col("_live")
    return pl.when(real).then(code)


def _silent(names: frozenset[str]) -> pl.Expr:
    """Whether the log shows that no head came; false where it cannot show that."""
    signs = []
    if HEADER in names:
        signs.append(pl.col(f"_{HEADER}").is_null())
    elif CONNECT in names:
        signs.append(pl.col(f"_{CONNECT}").is_null())
    if RECEIVED in names:
        signs.append((pl.col(f"_{RECEIVED}") == 0).fill_null(False))
    return pl.any_horizontal(signs) if signs else pl.lit(False)


def _untold(names: frozenset[str]) -> pl.Expr:
    """Whether no server was asked."""
    untold = pl.col("_tries") == 0
    # A caller that hangs up leaves no status; whether a server was asked, the address tells.
    if not {ADDRESS, RESPONSE} & names:
        untold &= (pl.col("_status") != _GIVEN_UP) | ~pl.col("_live")
    return untold


def _phase(names: frozenset[str]) -> pl.Expr:
    """Return how far the request came, as far as the variables that are logged show it."""
    nothing = pl.lit(None, pl.String())
    code = pl.col(f"_{STATUS}") if STATUS in names else pl.lit(None, pl.Int32())
    given_up = pl.col("_status") == _GIVEN_UP
    answered = pl.col(f"_{HEADER}").is_not_null() if HEADER in names else pl.lit(False)
    waiting = nothing
    if CONNECT in names:
        connected = pl.lit("sent") if HEADER in names else nothing
        joined = pl.col(f"_{CONNECT}").is_not_null()
        waiting = pl.when(joined).then(connected).otherwise(pl.lit("connecting"))
    real = code.is_not_null() & ~code.is_in(_SAID_ITSELF)
    return (
        pl.when(_untold(names)).then(pl.lit("not_sent"))
        .when((answered | real) & given_up).then(pl.lit("body"))
        .when(answered | real).then(pl.lit("done"))
        .otherwise(waiting)
    )  # fmt: skip
