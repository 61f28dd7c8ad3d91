"""Where the events of one thread wait for another."""

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Takes items from any thread, and gives them all at once to whoever looks."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._lock = threading.Lock()

    def post(self, item: Item) -> None:
        with self._lock:
            self._items.append(item)

    def drain(self) -> list[Item]:
        """The items since the last call, oldest first."""
        with self._lock:
            items, self._items = self._items, []
        return items
