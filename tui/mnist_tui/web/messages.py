"""What a browser asks for: the messages of textual-serve's script in the page, and their bounds."""

import json
import re
from dataclasses import dataclass
from typing import Self

MOST_BYTES = 1 << 20
"""Length of a message: far above any text that a field takes."""

_MOST_BRACKETS = 16
"""Lists and objects in a message, so also how deep they nest; the script needs two."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class BadMessage(Exception):  # noqa: N818 - what came is bad, nothing here is in error
    """What no page of this server sends; the rest of a sentence on the tab, for the log."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the tab's terminal, in cells."""

    columns: int
    rows: int

    @classmethod
    def asked(cls, columns: object, rows: object) -> Self:
        """What a browser asks for, within bounds; 80 by 24 where that is no size."""
        return cls(_bounded(columns, 80, 1000), _bounded(rows, 24, 500))


def _bounded(value: object, default: int, most: int) -> int:
    try:
        return max(1, min(most, int(value)))  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return default


@dataclass(frozen=True, slots=True)
class Typed:
    """What the terminal in the tab sends: keys and the mouse."""

    text: str


@dataclass(frozen=True, slots=True)
class Focused:
    """Whether the tab has the focus now."""

    has_focus: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with the same text."""

    sent: str


Message = Typed | Size | Focused | Ping


def read_message(text: str) -> Message | None:
    """What a message asks for; None: nothing that is known here.

    Raises:
        BadMessage: it has too many brackets. Python would follow deep ones until its stack ends.
    """
    outside = _STRING.sub("", text)
    if outside.count("[") + outside.count("{") > _MOST_BRACKETS:
        raise BadMessage(f"it sent a message with more than {_MOST_BRACKETS} brackets")
    try:
        message = json.loads(text)
    except ValueError:
        return None
    match message:
        case ["stdin", str(typed)]:
            return Typed(typed)
        case ["resize", {"width": width, "height": height}]:
            return Size.asked(width, height)
        case ["focus" | "blur" as change, *_]:
            return Focused(change == "focus")
        case ["ping", str(sent)]:
            return Ping(sent)
    return None
