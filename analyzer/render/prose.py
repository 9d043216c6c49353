"""The prose of the knowledge base, which is Markdown with names from logs filled in.

Since a model or host name may be an attack, the Markdown is parsed once by markdown-it with raw
HTML, images and autolinks off, and written again as HTML or as Markdown. A link survives only if
its target is one of the references of the rule, so text from a log never becomes a link.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from analyzer.render import md

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_CODE = re.compile(r"`([^`\n]+)`")
_OFF = [
    "image",
    "autolink",
    "html_inline",
    "html_block",
    "reference",
    "heading",
    "lheading",
    "hr",
    "entity",
]


def allowed(urls: Sequence[str]) -> frozenset[str]:
    """Return the targets that may become links: https only, without characters that need care."""
    return frozenset(url for url in urls if re.fullmatch(r"https://[\w.~:/?#@!$&*+,;=%-]+", url))


def to_html(text: str, links: Collection[str] = ()) -> str:
    """Return prose as HTML blocks; everything that is not Markdown markup is escaped."""
    out: list[str] = []
    for token in _parser().parse(text):
        if token.type == "inline":
            out.append(_inline_html(token.children or [], links))
        elif token.type in ("fence", "code_block"):
            out.append(f"<pre><code>{escape(token.content)}</code></pre>")
        elif token.tag and not (token.hidden and token.type.startswith("paragraph")):
            out.append(f"<{'/' if token.nesting < 0 else ''}{token.tag}>")
    return "".join(out)


def _inline_html(tokens: Sequence[Token], links: Collection[str]) -> str:
    out: list[str] = []
    url = ""
    for token in tokens:
        if token.type == "link_open":
            url = str(token.attrGet("href"))
            out.append(f'<a href="{escape(url)}" rel="noreferrer">' if url in links else "")
        elif token.type == "link_close":
            out.append("</a>" if url in links else f" ({escape(url)})")
        elif token.type == "code_inline":
            out.append(f"<code>{escape(token.content)}</code>")
        elif token.type in ("softbreak", "hardbreak"):
            out.append("\n")
        elif token.tag:
            out.append(f"<{'/' if token.nesting < 0 else ''}{token.tag}>")
        else:
            out.append(escape(token.content))
    return "".join(out)


def to_markdown(text: str, links: Collection[str] = ()) -> str:
    """Return prose as Markdown that cannot ping, link or break out of its place."""
    return "\n\n".join(_blocks(_parser().parse(text), links))


def _blocks(tokens: Sequence[Token], links: Collection[str]) -> Iterator[str]:
    lists: list[tuple[str, int]] = []
    items: list[str] = []
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append((token.tag, int(token.attrGet("start") or 1)))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
            if not lists and items:
                yield "\n".join(items)
                items = []
        elif token.type == "list_item_open" and lists and lists[-1][0] == "ol":
            lists[-1] = ("ol", lists[-1][1] + 1)
        elif token.type in ("inline", "fence", "code_block"):
            code = token.type != "inline"
            body = md.fence(token.content) if code else _inline_md(token.children or [], links)
            if not lists:
                yield body
            else:
                items.append(_item(body, lists))


def _item(body: str, lists: Sequence[tuple[str, int]]) -> str:
    kind, number = lists[-1]
    mark = f"{number - 1}. " if kind == "ol" else "- "
    indent = "   " * (len(lists) - 1)
    return indent + mark + body.replace("\n", "\n" + indent + " " * len(mark))


def _inline_md(tokens: Sequence[Token], links: Collection[str]) -> str:
    out: list[str] = []
    url = ""
    for token in tokens:
        if token.type == "link_open":
            url = str(token.attrGet("href"))
            out.append("[" if url in links else "")
        elif token.type == "link_close":
            out.append(f"]({url})" if url in links else f" ({md.code(url)})")
        elif token.type == "code_inline":
            out.append(md.code(token.content))
        elif token.type in ("softbreak", "hardbreak"):
            out.append(" ")
        elif token.type in ("strong_open", "strong_close"):
            out.append("**")
        elif token.type in ("em_open", "em_close"):
            out.append("*")
        else:
            out.append(md.escape(token.content))
    return "".join(out)


def line_html(text: str) -> str:
    """Return one sentence of the knowledge base as HTML: only code spans are markup."""
    return "".join(
        f"<code>{escape(part)}</code>" if is_code else escape(part)
        for part, is_code in _spans(text)
    )


def line_markdown(text: str) -> str:
    """Return one sentence of the knowledge base as Markdown: only code spans are markup."""
    return "".join(md.code(part) if is_code else md.escape(part) for part, is_code in _spans(text))


def _spans(text: str) -> Iterator[tuple[str, bool]]:
    done = 0
    for match in _CODE.finditer(text):
        yield text[done : match.start()], False
        yield match.group(1), True
        done = match.end()
    yield text[done:], False


def _parser() -> MarkdownIt:
    # Imported here: the terminal summary must not pay for it.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "linkify": False}).disable(_OFF)
