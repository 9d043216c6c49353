"""Find incidents: alarms say where to look, change points say from when to when.

One cause is told once, in the scope that explains it best.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

import polars as pl

from analyzer.incidents import burn, series
from analyzer.incidents.burn import Region
from analyzer.incidents.cells import Cells, Values, is_among
from analyzer.incidents.options import Options, Pair
from analyzer.incidents.segment import Segment, Track, silences
from analyzer.incidents.window import ALL, PLANNED, SCOPES, Cause, Scope, Window

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORDER = (ALL, *SCOPES)
_AS_GOOD = 3.0
"""Evidence by which a wider scope must be better to be preferred to a tighter one."""
_EACH = 10.0
"""Evidence that every scope more must add."""
_ONE_CAUSE = 1.25
"""How much better several scopes with one cause must be than one scope that has them all."""
_NEAR = 10
"""Minutes beside a stretch in which another scope may explain it."""
_MAIN = 0.6
"""Share of the failures from which on one cause tells the ends."""
_SURELY_OVER = 0.05
_MOST = 200
"""Incidents of a family at most: what is found after so many is a property of the service."""


def find(
    counts: pl.DataFrame, failed: pl.DataFrame, *, options: Options | None = None
) -> list[Window]:
    """Return the incidents in per-minute records, by start.

    Args:
        counts: attempts per minute and dimension, :data:`analyzer.records.COUNTS`.
        failed: failed attempts per minute and verdict, :data:`analyzer.records.FAILED`.
        options: thresholds; the defaults are documented in docs/incidents.md.

    Failures of the service, of callers (layer client) and of announced maintenance are looked at
    apart. Fewer than ``options.min_failed`` failures are never an incident.
    """
    options = options or Options()
    if float(failed["failed"].sum()) < options.min_failed:
        return []
    rows = series.cells(counts, failed)
    scopes = series.of_scopes(rows, options.min_failed)
    if not scopes.height:
        return []
    cells = Cells(rows)
    found = [
        window
        for family in series.FAMILIES
        for window in _Search(cells, scopes, family, options).run()
    ]
    return sorted(found, key=lambda w: (w.start, _ORDER.index(w.scope.field), w.scope.value or ""))


@dataclass(slots=True)
class _Candidate:
    """A region and the best stretch that is left in it."""

    scope: Scope
    region: Region
    track: Track
    """All of the capture in the scope."""
    deff: float
    segment: Segment | None = None
    pairs: Sequence[tuple[Pair, float]] = ()


class _Search:
    """Incidents of one family: the best candidate is taken, its attempts set aside, and so on."""

    def __init__(self, cells: Cells, scopes: pl.DataFrame, family: str, options: Options) -> None:
        self.cells, self.family, self.options = cells, family, options
        self.silences = silences(cells.minutes)
        self.leads: dict[tuple[Scope, int, int], tuple[str, str]] = {}
        self.rows = series.of_family(scopes, family, options.min_failed)

    def run(self) -> list[Window]:
        if not self.rows.height:
            return []
        candidates = self._candidates()
        for candidate in candidates:
            self._look(candidate)
        windows: list[Window] = []
        while len(windows) < _MOST and (chosen := self._best(candidates)) is not None:
            live = {c.scope for c in candidates if c.segment is not None}
            if self._of_another(chosen, live):
                chosen.segment = None
                continue
            segment = self._edges(chosen)
            windows.append(replace(self._window(chosen, segment), rank=len(windows)))
            gone = self._set_aside(chosen.scope, segment)
            for candidate in candidates:
                if not candidate.segment or not is_among(candidate.scope, gone):
                    continue
                if _touch(candidate.segment, segment):
                    self._look(candidate)
        return [self._based(window) for window in _joined(windows)]

    def _candidates(self) -> list[_Candidate]:
        rows, options = self.rows, self.options
        numbers = rows.select("scope", *series.KEYS).unique("scope").iter_rows()
        named = {n: Scope(field, None if field == ALL else value) for n, field, value in numbers}
        span = rows.select(pl.col("at").max() - pl.col("at").min()).item() * _MINUTE
        usual = series.usual(rows, span, options)
        self.usual = {named[number]: rate for number, rate in usual.iter_rows()}
        rated = rows.join(usual, on="scope", how="left", maintain_order="left")
        found = burn.regions(rated, options)
        effects = burn.design_effects(rows, found)
        candidates = []
        for number, regions in groupby(found, key=lambda region: region.scope):
            whole = _track(rows.filter(pl.col("scope") == number))
            effect = effects.get(number, 1.0)
            candidates += [_Candidate(named[number], one, whole, effect) for one in regions]
        return candidates

    def _look(self, candidate: _Candidate) -> None:
        """Find the best stretch of a region in what is not set aside; ``None`` if none is left."""
        region, options = candidate.region, self.options
        candidate.segment = None
        track = self._track(candidate.scope, region.first, region.last + 1)
        segment = track.best(region.usual)
        if segment is None or segment.failed < options.min_failed - 1e-6:
            return
        shrunk = 1 + options.bursts * (candidate.deff - 1)
        if segment.evidence / shrunk < options.evidence + math.log(len(candidate.track.minutes)):
            return
        # Long windows look back beyond the region, and see what is set aside as well.
        candidate.pairs = burn.spent(segment, candidate.track, region.usual, options)
        if candidate.pairs:
            candidate.segment = segment

    def _track(self, scope: Scope, first: float, behind: float) -> Track:
        """Return the minutes from ``first`` to before ``behind`` of what is not set aside."""
        rows = self.cells.series(scope, first, behind)
        at, attempts, failed = (rows[name].to_list() for name in ("at", "attempts", self.family))
        # A failure that the counts lack is an attempt too.
        attempts = [n if n >= bad else bad for n, bad in zip(attempts, failed, strict=True)]
        return Track(at, attempts, failed, self.silences)

    def _best(self, candidates: Iterable[_Candidate]) -> _Candidate | None:
        live = [(c, c.segment) for c in candidates if c.segment is not None]
        if not live:
            return None
        top = max((s for _, s in live), key=lambda s: s.evidence)
        beside = [(c, s) for c, s in live if _touch(s, top)]
        if parts := self._parts(top, beside):
            return max(parts, key=lambda part: part[1].evidence)[0]
        near = [(c, s) for c, s in beside if s.evidence >= top.evidence - _AS_GOOD]
        return min(near, key=lambda pair: _tightness(*pair))[0]

    def _parts(
        self, top: Segment, beside: Sequence[tuple[_Candidate, Segment]]
    ) -> list[tuple[_Candidate, Segment]]:
        """Return the scopes of one field that together explain more than the best one alone does.

        Two models in trouble at once fill a scope that has both better than either of them does.
        They are two incidents if their causes differ; with one cause, only if most of the rest of
        the scope is well.
        """
        for field in SCOPES:
            parts = [(c, s) for c, s in beside if c.scope.field == field]
            if len(parts) < 2 or any(segment is top for _, segment in parts):
                continue
            told, more = sum(s.evidence for _, s in parts), _EACH * (len(parts) - 1)
            if told > top.evidence * _ONE_CAUSE + more:
                return parts
            # Causes are asked for last: each is a query.
            if told > top.evidence + more and len({self._lead(c.scope, s) for c, s in parts}) > 1:
                return parts
        return []

    def _lead(self, scope: Scope, segment: Segment) -> tuple[str, str]:
        key = scope, segment.first, segment.last
        if key not in self.leads:
            lead = self._causes(scope, segment.first, segment.last + 1)[0]
            self.leads[key] = lead.layer, lead.cause
        return self.leads[key]

    def _of_another(self, chosen: _Candidate, live: Collection[Scope]) -> bool:
        """Whether another scope explains it better, which does not burn its budget by it.

        A short burst of a model leaves a key that happens to be busy with hardly a success: that
        is the burst of the model, and nothing of the key.
        """
        segment, scope = chosen.segment, chosen.scope
        assert segment is not None
        values = self.cells.broken(scope, segment.first, segment.last + 1, self.family)
        near = segment.first - _NEAR, segment.last + 1 + _NEAR
        for other, usual in self.usual.items():
            # A scope that burns its budget too stands for election itself.
            if other in live or not is_among(other, values):
                continue
            rival = self._track(other, *near).best(usual)
            if rival and rival.evidence > segment.evidence and _touch(rival, segment):
                return True
        return False

    def _edges(self, chosen: _Candidate) -> Segment:
        """Return the stretch with its ends told by the failures of its main cause alone.

        What always fails for other reasons blurs them; the main cause is rare outside.
        """
        segment, scope = chosen.segment, chosen.scope
        assert segment is not None
        causes = self._causes(scope, segment.first, segment.last + 1)
        mine = pl.col(self.family)
        usual = chosen.region.usual
        if causes[0].failed >= _MAIN * segment.failed:
            lead = causes[0]
            is_lead = pl.col("layer").eq_missing(lead.layer) & pl.col("cause").eq_missing(
                lead.cause
            )
            mine = pl.when(is_lead).then(mine).otherwise(0.0)
            usual = max(self._rate_outside(chosen, mine), usual / 100)
        reach = _reach(segment)
        rows = self.cells.summed(scope, segment.first - reach, segment.last + 1 + reach, mine)
        track = _track(rows, self.silences)
        told = track.best(usual)
        if told is None or not _touch(told, segment) or told.failed < segment.failed / 2:
            told = segment
        return track.widened(told, usual)

    def _rate_outside(self, chosen: _Candidate, failed: pl.Expr) -> float:
        segment = chosen.segment
        assert segment is not None
        inside = pl.col("at").is_between(segment.first, segment.last)
        rows = self.cells.of(
            chosen.scope, -math.inf, math.inf, "at", "attempts", failed.alias("failed")
        )
        sums = rows.filter(~inside).select(pl.col("failed", "attempts").sum()).row(0)
        return min(0.5, float(sums[0]) / float(sums[1])) if sums[1] else 0.0

    def _window(self, chosen: _Candidate, segment: Segment) -> Window:
        scope = chosen.scope
        end = segment.last + 1
        rows = self.cells.summed(scope, segment.first, end, pl.col(self.family))
        peak = rows.sort("failed", "at", descending=[True, False]).row(0, named=True)
        fast = any(pair == self.options.pairs[0] for pair, _ in chosen.pairs)
        attempts, failed = float(rows["attempts"].sum()), float(rows["failed"].sum())
        return Window(
            scope=scope,
            family=self.family,
            kind="maintenance" if self.family == PLANNED else "storm" if fast else "slow_burn",
            start=_time(segment.first),
            end=_time(end),
            ongoing=self._ongoing(scope, end, failed / attempts),
            attempts=round(attempts),
            failed=failed,
            base=None,
            burn=max(rate for _, rate in chosen.pairs) / self.options.budget,
            peak=_time(peak["at"]),
            peak_failed=peak["failed"],
            evidence=segment.evidence,
            causes=self._causes(scope, segment.first, end),
        )

    def _causes(self, scope: Scope, first: int, behind: int) -> tuple[Cause, ...]:
        summed = (
            self.cells.of(scope, first, behind, "layer", "cause", pl.col(self.family).alias("n"))
            .filter(pl.col("n") > 0)
            .group_by("layer", "cause")
            .agg(pl.col("n").sum())
        )
        ordered = summed.sort("n", "layer", "cause", descending=[True, False, False])
        return tuple(Cause(*row) for row in ordered.iter_rows())

    def _ongoing(self, scope: Scope, end: int, rate: float) -> bool:
        """Whether too few attempts come after it to say that it is over."""
        after = self.cells.of(scope, end, math.inf, "attempts")
        good = float(after["attempts"].sum())
        return math.pow(1 - min(rate, 1 - 1e-9), good) > _SURELY_OVER

    def _set_aside(self, scope: Scope, segment: Segment) -> Values:
        """Take the attempts of an incident out of what is searched on, and those at its edges.

        Returns the values that they had.
        """
        edge = max(2.0, segment.gap)
        first, behind = segment.first - edge, segment.last + 1 + edge
        self.cells, gone = self.cells.without(scope, first, behind)
        self.leads.clear()
        return gone

    def _based(self, window: Window) -> Window:
        outside = self.cells.of(window.scope, -math.inf, math.inf, "attempts", self.family)
        attempts = float(outside["attempts"].sum())
        base = float(outside[self.family].sum()) / attempts if attempts else None
        return replace(window, base=base)


def _joined(windows: list[Window]) -> list[Window]:
    """Join windows of one scope and cause that touch: a core and its shoulders are one incident."""
    joined: list[Window] = []
    for window in sorted(windows, key=lambda w: (w.start, w.end)):
        for i, known in enumerate(joined):
            if _same(known, window):
                joined[i] = _sum(known, window)
                break
        else:
            joined.append(window)
    return joined


def _same(one: Window, two: Window) -> bool:
    if one.scope != two.scope or one.causes[:1] == () or two.causes[:1] == ():
        return False
    alike = (one.causes[0].layer, one.causes[0].cause) == (two.causes[0].layer, two.causes[0].cause)
    gaps = [(w.end - w.start) / max(w.failed, 1) for w in (one, two)]
    near = max(5 * _MINUTE, 3 * min(gaps))
    return alike and two.start <= one.end + near


def _sum(one: Window, two: Window) -> Window:
    causes: dict[tuple[str, str], float] = {}
    for cause in (*one.causes, *two.causes):
        causes[cause.layer, cause.cause] = causes.get((cause.layer, cause.cause), 0) + cause.failed
    ranked = sorted(causes.items(), key=lambda item: (-item[1], item[0]))
    peak = max(one, two, key=lambda w: w.peak_failed)
    last = max(one, two, key=lambda w: w.end)
    return replace(
        one,
        kind="storm" if "storm" in (one.kind, two.kind) else one.kind,
        start=min(one.start, two.start),
        end=last.end,
        ongoing=last.ongoing,
        attempts=one.attempts + two.attempts,
        failed=one.failed + two.failed,
        burn=max(one.burn, two.burn),
        peak=peak.peak,
        peak_failed=peak.peak_failed,
        evidence=one.evidence + two.evidence,
        causes=tuple(Cause(*key, n) for key, n in ranked),
    )


def _track(rows: pl.DataFrame, silent: Sequence[tuple[int, int]] = ()) -> Track:
    at, attempts, failed = (rows[name].to_list() for name in ("at", "attempts", "failed"))
    return Track(at, attempts, failed, silent)


def _tightness(candidate: _Candidate, segment: Segment) -> tuple[float, int, str]:
    scope = candidate.scope
    return segment.attempts, _ORDER.index(scope.field), scope.value or ""


def _touch(one: Segment, two: Segment) -> bool:
    edge = 2 + max(one.gap, two.gap)
    return one.first <= two.last + edge and two.first <= one.last + edge


def _reach(segment: Segment) -> float:
    """Return how many minutes from a rough end the exact one may lie."""
    return 5 + 25 * segment.gap


def _time(at: int) -> datetime:
    return _EPOCH + at * _MINUTE
