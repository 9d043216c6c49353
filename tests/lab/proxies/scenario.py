"""What is staged, and what is true of it: layer, cause and phase as seen by the proxy's own log.

Layers follow the rules for rows that a proxy wrote: what a proxy could not reach or wait for is the
proxy's to report (``gateway``), what the server behind said or cut is ``upstream``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.lab.proxies.backend import FAULT
from tests.lab.proxies.client import EMBEDDINGS, MESSAGES, MODELS, UNKNOWN, Ask

POOL, LIMITED, SIZED = "x-lab-pool", "x-lab-key", "x-lab-size"
"""Request headers that choose what is behind, and switch the proxy's limits on where need be."""
REFUSED, FULL, DOWN, TLS_PLAIN, RETRY, TLS_UNTRUSTED, ALL_REFUSED, BUSY = (
    f"pool-{letter}" for letter in "bcdefghi"
)
MAIN = "pool-a"
BODY_LIMIT = 8192
"""Limit on request bodies that every proxy of the lab gets, in bytes."""
AGAIN = frozenset({
    "refused", "silent", "abort-waiting", "abort-streaming", "cut-reset", "relayed-503",
})  # fmt: skip
"""Faults that come once more in a second round; the others would only make the files longer."""
BRIEF = frozenset({
    "refused", "reset", "silent", "no-healthy", "limited", "abort-waiting", "abort-streaming",
    "cut-reset", "stall", "relayed-429", "relayed-503", "retried",
})  # fmt: skip
"""Faults of a run that only shows how one more format writes what another one shows already."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a request; ``accept…`` names words that are as honest for a log line."""

    ok: bool
    layer: str | None = None
    cause: str | None = None
    phase: str = "done"
    accept: tuple[str, ...] = ()
    accept_layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is staged."""

    name: str
    truth: Truth
    ask: Ask = field(default_factory=Ask)
    statuses: tuple[int | None, ...] = ()
    """What the caller may see; empty: not checked."""


GOOD = Truth(ok=True)
_CONNECT = ("gateway", "upstream_connect_failure", "connecting")


def _behind(name: str) -> dict[str, str]:
    return {FAULT: name}


def _pool(name: str) -> dict[str, str]:
    return {POOL: name}


def _relayed(status: int, cause: str, *accept: str) -> Fault:
    truth = Truth(False, "upstream", cause, accept=("upstream_error", *accept))
    path = {"path": MESSAGES} if status == 529 else {}
    return Fault(
        f"relayed-{status}",
        truth,
        Ask(headers=_behind(str(status)), **path),
        (status, 500) if status == 529 else (status,),
    )


HEALTHY = (
    Fault("healthy", GOOD, Ask(), (200,)),
    Fault("healthy-stream", GOOD, Ask(stream=True), (200,)),
    Fault("healthy-models", GOOD, Ask(path=MODELS), (200,)),
    Fault("healthy-message", GOOD, Ask(path=MESSAGES), (200,)),
    Fault("stream-done-then-close", GOOD, Ask(stream=True, leave="done"), (200,)),
)

BREAKS = frozenset({"abort-streaming", "cut-reset", "cut-closed", "short-body", "stall"})
"""Faults that end an answer after its head."""
RELAYED = frozenset({"relayed-401", "relayed-429", "relayed-500", "relayed-503", "relayed-529"})

FAULTS = (
    Fault("refused", Truth(False, *_CONNECT, ("connection_refused",)),
          Ask(headers=_pool(REFUSED)), (500, 502, 503)),
    Fault("connect-timeout", Truth(False, *_CONNECT, ("connect_timeout",)),
          Ask(headers=_pool(FULL)), (408, 502, 503, 504)),
    Fault("reset", Truth(False, "gateway", "bad_gateway", "sent", ("connection_reset",)),
          Ask(headers=_behind("reset")), (500, 502, 503)),
    Fault("closed", Truth(False, "gateway", "bad_gateway", "sent", ("connection_reset",)),
          Ask(headers=_behind("closed")), (500, 502, 503)),
    Fault("silent", Truth(False, "gateway", "upstream_timeout", "sent"),
          Ask(headers=_behind("silent")), (408, 502, 503, 504)),
    Fault("no-healthy", Truth(False, "gateway", "no_healthy_upstream", "not_sent"),
          Ask(headers=_pool(DOWN)), (429, 502, 503)),
    Fault("no-route", Truth(False, "client", "wrong_path", "not_sent"),
          Ask(path=UNKNOWN), (404,)),
    Fault("limited", Truth(False, "gateway", "rate_limited", "not_sent"),
          Ask(headers={LIMITED: "one"}), (429,)),
    Fault("limited-503", Truth(False, "gateway", "rate_limited", "not_sent",
                               ("service_unavailable",)),
          Ask(path=EMBEDDINGS, headers={LIMITED: "two"}), (503,)),
    Fault("too-large", Truth(False, "client", "request_too_large", "not_sent"),
          Ask(padding=3 * BODY_LIMIT, headers={SIZED: "checked"}), (413,)),
    Fault("overflow", Truth(False, "gateway", "overloaded", "not_sent"),
          Ask(headers=_pool(BUSY)), (503,)),
    Fault("abort-waiting", Truth(False, "client", "client_abort", "sent"),
          Ask(headers=_behind("silent"), leave="waiting")),
    Fault("abort-streaming", Truth(False, "client", "client_abort", "body"),
          Ask(stream=True, headers=_behind("slow-stream"), leave="streaming"), (200,)),
    Fault("tls-to-plain", Truth(False, *_CONNECT, ("tls_failure",)),
          Ask(headers=_pool(TLS_PLAIN)), (500, 502, 503)),
    Fault("tls-untrusted", Truth(False, *_CONNECT, ("tls_failure",)),
          Ask(headers=_pool(TLS_UNTRUSTED)), (500, 502, 503)),
    Fault("cut-reset", Truth(False, "upstream", "stream_interrupted", "body"),
          Ask(stream=True, headers=_behind("cut-reset")), (200,)),
    Fault("cut-closed", Truth(False, "upstream", "stream_interrupted", "body"),
          Ask(stream=True, headers=_behind("cut-closed")), (200,)),
    Fault("cut-neatly", Truth(False, "upstream", "stream_interrupted", "done"),
          Ask(stream=True, headers=_behind("cut-neatly")), (200,)),
    Fault("short-body", Truth(False, "upstream", "stream_interrupted", "body", ("bad_gateway",)),
          Ask(headers=_behind("short-body")), (None, 200, 500, 502, 503)),
    Fault("stall", Truth(False, "gateway", "upstream_timeout", "body", ("stream_interrupted",)),
          Ask(stream=True, headers=_behind("stall")), (200,)),
    # The caller's key where a proxy hands it on; a gateway with keys of its own overrides that.
    Fault("relayed-401", Truth(False, "client", "invalid_key", "done",
                               ("no_upstream_credential", "upstream_error"),
                               ("gateway", "upstream")),
          Ask(headers=_behind("401")), (401,)),
    _relayed(429, "rate_limited"),
    _relayed(500, "internal_error"),
    _relayed(503, "overloaded", "service_unavailable"),
    _relayed(529, "overloaded"),
    Fault("garbage", Truth(False, "gateway", "bad_gateway", "sent", ("bad_response",)),
          Ask(headers=_behind("garbage")), (500, 502, 503)),
    Fault("all-refused", Truth(False, *_CONNECT, ("connection_refused", "no_healthy_upstream")),
          Ask(headers=_pool(ALL_REFUSED)), (502, 503)),
    Fault("retried", GOOD, Ask(headers=_pool(RETRY)), (200,)),
)  # fmt: skip

PRIMED = ("limited", "limited-503")
"""Faults that need one accepted request before them, which empties the limiter's bucket."""


def steps(
    cannot: dict[str, str], extra: tuple[Fault, ...] = (), extent: str = "full"
) -> Iterator[Fault]:
    """Yield what is sent, in order: the faults, with healthy requests between.

    ``extent`` is ``full`` (some faults come twice), ``once`` or ``brief``.
    """
    healthy = iter(HEALTHY * 20)
    yield next(healthy)
    first = [fault for fault in (*FAULTS, *extra) if fault.name not in cannot]
    if extent == "brief":
        first = [fault for fault in first if fault.name in BRIEF]
    again = [fault for fault in first if fault.name in AGAIN] if extent == "full" else []
    for number, fault in enumerate((*first, *again)):
        if fault.name in PRIMED and number < len(first):
            yield Fault("limiter-primed", GOOD, fault.ask, (200,))
        yield fault
        if number % 5 == 4:
            yield next(healthy)
    yield next(healthy)
