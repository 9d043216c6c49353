"""Writes the documentation that can be derived from the code; ``--check`` fails when it is stale."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl

from analyzer import columns, config, data, sink, vocabulary
from analyzer.analysis.model import SCHEMA_VERSION
from analyzer.columns import Column
from analyzer.engine import load, perspective
from analyzer.ingest import detect
from analyzer.render import claims
from analyzer.render.json import schema_text

DOCS = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py; edit the code it comes from, not this file. -->\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = [head, tuple("---" for _ in head), *rows]
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in cells]
    return "\n".join("| " + " | ".join(row) + " |" for row in escaped) + "\n"


def _columns(table: tuple[Column, ...]) -> str:
    rows = [
        (
            f"`{column.name}`",
            str(column.dtype),
            column.unit,
            column.doc,
            ", ".join(column.sources) or "computed",
        )
        for column in table
    ]
    return _table(("Column", "Type", "Unit", "Meaning", "Filled by"), rows)


def columns_page() -> str:
    """Return docs/columns.md."""
    return (
        f"# Canonical columns\n\n{NOTE}\n"
        "Every source becomes these tables (`analyzer/columns.py`). Every column always exists; where a "
        "source has nothing to say it is a typed null. Header columns `req_header.<name>` and "
        "`resp_header.<name>` (String, lower-case names, repeats joined with `, `) are made only for "
        "names that loaded rules and signals use.\n\n"
        f"## Attempts\n\n{_columns(columns.ATTEMPTS)}\n"
        f"## Usage\n\n{_columns(columns.USAGE)}\n"
        f"## Problems\n\n{_columns(columns.PROBLEMS)}"
    )


def vocabulary_page() -> str:
    """Return docs/vocabulary.md, with the table of layers that the rules and perspective give."""
    parts = [
        f"# Vocabulary\n\n{NOTE}\nClosed lists: nothing in rules, reports or JSON uses other words.\n"
    ]
    for name, terms in vocabulary.LISTS.items():
        family = any(term.family for term in terms)
        head = ("Word", *(("Family",) if family else ()), "Meaning", "Yes", "No")
        rows = [
            (
                f"`{term.word}`",
                *((term.family,) if family else ()),
                term.meaning,
                term.yes,
                term.no,
            )
            for term in terms
        ]
        parts.append(f"## {name}\n\n{_table(head, rows)}")
    parts.append(_layers())
    return "\n".join(parts)


def _layers() -> str:
    rules = load.load(data.root("knowledge"), ()).rules
    seen: dict[tuple[str, str, str], set[str]] = {}
    for rule in rules:
        seen.setdefault((rule.cause, rule.emitted_by, rule.layer), set()).add(rule.id)
    order = {word: number for number, word in enumerate(vocabulary.CAUSE_WORDS)}
    rows = [
        (
            f"`{cause}`",
            emitter,
            layer if layer != "behind" else "*behind*",
            *(" / ".join(_seen_from_client(layer, emitter, own)) for own in (False, True)),
            str(len(ids)),
        )
        for (cause, emitter, layer), ids in sorted(
            seen.items(), key=lambda item: (order[item[0][0]], item[0][1], item[0][2])
        )
    ]
    head = (
        "Cause",
        "Emitted by",
        "Rule's layer",
        "At a gateway's host: layer / emitted by",
        "At a provider's own host: layer / emitted by",
        "Rules",
    )
    return (
        "## Cause × emitter × perspective → layer\n\n"
        "What the shipped rules conclude, and what perspective makes of it for captures from the client's "
        "side: *behind* becomes upstream at a model provider's own host, else gateway; at a provider's own "
        "host its own proxies are the provider.\n\n" + _table(head, rows)
    )


def _seen_from_client(layer: str, emitter: str, own: bool) -> tuple[str, str]:
    """Return layer and emitter after perspective, as the engine's own expressions give them."""
    hop, host = pl.lit("client"), pl.lit(own)
    row = pl.select(
        perspective.layer(pl.lit(layer), hop, host).alias("layer"),
        perspective.emitted_by(pl.lit(emitter), hop, host).alias("emitted_by"),
    )
    return row["layer"][0], row["emitted_by"][0]


def output_page() -> str:
    """Return docs/output.md."""
    fields = [(f"`{name}`", meaning) for name, meaning in sink.FIELDS]
    claimed = [(f"`{name}`", meaning) for name, _, meaning in claims.COLUMNS]
    return (
        f"# JSON and JSON lines\n\n{NOTE}\n"
        f"## JSON lines, version {sink.JSONL_VERSION}\n\n"
        "`--format jsonl` and `-o x.jsonl` write one object per attempt, healthy ones too, in reading order; "
        "usage rows never. An absent value is `null`. `-o x.parquet` writes the same columns. A field that "
        "is renamed, removed or changes its meaning raises the major version; a new field the minor one.\n\n"
        f"{_table(('Field', 'Meaning'), fields)}\n"
        "## JSON\n\n"
        "`--format json` and `-o x.json` write the whole Analysis: "
        "[schema/analysis.schema.json](schema/analysis.schema.json), `schema_version` "
        f"{SCHEMA_VERSION}. `null` means not measured, never zero. "
        "`analyze render x.json -o x.html` shows it again without the logs.\n\n"
        "## Claim list\n\n"
        "`analyze claims LOG... USAGE... -o claims.csv` (or `.md`) lists the failed attempts that a usage "
        "export shows as charged although policy or rule lead one to expect that they are free: joined by "
        "an id, or as the only row that fits. Columns that FOCUS knows have its names. A cell that a "
        "spreadsheet would take for a formula begins with an apostrophe.\n\n"
        f"{_table(('Column', 'Meaning'), claimed)}"
    )


def formats_page() -> str:
    """Return docs/formats.md."""
    rows = [(f"`{item.name}`", item.title, item.hop, item.kind) for item in detect.formats()]
    return (
        f"# Formats\n\n{NOTE}\n"
        "An input's format is told by its first 64 KiB, never by its name; lines of another format in "
        "the same file are read as that format. Compressed, rotated and archived members are read like "
        "files. What a shipper puts around a line (syslog, journald, CRI, Docker, docker compose) is taken "
        "off first. `--hop GLOB=HOP` says which hop wrote an input, `--tz ZONE` gives the zone of times "
        "that name none, `--log-format` the nginx `log_format` of a text log, `--map` the columns of a "
        "table of your own.\n\n" + _table(("Format", "What it is", "Hop", "Holds"), rows)
    )


def configuration_page() -> str:
    """Return docs/configuration.md."""
    rows = [(f"`{key}`", meaning) for key, meaning in config.KEYS.items()]
    return (
        f"# Configuration\n\n{NOTE}\n"
        "A table `[tool.whichhop]` in `pyproject.toml`, or a file `whichhop.toml`, searched upward from the "
        "current folder to the root of the version control system; else `config.toml` in the user's "
        "configuration directory (`~/.config/whichhop`). Never beside the logs. `--config FILE` names one, "
        "`--no-config` reads none. The command line wins over the file; lists are joined.\n\n"
        f"{_table(('Key', 'Meaning'), rows)}\n"
        '```toml\n[tool.whichhop]\ngateways = ["llm.example"]\nknowledge = ["ops/whichhop"]\n'
        'fail_on = ["success<99.5"]\n```\n'
    )


def schema_page() -> str:
    """Return docs/schema/analysis.schema.json."""
    return schema_text()


PAGES: dict[str, Callable[[], str]] = {
    "columns.md": columns_page,
    "vocabulary.md": vocabulary_page,
    "output.md": output_page,
    "configuration.md": configuration_page,
    "formats.md": formats_page,
    "schema/analysis.schema.json": schema_page,
}


def main(check: bool) -> int:
    """Write the pages, or say which are stale."""
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'stale' if check else 'written'}: docs/{name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
