"""The Jinja environment of the reports: sandboxed, strict, and never a module-level one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from analyzer import data, vocabulary
from analyzer.render import bills, charts, facts, prose, retries, steps, view, waterfall, windows
from analyzer.render import formatting as fmt

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_FORMATS: tuple[Callable[..., str], ...] = (
    fmt.number, fmt.rate, fmt.percent, fmt.duration, fmt.span, fmt.size, fmt.clock, fmt.stamp,
    fmt.iso, fmt.bin_width, fmt.window, fmt.count,
)  # fmt: skip


def environment(
    *, autoescape: bool, finalize: Callable[[Any], Any] | None = None
) -> SandboxedEnvironment:
    """Return an environment that finds the packaged templates; a misspelt name is an error."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    env = SandboxedEnvironment(
        loader=FileSystemLoader(data.root("reports"), encoding="utf-8"),
        autoescape=autoescape,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    env.filters.update({function.__name__: function for function in _FORMATS})
    env.filters.update(words=view.words, counted=view.counted, spoken=view.spoken)
    env.globals.update(
        view=view, facts=facts, bills=bills, retries=retries, steps=steps, fmt=fmt, charts=charts,
        waterfall=waterfall, windows=windows, money=fmt.money, allowed=prose.allowed, **_meanings(),
    )  # fmt: skip
    return env


def _meanings() -> dict[str, Callable[[str | None], str]]:
    def of(terms: tuple[vocabulary.Term, ...]) -> Callable[[str | None], str]:
        return lambda word: view.meaning(terms, word)

    return {
        "layer_meaning": of(vocabulary.LAYERS),
        "cause_meaning": of(vocabulary.CAUSES),
        "billing_meaning": of(vocabulary.BILLING),
        "basis_meaning": of(vocabulary.BILLING_BASIS),
    }
