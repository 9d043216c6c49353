"""CloudFront standard logs: W3C lines named by ``#Fields:``, or JSON with the same names."""

from __future__ import annotations

from typing import Any

import polars as pl

from analyzer.ingest.base import Wants
from analyzer.ingest.formats.logs import aws_fields, cloudfront_row
from analyzer.ingest.formats.logs.cloudfront_row import NAMES
from analyzer.ingest.jsonlog import JsonLog, decode
from analyzer.ingest.reader import BAD, Input, Parsed
from analyzer.ingest.textlog import TextLog, first_lines

_FIELDS = "#Fields:"
_STANDARD = (
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "
    "cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id "
    "x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
    "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
    "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start "
    "sc-range-end"
)
"""The order of a file whose header was lost; files of earlier years have the first of them."""
_LAYOUTS = 64
"""Different ``#Fields:`` lines that are followed in one block; real files have one or two."""
_LONGEST = 200
"""Names that are read of a ``#Fields:`` line."""
_NO_TIME = "it lacks date and time"


class CloudFrontReader:
    """Reads one input; a ``#Fields:`` line holds until the next one."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        self._layout = _STANDARD

    def parse(self, lines: pl.DataFrame) -> Parsed:
        """See :class:`analyzer.ingest.reader.Reader`."""
        first = lines["line"].str.head(1)
        comments = first == "#"
        found = [self._texts(lines), self._objects(lines.filter(first == "{"))]
        raw = pl.concat([frame for frame, _ in found])
        bad = pl.concat([reasons for _, reasons in found])
        return Parsed(cloudfront_row.rows(raw, self._wants), int(comments.sum()), bad)

    def finish(self) -> Parsed:
        """Nothing is left over."""
        return Parsed()

    def _texts(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        line = pl.col("line")
        header = pl.when(line.str.starts_with(_FIELDS)).then(line)
        told = lines.with_columns(_layout=header.forward_fill().fill_null(self._layout))
        if told.height:
            self._layout = told["_layout"][-1]
        data = told.filter(~line.str.head(1).is_in(["#", "{"]))
        layouts = data["_layout"].unique(maintain_order=True)[:_LAYOUTS]
        parts = [_split(data.filter(pl.col("_layout") == text), text) for text in layouts]
        rest = data.filter(~pl.col("_layout").is_in(layouts.implode()))
        many = f"more than {_LAYOUTS} different #Fields lines stand before it"
        left = rest.select("record", reason=pl.lit(many))
        return (
            pl.concat([_empty(), *(frame for frame, _ in parts)]),
            pl.concat([pl.DataFrame(schema=BAD), *(reasons for _, reasons in parts), left]),
        )

    def _objects(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        made, bad = decode(lines, CloudFront.type)
        good, untimed = _checked(made.select("record", *NAMES), (pl.lit(True), ""))
        return good, pl.concat([bad, untimed])


def _split(part: pl.DataFrame, layout: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split lines of one layout at their tabs, or at blanks where there are no tabs."""
    names = layout.removeprefix(_FIELDS).split()[:_LONGEST]
    places = {name: names.index(name) for name in NAMES if name in names}
    tabbed = pl.col("line").str.contains("\t", literal=True)
    if not part.select(tabbed.all()).item():
        blanks = pl.col("line").str.replace_all(" ", "\t", literal=True)
        part = part.with_columns(line=pl.when(tabbed).then("line").otherwise(blanks))
    pieces = pl.col("line").str.split_exact("\t", len(names))
    raw = part.select("record", _=pieces).select(
        "record",
        *(
            pl.col("_").struct.field(f"field_{places[name]}").alias(name)
            if name in places
            else pl.lit(None, pl.String()).alias(name)
            for name in NAMES
        ),
    )
    whole = pl.col("sc-status").is_not_null() if "sc-status" in places else pl.lit(True)
    return _checked(raw, (whole, "it breaks off before sc-status"))


def _checked(raw: pl.DataFrame, more: tuple[pl.Expr, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    made = raw.with_columns(ended_at=cloudfront_row.ended(raw))
    reason = aws_fields.lacking((pl.col("ended_at").is_not_null(), _NO_TIME), more)
    made = made.with_columns(reason=reason)
    bad = made.filter(pl.col("reason").is_not_null()).select("record", "reason")
    return made.filter(pl.col("reason").is_null()).drop("reason"), bad


def _empty() -> pl.DataFrame:
    texts = {name: pl.String() for name in NAMES}
    return pl.DataFrame(
        schema={"record": pl.Int64(), **texts, "ended_at": pl.Datetime("us", "UTC")}
    )


class CloudFront(JsonLog):
    """CloudFront standard log, legacy or version 2."""

    name = "cloudfront"
    title = "CloudFront standard log"
    hop = "edge"
    source_kind = "proxy"
    pattern = (
        r"^\d{4}-\d\d-\d\d[\t ]\d\d:\d\d:\d\d[\t ][A-Z]{3}\d{1,3}(?:-[A-Z]+\d+)?[\t ]"
        r"|^#Fields: .*x-edge-"
        r'|^\s*\{.*"x-edge-(?:location|request-id|(?:response-|detailed-)?result-type)"\s*:'
    )
    weight = 0.98
    type = pl.Struct(dict.fromkeys(NAMES, pl.String()))

    def sniff(self, head: bytes, name: str) -> float:
        """By the header where there is one, else by lines or objects."""
        if any(line.startswith(b"#Fields:") and b" x-edge-" in line for line in first_lines(head)):
            return self.weight
        return max(TextLog.sniff(self, head, name), super().sniff(head, name))

    def owns(self, item: dict[str, Any]) -> bool:
        """Whether an object is a record of this format."""
        return any(str(key).startswith("x-edge-") for key in item)

    def reader(self, source: Input) -> CloudFrontReader:
        """Return a reader for one input."""
        return CloudFrontReader(source.wants)


FORMAT = CloudFront()
