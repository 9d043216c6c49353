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
from analyzer.engine.support import Support
from analyzer.ingest import detect
from analyzer.render import claims
from analyzer.render.json import schema_text
from analyzer.render.weekly import csv as weekly_csv
from analyzer.render.weekly import json as weekly_json
from analyzer.ticket import schema as ticket_schema

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
    weekly = [(f"`{name}`", meaning) for name, _, meaning in weekly_csv.COLUMNS]
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
        f"{_table(('Column', 'Meaning'), claimed)}\n"
        "## Weekly report\n\n"
        "`analyze weekly FILE... -o week.json`: [schema/weekly.schema.json](schema/weekly.schema.json). "
        "`-o week.csv` has one row per model, all models first ([what the figures mean](weekly.md)):\n\n"
        f"{_table(('Column', 'Meaning'), weekly)}"
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
        'fail_on = ["success<99.5"]\n\n[tool.whichhop.slo]\ndefault = 99.5\n"claude-sonnet-5" = 99.9\n```\n'
    )


_TICKETS = """\
`analyze ticket PARTY FILE...` writes the text to send to one party about its failures: Markdown, with
`--plain` text for forms and mail, with `--json` a document
([schema/ticket.schema.json](schema/ticket.schema.json)); `-o FILE` takes the form from the suffix. It reads
the same inputs, with the same options, as `analyze run`; with a usage export beside the log the ticket says
what was charged. The subject has at most 100 characters and the words of the verdict, the body at most 60
lines with at most 5 requests spread over the window, all times in UTC with their offset.

**Which failures.** Those that arose at the party; else those that it answered though they arose elsewhere;
else those that passed through it or were answered at its own host by somebody unknown. The ticket says which
("we think this arose at: ..."). The rest is counted under *Also*. `gateway` is the operator of the gateway
with most failures of its own, or of `--gateway HOST`: one operator is not told of another. `cloudflare` is
about one host, since Cloudflare helps the owner of a zone. `client` is the program that the failures of layer
client came from. If none of the failures is the party's, nothing is written, the message says where they
arose, and the exit code is 3; so it is where nothing failed.

**What never leaves.** Keys, cookies and `Authorization` are redacted in all outputs. A ticket has no prompts
and no completions, and no option adds them: of a body it has type, code and message, and a quoted passage of
more than 32 characters is left out of the message (what an error repeats without quotation marks cannot be
told from its own words: read a ticket before you send it). It has no names of files; hosts of private networks,
ids of users, and ids that another party gave are left out; a host and a path are given only to who serves
them (a public tracker gets the hosts of known services). A gateway that only your own profile names is
called "a gateway of ours" to others. Ids that do not look like one are left out. What the receiver does not
need is said on stderr instead: where to send it, what never to add, and where in your files the samples are.

**Missing** lists what the capture does not hold and where a person finds it. Fetch that before sending.

**Your own.** `support.yaml` in a directory given with `--knowledge` adds or replaces parties; a gateway
profile (`gateways/NAME.yaml`) says under `support` what its operator needs: `send`, `never`, `note`, `url`
and `date` of the page, `fields` (`{name, from}`) and `missing` (`{what, how}`); its `request_id_headers` are
the ids. `analyze kb lint DIR` shows the line of a mistake.

Ids marked *general knowledge* were not seen on a page of the party. *Own host only* ids are given only where
the party's own host was asked: behind a gateway the same header may be the gateway's.
"""


def tickets_page() -> str:
    """Return docs/tickets.md."""
    known = Support(load.load(data.root("knowledge"), ()).data)
    parties: list[tuple[str, ...]] = [
        (
            f"`{party.party}`",
            party.name,
            "; ".join(
                f"{one.name}{'' if one.known == 'documented' else ' (general knowledge)'}"
                f"{f' like `{one.shape}`' if one.shape else ''}"
                f"{', own host only' if one.direct else ''}"
                for one in party.ids
            )
            or f"none: {party.no_ids}",
            ", ".join(one.name for one in party.fields) or "none",
            "; ".join(
                one.what + (f" ({one.client})" if one.client else "") for one in party.missing
            ),
            "; ".join(party.never),
            " ".join(f"{one.url} ({one.date})" for one in party.references) or "none",
        )
        for party in known.parties.values()
    ]
    head = ("Party", "Name", "Ids, best first", "Fields", "To fetch", "Never", "Sources (read)")
    return f"# Tickets\n\n{NOTE}\n{_TICKETS}\n## Parties\n\n{_table(head, parties)}"


def ticket_schema_page() -> str:
    """Return docs/schema/ticket.schema.json."""
    return ticket_schema.schema_text()


def schema_page() -> str:
    """Return docs/schema/analysis.schema.json."""
    return schema_text()


def weekly_schema_page() -> str:
    """Return docs/schema/weekly.schema.json."""
    return weekly_json.schema_text()


PAGES: dict[str, Callable[[], str]] = {
    "columns.md": columns_page,
    "vocabulary.md": vocabulary_page,
    "output.md": output_page,
    "configuration.md": configuration_page,
    "formats.md": formats_page,
    "schema/analysis.schema.json": schema_page,
    "schema/weekly.schema.json": weekly_schema_page,
    "schema/ticket.schema.json": ticket_schema_page,
    "tickets.md": tickets_page,
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
