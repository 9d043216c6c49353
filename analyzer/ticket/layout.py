"""A ticket as plain text, as Markdown and as JSON, within its budget of lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from analyzer.analysis.evidence import lasted
from analyzer.render import md
from analyzer.render.text import ELLIPSIS, clip, wrap
from analyzer.ticket import facts
from analyzer.ticket.model import BODY_LINES, Lack, Sample, Section, Ticket

SCHEMA_VERSION = "1.0"
WIDTH = 78
_LABEL = 15
_REQUESTS = "Request ids"
_MISSING = "Missing"
_FEWEST = 5
"""Lines that the missing list keeps, however much the rest takes."""


def cut(text: str, chars: int) -> str:
    """Return ``text`` in ``chars`` characters, cut between words where that loses little."""
    if len(text) <= chars:
        return text
    head = text[: max(0, chars - 1)]
    space = head.rfind(" ")
    return (head[:space] if space > len(head) * 0.6 else head).rstrip(" ,;:") + ELLIPSIS


def plain(
    sections: Sequence[Section], samples: Sequence[Sample], missing: Sequence[Lack]
) -> list[str]:
    """Return the body as lines of plain text."""
    lines: list[str] = []
    for section in sections:
        lines += _labelled(section)
        if section.label == _REQUESTS:
            lines += [clip(line, WIDTH) for line in _sample_lines(samples)]
    lines = lines[: BODY_LINES - _FEWEST]
    return lines + _missing(missing, BODY_LINES - len(lines))


def _labelled(section: Section) -> list[str]:
    room = WIDTH - _LABEL
    body = [line for text in section.texts for line in wrap(text, room, most=section.most)]
    heads = [section.label, *[""] * (len(body) - 1)]
    return [f"{head:<{_LABEL}}{line}" for head, line in zip(heads, body, strict=False)]


def _sample_lines(samples: Sequence[Sample]) -> list[str]:
    lines = []
    for number, sample in enumerate(samples, 1):
        lines.append(f"  {number}. {'  '.join(_told(sample))}")
        lines += [f"     {name}: {value}" for name, value in sample.ids]
    return lines


def _told(sample: Sample) -> list[str]:
    status = "no answer" if sample.status is None else str(sample.status)
    took = f"after {lasted(sample.duration_ms)}" if sample.duration_ms is not None else ""
    told = [facts.moment(sample.time, sample.precision_ms), status, took, sample.model or ""]
    return [part for part in told if part]


def _missing(missing: Sequence[Lack], room: int) -> list[str]:
    lines: list[str] = []
    for number, lack in enumerate(missing):
        head = f"{'' if lines else _MISSING:<{_LABEL}}"
        body = wrap(f"- {lack.what}: {lack.how}", WIDTH - _LABEL - 2, most=3)
        told = [head + body[0], *(f"{'':<{_LABEL}}  {line}" for line in body[1:])]
        last = number == len(missing) - 1
        if len(lines) + len(told) > room - (0 if last else 1):
            rest = len(missing) - number
            return [*lines, f"{head}- and {rest} more: --json has all of them"]
        lines += told
    return lines


def as_plain(ticket: Ticket) -> str:
    """Return the ticket as plain text: subject, empty line, body."""
    return "\n".join([f"Subject: {ticket.subject}", "", *ticket.lines]) + "\n"


def as_markdown(ticket: Ticket) -> str:
    """Return the ticket as Markdown; names and texts of logs stay text in it."""
    body: list[str] = []
    for section in ticket.sections:
        body += _items(section)
        if section.label == _REQUESTS:
            body += [f"  {line}" for line in _sample_items(ticket.samples)]
    body = body[: BODY_LINES - _FEWEST]
    room = BODY_LINES - len(body) - 1
    if ticket.missing:
        body.append(f"- **{_MISSING}**")
        shown = ticket.missing if len(ticket.missing) <= room else ticket.missing[: room - 1]
        body += [f"  - {md.escape(lack.what)}: {_prose(lack.how)}" for lack in shown]
        if len(shown) < len(ticket.missing):
            body.append(f"  - and {len(ticket.missing) - len(shown)} more: --json has all of them")
    return "\n".join([f"**{md.escape(ticket.subject)}**", "", *body]) + "\n"


def _items(section: Section) -> list[str]:
    if not section.texts:
        return []
    head = f"- **{section.label}**"
    if len(section.texts) == 1:
        return [f"{head}: {md.escape(section.texts[0])}"]
    return [head, *(f"  - {md.escape(text)}" for text in section.texts)]


def _sample_items(samples: Sequence[Sample]) -> list[str]:
    return [
        f"{number}. {', '.join(map(md.escape, _told(sample)))}"
        + "".join(f"; {md.escape(name)} {md.code(value)}" for name, value in sample.ids)
        for number, sample in enumerate(samples, 1)
    ]


def _prose(text: str) -> str:
    return md.escape(text)


def as_json(ticket: Ticket) -> str:
    """Return the ticket as one JSON document."""
    return json.dumps(document(ticket), indent=2, ensure_ascii=True) + "\n"


def document(ticket: Ticket) -> dict[str, Any]:
    """Return what :func:`as_json` writes; file names of the sender are not in it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "party": ticket.party,
        "name": ticket.name,
        "why": ticket.why,
        "subject": ticket.subject,
        "body": list(ticket.lines),
        "failed": ticket.failed,
        "first": _iso(ticket.first),
        "last": _iso(ticket.last),
        "answers": dict(ticket.codes),
        "samples": [
            {
                "time": _iso(sample.time),
                "precision_ms": sample.precision_ms,
                "status": sample.status,
                "model": sample.model,
                "duration_ms": sample.duration_ms,
                "ids": [{"name": name, "value": value} for name, value in sample.ids],
            }
            for sample in ticket.samples
        ],
        "missing": [{"what": lack.what, "how": lack.how} for lack in ticket.missing],
        "send_to": list(ticket.send_to),
        "never": list(ticket.never),
        "note": ticket.note,
    }


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="milliseconds")
