"""User agents of clients that call LLM APIs, some sixty of them: programs have many versions."""

from __future__ import annotations

_VERSIONS = {
    "OpenAI/Python {}": (
        "1.30.5",
        "1.35.13",
        "1.40.8",
        "1.47.1",
        "1.51.2",
        "1.54.4",
        "1.58.1",
        "1.66.3",
        "1.75.0",
        "2.6.1",
    ),
    "AsyncOpenAI/Python {}": (
        "1.40.8",
        "1.51.2",
        "1.58.1",
        "1.75.0",
        "2.6.1",
    ),
    "OpenAI/JS {}": (
        "4.52.7",
        "4.67.3",
        "4.77.0",
        "4.96.2",
        "5.8.2",
        "6.7.0",
    ),
    "Anthropic/Python {}": (
        "0.28.1",
        "0.36.2",
        "0.40.0",
        "0.49.0",
        "0.64.0",
        "0.72.0",
    ),
    "AsyncAnthropic/Python {}": (
        "0.40.0",
        "0.64.0",
        "0.72.0",
    ),
    "Anthropic/JS {}": (
        "0.27.3",
        "0.32.1",
        "0.39.0",
        "0.55.0",
        "0.68.0",
    ),
    "claude-cli/{} (external, cli)": (
        "1.0.88",
        "1.0.128",
        "2.0.8",
        "2.0.31",
        "2.0.42",
    ),
    "litellm/{}": (
        "1.55.8",
        "1.72.6",
        "1.79.1",
    ),
    "python-httpx/{}": (
        "0.26.0",
        "0.27.2",
        "0.28.1",
    ),
    "Python/{}": (
        "3.11 aiohttp/3.9.5",
        "3.12 aiohttp/3.11.11",
    ),
    "python-requests/{}": (
        "2.31.0",
        "2.32.3",
    ),
    "axios/{}": (
        "1.6.8",
        "1.7.9",
    ),
    "okhttp/{}": ("4.12.0",),
    "Go-http-client/{}": (
        "1.1",
        "2.0",
    ),
    "curl/{}": (
        "7.88.1",
        "8.5.0",
        "8.11.1",
    ),
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) {}": (
        "Chrome/129.0.0.0 Safari/537.36",
        "Chrome/142.0.0.0 Safari/537.36",
    ),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) {}": (
        "Chrome/141.0.0.0 Safari/537.36",
        "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    ),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:{0}) Gecko/20100101 Firefox/{0}": ("144.0",),
}
AGENTS = tuple(
    program.format(version) for program, versions in _VERSIONS.items() for version in versions
)
