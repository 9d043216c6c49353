"""A syslog listener that keeps what it is sent, as a syslog daemon would write it to a file."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

from tests.lab.proxies.backend import LOOPBACK

_PRIORITY = re.compile(rb"^<\d+>")


class Syslog:
    """Receive datagrams on a port and append each to a file, without its priority."""

    def __init__(self, port: int, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, port))
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if data:
                with self._path.open("ab") as file:
                    file.write(_PRIORITY.sub(b"", data).rstrip(b"\n") + b"\n")

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
