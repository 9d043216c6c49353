"""Incidents: windows in which more failed than the target and the time around them allow.

:func:`find` looks for them in per-minute counts, of one run or of a month of records alike.
"""

from analyzer.incidents.find import find
from analyzer.incidents.options import PAIRS, Options, Pair
from analyzer.incidents.window import Window

__all__ = ["PAIRS", "Options", "Pair", "Window", "find"]
