"""Reads ahead in threads, so that reading and folding share the processors."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

WORKERS = 2
"""Blocks that are worked on at the same time: each holds some 60 MiB."""


def mapped(
    work: Callable[[Item], Made], items: Iterable[Item], workers: int = WORKERS
) -> Iterator[Made]:
    """Yield ``work(item)`` of all items in their order, ``workers`` of them at the same time.

    At most one more is taken from ``items`` than is worked on. What ``work`` or ``items`` raises is
    raised here, behind what was made before it.
    """
    pending: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="whichhop-block")
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Done:
    """Ends the stream, with what ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield ``items``, of which the next one is made in a thread meanwhile.

    Order and content are those of ``items``; what it raises is raised here. Polars, reading and
    zlib let other threads run while they work, which is why a thread helps. At most one item waits.
    Close it before what ``items`` reads from.
    """
    ready: queue.Queue[Item | _Done] = queue.Queue(maxsize=1)
    stop = threading.Event()
    worker = threading.Thread(
        target=_work, args=(items, ready, stop), name="whichhop-read", daemon=True
    )
    worker.start()
    try:
        while not isinstance(item := ready.get(), _Done):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        while worker.is_alive():
            # The worker may be waiting for room.
            try:
                ready.get(timeout=0.05)
            except queue.Empty:
                worker.join(0.05)


def _work(items: Iterable[Item], ready: queue.Queue[Item | _Done], stop: threading.Event) -> None:
    try:
        for item in items:
            ready.put(item)
            if stop.is_set():
                return
        ready.put(_Done())
    except BaseException as error:  # it is raised where the items are used
        ready.put(_Done(error))
