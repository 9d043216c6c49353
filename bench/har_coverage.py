"""How many entries of real captures each reader reads; writes docs/har-coverage.md.

    pip install haralyzer orjson
    python bench/har_coverage.py CORPUS/har > docs/har-coverage.md

CORPUS is a folder of captures of other projects, which is no part of this repository. Entries are
counted by the slow and tolerant reader of tests/har_count.py, which shares nothing with whichhop.
A reader is given what it asks for: the bytes of the file, without archives unpacked or byte-order
marks removed, since that is what a user has.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from har_count import entries  # noqa: E402 (its folder was put on the path just now)

Reader = Callable[[Path], int]
PRODUCERS = (
    # group in the table, beginning of log.creator.name in lower case
    ("Chrome, Edge", "webinspector"), ("Firefox, Firebug", "fire"), ("Safari", "webkit"),
    ("Playwright", "playwright"), ("mitmproxy", "mitmproxy"), ("Charles", "charles"),
    ("Fiddler", "fiddler"), ("Polly.JS", "polly"), ("WebPagetest", "webpagetest"),
    ("chrome-har, Browsertime", "chrome-har"), ("chrome-har, Browsertime", "browsertime"),
    ("Insomnia", "insomnia"), ("capture-har", "capture-har"),
)  # fmt: skip
TEXT = """# How much of real captures is read

Written by `bench/har_coverage.py` from {files} captures of public projects that hold {entries}
entries ({none} more files hold none and are left out). Entries are counted by a slow, tolerant
reader in `tests/har_count.py` that shares nothing with whichhop. *Read* is the number of entries
that a reader hands out one by one, with its request to be looked at; a file counts as *whole* if
all of its entries come. Every reader gets the file as a user has it: compressed, with a byte-order
mark, cut off. One compressed capture holds 551 of the entries, so that the files that are plain
JSON are counted apart.

## Readers

{readers}
What whichhop does not turn into a row it names: {located} entries are located problems (record and
reason), {rows} are rows. An entry that is only a request, without any response, is a problem and no
attempt: nothing is known of how it ended.

## By producer

Entries read, of all entries. The producer is what the log itself names.

{producers}
## Where readers lose entries

{losses}
## What is made of them

Rows say more than a JSON reader can: a body that was unpacked (Polly's chunks, base64, gzip), a
stream whose end was looked at, messages of a WebSocket, a client's error.

{made}"""


@dataclass
class Score:
    """What one reader did."""

    read: int = 0
    plain: int = 0
    """Entries of files that are neither compressed nor YAML."""
    whole: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    by_producer: Counter[str] = field(default_factory=Counter)


def whichhop(path: Path) -> int:
    """Return rows and located problems."""
    from analyzer.ingest import capture

    problems: list[Any] = []
    frame = capture.read_frame([str(path)], problems=problems)
    located = [p for p in problems if p.record is not None and p.kind != "truncated"]
    return frame.height + sum(problem.count for problem in located)


def with_haralyzer(path: Path) -> int:
    """Return entries of haralyzer that say method and status."""
    from haralyzer import HarParser

    with path.open(encoding="utf-8") as stream:
        parser = HarParser(json.load(stream))
    found = [entry for page in parser.pages for entry in page.entries]
    if not found and parser.har_data.get("entries"):
        found = parser.har_data["entries"]
    return sum(1 for entry in found if _told(entry))


def _told(entry: Any) -> bool:
    request, response = entry["request"], entry["response"]
    return bool(request["method"]) and response["status"] is not None


def with_json(path: Path) -> int:
    """Read with the standard library, as strict as it comes."""
    return _looked_at(json.loads(path.read_bytes()))


def with_orjson(path: Path) -> int:
    """Read with orjson."""
    import orjson

    return _looked_at(orjson.loads(path.read_bytes()))


def _looked_at(value: Any) -> int:
    listed = value["log"]["entries"]
    return sum(1 for entry in listed if entry["request"] is not None)


def with_polars(path: Path) -> int:
    """Read one row of nested structs, then explode its entries."""
    import polars as pl

    frame = pl.read_json(io.BytesIO(path.read_bytes()))
    listed = (
        frame.select(pl.col("log").struct.field("entries")).explode("entries").unnest("entries")
    )
    return listed.filter(pl.col("request").is_not_null()).height


READERS: tuple[tuple[str, Reader], ...] = (
    ("whichhop", whichhop), ("haralyzer", with_haralyzer), ("json (standard library)", with_json),
    ("orjson", with_orjson), ("pl.read_json", with_polars),
)  # fmt: skip


def attempt(reader: Reader, path: Path) -> tuple[int, str]:
    """Return how many entries a reader gave, and the name of what it raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reader(path), ""
    except BaseException as error:  # a panic of Rust is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return 0, type(error).__name__


def producer_of(path: Path) -> str:
    """Return the group of a capture's producer."""
    text = path.read_bytes()[:400_000].decode("utf-8", "replace")
    if path.suffix in (".zip", ".gz", ".zhar"):
        return "compressed (.zip .gz .zhar)"
    at = text.find("creator")
    near = text[at : at + 200].lower()
    for group, word in PRODUCERS:
        if f'"{word}' in near or f" {word}" in near:
            return group + (" (YAML)" if path.suffix == ".yaml" else "")
    return "others and hand-made"


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """Return a Markdown table, numbers to the right."""
    lines = [head, ("---", *["--:"] * (len(head) - 1)), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def measured(folder: Path) -> str:
    """Return the page."""
    every = sorted(path for path in folder.iterdir() if path.suffix != ".tsv")
    counts = {path: count for path in every if (count := len(entries(path) or ()))}
    paths = list(counts)
    groups = {path: producer_of(path) for path in paths}
    totals: Counter[str] = Counter()
    for path in paths:
        totals[groups[path]] += counts[path]
    scores = {name: Score() for name, _ in READERS}
    for path in paths:
        for name, reader in READERS:
            read, raised = attempt(reader, path)
            score = scores[name]
            score.read += min(read, counts[path])
            score.plain += min(read, counts[path]) if _is_plain(path) else 0
            score.whole += read == counts[path] and not raised
            score.by_producer[groups[path]] += min(read, counts[path])
            if read != counts[path] or raised:
                score.failed[raised or "gives fewer entries"] += 1
    return TEXT.format(
        files=len(paths),
        none=len(every) - len(paths),
        entries=sum(counts.values()),
        readers=_readers(scores, counts),
        producers=_producers(scores, totals),
        losses=_losses(scores),
        **_made(folder),
    )


def _readers(scores: dict[str, Score], counts: dict[Path, int]) -> str:
    every = sum(counts.values())
    plain = sum(count for path, count in counts.items() if _is_plain(path))
    rows = [
        (
            f"{name} {_version(name)}".strip(), score.read, f"{100 * score.read / every:.1f} %",
            f"{score.plain} of {plain}", f"{score.whole} of {len(counts)}",
        )
        for name, score in scores.items()
    ]  # fmt: skip
    head = ("Reader", "Entries read", "Of all", "In plain JSON files", "Files whole")
    return table(head, rows)


def _is_plain(path: Path) -> bool:
    return path.suffix in (".har", ".harp", ".json")


def _version(name: str) -> str:
    packages = {"haralyzer": "haralyzer", "orjson": "orjson", "pl.read_json": "polars"}
    return version(packages[name]) if name in packages else ""


def _producers(scores: dict[str, Score], totals: Counter[str]) -> str:
    rows = [
        (group, count, *(score.by_producer[group] for score in scores.values()))
        for group, count in sorted(totals.items())
    ]
    return table(("Producer", "Entries", *scores), rows)


def _losses(scores: dict[str, Score]) -> str:
    rows = [
        (name, ", ".join(f"{what} ({count})" for what, count in score.failed.most_common()) or "-")
        for name, score in scores.items()
    ]
    return table(("Reader", "What it raised, and in how many files"), rows).replace("--:", "---")


def _made(folder: Path) -> dict[str, Any]:
    import polars as pl

    from analyzer.ingest import capture

    problems: list[Any] = []
    frame = capture.read_frame([str(folder)], problems=problems)
    told = frame.select(
        pl.col("status").is_not_null().sum().alias("with a status"),
        pl.col("status").is_null().sum().alias("without an answer"),
        pl.col("started_at").is_not_null().sum().alias("with a time"),
        pl.col("body_kind").is_in(["absent"]).not_().sum().alias("with a recorded body"),
        pl.col("stream_state").is_not_null().sum().alias("with a stream that was understood"),
        pl.col("client_error").is_not_null().sum().alias("with a client's error"),
        pl.col("model").is_not_null().sum().alias("that ask a model"),
    ).row(0, named=True)
    located = [p for p in problems if p.record is not None and p.kind != "truncated"]
    return {
        "made": table(("Rows", "Number"), list(told.items())),
        "rows": frame.height,
        "located": sum(problem.count for problem in located),
    }


if __name__ == "__main__":
    print(measured(Path(sys.argv[1])), end="")
