"""The words and formulas of the weekly report, printed with it."""

from __future__ import annotations

from analyzer.reliability.budget import DAYS, FEWEST
from analyzer.reliability.change import ENOUGH
from analyzer.reliability.options import Options
from analyzer.reliability.rates import FEW
from analyzer.render import formatting as fmt


def definitions(options: Options) -> list[tuple[str, str]]:
    """Return word and meaning, in the order of the report."""
    target = f"{100 * options.target:.6g}{fmt.TIE}%"
    return [
        ("attempt", "One HTTP exchange as seen by the most client-side hop that saw it."),
        ("call", "A logical request with its retries. It failed if its last attempt did; it "
         "counts in the hour in which it began."),
        ("availability", "ok / (ok + failed), without what the caller caused and without what is "
         "undecided. It is this week's own count, a census, and needs no interval."),
        ("client-caused", "Failures of the layer client that only the caller can mend: wrong key, "
         "request, model name or spent allowance. Shown apart. The caller's own time-outs and "
         "aborts do count."),
        ("429", "Refusals for too many requests. They count as failures; beside it stands "
         "availability with them in no denominator, as some providers publish it."),
        ("interval", "Approximate 95 % range of the rate that the service has: Wilson on "
         "n / design effect, the clusters being hours, since failures come together."),
        ("verdict", "met: the lower end of the interval reaches the target. missed: the week's own "
         "count is below it, or the upper end is. Else not enough data. Below "
         f"{FEW} decided, no percentage and no verdict."),
        ("error budget", f"What the target ({target} unless a model has its own) allows to fail "
         f"in {DAYS} days that end with the week. Burn: failure rate of the week over the allowed "
         f"one. Fast windows need {FEWEST} attempts."),
        ("percentiles", "Of successful attempts, nearest rank, within 1 % of the exact value; "
         f"nothing beyond p90 below {ENOUGH} successes; never averaged over weeks."),
        ("change", "Days of the week against the same days of the weeks before, relabelled at "
         "random; Benjamini-Hochberg over the models. real: q at most 0.05. noise: more than that, "
         "and the interval shuts out a change as large as the error budget. Else cannot tell."),
        ("mix", "The change of the whole taken apart after Kitagawa: rates within models, and "
         "traffic between them."),
    ]  # fmt: skip
