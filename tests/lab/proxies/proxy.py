"""One proxy as a child process: its folder, its port, its logs and the lines that are new."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.lab.proxies.backend import LOOPBACK, Backend, free_port
from tests.lab.proxies.client import Ask, Seen, ask
from tests.lab.proxies.scenario import Fault, Truth

START_S = 20.0
VENVS = ("/opt/proxyvenv/bin", "/opt/litellmvenv/bin")
"""Where the README has Envoy, Traefik and Caddy installed, and LiteLLM."""


def tool(name: str) -> str | None:
    """Return the path of a program, or None where it is not installed.

    ``LAB_<NAME>`` in the environment comes first, then PATH, the system's own folders and the venvs.
    """
    named = os.environ.get(f"LAB_{name.upper().replace('-', '_')}")
    places = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", *VENVS))
    return named or shutil.which(name, path=places)


@dataclass(frozen=True, slots=True)
class Log:
    """One log of a proxy, and the faults that a single line of it shows."""

    name: str
    tells: frozenset[str] = frozenset()
    """Faults whose layer and cause the fields of a line show."""
    layers: frozenset[str] = frozenset()
    """Faults whose layer a line shows, while the cause could be another one of that layer."""
    broken: frozenset[str] = frozenset()
    """Faults of which a line shows that the answer broke, and not who broke it."""
    access: bool = True
    """One line for each request; otherwise an error log, which has none or several."""
    notice: str = "$."
    """Pattern of lines that tell of the proxy itself, not of a request."""
    keep: str = "."
    """Pattern of the lines that are stored."""
    pattern: str = "."
    """Pattern of the lines that stand for a request, where others may come with them."""


@dataclass(slots=True)
class Tail:
    """The lines that came to a file since the last look."""

    path: Path
    position: int = 0

    def take(self) -> list[str]:
        """Return the complete new lines."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.position += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


@dataclass
class Proxy:
    """A proxy that the lab drives; a subclass says how it is configured and started.

    ``variants`` are runs of their own, for proxies that write only one format at a time.
    """

    folder: Path
    backend: Backend
    variant: str = ""
    port: int = field(default_factory=free_port)
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    name: ClassVar[str]
    program: ClassVar[str]
    version: ClassVar[tuple[str, ...]]
    variants: ClassVar[tuple[str, ...]] = ("",)
    cannot: ClassVar[dict[str, str]] = {}
    extra: ClassVar[tuple[Fault, ...]] = ()
    settle_s: ClassVar[float] = 0.15

    def logs(self) -> tuple[Log, ...]:
        """Return the logs of this run; each is written to ``folder / log.name``."""
        raise NotImplementedError

    def start(self) -> None:
        """Write the configuration and start the program."""
        raise NotImplementedError

    def send(self, what: Ask) -> Seen:
        """Send one request through the proxy."""
        return ask(what, self.port)

    @property
    def extent(self) -> str:
        """How much of the scenario this run shows; see ``scenario.steps``."""
        return "full"

    def truth(self, fault: Fault) -> Truth:
        """Return what is true of a fault behind this proxy."""
        return fault.truth

    def run(self, *command: str, environment: dict[str, str] | None = None) -> None:
        """Start a program in the proxy's folder; what it prints goes to ``console.log`` there."""
        with (self.folder / "console.log").open("ab") as console:
            child = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                env={**os.environ, **(environment or {})}, start_new_session=True,
            )  # fmt: skip
        self.children.append(child)

    def executable(self) -> str:
        """Return the path of the program."""
        found = tool(self.program)
        assert found
        return found

    def wait_for_port(self, port: int | None = None, seconds: float = START_S) -> None:
        """Wait until something listens on the port."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port or self.port)) == 0:
                    return
            if self.children and self.children[-1].poll() is not None:
                break
            time.sleep(0.05)
        said = (self.folder / "console.log").read_text(errors="replace")[-3000:]
        for extra in self.folder.glob("*cache.log"):
            said += extra.read_text(errors="replace")[-3000:]
        raise SystemExit(f"{self.name} did not come up on port {port or self.port}:\n{said}")

    def stop(self) -> None:
        """End what this proxy started, by its own process groups."""
        for child in reversed(self.children):
            for number in (signal.SIGTERM, signal.SIGKILL):
                if child.poll() is None:
                    os.killpg(child.pid, number)
                    try:
                        child.wait(6)
                    except subprocess.TimeoutExpired:
                        continue

    def scrubs(self) -> dict[str, str]:
        """Return what must not be stored, each with what stands for it."""
        path = self.executable()
        return {f"{self.folder}/": "", str(self.folder): ".", path: self.program}

    def write(self, name: str, text: str) -> Path:
        """Write a file to the proxy's folder."""
        path = self.folder / name
        path.write_text(text)
        return path
