"""The spellings of time in logs, as expressions that give UTC.

Every function takes text and returns ``Datetime("us", "UTC")``, null where it is no such time. A
time without a zone is read in ``zone``; ``None`` means UTC, and the reader says that it assumed so.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import polars as pl

_LAST_US = 7.26e15
"""Year 2200: a number beyond is no time."""
_CLF = "%d/%b/%Y:%H:%M:%S"


def clf_time(text: pl.Expr) -> pl.Expr:
    """Read ``10/Oct/2000:13:55:36 -0700``; the zone apart, which is eight times faster."""
    local = text.str.head(20).str.to_datetime(_CLF, strict=False, time_unit="us")
    return (local - _offset(text.str.tail(5))).dt.replace_time_zone("UTC")


def _offset(text: pl.Expr) -> pl.Expr:
    """Read ``-0700`` or ``+02:00`` as a duration."""
    zone = text.str.replace(":", "", literal=True).str.to_integer(strict=False, dtype=pl.Int32)
    return pl.duration(minutes=(zone.abs() // 100 * 60 + zone.abs() % 100) * zone.sign())


def iso_time(text: pl.Expr, zone: tzinfo | None) -> pl.Expr:
    """Read ISO 8601: ``T`` or a blank, any fraction (cut at us), ``Z``, offset or none."""
    found = text.str.extract_groups(
        r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?$"
    ).struct
    day = pl.concat_str(found.field("1"), pl.lit("T"), found.field("2"))
    seconds = day.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    micros = found.field("3").fill_null("").str.pad_end(6, "0").str.head(6)
    exact = seconds + pl.duration(microseconds=micros.str.to_integer(strict=False).fill_null(0))
    offset = found.field("4")
    told = (exact - _offset(offset.str.replace("^(Z|UTC)$", "+0000"))).dt.replace_time_zone("UTC")
    return pl.when(offset.is_null()).then(in_zone(exact, zone)).otherwise(told)


def local_time(text: pl.Expr, pattern: str, zone: tzinfo | None) -> pl.Expr:
    """Read a zone-less time by a strftime pattern such as ``%Y/%m/%d %H:%M:%S``."""
    return in_zone(text.str.to_datetime(pattern, strict=False, time_unit="us"), zone)


def syslog_time(text: pl.Expr, zone: tzinfo | None, now: datetime | None = None) -> pl.Expr:
    """Read ``Nov 22 10:00:00``: the year is the latest one that is not in the future."""
    today = now or datetime.now(UTC)
    squeezed = text.str.replace("  ", " 0", literal=True)

    def dated(year: int) -> pl.Expr:
        whole = pl.format(f"{year} {{}}", squeezed)
        return local_time(whole, "%Y %b %d %H:%M:%S", zone)

    this = dated(today.year)
    # A day of grace: clocks and zones differ.
    future = this > pl.lit(today) + pl.duration(days=1)
    return pl.when(future).then(dated(today.year - 1)).otherwise(this)


def epoch_time(number: pl.Expr) -> pl.Expr:
    """Read a number of seconds, ms, us or ns since 1970, told apart by its size."""
    value = number.cast(pl.Float64, strict=False)
    scale = (
        pl.when(value < 1e11).then(1e6)
        .when(value < 1e14).then(1e3)
        .when(value < 1e17).then(1.0)
        .otherwise(1e-3)
    )  # fmt: skip
    micros = (value * scale).round()
    sane = pl.when(micros.is_between(1, _LAST_US)).then(micros)
    return sane.cast(pl.Int64).cast(pl.Datetime("us", "UTC"))


def in_zone(local: pl.Expr, zone: tzinfo | None) -> pl.Expr:
    """Read zone-less datetimes in ``zone``, as UTC.

    In the hour that a zone has twice the first is meant; the hour that it lacks is read as if the
    clock had not been put forward, so that no row is lost.
    """
    name = getattr(zone, "key", None)
    if zone is None or (name is None and zone.utcoffset(None) is not None):
        offset = zone.utcoffset(None) if zone is not None else None
        shifted = local if offset is None else local - offset
        return shifted.dt.replace_time_zone("UTC")

    def read(value: pl.Expr) -> pl.Expr:
        return value.dt.replace_time_zone(
            str(name), ambiguous="earliest", non_existent="null"
        ).dt.convert_time_zone("UTC")

    hour = pl.duration(hours=1)
    return pl.coalesce(read(local), read(local + hour))


def go_duration_ms(text: pl.Expr) -> pl.Expr:
    """Read Go's durations: ``1m2.5s``, ``11.209367ms``, ``357.1µs``, ``29m59s``; milliseconds."""
    units = {"h": 3_600_000.0, "m": 60_000.0, "s": 1000.0, "ms": 1.0}
    small = text.str.extract(r"^(\d+(?:\.\d+)?)(?:µ|μ|u)s$").cast(pl.Float64) / 1000
    tiny = text.str.extract(r"^(\d+(?:\.\d+)?)ns$").cast(pl.Float64) / 1e6
    milli = text.str.extract(r"^(\d+(?:\.\d+)?)ms$").cast(pl.Float64)
    parts = text.str.extract_groups(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$").struct
    hours, minutes, seconds = (
        parts.field(str(index)).cast(pl.Float64) * units[unit]
        for index, unit in ((1, "h"), (2, "m"), (3, "s"))
    )
    long = pl.when(text.str.contains(r"\d")).then(pl.sum_horizontal(hours, minutes, seconds))
    shaped = text.str.contains(r"^(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?s)?$")
    return pl.coalesce(small, tiny, milli, pl.when(shaped).then(long))
