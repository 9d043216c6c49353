"""An nginx ``log_format``: the string taken apart, with what is wrong in it and where.

The string may be the bare one or a piece of nginx.conf: ``log_format name escape=json '…' '…';``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from analyzer import data
from analyzer.errors import ConfigError, did_you_mean
from analyzer.ingest.base import Reading
from analyzer.ingest.formats.logs.nginx_variables import ANY, SKIP, TAIL, TIMES, kind_of, touch

LIBRARY = "log_formats.yaml"
LONGEST = 8192
"""Characters of a format string; nginx reads no longer parameter either."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
_DIRECTIVE = re.compile(r"\s*(?:log_format|access_log_format)\s+(?!['\"])\S+\s+(?:escape=\w+\s+)?")
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""", re.DOTALL)
_ESCAPED = re.compile(r"""\\(["'\\trn])""")
_CONTROLS = {"t": "\t", "r": "\r", "n": "\n"}


@dataclass(frozen=True, slots=True)
class Part:
    """A variable of the format, or the text between two."""

    text: str
    """The text itself, or the variable's name without ``$``."""
    variable: bool = False
    at: int = 0
    """1-based place in the string."""


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A format string, taken apart: texts and variables in turn, beginning and ending with texts.

    ``touching`` ones have an empty text between them.
    """

    text: str
    parts: tuple[Part, ...]
    name: str = ""
    """Under which it is known; empty for a string that was given."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, in order."""
        return tuple(part.text for part in self.parts if part.variable)

    @property
    def title(self) -> str:
        """How it is called in messages."""
        return f"log_format '{self.name}'" if self.name else "the log_format given"


def given(reading: Reading) -> LogFormat | None:
    """Return the format that the user names or writes; ``None`` if there is none.

    Raises:
        ConfigError: there is no format of that name, or the string is none; says what is allowed.
    """
    told = reading.log_format
    return _given(told, tuple(sorted(reading.log_formats.items()))) if told is not None else None


@cache
def _given(told: str, own: tuple[tuple[str, str], ...]) -> LogFormat:
    if "$" in told:
        return parse(told)
    name = told.strip()
    mine: Mapping[str, str] = dict(own)
    if name in mine:
        return parse(mine[name], name)
    known = library()
    if name in known:
        return known[name]
    allowed = sorted({*mine, *known})
    msg = (
        f"--log-format: '{name[:80]}' is neither a log_format string (it has no $variable) nor the "
        f"name of one.{did_you_mean(name, allowed)} Known: {', '.join(allowed)}"
    )
    raise ConfigError(msg)


@cache
def library() -> Mapping[str, LogFormat]:
    """Return the common formats, by name."""
    import yaml

    text = (data.root("knowledge") / LIBRARY).read_text(encoding="utf-8")
    entries = yaml.safe_load(text)
    return {entry["name"]: parse(entry["format"], entry["name"]) for entry in entries}


def parse(text: str, name: str = "") -> LogFormat:
    """Take a format string apart.

    Raises:
        ConfigError: it lacks a time or the status, or two variables of which we cannot tell where
            one ends; says which variable, at which position, and what is allowed.
    """
    return _Checked(plain(text), name).format()


def assembled(parts: list[tuple[str, bool]], name: str = "") -> LogFormat:
    """Return the format of texts and variables (``True``); the texts may be missing or empty."""
    made: list[Part] = []
    for text, variable in parts:
        if made and made[-1].variable == variable:
            if not variable:
                made[-1] = Part(made[-1].text + text)
                continue
            made.append(Part(""))
        made.append(Part(text, variable))
    if made and made[0].variable:
        made.insert(0, Part(""))
    if made and made[-1].variable:
        made.append(Part(""))
    text = "".join(f"${part.text}" if part.variable else part.text for part in made)
    return LogFormat(text, tuple(made), name)


def plain(text: str) -> str:
    """Return the bare string of what may be a piece of nginx.conf."""
    directive = _DIRECTIVE.match(text)
    body = text[directive.end() :] if directive else text
    body = body.strip().removesuffix(";").rstrip() if directive or _is_quoted(body) else body
    if not directive and not _is_quoted(body):
        return text.strip("\r\n")
    pieces: list[str] = []
    at = 0
    while at < len(body):
        found = _QUOTED.match(body, at)
        if found is None:
            # A format without blanks needs no quotes.
            return body if not pieces else text
        inner = found[1] if found[1] is not None else found[2]
        pieces.append(_ESCAPED.sub(lambda one: _CONTROLS.get(one[1], one[1]), inner))
        at = found.end()
    return "".join(pieces)


def _is_quoted(text: str) -> bool:
    """Whether a text is nothing but quoted pieces, as in nginx.conf.

    ``"$time_local" "$request"`` may be a bare format as well, so that double quotes count only if
    quotes inside them are escaped.
    """
    body = text.strip().removesuffix(";").rstrip()
    if not body.startswith("'") and not (body.startswith('"') and '\\"' in body):
        return False
    at = 0
    while at < len(body):
        found = _QUOTED.match(body, at)
        if found is None:
            return False
        at = found.end()
    return True


class _Checked:
    """Reads one string and checks it on the way."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    def format(self) -> LogFormat:
        if len(self._text) > LONGEST:
            self._fail(1, f"it is longer than {LONGEST} characters", "Give the one format string.")
        parts = self._parts()
        made = LogFormat(self._text, tuple(parts), self._name)
        self._check_needed(made)
        for left, middle, right in zip(parts[1::2], parts[2::2], parts[3::2], strict=False):
            if not middle.text and not touch(left.text, right.text):
                self._fail(
                    right.at,
                    f"${left.text} and ${right.text} have nothing between them, so that nobody can "
                    "tell where one ends",
                    'Put a blank, a quote (") or key= between them, in nginx.conf as well; only '
                    "$host$request_uri, $uri$is_args$args and times and $status may touch.",
                )
        return made

    def _parts(self) -> list[Part]:
        parts: list[Part] = []
        at = 0
        for found in _VARIABLE.finditer(self._text):
            parts.append(Part(self._literal(at, found.start()), at=at + 1))
            parts.append(Part((found[1] or found[2]).lower(), True, found.start() + 1))
            at = found.end()
        parts.append(Part(self._literal(at, len(self._text)), at=at + 1))
        return parts

    def _literal(self, start: int, end: int) -> str:
        text = self._text[start:end]
        lone = text.find("$")
        if lone >= 0:
            self._fail(
                start + lone + 1,
                "'$' is followed by no variable name",
                "A variable is $name or ${name}: letters, digits and _.",
            )
        for code, meant in (("\n", "a line break"), ("\r", "a carriage return")):
            place = text.find(code)
            if place >= 0:
                self._fail(
                    start + place + 1,
                    f"there is {meant} in it",
                    "Give it as one line, or its pieces in single quotes as in nginx.conf.",
                )
        return text

    def _check_needed(self, made: LogFormat) -> None:
        names = made.variables
        if not set(names) & set(TIMES):
            wanted = ", ".join(f"${name}" for name in TIMES)
            self._fail(None, "it has no time", f"One of {wanted} is needed.")
        if "status" not in names:
            self._fail(None, "it has no $status", "Without it no failure can be told.")
        for name in {ANY, TAIL, SKIP} & set(names):
            self._fail(None, f"${name} is no variable of nginx", "Give the string of nginx.conf.")

    def _fail(self, at: int | None, what: str, hint: str) -> NoReturn:
        place = ""
        if at is not None:
            near = self._text[max(at - 13, 0) : at + 24].replace("\n", " ")
            place = f" at character {at} (near '{near}')"
        whose = f"log_format '{self._name}'" if self._name else "log_format"
        raise ConfigError(f"{whose}: {what}{place}. {hint}")


def kinds_of(made: LogFormat) -> str:
    """Return the variables of a format with what they look like: for people."""
    return ", ".join(f"${name} ({kind_of(name).says})" for name in made.variables)
