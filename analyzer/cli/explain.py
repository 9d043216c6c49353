"""``analyze explain FILE RECORD``: why a rule fits an attempt, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli import options as shared

if TYPE_CHECKING:
    import polars as pl

    from analyzer.engine.explain import Explanation, Node
    from analyzer.pipeline import Result

_ASCII = {True: "yes", False: "no ", None: "?  "}


def explain(
    inputs: shared.Inputs,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="ID", help="Ask about this rule: why (not)?")
    ] = None,
    gateway: shared.Gateway = None,
    knowledge: shared.Knowledge = None,
    all_traffic: shared.AllTraffic = False,
    log_format: shared.LogFormat = None,
    zone: shared.Zone = None,
    hop: shared.Hop = None,
    mapping: shared.Mapping = None,
    config: shared.Config = None,
    no_config: shared.NoConfig = False,
) -> None:
    """Show every condition of the rules for one attempt: FILE... RECORD (or INPUT#RECORD)."""
    from analyzer import pipeline
    from analyzer.engine import explain as engine

    files, wanted_input, record = _target(inputs)
    told = shared.Told(
        gateway, knowledge, all_traffic, log_format, zone, hop, mapping, config, no_config
    )
    with pipeline.run(files, told.options(files, rows=True)) as result:
        attempt = _attempt(result, wanted_input, record)
        found = engine.explain(
            result.verdicts, result.collected.ledger, result.latency, result.knowledge,
            attempt, rule, redact=result.secrets.redact,
        )  # fmt: skip
        _print(_text(found, _row(result, attempt), result), result)


def _target(inputs: list[str]) -> tuple[list[str], str | None, int]:
    """Split ``FILE... RECORD`` or ``FILE... INPUT#RECORD``."""
    from analyzer.errors import UsageError

    *files, last = inputs
    name, mark, number = last.rpartition("#")
    if not files and mark and number.isdigit():
        return [name], None, int(number)
    if not files or not number.isdigit():
        msg = "say which attempt: analyze explain FILE RECORD, as in 'analyze explain logs.har 12'"
        raise UsageError(msg)
    return files, name or None, int(number)


def _attempt(result: Result, wanted: str | None, record: int) -> int:
    """Return the id of the failed attempt at a record."""
    import polars as pl

    from analyzer.errors import UsageError

    here = pl.col("record") == record
    if wanted is not None:
        here &= pl.col("input") == wanted
    found = result.verdicts.filter(here)
    if found.height == 1:
        return int(found["attempt_id"][0])
    if found.height > 1:
        places = ", ".join(f"{name}#{record}" for name in found["input"])
        msg = f"record {record} stands in several inputs; say which: {places}"
        raise UsageError(msg)
    seen = result.collected.spill.scan().filter(here).select("ok").collect()
    if seen.height:
        what = "succeeded" if seen["ok"][0] else "has no end in the capture, so it is not judged"
        msg = f"record {record} {what}; there is no failure to explain"
        raise UsageError(msg)
    raise UsageError(_no_such(result.verdicts, record))


def _no_such(failed: pl.DataFrame, record: int) -> str:
    places = [f"{row['input']}#{row['record']}" for row in failed.head(5).to_dicts()]
    some = f" Failed attempts are at: {', '.join(places)}" if places else " Nothing failed."
    return f"record {record} is no LLM attempt of these inputs.{some}"


def _row(result: Result, attempt: int) -> dict[str, Any]:
    import polars as pl

    return result.verdicts.row(by_predicate=pl.col("attempt_id") == attempt, named=True)


def _text(found: Explanation, row: dict[str, Any], result: Result) -> str:
    from analyzer.analysis.parties import Names, fill

    words = Names(result.facts.names()).words(row)
    shown = {name: result.secrets.redact(word) for name, word in words.items()}
    place = result.secrets.redact(f"{row['input']}#{row['record']}")
    lines = [f"{place}: {found.layer} / {found.cause}, rule {found.rule}, {found.confidence}"]
    lines += [f"  confidence: {step}" for step in found.confidence_steps]
    for part in found.rules:
        lines += ["", f"{part.relation}: {part.rule} ({part.tier})  {fill(part.title, shown)}"]
        lines.append(f"  {part.outcome}")
        for node in part.nodes:
            lines += _node(node, 1)
    return "\n".join(lines)


def _node(node: Node, depth: int) -> list[str]:
    import sys

    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    told = f"{'  ' * depth}{node.mark if unicode else _ASCII[node.holds]} {node.label}"
    if node.actual is not None:
        told += f"   (is: {node.actual})"
    return [told, *(line for child in node.children for line in _node(child, depth + 1))]


def _print(text: str, result: Result) -> None:
    from analyzer.redact import scan
    from analyzer.redact.text import visible

    shown = "\n".join(visible(line) for line in text.split("\n"))
    scan.guard(shown, result.secrets, "analyze explain")
    typer.echo(shown)
