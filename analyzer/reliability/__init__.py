"""The weekly reliability report: from records of a run or a store to one plain-data part.

``week`` cuts time, ``tally`` counts, ``rates`` and ``change`` judge, ``budget``, ``speed``,
``causes``, ``events`` and ``coverage`` make the other parts, ``build`` puts them together,
``headline`` says it in three sentences; ``stored`` gets the records out of a store.
"""

from analyzer.reliability.build import weekly
from analyzer.reliability.options import Options

__all__ = ["Options", "weekly"]
