"""The ticket to send to whoever must act: what happened, ids they can look up, what is missing.

:func:`write` makes one :class:`Ticket` of a finished run; :func:`receivers` says who gets one. A
run with ``Options(support=True)`` reads the headers that ids and fields come from.
"""

from __future__ import annotations

from analyzer.ticket.model import PARTIES, Lack, Sample, Ticket
from analyzer.ticket.write import check, receivers, write

__all__ = ["PARTIES", "Lack", "Sample", "Ticket", "check", "receivers", "write"]
