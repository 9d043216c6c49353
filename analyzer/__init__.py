"""whichhop: which hop failed when an LLM API call fails.

>>> from analyzer import analyze
>>> analyze("sample_logs/healthy").totals.failed
0
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer._version import __version__

if TYPE_CHECKING:
    import polars as pl

    from analyzer.analysis.model import Analysis

__all__ = ["Analysis", "__version__", "analyze", "classify", "read"]

Paths = str | os.PathLike[str]


def analyze(
    *inputs: Paths,
    gateways: Iterable[str] = (),
    knowledge: Iterable[Paths] = (),
    all_traffic: bool = False,
) -> Analysis:
    """Return the Analysis of captures, as the command line builds it; free of secrets.

    Raises:
        analyzer.errors.NothingUsable: no input holds LLM traffic that can be read.
        analyzer.errors.ConfigError: a knowledge directory is missing.
    """
    from analyzer import pipeline

    with pipeline.run(_names(inputs), _options(gateways, knowledge, all_traffic)) as result:
        return result.analysis


def read(
    *inputs: Paths,
    gateways: Iterable[str] = (),
    knowledge: Iterable[Paths] = (),
    all_traffic: bool = False,
) -> pl.DataFrame:
    """Return the canonical attempt rows of captures (see ``docs/columns.md``).

    The rows are raw: texts are **not** redacted and may hold secrets. Use :func:`analyze` for
    anything that is shown or stored.
    """
    from analyzer import pipeline

    return pipeline.attempts(_names(inputs), _options(gateways, knowledge, all_traffic))


def classify(
    *inputs: Paths,
    gateways: Iterable[str] = (),
    knowledge: Iterable[Paths] = (),
    all_traffic: bool = False,
) -> pl.DataFrame:
    """Return the failed attempts with their verdict columns; raw like :func:`read`."""
    from analyzer import pipeline

    with pipeline.run(_names(inputs), _options(gateways, knowledge, all_traffic)) as result:
        return result.verdicts


def _names(inputs: Iterable[Paths]) -> list[str]:
    return [os.fspath(path) for path in inputs]


def _options(gateways: Iterable[str], knowledge: Iterable[Paths], all_traffic: bool) -> Any:
    from analyzer.pipeline import Options

    return Options(
        gateways=tuple(gateways),
        knowledge=tuple(Path(path) for path in knowledge),
        all_traffic=all_traffic,
    )


def __getattr__(name: str) -> Any:
    """Import :class:`Analysis` only when it is asked for: start-up is a feature."""
    if name == "Analysis":
        from analyzer.analysis.model import Analysis

        return Analysis
    msg = f"module 'analyzer' has no attribute '{name}'"
    raise AttributeError(msg)
