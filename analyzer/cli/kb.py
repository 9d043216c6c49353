"""``analyze kb …``: look at the knowledge base, check it, lock it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from analyzer.engine.knowledge import KnowledgeBase
    from analyzer.engine.rule import Rule

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The rules: list them, read one, check a directory of them.",
)

Knowledge = Annotated[
    list[Path] | None,
    typer.Option("--knowledge", metavar="DIR", help="Directory of your own rules. Repeatable."),
]
Directory = Annotated[
    Path | None, typer.Argument(metavar="[DIR]", help="Default: the packaged knowledge.")
]


@app.command("list")
def list_rules(
    layer: Annotated[str | None, typer.Option(help="Only rules that name this layer.")] = None,
    cause: Annotated[str | None, typer.Option(help="Only rules that name this cause.")] = None,
    knowledge: Knowledge = None,
) -> None:
    """List the rules: id, layer, cause, confidence, tier, title."""
    from analyzer import vocabulary
    from analyzer.engine.rule import BEHIND

    _one_of("--layer", layer, (*vocabulary.LAYER_WORDS, BEHIND))
    _one_of("--cause", cause, vocabulary.CAUSE_WORDS)
    found = [
        rule
        for rule in _load(knowledge).rules
        if layer in (None, rule.layer) and cause in (None, rule.cause)
    ]
    rows = [("ID", "LAYER", "CAUSE", "CONFIDENCE", "TIER", "TITLE")]
    rows += [(r.id, r.layer, r.cause, r.confidence, r.tier, r.title) for r in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@app.command()
def show(
    rule_id: Annotated[str, typer.Argument(metavar="ID")], knowledge: Knowledge = None
) -> None:
    """Show one rule: its verdict, what it matches on, and its prose."""
    from analyzer.errors import UsageError, did_you_mean

    kb = _load(knowledge)
    rule = kb.rule(rule_id)
    if rule is None:
        near = did_you_mean(rule_id, [one.id for one in kb.rules])
        raise UsageError(f"there is no rule '{rule_id}'.{near}")
    typer.echo("\n".join(_page(rule)))


@app.command()
def lint(directory: Directory = None) -> None:
    """Check rule files; exit 1 if there are errors."""
    from analyzer.engine.lint import ERROR, run
    from analyzer.engine.lint.catalogue import read

    catalogue = read(_directory(directory))
    issues = run(catalogue)
    for issue in issues:
        typer.echo(str(issue))
    errors = sum(issue.severity == ERROR for issue in issues)
    warnings = len(issues) - errors
    typer.echo(f"{len(catalogue.files)} rules, {errors} errors, {warnings} warnings", err=True)
    if errors:
        raise typer.Exit(1)


@app.command()
def lock(directory: Directory = None) -> None:
    """Write lock.json, which records the revision and the fingerprint of every rule."""
    from analyzer.engine import lock as locking
    from analyzer.engine.lint.catalogue import read
    from analyzer.errors import ConfigError

    root = _directory(directory)
    catalogue = read(root)
    problems = [str(problem) for file in catalogue.files for problem in file.problems]
    for file in catalogue.files:
        complaint = (
            locking.complaint(file.rule, (catalogue.lock or {}).get(file.rule.id))
            if (file.rule)
            else ""
        )
        if complaint:
            problems.append(f"{file.locate('rev')}: {complaint}")
    if problems:
        raise ConfigError("\n".join(["nothing was locked:", *problems]))
    path = root / locking.FILE
    rules = catalogue.rules
    path.write_text(locking.dump(locking.make(rules.values())), encoding="utf-8", newline="\n")
    typer.echo(f"{path}: {len(rules)} rules")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a rule's front matter."""
    from analyzer.engine import schema as schemas

    typer.echo(schemas.dump(), nl=False)


def _load(knowledge: list[Path] | None) -> KnowledgeBase:
    from analyzer import data
    from analyzer.engine.load import load

    kb = load(data.root("knowledge"), tuple(knowledge or ()))
    for problem in kb.problems:
        typer.echo(f"analyze: {problem.message}", err=True)
    return kb


def _directory(directory: Path | None) -> Path:
    from analyzer import data
    from analyzer.errors import UsageError

    if directory is None:
        return data.root("knowledge")
    if not directory.is_dir():
        raise UsageError(f"{directory}: no such directory")
    return directory


def _one_of(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    from analyzer.errors import UsageError, did_you_mean

    if value is not None and value not in allowed:
        near = did_you_mean(value, allowed)
        raise UsageError(f"{option} '{value}' is not one of {', '.join(allowed)}.{near}")


def _page(rule: Rule) -> list[str]:
    facts = {
        "verdict": f"{rule.layer} / {rule.cause}, emitted by {rule.emitted_by}",
        "confidence": f"{rule.confidence}, tier {rule.tier}, severity {rule.severity}",
        "billing": f"{rule.billing_expected}: {rule.billing_why}",
        "retry": ": ".join(t for t in (rule.retry_advice, rule.retry_why) if t),
        "matches on": ", ".join(_fields(rule)),
        "requires": ", ".join(call.key for call in rule.requires),
        "raised by": ", ".join(call.key for call in rule.raises),
        "lowered by": ", ".join(call.key for call in rule.lowers),
        "supersedes": ", ".join(rule.supersedes),
        "file": rule.source,
    }
    lines = [f"{rule.id}@{rule.rev}  {rule.title}", ""]
    lines += [f"{name + ':':12} {text}" for name, text in facts.items() if text]
    for heading, text in rule.sections.items():
        lines += ["", f"## {heading}", "", text]
    if rule.references:
        lines += ["", "## References", ""]
        lines += [f"- {item.url} (read {item.date})" for item in rule.references]
    return lines


def _fields(rule: Rule) -> list[str]:
    from analyzer.engine import tree

    return list(dict.fromkeys(leaf.field for leaf in tree.leaves(tree.read(rule.match))))
