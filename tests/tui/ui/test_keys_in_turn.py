"""Keys wait for those before them, but not for ever."""

from collections.abc import Awaitable, Callable

from textual.events import Key
from textual.message import Message
from textual.widget import Widget

from mnist_tui.ui.keys_in_turn import KeysInTurn, KeyTaken


class Target(Widget):
    """Takes what follows keys, or is closed and takes nothing."""

    closed = False

    def __init__(self) -> None:
        super().__init__()
        self.followed: list[KeyTaken] = []

    def post_message(self, message: Message) -> bool:
        if isinstance(message, KeyTaken) and not self.closed:
            self.followed.append(message)
        return not self.closed


class Keyboard:
    def __init__(self) -> None:
        self.sent = ""
        self.target = Target()
        self.timers: list[Callable[[], Awaitable[None]]] = []
        self.shown = True
        self.keys = KeysInTurn(
            self._send, lambda: self.target, lambda _widget: self.shown, self._set_timer
        )

    async def _send(self, key: Key) -> None:
        self.sent += key.key

    def _set_timer(self, seconds: float, callback: Callable[[], Awaitable[None]]) -> None:
        self.timers.append(callback)

    async def press(self, keys: str) -> None:
        for key in keys:
            await self.keys.press(Key(key, key))

    async def arrive(self, times: int = 1) -> None:
        """What followed the key under way has come up to the app."""
        for _ in range(times):
            await self.keys.taken(self.target.followed.pop(0))


async def test_a_key_is_sent_when_what_followed_the_one_before_has_arrived() -> None:
    board = Keyboard()
    await board.press("abc")
    assert board.sent == "a"
    await board.arrive(2)
    assert board.sent == "a", "Enter in a field goes on as a message of its form"
    await board.arrive()
    assert board.sent == "ab"
    await board.arrive(3)
    assert board.sent == "abc"
    await board.arrive(3)
    await board.press("d")
    assert board.sent == "abcd"


async def test_those_that_are_lost_one_after_the_other_are_not_waited_for_for_ever() -> None:
    board = Keyboard()
    await board.press("abcd")
    for sent in ("ab", "abc", "abcd"):
        assert board.timers, "somebody looks after those that wait"
        await board.timers.pop()()
        assert board.sent == sent
    await board.press("e")
    assert board.sent == "abcd"
    await board.timers.pop()()
    assert board.sent == "abcde"
    assert not board.timers


async def test_what_comes_late_is_not_taken_for_what_follows_the_next_key() -> None:
    board = Keyboard()
    await board.press("abc")
    late = board.target.followed.pop()
    give_up = board.timers.pop()
    await give_up()
    assert board.sent == "ab"
    for _ in range(5):
        await board.keys.taken(late)
        await give_up()
    assert board.sent == "ab"
    await board.arrive(3)
    assert board.sent == "abc"


async def test_a_key_that_closed_its_screen_is_done() -> None:
    board = Keyboard()
    await board.press("ab")
    await board.keys.look()
    assert board.sent == "a", "a dialog opened over it, which waits for its own focus"
    board.shown = False
    await board.keys.look()
    assert board.sent == "ab"


async def test_where_nothing_can_follow_no_key_waits() -> None:
    board = Keyboard()
    board.target.closed = True
    await board.press("abc")
    assert board.sent == "abc"
