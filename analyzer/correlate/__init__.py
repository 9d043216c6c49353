"""One attempt seen by several hops is one attempt."""

from __future__ import annotations

from analyzer.correlate.broken import recounted
from analyzer.correlate.contradictions import Contradiction, contradictions, finished
from analyzer.correlate.coverage import corroborating, ranks, spans
from analyzer.correlate.join import Joined, join
from analyzer.correlate.settle import seen_in, settle

__all__ = [
    "Contradiction",
    "Joined",
    "contradictions",
    "corroborating",
    "finished",
    "join",
    "ranks",
    "recounted",
    "seen_in",
    "settle",
    "spans",
]
