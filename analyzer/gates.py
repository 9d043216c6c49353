"""Gates: when a finished analysis should make a pipeline fail (``--fail-on``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analyzer.errors import UsageError, did_you_mean
from analyzer.vocabulary import LAYER_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.analysis.model import Analysis

_SUCCESS = re.compile(r"success\s*<\s*(\d+(?:\.\d+)?)\s*%?")


def check(gates: Sequence[str]) -> None:
    """Raise UsageError for the first gate that is none."""
    for gate in gates:
        if gate not in (*LAYER_WORDS, "any") and not _SUCCESS.fullmatch(gate):
            allowed = [*LAYER_WORDS, "any", "success<99.5"]
            msg = (
                f"--fail-on {gate!r} is no gate.{did_you_mean(gate, allowed)} "
                f"Allowed: {', '.join(allowed)} (percent)"
            )
            raise UsageError(msg)


def tripped(analysis: Analysis, gates: Sequence[str]) -> list[str]:
    """Return a sentence for each gate that the analysis trips."""
    totals = analysis.totals
    told = []
    for gate in gates:
        limit = _SUCCESS.fullmatch(gate)
        if limit:
            rate = totals.success_rate
            if rate is not None and rate * 100 < float(limit.group(1)):
                told.append(f"{gate}: {rate * 100:.2f} % of decided attempts succeeded")
        elif gate == "any":
            if totals.failed:
                told.append(f"any: {totals.failed} failed attempts")
        elif totals.by_layer.get(gate):
            told.append(f"{gate}: {totals.by_layer[gate]} failed attempts")
    return told
