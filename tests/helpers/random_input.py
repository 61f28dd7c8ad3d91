"""What a cat on the keyboard does, seeded: keys, mouse, pastes, window sizes, in xterm's codes."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from mnist_tui.settings.keys import KEYS

_CODES = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "space": " ",
    "backspace": "\x7f",
    # As in kitty's protocol, which the app asks for: a bare escape waits for what follows.
    "escape": "\x1b[27u",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "insert": "\x1b[2~",
    "delete": "\x1b[3~",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "full_stop": ".",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "greater_than_sign": ">",
    "less_than_sign": "<",
}
_MOVING = ("enter", "tab", "shift+tab", "up", "down", "left", "right", "home", "end", "pageup",
           "pagedown", "backspace", "delete", "escape", "space", "insert")  # fmt: skip
_RARE = (
    *(f"\x1b[{number}~" for number in (15, 17, 18, 19, 20, 21, 23, 24)),  # F5 to F12
    *("\x1b[1;2A", "\x1b[1;2B", "\x1b[1;5C", "\x1b[1;5D", "\x1b[1;6H", "\x1b[1;3F"),
    *("\x1ba", "\x1b[3;5~", "\x1b[1;5F", "\x1b[97;9u", "\x1b[57399u", "\x1b[200;1R", "\x1b[999z"),
    *("\x1b[I", "\x1b[O"),  # the window gets and loses the focus
)
_TEXTS = (
    *("0.05", "1e400", "-1", "nan", "32,32", "true:4 pred:9", "lr>=0.01", "acc>", "loss>"),
    *("[/]", "[red]", "'", '"', "\\", "é", "漢字", "👩\u200d🔬", "e\u0301", "\u202e", "٣"),
)
_PASTES = ("0.01", "a\nb\r\nc\t", "[/] [red]x[/red]", "\u202eabc", "漢字" * 30, "x" * 2000, "")
_SIZES = ((80, 24), (120, 40), (60, 20), (59, 20), (60, 19), (1, 1), (200, 60), (250, 80))
LARGEST = (250, 80)
"""Columns and rows."""
REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Typed:
    """Characters that the terminal sends."""

    text: str

    def __str__(self) -> str:
        return ascii(self.text)


@dataclass(frozen=True, slots=True)
class Resized:
    columns: int
    rows: int

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"


@dataclass(frozen=True, slots=True)
class Waited:
    seconds: float

    def __str__(self) -> str:
        return f"wait {self.seconds:.3f}"


Input = Typed | Resized | Waited


def code(key: str) -> str:
    """What the terminal sends for a key by Textual's name."""
    if key in _CODES:
        return _CODES[key]
    if key.startswith("ctrl+"):
        return chr(ord(key[-1]) - ord("a") + 1)
    if len(key) != 1:
        raise ValueError(f"no code for {key!r}")
    return key


class RandomInput:
    """Endless input; the same for the same seed."""

    def __init__(self, seed: int, size: tuple[int, int] = (120, 40)) -> None:
        """`size` is the terminal's at the start, in columns and rows."""
        self.seed = seed
        self.last: deque[Input] = deque(maxlen=REMEMBERED)
        """The latest inputs, the oldest first."""
        self._random = random.Random(seed)
        self._size = size
        self._own = [code(key) for entry in KEYS for key in entry.keys if entry.name != "quit"]
        self._moving = [code(key) for key in _MOVING]
        self._kinds = {
            self._key: 50,
            self._movement: 18,
            self._character: 9,
            self._words: 3,
            self._mouse: 9,
            self._rest: 5,
            self._resize: 2,
            self._control: 2,
            self._rarity: 2,
            self._paste: 1,
            self._quit: 0.5,
        }

    def take(self) -> list[Input]:
        """What comes next, in one go: mostly a single input."""
        (kind,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
        taken = list(kind())
        self.last.extend(taken)
        return taken

    def told(self) -> str:
        """The seed and the latest inputs, to find a failure again."""
        return f"seed {self.seed}, the last inputs: {' '.join(str(each) for each in self.last)}"

    def _key(self) -> Iterator[Input]:
        yield Typed(self._random.choice(self._own))

    def _movement(self) -> Iterator[Input]:
        text = self._random.choice(self._moving)
        # Keys that are held down, and those pressed twice in impatience.
        yield from [Typed(text)] * self._random.choice((1, 1, 1, 1, 2, 5))

    def _character(self) -> Iterator[Input]:
        yield Typed(chr(self._random.randint(32, 126)))

    def _words(self) -> Iterator[Input]:
        yield Typed(self._random.choice(_TEXTS))

    def _control(self) -> Iterator[Input]:
        yield Typed(chr(self._random.choice([n for n in range(1, 32) if n not in (17, 27)])))

    def _rarity(self) -> Iterator[Input]:
        yield Typed(self._random.choice(_RARE))

    def _paste(self) -> Iterator[Input]:
        yield Typed(f"\x1b[200~{self._random.choice(_PASTES)}\x1b[201~")

    def _rest(self) -> Iterator[Input]:
        yield Waited(self._random.choice((0.005, 0.02, 0.12)))

    def _quit(self) -> Iterator[Input]:
        yield Typed(self._random.choice("q\x11"))
        yield Waited(0.02)
        yield Typed(self._random.choice((*self._moving, "\r")))

    def _resize(self) -> Iterator[Input]:
        columns, rows = (self._random.randint(1, most) for most in LARGEST)
        self._size = self._random.choice((*_SIZES, (columns, rows), (columns, rows)))
        yield Resized(*self._size)

    def _mouse(self) -> Iterator[Input]:
        x, y = self._place()
        button = self._random.choice((0, 0, 0, 1, 2)) + self._random.choice((0, 0, 0, 4, 8, 16))
        gesture = self._random.choice(("click", "click", "double click", "drag", "wheel", "move"))
        if gesture == "wheel":
            yield from [_mouse(64 + self._random.randrange(4), x, y)] * self._random.randint(1, 5)
        elif gesture == "move":
            yield _mouse(35, x, y)
        elif gesture == "drag":
            yield _mouse(button, x, y)
            for _ in range(self._random.randint(1, 6)):
                x, y = self._place()
                yield _mouse(32 + button, x, y)
            if self._random.random() < 0.9:  # else the button came up outside of the window
                yield _mouse(button, x, y, up=True)
        else:
            for _ in range(2 if gesture == "double click" else 1):
                yield _mouse(button, x, y)
                yield _mouse(button, x, y, up=True)

    def _place(self) -> tuple[int, int]:
        """Column and row from 0, now and then outside."""
        columns, rows = self._size if self._random.random() < 0.9 else LARGEST
        return self._random.randrange(columns), self._random.randrange(rows)


def _mouse(button: int, x: int, y: int, *, up: bool = False) -> Typed:
    return Typed(f"\x1b[<{button};{x + 1};{y + 1}{'m' if up else 'M'}")
