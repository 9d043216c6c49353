"""The little HTTP/1.1 that the lab needs: serve, and forward to the next hop on the loopback.

Written here rather than taken from a framework because the lab must break rules on purpose: end a
chunked body without its last chunk, reset a connection, keep an upstream waiting.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

LOOPBACK = "127.0.0.1"
MAX_HEAD = 64 * 1024
GONE_POLL_S = 0.02
TLS_HANDSHAKE = b"\x16"

Headers = list[tuple[str, str]]


class CutError(Exception):
    """The connection ends here, without the proper end of the answer."""


class ResetError(Exception):
    """The connection is reset before any answer."""


class ClientGoneError(Exception):
    """The caller closed its side while it was waiting."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """Return the body as an object, empty when it is none."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def with_headers(self, **extra: str) -> Request:
        """Return a copy with headers set; underscores stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in extra.items()}
        return replace(self, headers={**self.headers, **named})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a whole body, or an iterator whose chunks are sent as they come."""

    status: int
    reason: str
    headers: Headers = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def with_headers(self, extra: Headers, without: tuple[str, ...] = ()) -> Answer:
        """Return a copy with headers added and some taken away."""
        kept = [(name, value) for name, value in self.headers if name.lower() not in without]
        return replace(self, headers=[*kept, *extra])


Handler = Callable[[Request], Awaitable[Answer]]


def json_answer(status: int, reason: str, value: Any, headers: Headers | None = None) -> Answer:
    """Build an answer with a JSON body."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, reason, [("content-type", "application/json"), *(headers or [])], body)


async def serve(handler: Handler, port: int) -> asyncio.Server:
    """Listen on the loopback and answer every request with ``handler``."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                answer = await _unless_gone(handler(request), reader)
                await _send(writer, answer)
                if answer.header("connection") == "close":
                    break
        except ResetError:
            _reset(writer)
        except ValueError:  # what no HTTP/1.1 server understands, such as a TLS handshake
            writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
        except (CutError, ClientGoneError, ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer sees the connection end; what was staged is in the journal
        finally:
            writer.close()

    return await asyncio.start_server(connected, LOOPBACK, port, limit=MAX_HEAD)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _unless_gone(work: Awaitable[Answer], reader: asyncio.StreamReader) -> Answer:
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=GONE_POLL_S)
        if not task.done() and reader.at_eof():
            task.cancel()
            await asyncio.wait({task})
            raise ClientGoneError
    return task.result()


async def _read_head(
    reader: asyncio.StreamReader, before: bytes = b""
) -> tuple[str, Headers] | None:
    try:
        raw = before + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    except asyncio.LimitOverrunError as error:
        raise ValueError("head too long") from error
    first, *rest = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = [line.partition(":") for line in rest]
    return first, [(name.strip(), value.strip()) for name, _, value in pairs]


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    first = await reader.read(1)
    if first == TLS_HANDSHAKE:
        raise ValueError("TLS on a plain port")
    head = await _read_head(reader, first) if first else None
    if head is None:
        return None
    method, target, version = head[0].split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    headers = {name.lower(): value for name, value in head[1]}
    host, path = headers.get("host", ""), target
    if target.startswith("http://"):  # the form that a forward proxy is asked in
        host, _, rest = target.removeprefix("http://").partition("/")
        path = "/" + rest
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, host.lower(), path.partition("?")[0], headers, body)


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> None:
    body = answer.body
    whole = isinstance(body, bytes)
    framing = ("content-length", str(len(body))) if whole else ("transfer-encoding", "chunked")
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in [*answer.headers, framing]]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    if isinstance(body, bytes):
        writer.write(body)
        await writer.drain()
        return
    try:
        async for chunk in body:
            writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            await writer.drain()
    finally:
        await body.aclose()  # type: ignore[attr-defined]
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def forward(request: Request, port: int) -> Answer:
    """Send a request to the next hop and return its answer, streamed when it is chunked."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=MAX_HEAD)
    try:
        headers = {**request.headers, "connection": "close"}
        headers |= {"host": request.host, "content-length": str(len(request.body))}
        lines = [f"{request.method} {request.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body)
        head = await _read_head(reader)
        if head is None:
            raise CutError
        return await _answer(reader, writer, *head)
    except asyncio.IncompleteReadError as error:
        writer.close()
        raise CutError from error
    except BaseException:
        writer.close()
        raise


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: str, headers: Headers
) -> Answer:
    _, status, reason = first.split(" ", 2)
    framing = ("content-length", "transfer-encoding", "connection")
    kept = [(name, value) for name, value in headers if name.lower() not in framing]
    length = next((value for name, value in headers if name.lower() == "content-length"), None)
    if length is None:
        return Answer(int(status), reason, kept, _chunks(reader, writer))
    body = await reader.readexactly(int(length))
    writer.close()
    return Answer(int(status), reason, kept, body)


async def _chunks(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    try:
        while True:
            size = int((await reader.readuntil(b"\r\n")).strip(), 16)
            data = await reader.readexactly(size + 2)
            if not size:
                return
            yield data[:-2]
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise CutError from error
    finally:
        writer.close()
