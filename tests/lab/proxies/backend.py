"""What stands behind the proxies: a provider that breaks on request, and ports that break always.

Written on bare sockets, since most of it is what no HTTP library lets a server do.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.proxies import answers

LOOPBACK = "127.0.0.1"
FAULT = "x-lab-fault"
"""Request header that says what the provider shall do; no log format of the lab shows it."""
TLS_HANDSHAKE = b"\x16"
PACE_S = 0.02
SLOW_PACE_S = 0.1
HOLD_S = 6.0
"""How long a silent provider holds a connection, well above every limit of the proxies."""
LAST_CHUNK_S = 0.08
FIRST_PORT = 18440

_ports = itertools.count(FIRST_PORT)


def free_port() -> int:
    """Return the next port from 18440 on that nobody uses."""
    for port in _ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise AssertionError


class _Gone(Exception):
    """The proxy closed the connection."""


@dataclass(slots=True)
class _Call:
    """One request as the provider read it."""

    sock: socket.socket
    path: str
    headers: dict[str, str]
    body: bytes
    request_id: str

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def hold(self, seconds: float = HOLD_S) -> None:
        """Say nothing until the time is up or the proxy has left."""
        select.select([self.sock], [], [], seconds)

    def stream(self, count: int | None = None, pace: float = PACE_S) -> None:
        """Send the head of a stream and ``count`` of its events."""
        self.send(answers.stream_head(self.request_id))
        for event in answers.events(self.request_id)[:count]:
            self.send(answers.chunk(event))
            time.sleep(pace)


def _healthy(call: _Call) -> None:
    if b'"stream":true' in call.body:
        call.stream()
        time.sleep(LAST_CHUNK_S)
        call.send(answers.chunk(b""))
    elif call.path.endswith("/models"):
        call.send(answers.models(call.request_id))
    elif call.path.endswith("/messages"):
        call.send(answers.message(call.request_id))
    else:
        call.send(answers.completion(call.request_id))


def _slow_stream(call: _Call) -> None:
    call.stream(pace=SLOW_PACE_S)
    call.send(answers.chunk(b""))


def _cut_by_reset(call: _Call) -> None:
    call.stream(answers.CUT_AFTER)
    call.reset()


def _cut_by_close(call: _Call) -> None:
    call.stream(answers.CUT_AFTER)


def _cut_neatly(call: _Call) -> None:
    call.stream(answers.CUT_AFTER)
    call.send(answers.chunk(b""))


def _stall(call: _Call) -> None:
    call.stream(answers.CUT_AFTER)
    call.hold()


def _short_body(call: _Call) -> None:
    said = answers.completion(call.request_id)
    call.send(said[:-200])
    time.sleep(PACE_S)


def _garbage(call: _Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\ncontent type without colon\r\n\x00\x01\x02: x\r\n\r\n")
    time.sleep(PACE_S)


FAULTS: dict[str, Callable[[_Call], None]] = {
    "healthy": _healthy,
    "reset": _Call.reset,
    "closed": lambda call: None,
    "silent": _Call.hold,
    "slow-stream": _slow_stream,
    "cut-reset": _cut_by_reset,
    "cut-closed": _cut_by_close,
    "cut-neatly": _cut_neatly,
    "stall": _stall,
    "short-body": _short_body,
    "garbage": _garbage,
}


class Backend:
    """All ports behind the proxies; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._ids = itertools.count(1)
        self.certificate = folder / "provider.pem"
        self.other_ca = folder / "other.pem"
        for path, name in ((self.certificate, "provider.example.test"), (self.other_ca, "other")):
            _self_signed(path, name)
        self.port, self.tls_port, self.full_port, self.closed_port = (
            free_port() for _ in range(4)
        )  # fmt: skip
        self._sockets: list[socket.socket] = []
        self._fault_ports: dict[str, int] = {}

    def port_of(self, fault: str) -> int:
        """Return a port that gives every request this fault, without being told in a header."""
        if fault not in self._fault_ports:
            self._fault_ports[fault] = free_port()
            self._listen(self._fault_ports[fault], None, fault)
        return self._fault_ports[fault]

    def __enter__(self) -> Backend:
        """Start listening."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate)
        self._listen(self.port, None)
        self._listen(self.tls_port, context)
        self._fill()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every listening socket."""
        for sock in self._sockets:
            sock.close()

    def _listen(self, port: int, context: ssl.SSLContext | None, fault: str = "healthy") -> None:
        server = socket.create_server((LOOPBACK, port))
        self._sockets.append(server)
        work = (server, context, fault)
        threading.Thread(target=self._accept, args=work, daemon=True).start()

    def _accept(self, server: socket.socket, context: ssl.SSLContext | None, fault: str) -> None:
        while True:
            try:
                sock, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, context, fault), daemon=True).start()

    def _fill(self) -> None:
        """Listen on a port with a full queue: the kernel then drops every further SYN."""
        server = socket.socket()
        server.bind((LOOPBACK, self.full_port))
        server.listen(0)
        self._sockets.append(server)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((LOOPBACK, self.full_port))
            self._sockets.append(filler)

    def _serve(self, sock: socket.socket, context: ssl.SSLContext | None, fault: str) -> None:
        try:
            if context:
                sock = context.wrap_socket(sock, server_side=True)
            elif sock.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
                return
            call = self._read(sock)
            fault = call.headers.get(FAULT, fault)
            if fault.isdigit():
                call.send(answers.error(int(fault), call.request_id))
            else:
                FAULTS[fault](call)
        except (OSError, _Gone):
            pass  # the proxy left, or did not trust the certificate: that is what is staged
        finally:
            _close(sock)

    def _read(self, sock: socket.socket) -> _Call:
        data = b""
        while b"\r\n\r\n" not in data:
            data += _receive(sock)
        raw, _, body = data.partition(b"\r\n\r\n")
        first, *rest = raw.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in rest)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        chunked = headers.get("transfer-encoding") == "chunked"
        while len(body) < length or (chunked and not body.endswith(b"0\r\n\r\n")):
            body += _receive(sock)
        path = first.split(" ")[1].partition("?")[0]
        health = path == "/healthz"  # asked by the proxies alone; no number is spent on it
        number = 0 if health else next(self._ids)
        return _Call(sock, path, headers, body, f"req_lab{number:06d}")


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise _Gone
    return data


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
    sock.close()


def _self_signed(path: Path, name: str) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    key = path.with_suffix(".key")
    command += ["-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
