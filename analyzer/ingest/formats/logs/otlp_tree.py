"""Which spans are one request: the trees of OpenTelemetry, folded.

* A GenAI span without an HTTP status whose children are HTTP client spans is no request of its
  own: the children are, one each (an SDK's retries), and take its model and its error over.
* HTTP client spans below a server span of an LLM endpoint are that gateway's tries.

Children end, and are exported, before their parents: spans wait one block for each other.
"""

from __future__ import annotations

import polars as pl

_LLM_PATH = (
    r"/chat/completions|/messages|/responses|/completions|/embeddings"
    r"|:(?:stream)?[gG]enerateContent"
)
_INHERITED = (
    "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system", "gen_ai.request.model",
    "gen_ai.response.model", "gen_ai.conversation.id", "session.id",
)  # fmt: skip
"""What every child takes over."""
_RESULT = (
    "gen_ai.response.id", "gen_ai.response.finish_reasons", "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "error.type", "said", "exception.type", "exception.message", "code",
)  # fmt: skip
"""What only the last child takes over: the outcome."""
_ID = ("trace", "span")


class Trees:
    """Folds spans into requests."""

    def __init__(self) -> None:
        self._held: pl.DataFrame | None = None
        self._done: pl.DataFrame | None = None
        """Ids of spans whose children were handed out with the last block."""

    def add(self, spans: pl.DataFrame) -> pl.DataFrame:
        """Return the requests of the block before, as far as they are complete now."""
        held, self._held = self._held, spans
        if held is None:
            return _folded(spans.clear(), None)
        every = pl.concat([held, spans])
        made = _folded(every, self._done)
        # A span of the new block that is a part of an older request went out with it.
        own = made.filter(pl.col("record") <= held["record"].max()) if held.height else made.clear()
        used = own.select(parts=pl.col("_parts")).explode("parts")["parts"]
        self._held = spans.filter(~pl.col("record").is_in(used.implode()))
        self._done = held.filter(pl.col("http") & ~pl.col("server")).select(
            "trace", span=pl.col("parent")
        )
        return own

    def rest(self) -> pl.DataFrame:
        """Return the requests that still waited."""
        held, self._held = self._held, None
        return _folded(held, self._done) if held is not None else pl.DataFrame()


def _folded(spans: pl.DataFrame, done: pl.DataFrame | None) -> pl.DataFrame:
    """Return one row a request, with ``_parts``: the records of the other spans in it."""
    if not spans.height:
        return spans.with_columns(pl.lit(None, pl.List(pl.Int64())).alias("_parts"))
    calls = spans.filter(pl.col("http") & ~pl.col("server"))
    about = spans.filter(pl.col("genai") & ~pl.col("http"))
    calls, about = _told(calls, about)
    if done is not None:
        about = about.join(done, on=_ID, how="anti")
    servers = spans.filter("server")
    calls, servers = _served(calls, servers)
    made = pl.concat([calls, about, servers], how="diagonal_relaxed")
    return made.sort("record")


def _told(calls: pl.DataFrame, about: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give HTTP calls what the GenAI span above them says; return the spans left over too."""
    over = about.select(
        "trace", parent=pl.col("span"), _above=pl.col("parent"), _about=pl.col("record"),
        **{f"_{name}": pl.col(name) for name in (*_INHERITED, *_RESULT)},
    )  # fmt: skip
    joined = calls.join(over, on=["trace", "parent"], how="left", maintain_order="left")
    last = pl.col("start") == pl.col("start").max().over("trace", "parent")
    joined = joined.with_columns(
        *(pl.coalesce(name, f"_{name}").alias(name) for name in _INHERITED),
        *(
            pl.coalesce(name, pl.when(last).then(pl.col(f"_{name}"))).alias(name)
            for name in _RESULT if name != "code"
        ),
        code=pl.when(last & pl.col("_code").is_in(["2", "STATUS_CODE_ERROR"]))
        .then(pl.col("_code")).otherwise(pl.col("code")),
        genai=pl.col("genai") | pl.col("_about").is_not_null(),
        # The span above the GenAI span may be the gateway's own.
        parent=pl.coalesce("_above", "parent"),
        _parts=pl.concat_list(pl.col("_about")).list.drop_nulls(),
    )  # fmt: skip
    used = joined["_about"].drop_nulls().unique()
    left = about.filter(~pl.col("record").is_in(used.implode()))
    hidden = [f"_{name}" for name in (*_INHERITED, *_RESULT)]
    return joined.drop(*hidden, "_above", "_about"), left


def _served(calls: pl.DataFrame, servers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold the calls that a gateway made for a request into its server span."""
    path = pl.coalesce("url.path", "http.target", "url.full", "http.url")
    speaks = path.str.contains(_LLM_PATH).fill_null(False) | pl.col("genai")
    gateways = servers.filter(speaks).select("trace", parent=pl.col("span"))
    inner = calls.join(gateways, on=["trace", "parent"], how="semi", maintain_order="left")
    if not inner.height:
        return calls, servers
    others = calls.join(gateways, on=["trace", "parent"], how="anti", maintain_order="left")
    status = pl.coalesce("http.response.status_code", "http.status_code")
    told = (
        inner.sort("start")
        .group_by("trace", "parent", maintain_order=True)
        .agg(
            status.last().alias("_behind"),
            pl.coalesce("server.address", "net.peer.name").last().alias("_address"),
            pl.len().cast(pl.Int64).alias("_tries"),
            pl.col("record").alias("_own"),
            pl.col("_parts").list.explode(keep_nulls=False, empty_as_null=False).alias("_more"),
            *(pl.col(name).last().alias(f"_{name}") for name in (*_INHERITED, *_RESULT)),
        )
    )
    joined = servers.join(
        told, left_on=list(_ID), right_on=["trace", "parent"], how="left", maintain_order="left"
    )
    names = [name for name in (*_INHERITED, *_RESULT) if name != "code"]
    made = joined.with_columns(
        *(pl.coalesce(name, f"_{name}").alias(name) for name in names),
        _parts=pl.concat_list("_own", "_more"),
    )
    return others, made.drop("_own", "_more", *(f"_{name}" for name in (*_INHERITED, *_RESULT)))
