"""Keys wait for those before them, but not for ever."""

from collections.abc import Awaitable, Callable

from textual.events import Key
from textual.widget import Widget

from mnist_tui.ui.keys_in_turn import KeysInTurn


class Target(Widget):
    """Takes what follows keys, or is closed and takes nothing."""

    followed = 0
    closed = False

    def post_message(self, message: object) -> bool:
        self.followed += not self.closed
        return not self.closed


class Keyboard:
    def __init__(self) -> None:
        self.sent = ""
        self.target = Target()
        self.timers: list[Callable[[], Awaitable[None]]] = []
        self.keys = KeysInTurn(self._send, lambda: self.target, self._set_timer)

    async def _send(self, key: Key) -> None:
        self.sent += key.key

    def _set_timer(self, seconds: float, callback: Callable[[], Awaitable[None]]) -> None:
        self.timers.append(callback)

    async def press(self, keys: str) -> None:
        for key in keys:
            await self.keys.press(Key(key, key))

    async def arrive(self) -> None:
        """All that follows the key under way."""
        sent = self.target.followed
        while True:
            await self.keys.taken()
            if self.target.followed == sent:
                break
            sent = self.target.followed


async def test_a_key_is_sent_when_what_followed_the_one_before_has_arrived() -> None:
    board = Keyboard()
    await board.press("abc")
    assert board.sent == "a"
    await board.keys.taken()
    await board.keys.taken()
    assert board.sent == "a", "Enter in a field goes on as a message of its form"
    await board.keys.taken()
    assert board.sent == "ab"
    await board.arrive()
    assert board.sent == "abc"
    await board.press("d")
    assert board.sent == "abcd"


async def test_one_that_is_lost_is_not_waited_for_for_ever() -> None:
    board = Keyboard()
    await board.press("ab")
    (give_up,) = board.timers
    await give_up()
    assert board.sent == "ab"
    await give_up()
    await board.press("c")
    assert board.sent == "ab", "b is under way now, and not given up"


async def test_where_nothing_can_follow_no_key_waits() -> None:
    board = Keyboard()
    board.target.closed = True
    await board.press("abc")
    assert board.sent == "abc"
