"""What log shippers put around a line: syslog, journald, CRI, Docker, docker compose.

The envelope is taken off before a format sees the line; its time stamp is kept, since some formats
have none of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo

import polars as pl

from analyzer.ingest.clock import iso_time, syslog_time

ENVELOPE_SHARE = 0.5
"""Share of the first lines that must have the same envelope, for the file to have it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One way of wrapping lines; ``pattern`` has the groups ``stamp``, ``tag`` and ``line``.

    ``tag`` is what the shipper says of the line: the program, or ``P`` for a part of one.
    """

    name: str
    pattern: str
    syslog: bool = False
    """The stamp has neither year nor zone."""

    def matches(self, line: bytes) -> bool:
        """Whether a line has this envelope."""
        return re.match(self.pattern, line.decode("utf-8", "replace")) is not None


ENVELOPES = (
    Envelope(
        "cri",
        r"^(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d)) "
        r"std(?:out|err) (?P<tag>[FP]) (?P<line>.*)$",
    ),
    Envelope(
        "syslog",
        r"^(?:<\d{1,3}>)?(?P<stamp>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ "
        r"(?P<tag>[^\s:\[]+)(?:\[\d+\])?: ?(?P<line>.*)$",
        syslog=True,
    ),
    Envelope(
        "syslog-5424",
        r"^<\d{1,3}>1 (?P<stamp>\S+) \S+ (?P<tag>\S+) \S+ \S+ "
        r"(?:-|(?:\[[^\]]*\])+) (?:\x{FEFF})?(?P<line>.*)$".replace(r"\x{FEFF}", "\ufeff"),
    ),
    Envelope(
        "syslog-iso",
        r"^(?:<\d{1,3}>)?(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) "
        r"[\w.-]+ (?P<tag>[A-Za-z][^\s:\[]*)(?:\[\d+\])?: (?P<line>.*)$",
    ),
    Envelope("compose", r"^(?P<stamp>)(?P<tag>[A-Za-z0-9][\w.-]*)\s*\| (?P<line>.*)$"),
)
_DOCKER = re.compile(rb'\{"log":"(?:[^"\\]|\\.)*"')
_DOCKER_TYPE = pl.Struct({"log": pl.String(), "time": pl.String()})


def bare(line: bytes) -> bytes:
    """Return a line without its envelope: for looking at the first lines of a file."""
    if _DOCKER.match(line):
        inner = pl.Series([line.decode("utf-8", "replace")])
        try:
            text = inner.str.json_decode(_DOCKER_TYPE).struct.field("log")[0]
        except pl.exceptions.PolarsError:
            return line
        return (text or "").rstrip("\r\n").encode()
    text = line.decode("utf-8", "replace")
    for envelope in ENVELOPES:
        found = re.match(envelope.pattern, text)
        if found:
            return found["line"].encode()
    return line


def envelope_of(lines: list[bytes]) -> str | None:
    """Return the name of the envelope that most of the first lines have; ``docker`` is one."""
    if not lines:
        return None
    if sum(1 for line in lines if _DOCKER.match(line)) > ENVELOPE_SHARE * len(lines):
        return "docker"
    for envelope in ENVELOPES:
        if sum(envelope.matches(line) for line in lines) > ENVELOPE_SHARE * len(lines):
            return envelope.name
    return None


def strip(lines: pl.DataFrame, name: str, zone: tzinfo | None) -> pl.DataFrame:
    """Return ``record line stamp`` without the envelope; other lines stay as they are.

    ``stamp`` (UTC) is the shipper's time. Parts of one line (CRI's ``P``) are joined; the first
    part's number stays.
    """
    if name == "docker":
        return _docker(lines)
    envelope = next(item for item in ENVELOPES if item.name == name)
    found = pl.col("line").str.extract_groups(envelope.pattern).struct
    stamp = found.field("stamp")
    made = lines.with_columns(
        stamp=syslog_time(stamp, zone) if envelope.syslog else iso_time(stamp, zone),
        tag=found.field("tag"),
        line=pl.coalesce(found.field("line"), "line"),
    )
    return _joined(made) if name == "cri" else made.drop("tag")


def _joined(lines: pl.DataFrame) -> pl.DataFrame:
    """Join the parts of lines that a container runtime cut at 16 KiB."""
    part = (pl.col("tag") == "P").fill_null(False)
    if not lines.select(part.any()).item():
        return lines.drop("tag")
    group = (~part).shift(1, fill_value=False).cum_sum().alias("_group")
    return (
        lines.group_by(group, maintain_order=True)
        .agg(pl.col("record").first(), pl.col("line").str.join(""), pl.col("stamp").last())
        .drop("_group")
    )


def _docker(lines: pl.DataFrame) -> pl.DataFrame:
    whole = pl.col("line").str.contains(r'^\{"log":".*\}\s*$')
    inner = lines.filter(whole).with_columns(
        line=pl.col("line").str.json_path_match("$.log").str.strip_chars_end("\r\n"),
        stamp=iso_time(pl.col("line").str.json_path_match("$.time"), None),
    )
    others = lines.filter(~whole).with_columns(stamp=pl.lit(None, pl.Datetime("us", "UTC")))
    return pl.concat([inner, others]).sort("record")
