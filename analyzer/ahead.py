"""Reads one step ahead in a thread, so that reading and folding share two processors."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Done:
    """Ends the stream, with what ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Ahead(Generic[Item]):
    """Iterates over ``items``, of which the next one is made in a thread meanwhile.

    Order and content are those of ``items``; what it raises is raised here. Polars and zlib let
    other threads run while they work, which is why a thread helps. At most one item waits.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self._ready: queue.Queue[Item | _Done] = queue.Queue(maxsize=1)
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[Item]:
        worker = threading.Thread(target=self._work, name="whichhop-read", daemon=True)
        worker.start()
        try:
            while not isinstance(item := self._ready.get(), _Done):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            self._stop.set()
            while worker.is_alive():
                # The worker may be waiting for room.
                try:
                    self._ready.get(timeout=0.05)
                except queue.Empty:
                    worker.join(0.05)

    def _work(self) -> None:
        try:
            for item in self._items:
                self._ready.put(item)
                if self._stop.is_set():
                    return
            self._ready.put(_Done())
        except BaseException as error:  # it is raised where the items are used
            self._ready.put(_Done(error))
