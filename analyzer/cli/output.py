"""Where output goes: standard output, or a file that is written whole or not at all.

Everything is looked at once more for secrets before it leaves; if one is found, nothing is written.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from analyzer import paths, render
from analyzer.errors import Incomplete, UsageError, did_you_mean

if TYPE_CHECKING:
    from analyzer.analysis.model import Analysis
    from analyzer.pipeline import Result
    from analyzer.redact.secrets import SecretStore

SINKS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
COLORS = ("auto", "always", "never")
PROFILES = ("full", "comment")
_DEFAULT_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Look:
    """How text looks on this terminal."""

    width: int
    color: bool
    unicode: bool
    verbosity: int
    quiet: bool
    profile: str = "full"

    @classmethod
    def of(cls, color: str, verbose: int, quiet: int, profile: str = "full") -> Look:
        """Find out what the terminal can show, by its own word and the usual variables."""
        tty = sys.stdout.isatty()
        encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
        return cls(
            width=_width(tty),
            color=_color(color, tty),
            unicode=encoding.startswith("utf"),
            verbosity=verbose,
            quiet=quiet > 0,
            profile=profile,
        )


def _width(tty: bool) -> int:
    told = os.environ.get("COLUMNS", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    if not tty:
        return _DEFAULT_WIDTH
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _DEFAULT_WIDTH
    except OSError:
        return _DEFAULT_WIDTH


def _color(wanted: str, tty: bool) -> bool:
    if wanted != "auto":
        return wanted == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return tty or bool(os.environ.get("FORCE_COLOR"))


def check(
    format_: str,
    outputs: Sequence[Path],
    inputs: Sequence[str],
    color: str,
    profile: str = "full",
) -> None:
    """Raise UsageError for an output that cannot be written, before any work is done."""
    # To know that these two exist, not every renderer need be imported.
    if format_ not in ("text", "jsonl") and format_ not in (formats := _formats()):
        msg = f"--format {format_!r} is unknown.{did_you_mean(format_, formats)} "
        raise UsageError(msg + f"Known: {', '.join(formats)}")
    if color not in COLORS:
        msg = f"--color {color!r} is unknown. Known: {', '.join(COLORS)}"
        raise UsageError(msg)
    if profile not in PROFILES:
        msg = f"--profile {profile!r} is unknown. Known: {', '.join(PROFILES)}"
        raise UsageError(msg)
    for path in outputs:
        if path.suffix.lower() not in SINKS:
            render.for_suffix(path.suffix.lower())
    paths.writable(outputs, inputs)


def complete(result: Result, strict: bool) -> None:
    """Raise Incomplete if ``strict``, and anything in the inputs could not be read."""
    lost = sum(p.count for p in result.analysis.quality.problems if p.lost)
    if strict and lost:
        msg = f"{lost} records or files could not be read; see 'Data quality' in the report"
        raise Incomplete(msg)


def wants_rows(format_: str, paths: Iterable[Path]) -> bool:
    """Whether an output has every attempt, not only the failed ones."""
    return format_ in SINKS.values() or any(path.suffix.lower() in SINKS for path in paths)


def _formats() -> list[str]:
    return ["text", *(name for name in render.names() if name != "text"), "jsonl"]


def to_stdout(result: Result, format_: str, look: Look) -> None:
    """Write one format to standard output."""
    if format_ != "jsonl":
        report_to_stdout(result.analysis, format_, look, result.secrets)
        return
    for chunk in _jsonl(result):
        sys.stdout.buffer.write(chunk)
    sys.stdout.flush()


def to_file(result: Result, path: Path, profile: str = "full") -> None:
    """Write one file; the suffix decides the format."""
    kind = SINKS.get(path.suffix.lower())
    if kind is None:
        report_to_file(result.analysis, path, profile, result.secrets)
    elif kind == "parquet":
        _parquet(result, path)
    else:
        with replacing(path) as out:
            for chunk in _jsonl(result):
                out.write(chunk)


def report_to_stdout(
    analysis: Analysis, format_: str, look: Look, secrets: SecretStore | None = None
) -> None:
    """Write a report to standard output."""
    if format_ == "jsonl":
        msg = "a saved analysis holds no attempts; --format jsonl needs the logs themselves"
        raise UsageError(msg)
    text = (
        _text(analysis, look)
        if format_ == "text"
        else _report(render.for_format(format_), analysis, look.profile)
    )
    _guard(text, secrets, f"--format {format_}")
    data = (text if text.endswith("\n") else text + "\n").encode(
        sys.stdout.encoding or "utf-8", errors="backslashreplace"
    )
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def _text(analysis: Analysis, look: Look) -> str:
    from analyzer.render import terminal

    if look.quiet:
        return terminal.verdict_line(analysis, color=look.color, unicode=look.unicode)
    return terminal.render(
        analysis,
        width=look.width,
        color=look.color,
        unicode=look.unicode,
        verbosity=look.verbosity,
    )


def _report(renderer: render.Renderer, analysis: Analysis, profile: str) -> str:
    if renderer.name == "markdown":
        return renderer(analysis, profile=profile)
    return renderer(analysis)


def report_to_file(
    analysis: Analysis, path: Path, profile: str = "full", secrets: SecretStore | None = None
) -> None:
    """Write a report to a file; the suffix decides the format."""
    if path.suffix.lower() in SINKS:
        msg = f"-o {path.name}: a saved analysis holds no attempts; this needs the logs themselves"
        raise UsageError(msg)
    text = _report(render.for_suffix(path.suffix.lower()), analysis, profile)
    _guard(text, secrets, f"-o {path.name}")
    with replacing(path) as out:
        out.write(text.encode())


def text(finished: str, path: Path | None, secrets: SecretStore) -> None:
    """Write finished text to a file, or to standard output."""
    _guard(finished, secrets, f"-o {path.name}" if path else "the output")
    if path is not None:
        with replacing(path) as out:
            out.write(finished.encode())
        return
    sys.stdout.buffer.write(finished.encode())
    sys.stdout.flush()


def load(path: Path) -> Analysis:
    """Return a saved Analysis.

    Raises:
        UsageError: the file is missing or is no saved Analysis.
    """
    from pydantic import ValidationError

    from analyzer.analysis.model import Analysis

    try:
        return Analysis.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UsageError(msg) from None
    except (ValidationError, UnicodeDecodeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = ".".join(str(part) for part in first["loc"]) if first else ""
        what = f" ({where or 'document'}: {first['msg']})" if first else ""
        msg = f"{path} is no saved analysis{what}; write one with: analyze FILE -o {path.name}"
        raise UsageError(msg) from None


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside ``path`` that takes its place only when all has gone well."""
    handle, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _jsonl(result: Result) -> Iterator[bytes]:
    import io

    from analyzer import sink

    for frame in sink.lines(
        result.collected.spill, result.verdicts, result.joined, result.secrets.redact_series,
        result.settled,
    ):  # fmt: skip
        buffer = io.BytesIO()
        frame.write_ndjson(buffer)
        chunk = buffer.getvalue()
        _guard(chunk.decode(), result.secrets, "the JSON lines")
        yield chunk


def _parquet(result: Result, path: Path) -> None:
    from analyzer import sink

    secrets = result.secrets
    told = (
        result.collected.spill, result.verdicts, result.joined, secrets.redact_series
    )  # fmt: skip
    for frame in sink.lines(*told, result.settled):
        _guard(frame.write_ndjson(), secrets, f"-o {path.name}")
    with replacing(path) as out:
        sink.write_parquet(*told, out, result.settled)


def _guard(text: str, secrets: SecretStore | None, what: str) -> None:
    from analyzer.redact import scan
    from analyzer.redact.secrets import SecretStore

    # A saved analysis is clean by construction; the second look needs a store, but no secret of it.
    scan.guard(text, secrets or SecretStore(b"saved"), what)
