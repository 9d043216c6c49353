"""Whole rows: places, parties, clients, and that the order of batches does not matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from analyzer import columns, signals, vocabulary
from analyzer.signals import model
from analyzer.signals.catalogue import SignalData
from analyzer.signals.rows import Signals

Build = Callable[..., pl.DataFrame]


def one(known: SignalData, more: dict[str, Any] | None = None, **row: Any) -> dict[str, Any]:
    row = {"method": "POST", "scheme": "https", "status": 200, **row, **(more or {})}
    frame = pl.DataFrame(
        {name: [value] for name, value in row.items()},
        schema={name: columns.dtype_of(name) or pl.Boolean() for name in row},
    )
    return signals.apply(frame, known).row(0, named=True)


HOST = "gw.example"


@pytest.mark.parametrize(
    ("method", "path", "endpoint"),
    [
        ("POST", "/v1/chat/completions", "chat"),
        ("POST", "/api/v1/chat/completions", "chat"),
        ("POST", "/openai/deployments/d/chat/completions", "chat"),
        ("POST", "/api/paas/v4/chat/completions", "chat"),
        ("POST", "/chat/completions", "chat"),
        ("POST", "/v1/chat/completions/x/y", "chat"),
        ("POST", "/v1/messages", "messages"),
        ("POST", "/anthropic/v1/messages", "messages"),
        ("POST", "/v1/messages/count_tokens", "count_tokens"),
        ("POST", "/v1/messages/batches", "batch"),
        ("GET", "/v1/messages", None),
        ("POST", "/v1/responses", "responses"),
        ("POST", "/backend-api/codex/responses", "responses"),
        ("POST", "/v1beta/models/g:generateContent", "generate"),
        ("POST", "/v1beta/models/g:streamGenerateContent", "generate"),
        ("POST", "/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict", "generate"),
        ("POST", "/v1beta/models/g:countTokens", "count_tokens"),
        ("POST", "/v1beta/models/g:embedContent", "embeddings"),
        ("POST", "/model/anthropic.claude-v2%3A1/converse-stream", "converse"),
        ("POST", "/model/x/invoke", "converse"),
        ("POST", "/v1/completions", "completions"),
        ("POST", "/v1/embeddings", "embeddings"),
        ("GET", "/v1/models", "models"),
        ("GET", "/v1beta/models", "models"),
        ("GET", "/v1/models/gpt-4o", None),
        ("POST", "/v1/models", None),
        ("POST", "/v1/images/generations", "images"),
        ("POST", "/v1/audio/transcriptions", "audio"),
        ("POST", "/v1/moderations", "moderations"),
        ("POST", "/v1/rerank", "rerank"),
        ("POST", "/v1/batches", "batch"),
        ("GET", "/v1/realtime", "realtime"),
        # other applications have such paths too
        ("POST", "/api/chat", None),
        ("POST", "/api/messages", None),
        ("GET", "/models", None),
        ("POST", "/v1/files", None),
        ("GET", "/blog/chat/completions-explained", None),
    ],
)
def test_endpoint_by_path_alone(
    known: SignalData, method: str, path: str, endpoint: str | None
) -> None:
    row = one(known, method=method, host=HOST, path=path)
    assert row["endpoint"] == endpoint
    assert row["llm"] is (endpoint is not None)
    assert endpoint is None or endpoint in vocabulary.words(vocabulary.ENDPOINTS)


@pytest.mark.parametrize(
    ("path", "endpoint"), [("/api/chat", "ollama"), ("/messages", "messages"), ("/x", "other")]
)
def test_a_speaking_body_makes_a_weak_path_enough(
    known: SignalData, path: str, endpoint: str
) -> None:
    row = one(known, {"llm_body": True}, host=HOST, path=path)
    assert (row["endpoint"], row["llm"]) == (endpoint, True)


@pytest.mark.parametrize(
    ("host", "path", "status", "problem"),
    [
        (HOST, "/v1/chat/completions", 503, None),
        (HOST, "/chat/completions", 404, "missing_version"),
        (HOST, "/chat/completions", 200, None),
        (HOST, "/v1/v1/chat/completions", 404, "doubled_version"),
        (HOST, "/v1/v1/messages", 404, "doubled_version"),
        (HOST, "/v1/chat/completions/chat/completions", 503, "doubled_endpoint"),
        (HOST, "/v1/chat/completions/v1/messages", 404, "doubled_endpoint"),
        (HOST, "/v1/chat/completions/models", 404, "doubled_endpoint"),
        ("api.deepseek.com", "/chat/completions", 402, None),
        ("app.rutaapi.com", "/v1/chat/completions", 503, "wrong_host"),
        ("rutaapi.com", "/v1/models", 503, "wrong_host"),
        ("api.rutaapi.com", "/v1/models", 503, None),
    ],
)
def test_base_url_problem(
    known: SignalData, host: str, path: str, status: int, problem: str | None
) -> None:
    method = "GET" if path.endswith("models") and "chat" not in path else "POST"
    row = one(known, method=method, host=host, path=path, status=status)
    assert row["base_url_problem"] == problem
    assert row["llm"] is True


@pytest.mark.parametrize(
    ("path", "name", "stream"),
    [
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", True),
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", False),
        ("/openai/deployments/my-gpt/chat/completions", "my-gpt", None),
        ("/model/anthropic.claude-v2%3A1/converse-stream", "anthropic.claude-v2:1", True),
        ("/model/anthropic.claude-v2%3A1/converse", "anthropic.claude-v2:1", False),
        ("/v1/chat/completions", None, None),
    ],
)
def test_what_the_path_says_of_the_model(
    known: SignalData, path: str, name: str | None, stream: bool | None
) -> None:
    row = one(known, host=HOST, path=path)
    assert (row["model"], row["stream"]) == (name, stream)


def test_the_bodys_model_wins(known: SignalData) -> None:
    assert one(known, host=HOST, path="/v1/models/a:generateContent", model="b")["model"] == "b"


@pytest.mark.parametrize(
    ("host", "provider", "own", "gateway"),
    [
        ("api.openai.com", "openai", True, None),
        ("API.OPENAI.COM.", "openai", True, None),
        ("api.openai.com:8443", "openai", True, None),
        ("evil-api.openai.com.example", None, False, None),
        ("xapi.openai.com", None, False, None),
        ("res.openai.azure.com", "azure", True, None),
        ("a.b.cognitiveservices.azure.com", "azure", True, None),
        ("openai.azure.com", None, False, None),
        ("evilopenai.azure.com", None, False, None),
        ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock", True, None),
        ("bedrock-runtime.a.b.amazonaws.com", None, False, None),
        ("us-central1-aiplatform.googleapis.com", "google", True, None),
        ("generativelanguage.googleapis.com", "google", True, None),
        ("localhost:11434", "ollama", True, None),
        ("localhost", None, False, None),
        ("openrouter.ai", None, False, "openrouter"),
        ("api.rutaapi.com", None, False, "rutaapi"),
        ("app.rutaapi.com", None, False, "rutaapi"),
        (None, None, None, None),
    ],
)
def test_parties_by_host(
    known: SignalData, host: str | None, provider: str | None, own: bool | None, gateway: str | None
) -> None:
    row = one(known, host=host, path="/v1/chat/completions")
    assert (row["provider"], row["provider_host"], row["gateway"]) == (provider, own, gateway)


@pytest.mark.parametrize(
    ("asked", "provider"),
    [
        ("gpt-4o", "openai"),
        ("o3-mini", "openai"),
        ("o365", None),
        ("anthropic/claude-sonnet-4.5", "anthropic"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic"),
        ("Gemini-2.5-Pro", "google"),
        ("deepseek/deepseek-r1:free", "deepseek"),
        ("grok-4", "xai"),
        ("glm-4.6", "zhipu"),
        ("my-own-model", None),
        (None, None),
    ],
)
def test_provider_by_model(known: SignalData, asked: str | None, provider: str | None) -> None:
    assert one(known, host=HOST, path="/v1/messages", model=asked)["provider"] == provider


def test_the_host_outweighs_the_model(known: SignalData) -> None:
    row = one(known, host="r.openai.azure.com", path="/openai/v1/responses", model="gpt-4o")
    assert row["provider"] == "azure"


@pytest.mark.parametrize(
    ("headers", "edge", "gateway"),
    [
        ({"resp_header.cf-ray": "8c-FRA", "server": "cloudflare"}, "cloudflare", None),
        ({"resp_header.x-amz-cf-id": "a=="}, "cloudfront", None),
        ({"resp_header.x-vercel-id": "fra1::x"}, "vercel", None),
        ({"resp_header.x-oneapi-request-id": "2026"}, None, "new-api"),
        ({"resp_header.x-litellm-call-id": "u"}, None, "litellm"),
        ({"resp_header.via": "1.1 vegur"}, "heroku", None),
        ({"resp_header.via": "1.1 other"}, None, None),
        ({"server": "nginx"}, None, None),
    ],
)
def test_parties_by_header(
    known: SignalData, headers: dict[str, str], edge: str | None, gateway: str | None
) -> None:
    row = one(known, headers, host=HOST, path="/v1/messages")
    assert (row["edge"], row["gateway"]) == (edge, gateway)


def test_a_providers_own_host_has_no_gateway(known: SignalData) -> None:
    headers = {"resp_header.x-kong-request-id": "k"}
    assert one(known, headers, host="api.mistral.ai", path="/v1/models")["gateway"] is None


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (
            {"user-agent": "claude-cli/2.0.1 (external, cli)", "x-stainless-lang": "js"},
            "claude-code",
        ),
        ({"x-claude-code-session-id": "s"}, "claude-code"),
        ({"originator": "codex_cli_rs", "user-agent": "x"}, "codex"),
        ({"user-agent": "GeminiCLI/0.9/gemini-2.5-pro (linux; x64)"}, "gemini-cli"),
        ({"http-referer": "https://cline.bot", "x-title": "Cline"}, "cline"),
        ({"user-agent": "Cline/3.1"}, "cline"),
        ({"http-referer": "https://www.continue.dev/"}, "continue"),
        ({"editor-version": "aider/0.86"}, "aider"),
        ({"user-agent": "AsyncOpenAI/Python 2.1.0", "x-stainless-lang": "python"}, "openai-python"),
        ({"user-agent": "OpenAI/JS 6.1.0"}, "openai-node"),
        ({"user-agent": "Anthropic/Python 0.70.0"}, "anthropic-python"),
        ({"x-stainless-lang": "python", "anthropic-version": "2023-06-01"}, "anthropic-python"),
        ({"x-stainless-lang": "js", "user-agent": "Mozilla/5.0"}, "openai-node"),
        ({"user-agent": "curl/8.5.0"}, "curl"),
        ({"user-agent": "Mozilla/5.0 (X11)"}, "browser"),
        ({"user-agent": "something"}, None),
        ({}, None),
    ],
)
def test_client(known: SignalData, headers: dict[str, str], client: str | None) -> None:
    sent = {f"req_header.{name}": value for name, value in headers.items()}
    assert one(known, sent, host=HOST, path="/v1/messages")["client"] == client


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("gpt-4o", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("claude-3-5-sonnet@20241022", "claude-3-5-sonnet"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
        ("anthropic/claude-3.5-sonnet", "claude-3-5-sonnet"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
        ("deepseek/deepseek-r1:free", "deepseek-r1"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("openrouter/anthropic/claude-opus-4.1", "claude-opus-4-1"),
        ("mistral-large-2407", "mistral-large-2407"),
        ("latest", "latest"),
        ("models/", "models/"),
        (None, None),
    ],
)
def test_normalise(known: SignalData, asked: str | None, name: str | None) -> None:
    frame = pl.DataFrame({"model": [asked]}, schema={"model": pl.String})
    assert frame.select(model.normalise(pl.col("model"), known))["model"].to_list() == [name]


class TestLlm:
    @pytest.mark.parametrize(
        ("row", "llm"),
        [
            ({"host": "api.openai.com", "path": "/v1/whatever"}, True),
            ({"host": "api.openai.com", "path": "/"}, True),
            ({"host": "api.openai.com", "path": "/favicon.ico", "method": "GET"}, False),
            ({"host": "openrouter.ai", "path": "/rankings", "method": "GET"}, False),
            ({"host": "openrouter.ai", "path": "/chat/completions"}, True),
            ({"host": "app.rutaapi.com", "path": "/login", "method": "GET"}, False),
            ({"host": "app.rutaapi.com", "path": "/v1/anything"}, True),
            ({"host": None, "path": "/v1/chat/completions"}, True),
            ({"host": None, "path": "/models", "method": "GET"}, False),
            ({"host": HOST, "path": "/v1/messages", "method": "OPTIONS"}, False),
            ({"host": HOST, "path": "/v1/messages", "scheme": "chrome-extension"}, False),
            ({"host": HOST, "path": "/v1/realtime", "scheme": "wss", "status": 101}, True),
            ({"host": "api.openai.com:443", "path": "", "method": "CONNECT"}, False),
            ({"host": "api.openai.com", "path": "", "method": "CONNECT", "status": 407}, True),
            ({"host": HOST, "path": "/index.html", "method": "GET"}, False),
        ],
    )
    def test_row(self, known: SignalData, row: dict[str, Any], llm: bool) -> None:
        assert one(known, row)["llm"] is llm

    @pytest.mark.parametrize("declared", [HOST, f"https://{HOST}/v1", HOST.upper()])
    def test_declared(self, known: SignalData, frame: Build, declared: str) -> None:
        rows = frame(
            {"method": "POST", "host": HOST, "path": "/x", "status": 503},
            {"method": "GET", "host": HOST, "path": "/app.js", "status": 200},
            {"method": "POST", "host": "other.example", "path": "/x", "status": 503},
        )
        found = signals.apply(rows, known, declared=(declared,))
        assert found["llm"].to_list() == [True, False, False]
        assert found["endpoint"].to_list() == ["other", None, None]

    def test_all_traffic(self, known: SignalData, frame: Build) -> None:
        rows = frame({"method": "GET", "path": "/", "status": 503}, {"method": "OPTIONS"})
        found = signals.apply(rows, known, all_traffic=True)
        assert found["llm"].to_list() == [True, False]


PLACES = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", None]),
        "host": st.sampled_from(["api.openai.com", HOST, "openrouter.ai", None])
        | st.text(max_size=9),
        "path": st.sampled_from(["/v1/models", "/chat/completions", "/v1/v1/messages", None])
        | st.text(max_size=9),
        "status": st.sampled_from([None, 200, 404, 503]),
        "model": st.sampled_from(["gpt-4o", "x", None]),
    }
)


@pytest.fixture(scope="session")
def make(known: SignalData) -> Callable[[], Signals]:
    return lambda: Signals(known)


@settings(deadline=None)
@given(rows=st.lists(PLACES, min_size=1, max_size=8), cut=st.integers(0, 8))
def test_batches_and_laziness_do_not_matter(
    make: Callable[[], Signals], rows: list[Any], cut: int
) -> None:
    names = list(rows[0])
    frame = pl.DataFrame(
        {name: [row[name] for row in rows] for name in names},
        schema={name: columns.dtype_of(name) for name in names},
    )
    whole = make()(frame)
    assert whole.height == frame.height
    assert [c.name for c in columns.ATTEMPTS if c.name not in whole.columns] == []
    assert whole.select(names[0]).equals(frame.select(names[0]))
    remembering = make()
    parts = [remembering(part) for part in (frame[:cut], frame[cut:], frame[:cut])][:2]
    assert_frame_equal(pl.concat(parts), whole)
    assert_frame_equal(make()(frame.lazy()).collect(), whole)


def test_what_a_source_said_is_kept(known: SignalData) -> None:
    said = {
        "provider": "p",
        "gateway": "g",
        "edge": "e",
        "client": "c",
        "stream": True,
        "ok": False,
    }
    row = one(known, said, host="api.openai.com", path="/v1/models")
    assert {name: row[name] for name in said} == said
