"""From the state of a mitmproxy flow to an entry as a HAR has it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from analyzer.ingest.formats.har_entry import (
    ABSENT,
    Content,
    Entry,
    Header,
    PostData,
    Request,
    Response,
    Timings,
)

_PORTS = {"http": 80, "https": 443}


def entry_of(flow: dict[str, Any], seen: set[str]) -> tuple[Entry, int] | None:
    """Return the entry of a flow and the bytes of its bodies; ``None`` if it is no HTTP flow.

    ``seen`` are the connections of earlier flows: only the first flow opened one.
    """
    request = flow.get("request")
    if not isinstance(request, dict) or "method" not in request:
        return None
    response = flow.get("response")
    response = response if isinstance(response, dict) else None
    server = flow.get("server_conn")
    error = flow.get("error")
    error = error if isinstance(error, dict) else {}
    clock = _Clock(request, response, server if isinstance(server, dict) else {}, error)
    entry = Entry(
        started_date_time=_iso(clock.started),
        time=clock.total(),
        request=_request(request),
        response=_response(response, error),
        timings=clock.timings(seen),
    )
    socket = flow.get("websocket")
    if isinstance(socket, dict):
        entry.resource_type = "websocket"
        entry.messages = _messages(socket)
    size = sum(len(_bytes(side.get("content")) or b"") for side in (request, response or {}))
    return entry, size


def _request(request: dict[str, Any]) -> Request:
    heads = _headers(request)
    made = Request(method=_text(request.get("method")), url=_url(request, heads), headers=heads)
    content = _bytes(request.get("content"))
    if content:
        kind = _header(heads, "content-type")
        made.post_data = PostData(
            mime_type=kind,
            text=content.decode("utf-8", "replace"),  # type: ignore[arg-type]  # text_of takes both
        )
    return made


def _response(response: dict[str, Any] | None, error: dict[str, Any]) -> Response:
    message = _text(error.get("msg")) or None
    if response is None:
        return Response(status=0, headers=[], error=message)
    heads = _headers(response)
    status = response.get("status_code", response.get("code"))
    content = Content(mime_type=_header(heads, "content-type"))
    body = _bytes(response.get("content"))
    if body is not None:
        content.size = len(body)
        if _header(heads, "content-encoding"):
            # As digits, since that says that the bytes are what the network gave.
            content.text, content.is_binary = body.hex(), True  # type: ignore[assignment]
            if not body:
                content.is_binary = None
        else:
            content.text = base64.b64encode(body).decode()  # type: ignore[assignment]
            content.encoding = "base64"
    return Response(status=status, headers=heads, content=content, error=message)


def _headers(message: dict[str, Any]) -> list[Any]:
    found = message.get("headers")
    pairs = found if isinstance(found, list) else []
    return [
        Header(name=_text(pair[0]), value=_text(pair[1]))
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2
    ]


def _header(heads: list[Any], name: str) -> str | None:
    return next((head.value for head in heads if head.name.lower() == name), None)


def _url(request: dict[str, Any], heads: list[Any]) -> str:
    """Return the URL; the name that the client asked for, where a proxy saw only the address."""
    scheme = _text(request.get("scheme")) or "http"
    host = _text(request.get("authority")) or _header(heads, "host")
    if not host:
        host = _text(request.get("host"))
        port = request.get("port")
        if isinstance(port, int) and port != _PORTS.get(scheme):
            host = f"{host}:{port}"
    path = _text(request.get("path"))
    if path == "*" or _text(request.get("method")) == "CONNECT":
        path = "/"
    return f"{scheme}://{host}{path}"


def _messages(socket: dict[str, Any]) -> Any:
    """Return the messages of a WebSocket as a HAR has them."""
    made = []
    found = socket.get("messages")
    for message in found if isinstance(found, list) else []:
        if not isinstance(message, list) or len(message) < 4:
            continue
        opcode, mine, content, time = message[:4]
        data = _bytes(content) or b""
        text = data.decode("utf-8", "replace") if opcode == 1 else base64.b64encode(data).decode()
        made.append(
            {"type": "send" if mine else "receive", "time": time, "opcode": opcode, "data": text}
        )
    return msgspec.Raw(msgspec.json.encode(made)) if made else ABSENT


class _Clock:
    """The times of a flow, seconds since 1970; ``None`` for what did not happen."""

    def __init__(
        self, request: dict[str, Any], response: dict[str, Any] | None,
        server: dict[str, Any], error: dict[str, Any],
    ) -> None:  # fmt: skip
        self.started = _number(request.get("timestamp_start"))
        self._asked = _number(request.get("timestamp_end"))
        self._head = _number(response.get("timestamp_start")) if response else None
        self._end = _number(response.get("timestamp_end")) if response else None
        self._failed = _number(error.get("timestamp"))
        self._answered = response is not None
        self._secure = _text(request.get("scheme")) == "https"
        self._id = _text(server.get("id"))
        self._opened = _number(server.get("timestamp_start"))
        self._connected = _number(server.get("timestamp_tcp_setup"))
        self._tls = _number(server.get("timestamp_tls_setup", server.get("timestamp_ssl_setup")))

    def total(self) -> float | None:
        """Return the milliseconds from the start to the last byte or the error."""
        ends = [time for time in (self._end, self._failed) if time is not None]
        return _span(self.started, max(ends)) if ends else None

    def timings(self, seen: set[str]) -> Timings:
        """Return the phases; a connection that was opened before counts as none."""
        made = Timings()
        own = self._id not in seen
        if self._id:
            seen.add(self._id)
        whole = self._connected is not None and (self._tls is not None or not self._secure)
        if not self._answered and not whole:
            # Nothing was sent: what mitmproxy calls sending is the client's upload to itself.
            made.connect = _span(self._opened or self._asked or self.started, self._failed)
            return made
        made.send = _span(self.started, self._asked)
        made.wait = _span(self._asked, self._head if self._answered else self._failed)
        made.receive = _span(self._head, self._end or self._failed)
        during = self._opened is not None and self.started is not None
        if own and during and self._opened >= self.started:  # type: ignore[operator]  # both are
            made.connect = _span(self._opened, self._connected)
            made.ssl = _span(self._connected, self._tls)
            if made.wait is not None:
                made.wait = max(made.wait - (made.connect or 0.0) - (made.ssl or 0.0), 0.0)
        return made


def _span(start: float | None, end: float | None) -> float | None:
    if start is None or end is None or end < start:
        return None
    return round((end - start) * 1000, 3)


def _iso(seconds: float | None) -> str | None:
    if seconds is None or not 0 < seconds < 7e9:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 1e11 else None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value if isinstance(value, bytes) else None
