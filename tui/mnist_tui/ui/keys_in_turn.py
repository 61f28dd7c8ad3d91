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

    def __init__(self, number: int) -> None:
        """`number` is that of the key."""
        super().__init__()
        self.number = number


class KeysInTurn:
    """Holds keys back until the one before has done what it does.

    Textual sends each key to what has the focus when it arrives. Over a slow connection several
    arrive at once: the first may open a field, and the others would miss it.
    """

    def __init__(
        self,
        send: Callable[[events.Key], Awaitable[None]],
        target: Callable[[], Widget],
        is_shown: Callable[[Widget], bool],
        set_timer: Callable[[float, Callable[[], Awaitable[None]]], object],
    ) -> None:
        """`send` gives a key to the widget that `target` says; what `is_shown` no more may have
        been removed with what it was to pass on.
        """
        self._send = send
        self._target = target
        self._is_shown = is_shown
        self._set_timer = set_timer
        self._waiting: deque[events.Key] = deque()
        self._rounds = 0
        """Those still to go for the key under way; 0: there is none."""
        self._number = 0
        """Of the key that was sent last."""
        self._watched = 0
        """Of the one that will be given up after a while."""
        self._followed: Widget | None = None
        """Where its `KeyTaken` began."""

    async def press(self, key: events.Key) -> None:
        """Send a key, or keep it until its turn comes."""
        self._waiting.append(key)
        if self._rounds:
            self._watch()
        else:
            await self._send_next()

    async def taken(self, message: KeyTaken) -> None:
        """A `KeyTaken` has arrived."""
        if message.number != self._number:
            return
        if self._rounds > 1 and self._follow():
            self._rounds -= 1
        else:
            await self._send_next()

    async def look(self) -> None:
        """Another screen is shown: the key under way may have closed the one that it went to."""
        if self._rounds and self._followed is not None and not self._is_shown(self._followed):
            await self._send_next()

    async def _send_next(self) -> None:
        self._rounds = 0
        while self._waiting and not self._rounds:
            self._number += 1
            await self._send(self._waiting.popleft())
            self._rounds = _ROUNDS if self._follow() else 0
        self._watch()

    def _follow(self) -> bool:
        self._followed = self._target()
        return self._followed.post_message(KeyTaken(self._number))

    def _watch(self) -> None:
        """Give the key under way up after a while, where others wait for it."""
        if not (self._waiting and self._rounds) or self._watched == self._number:
            return
        self._watched = under_way = self._number

        async def give_up() -> None:
            if self._rounds and self._number == under_way:
                await self._send_next()

        self._set_timer(_PATIENCE, give_up)
