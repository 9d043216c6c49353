"""ISO weeks in a zone: Monday to Sunday by the clocks there, 167 to 169 hours long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from analyzer.errors import UsageError

_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})", re.IGNORECASE)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week in one zone."""

    year: int
    number: int
    zone: tzinfo

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> Week:
        """Return the week that ``2026-W47`` names.

        Raises:
            UsageError: the text has another form, or the year has no such week.
        """
        match = _WEEK.fullmatch(text.strip())
        if match is None:
            msg = f"--week '{text}' is no ISO week; say a year and a week, as in 2026-W47"
            raise UsageError(msg)
        year, number = int(match[1]), int(match[2])
        try:
            date.fromisocalendar(year, number, 1)
        except ValueError:
            last = date(year, 12, 28).isocalendar().week if year else 52
            msg = f"--week {text}: {year} has the weeks W01 to W{last}"
            raise UsageError(msg) from None
        return cls(year, number, zone)

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo) -> Week:
        """Return the week in which a moment lies."""
        year, number, _ = moment.astimezone(zone).isocalendar()
        return cls(year, number, zone)

    @property
    def name(self) -> str:
        """``2026-W47``."""
        return f"{self.year:04}-W{self.number:02}"

    @property
    def monday(self) -> date:
        """Its first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def start(self) -> datetime:
        """First moment, UTC."""
        return self.midnight(0)

    @property
    def end(self) -> datetime:
        """First moment that is no longer in it, UTC."""
        return self.midnight(7)

    @property
    def hours(self) -> int:
        """How many hours it begins: 168 but for the weeks in which clocks are changed."""
        return -(-(self.end - self.start) // HOUR)

    def midnight(self, days: int) -> datetime:
        """Return the beginning of the day so many days after its Monday, UTC."""
        day = self.monday + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def before(self, weeks: int) -> Week:
        """Return the week so many weeks earlier."""
        year, number, _ = (self.monday - timedelta(weeks=weeks)).isocalendar()
        return Week(year, number, self.zone)

    def day(self, moment: datetime) -> date:
        """Return the day of a moment by the clocks of the zone."""
        return moment.astimezone(self.zone).date()


def zone_name(zone: tzinfo) -> str:
    """Return how a zone is written in reports."""
    return getattr(zone, "key", None) or str(zone)
