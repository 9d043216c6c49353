"""Analyses a log in this process: what came out of it, and how long the rules took.

    python bench/inside.py FILE [--log-format STRING]

Prints the requests, how many failed with which status from 400 on, the seconds of the whole run
(without start-up) and those of judging alone: every condition of every rule, evaluated.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import polars as pl

from analyzer import pipeline
from analyzer.engine import judge
from analyzer.ingest.base import Reading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--log-format")
    told = parser.parse_args()
    rules_s = 0.0
    judged = judge.judge

    def timed(*args: Any, **named: Any) -> Any:
        nonlocal rules_s
        began = time.perf_counter()
        try:
            return judged(*args, **named)
        finally:
            rules_s += time.perf_counter() - began

    judge.judge = timed
    reading = Reading(log_format=told.log_format)
    began = time.perf_counter()
    with pipeline.run([told.file], pipeline.Options(all_traffic=True, reading=reading)) as result:
        whole_s = time.perf_counter() - began
        answered = result.verdicts.filter(pl.col("status") >= 400)
        counts = answered.group_by("status").agg(pl.col("weight").sum()).iter_rows()
        print(
            json.dumps(
                {
                    "requests": result.collected.attempts,
                    "failed": {str(status): round(weight) for status, weight in counts},
                    "whole_s": whole_s,
                    "rules_s": rules_s,
                }
            )
        )


if __name__ == "__main__":
    main()
