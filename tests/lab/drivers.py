"""The two clients whose traffic is recorded: a page in headless Chromium, and the Python SDKs.

Both record real HAR files: Playwright's ``recordHar`` in the browser, mitmproxy's ``hardump``
between the SDKs and the lab. Nothing is edited afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway import KEY
from http1 import LOOPBACK
from lab import CHAT_PAGE, FRONT, HOSTS, NOBODY, PAGE, PROXY, RELAY

CHROMIUM_ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
REFUSING = "down.gateway.example"
"""A host on whose port nobody listens; every name that is not the lab's fails to resolve."""

CALL_JS = """async ({url, method, headers, body, timeout, stopAfterFirst}) => {
  const stop = new AbortController();
  const signal = timeout ? AbortSignal.timeout(timeout) : stop.signal;
  try {
    const answer = await fetch(url, {method, headers, body, signal});
    if (stopAfterFirst) {
      await answer.body.getReader().read();
      stop.abort();
    } else {
      await answer.text();
    }
    return answer.status;
  } catch (error) {
    return error.name;
  }
}"""

PROMPT = [{"role": "user", "content": "Say something plain about the lab."}]


def tool(name: str, variable: str) -> str:
    """Return the path of an external tool: from an environment variable, else from PATH."""
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        raise SystemExit(f"{name} is not on PATH; install it or name it in {variable}.")
    return found


class Page:
    """The page that calls the API with fetch()."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def call(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        base: str = f"http://{RELAY}",
        key: str = KEY,
        timeout_ms: int | None = None,
        stop_after_first: bool = False,
    ) -> int | str:
        """Send one request, read the answer to its end, and return status or error name."""
        headers = {"authorization": f"Bearer {key}"}
        argument = {"url": base + path, "method": "GET", "headers": headers}
        argument |= {"timeout": timeout_ms, "stopAfterFirst": stop_after_first}
        if body is not None:
            headers["content-type"] = "application/json"
            argument |= {"method": "POST", "body": json.dumps(body)}
        said: int | str = self._page.evaluate(CALL_JS, argument)
        time.sleep(0.25)
        return said

    def chat(self, model: str, *, stream: bool = False, **options: Any) -> int | str:
        """Ask for a chat completion."""
        body = {"model": model, "messages": PROMPT, "max_tokens": 200}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        path = options.pop("path", "/v1/chat/completions")
        return self.call(path, body, **options)

    def models(self, **options: Any) -> int | str:
        """Ask for the list of models."""
        return self.call("/v1/models", **options)


NAMES = {CHAT_PAGE: PAGE, REFUSING: NOBODY, **dict.fromkeys(HOSTS, FRONT)}
"""Host -> port on the loopback."""


@contextmanager
def chromium(har: Path, names: Mapping[str, int] = NAMES, host: str = CHAT_PAGE) -> Iterator[Page]:
    """Open a page whose traffic goes into ``har``; no name leads anywhere but to the loopback."""
    from playwright.sync_api import sync_playwright

    hosts = (f"MAP {name} {LOOPBACK}:{port}" for name, port in names.items())
    rules = ", ".join((*hosts, "MAP * ~NOTFOUND"))
    args = [*CHROMIUM_ARGS, f"--host-resolver-rules={rules}"]
    with sync_playwright() as playwright:
        path = tool("chromium", "LAB_CHROMIUM")
        browser = playwright.chromium.launch(executable_path=path, args=args)
        context = browser.new_context(
            record_har_path=har, record_har_mode="full", record_har_content="embed"
        )
        page = context.new_page()
        page.goto(f"http://{host}/")
        yield Page(page)
        context.close()
        browser.close()


class Sdk:
    """The OpenAI and Anthropic SDKs, both through the recording proxy."""

    def __init__(self) -> None:
        import anthropic
        import openai

        self._openai, self._anthropic = openai, anthropic
        proxy = f"http://{LOOPBACK}:{PROXY}"
        self._options: dict[str, Any] = {"proxy": proxy, "trust_env": False}

    def openai(self, base: str, key: str, retries: int, timeout_s: float) -> Any:
        """Return a client of OpenAI's SDK."""
        http = self._openai.DefaultHttpxClient(**self._options)
        return self._openai.OpenAI(
            base_url=base, api_key=key, max_retries=retries, timeout=timeout_s, http_client=http
        )

    def chat(
        self,
        model: str,
        *,
        base: str = f"http://{RELAY}/v1",
        key: str = KEY,
        stream: bool = False,
        retries: int = 2,
        timeout_s: float = 30.0,
    ) -> str:
        """Ask for a chat completion; return ``ok`` or the exception's name."""
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
        try:
            with self.openai(base, key, retries, timeout_s) as client:
                answer = client.chat.completions.create(
                    model=model, messages=PROMPT, max_tokens=200, stream=stream, **options
                )
                if stream:
                    list(answer)
        except self._openai.OpenAIError as error:
            return type(error).__name__
        finally:
            time.sleep(0.25)
        return "ok"

    def models(self, *, base: str = f"http://{RELAY}/v1", key: str = KEY, retries: int = 2) -> str:
        """Ask for the list of models."""
        try:
            with self.openai(base, key, retries, 30.0) as client:
                client.models.list()
        except self._openai.OpenAIError as error:
            return type(error).__name__
        finally:
            time.sleep(0.25)
        return "ok"

    def message(
        self,
        model: str,
        *,
        base: str = f"http://{RELAY}",
        key: str = KEY,
        stream: bool = False,
        retries: int = 2,
    ) -> str:
        """Ask for a message; return ``ok`` or the exception's name."""
        try:
            with self._anthropic.Anthropic(
                base_url=base, api_key=key, max_retries=retries, timeout=30.0,
                http_client=self._anthropic.DefaultHttpxClient(**self._options),
            ) as client:  # fmt: skip
                answer = client.messages.create(
                    model=model, messages=PROMPT, max_tokens=200, stream=stream
                )
                if stream:
                    list(answer)
        except self._anthropic.AnthropicError as error:
            return type(error).__name__
        finally:
            time.sleep(0.25)
        return "ok"


TO_FRONT = ("--mode", f"upstream:http://{LOOPBACK}:{FRONT}")
"""mitmproxy's options that send everything to the front door."""


@contextmanager
def sdk(har: Path, way: tuple[str, ...] = TO_FRONT) -> Iterator[Sdk]:
    """Run mitmproxy between the SDKs and the next hop, and let it write ``har``."""
    with tempfile.TemporaryDirectory() as confdir:
        settings = [f"hardump={har}", f"confdir={confdir}", "connection_strategy=lazy"]
        command = [tool("mitmdump", "LAB_MITMDUMP"), "-q", "--listen-host", LOOPBACK]
        command += ["--listen-port", str(PROXY), *way]
        for setting in settings:
            command += ["--set", setting]
        process = subprocess.Popen(command)
        try:
            _wait_for(PROXY)
            yield Sdk()
            time.sleep(0.5)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"Nothing came up on port {port}.")
