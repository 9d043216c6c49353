"""The line that writes the ticket to whoever the verdict names."""

from __future__ import annotations

from analyzer.analysis.model import Analysis

_UPSTREAM = {
    "OpenAI": "openai", "Anthropic": "anthropic", "Google": "google", "Azure OpenAI": "azure",
    "Amazon Bedrock": "bedrock",
}  # fmt: skip
_GATEWAY = {"OpenRouter": "openrouter"}
_EDGE = {"Cloudflare": "cloudflare"}
"""Who has an entry of its own in ``support.yaml``, by the name that verdicts use."""


def party(analysis: Analysis) -> str | None:
    """Return the word of ``analyze ticket`` for the party of the verdict, if it can get one."""
    layer, name = analysis.verdict.layer, analysis.verdict.party or ""
    if layer == "upstream":
        return _UPSTREAM.get(name)
    if layer == "edge":
        return _EDGE.get(name)
    return _GATEWAY.get(name, "gateway") if layer == "gateway" else None


def command(analysis: Analysis) -> str | None:
    """Return the command that writes the ticket; ``None`` where nobody gets one."""
    word, told = party(analysis), analysis.method.command
    program, _, rest = told.partition(" ")
    rest = rest.removeprefix("run ")
    if word is None or program != "analyze" or not rest or "\n" in rest:
        return None
    whole = f"analyze ticket {word} {rest}"
    # A report's own output is not where the ticket goes.
    return brief(whole) if {"-o", "--output"} & set(rest.split()) else whole


def brief(command: str) -> str:
    """Return the command with ``FILE...`` for its inputs and options."""
    return " ".join([*command.split(" ")[:3], "FILE..."])
