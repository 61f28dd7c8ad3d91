"""One key after the other: what is typed behind a key goes where that key has led."""

from collections import deque
from collections.abc import Awaitable, Callable

from textual import events
from textual.message import Message
from textual.widget import Widget

_ROUNDS = 3
"""Times that a `KeyTaken` goes the way of a key. Enter in a field becomes a message of the field,
then one of its form, and only the screen moves the focus."""
_PATIENCE = 0.5
"""Seconds to wait for one that was lost, since a widget on its way was removed."""


class KeyTaken(Message):
    """Follows a key from widget to widget up to the app, where it arrives after the key has."""


class KeysInTurn:
    """Holds keys back until the one before has done what it does.

    Textual sends each key to what has the focus when it arrives. Over a slow connection several
    arrive at once: the first may open a field, and the others would miss it.
    """

    def __init__(
        self,
        send: Callable[[events.Key], Awaitable[None]],
        target: Callable[[], Widget],
        set_timer: Callable[[float, Callable[[], Awaitable[None]]], object],
    ) -> None:
        """`send` gives a key to the widget that `target` says."""
        self._send = send
        self._target = target
        self._set_timer = set_timer
        self._waiting: deque[events.Key] = deque()
        self._rounds = 0
        """Those still to go for the key under way; 0: there is none."""
        self._sent = 0
        """How many keys were sent."""

    async def press(self, key: events.Key) -> None:
        """Send a key, or keep it until its turn comes."""
        self._waiting.append(key)
        if not self._rounds:
            await self._send_next()
        elif len(self._waiting) == 1:
            under_way = self._sent

            async def give_up() -> None:
                if self._sent == under_way:
                    await self._send_next()

            self._set_timer(_PATIENCE, give_up)

    async def taken(self) -> None:
        """A `KeyTaken` has arrived."""
        if self._rounds > 1 and self._follow():
            self._rounds -= 1
        else:
            await self._send_next()

    async def _send_next(self) -> None:
        self._rounds = 0
        while self._waiting and not self._rounds:
            self._sent += 1
            await self._send(self._waiting.popleft())
            self._rounds = _ROUNDS if self._follow() else 0

    def _follow(self) -> bool:
        return self._target().post_message(KeyTaken())
