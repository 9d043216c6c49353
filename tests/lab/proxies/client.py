"""The caller: one request on one connection, and the ways in which a caller leaves."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.lab.proxies.answers import MODEL
from tests.lab.proxies.backend import LOOPBACK

HOST = "llm.example.test"
KEY, BAD_KEY = "sk-lab-" + "0" * 24, "sk-lab-" + "9" * 24
AGENT = "lab-client/1.0"
PATIENCE_S = 12.0
LEAVE_AFTER_S = 0.4
"""When a caller that waits in vain leaves; every proxy of the lab waits longer."""
CHAT, MESSAGES, MODELS = "/v1/chat/completions", "/v1/messages", "/v1/models"
EMBEDDINGS, UNKNOWN = "/v1/embeddings", "/api/nowhere/chat/completions"


Wrap = Callable[[socket.socket], socket.socket]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked, and how the caller behaves."""

    path: str = CHAT
    model: str = MODEL
    key: str = KEY
    stream: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    padding: int = 0
    """Extra bytes in the body."""
    tunnel: str = ""
    """``host:port`` to which a forward proxy shall open a tunnel first."""
    leave: str | None = None
    """``waiting``: before any answer; ``streaming``: after some events; ``done``: at [DONE]."""

    def payload(self) -> bytes:
        """Return the body of the request, empty for GET."""
        if self.path == MODELS:
            return b""
        value: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": "Hi"}],
        }
        if self.stream:
            value["stream"] = True
        if self.path == MESSAGES:
            value["max_tokens"] = 64
        if self.padding:
            value["messages"][0]["content"] = "x" * self.padding
        return json.dumps(value, separators=(",", ":")).encode()

    def wire(self, absolute: str = "") -> bytes:
        """Return the request as sent; ``absolute`` goes before the path, for forward proxies."""
        body = self.payload()
        method = "POST" if body else "GET"
        headers = {"host": HOST, "user-agent": AGENT, "authorization": f"Bearer {self.key}"}
        if body:
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
        headers |= self.headers
        lines = [f"{method} {absolute}{self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller saw."""

    status: int | None
    whole: bool
    """Whether the answer came to the end of its framing."""
    text: str


def ask(what: Ask, port: int, absolute: str = "", wrap: Wrap | None = None) -> Seen:
    """Send one request and read the answer as far as this caller wants it.

    ``wrap`` lays TLS over the connection.
    """
    plain = socket.create_connection((LOOPBACK, port), timeout=PATIENCE_S)
    with wrap(plain) if wrap else plain as sock:
        if what.tunnel:
            line = f"CONNECT {what.tunnel} HTTP/1.1\r\nhost: {what.tunnel}\r\n"
            opened = _exchange(sock, f"{line}user-agent: {AGENT}\r\n\r\n".encode(), "head")
            if opened.status != 200:
                return opened
        return _exchange(sock, what.wire(absolute), what.leave)


def _exchange(sock: socket.socket, wire: bytes, leave: str | None) -> Seen:
    sock.sendall(wire)
    if leave == "waiting":
        time.sleep(LEAVE_AFTER_S)
        return Seen(None, whole=False, text="")
    data, ended = b"", False
    while not (ended := _complete(data)):
        try:
            piece = sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            break
        data += piece
        if not piece:
            break
        if leave == "streaming" and data.count(b"data: ") >= 3:
            break
        if leave == "head" and b"\r\n\r\n" in data:
            break
        if leave == "done" and b"[DONE]" in data:
            break
    status = int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/") else None
    return Seen(status, ended, data.decode("latin-1"))


def _complete(data: bytes) -> bool:
    raw, gap, body = data.partition(b"\r\n\r\n")
    if not gap:
        return False
    lines = raw.lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in lines:
        return body.endswith(b"0\r\n\r\n")
    for line in lines:
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return False
