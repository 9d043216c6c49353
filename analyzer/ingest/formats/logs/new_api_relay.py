"""What the relay of new-api and one-api says of a request, folded into the request's row.

Failures wait for one block, since the words may follow the access line, or the last try's access
line may be in the next block; what is said of requests that are not there yet waits as well.
"""

from __future__ import annotations

import polars as pl

from analyzer.ingest import fields

_CHANNEL = (
    r"(?:relay|channel) error \(channel (?:#|id )(?P<channel>\d+)"
    r"(?:, user id: \d+)?(?:, status code: (?P<code>\d+))?\): ?(?P<said>.*)$"
)
_FINAL = r"^(?:\[?\S+:\d+\]? )?(?:\S+ )?relay error: (.*)$"
_GAVE_UP = r"relay error happen, status code is (\d+)"
_NOT_CONNECTED = (
    r"(?i)do[ _]request[ _]failed|请求上游地址失败|dial tcp|connection refused|no such host"
)
_ABORTED = r"(?i)context canceled"
_TIMED_OUT = r"(?i)context deadline exceeded|timeout awaiting response headers|Client\.Timeout"
_OWN = (401, 403, 429, 503)
"""What the gateway refuses with itself: token, group, quota, no channel."""
_KEPT = 200_000
"""Words about requests that are not there yet; a log without access lines must not grow."""


class Relay:
    """Folds the relay's lines into the rows of one input."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: pl.DataFrame | None = None
        self._words: pl.DataFrame | None = None
        self._logs_errors = False

    def add(self, rows: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
        """Return rows that are complete; ``said`` has ``record id text``."""
        words = _words(said)
        if self._words is not None:
            words = pl.concat([self._words, words])
        self._logs_errors = self._logs_errors or bool(words["channel"].is_not_null().any())
        # A failure may be explained further on; what succeeded is complete with what is known.
        failed = (pl.col("status") >= 400).fill_null(True)
        ready = rows.filter(~failed)
        if self._rows is not None:
            ready = pl.concat([self._rows, ready])
        self._rows = rows.filter(failed)
        seen = ready["request_id"].unique().implode()
        self._words = words.filter(~pl.col("id").is_in(seen)).tail(_KEPT)
        return self._folded(ready, words)

    def rest(self) -> pl.DataFrame | None:
        """Return what still waits."""
        rows, words = self._rows, self._words
        self._rows = self._words = None
        return None if rows is None or words is None else self._folded(rows, words)

    def _folded(self, rows: pl.DataFrame, words: pl.DataFrame) -> pl.DataFrame:
        made = rows.join(_by_request(words), left_on="request_id", right_on="id", how="left")
        place = pl.format("{}#{}", pl.lit(self._name), pl.col("record"))
        others = pl.col("_records").list.eval(
            pl.concat_str(pl.lit(f"{self._name}#"), pl.element().cast(pl.String))
        )
        made = made.with_columns(
            seen_in=pl.when(pl.col("_records").is_not_null())
            .then(pl.concat_list(place, others))
            .otherwise(pl.concat_list(place)),
        )
        return made.with_columns(**self._outcome()).drop("^_.*$")

    def _outcome(self) -> dict[str, pl.Expr]:
        """Return how far a request came, and what was said of it."""
        said, failed = pl.col("_said"), (pl.col("status") >= 400).fill_null(True)
        unconnected = said.str.contains(_NOT_CONNECTED) & ~said.str.contains(_ABORTED)
        late = said.str.contains(_TIMED_OUT)
        code = fields.status(pl.coalesce("_code", "_gave_up"))
        # The relay gives these a status of its own, though nobody answered.
        answered = pl.col("_channel").is_not_null() & code.is_not_null()
        answered &= ~(unconnected | late | said.str.contains(_ABORTED)).fill_null(False)
        own = failed & pl.col("_channel").is_null() & pl.col("status").is_in(_OWN)
        own &= pl.lit(self._logs_errors)
        done = pl.lit("done")
        phase = (
            pl.when(~failed & pl.col("_channel").is_not_null()).then(done)
            .when(own).then(pl.lit("not_sent"))
            .when(failed & late.fill_null(False)).then(pl.lit("sent"))
            .when(failed & unconnected.fill_null(False)).then(pl.lit("connecting"))
            .when(failed & answered).then(done)
        )  # fmt: skip
        message = pl.when(failed).then(pl.coalesce("_final", said))
        return {
            "upstream_status": pl.when(answered & failed).then(code),
            # A request that went well had one more try than failed ones.
            "upstream_tries": pl.col("_tries") + (~failed).cast(pl.Int64),
            "upstream_address": pl.when(failed).then(pl.format("channel #{}", "_channel")),
            "proxy_detail": pl.col("_detail"),
            "error_message": message,
            "error_shape": pl.when(message.is_not_null()).then(pl.lit("oneapi")),
            "phase": phase,
        }


def _words(said: pl.DataFrame) -> pl.DataFrame:
    """Return what the lines say of requests, those that say nothing of errors left out."""
    text = pl.col("text")
    made = said.select(
        "record", "id",
        text.str.extract_groups(_CHANNEL).alias("_"),
        detail=text.str.extract(r"((?:relay|channel) error \(.*)$").str.replace(
            r", user id: \d+", ""),
        final=text.str.extract(_FINAL),
        gave_up=text.str.extract(_GAVE_UP),
    ).unnest("_")  # fmt: skip
    return made.filter(pl.any_horizontal(pl.col("channel", "final", "gave_up").is_not_null()))


def _by_request(words: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each request: the last words, how many channels failed, the lines."""

    def last(name: str) -> pl.Expr:
        return pl.col(name).drop_nulls().last().alias(f"_{name}")

    return words.sort("record").group_by("id", maintain_order=True).agg(
        last("channel"),
        pl.col("code").filter(pl.col("channel").is_not_null()).last().alias("_code"),
        last("said"), last("detail"), last("final"), last("gave_up"),
        pl.col("channel").count().cast(pl.Int64).alias("_tries"),
        pl.col("record").alias("_records"),
    )  # fmt: skip
