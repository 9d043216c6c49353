"""Attempts chained into calls: logical requests with their retries."""

from __future__ import annotations

from analyzer.calls.chain import Chained, chain
from analyzer.calls.storms import STORM_RETRIES, STORM_SHARE, Storms, storms

__all__ = ["STORM_RETRIES", "STORM_SHARE", "Chained", "Storms", "chain", "storms"]
