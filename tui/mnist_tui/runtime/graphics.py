"""Whether the terminal shows images: first by what the environment says, then by asking it."""

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, NamedTuple

GraphicsProtocol = Literal["kitty", "sixel"]

# What stands between the app and the terminal keeps images to itself, or draws them elsewhere.
_BETWEEN = ("TMUX", "STY", "ZELLIJ")
_TERMS_BETWEEN = ("screen", "tmux")

_SPEAKERS = (
    ("KITTY_WINDOW_ID", ""),
    ("TERM", "xterm-kitty"),  # also over SSH, where the variable above is lost
    ("TERM", "xterm-ghostty"),
    ("TERM_PROGRAM", "ghostty"),
    ("XTERM_VERSION", ""),  # started as a VT340, or built so, it draws Sixel
    ("KONSOLE_VERSION", ""),  # Sixel from 22.04 on
    ("WT_SESSION", ""),  # Windows Terminal: Sixel from 1.22 on; WSL hands the variable on
    ("TERM_PROGRAM", "WezTerm"),
    ("TERM_PROGRAM", "iTerm.app"),
    ("LC_TERMINAL", "iTerm2"),  # the same over SSH
    ("TERM_PROGRAM", "vscode"),  # Sixel where its images are switched on
    ("TERM_PROGRAM", "contour"),
    ("TERM", "contour"),
    ("TERM", "foot"),
    ("TERM", "mlterm"),
)
"""A variable, and how it begins, in terminals that may show images. All of them answer at once."""

_QUERY_ID = 31
_QUESTIONS = (
    f"\x1b_Gi={_QUERY_ID},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"  # an image of one pixel, not shown
    "\x1b[>q"  # XTVERSION: name and version
    "\x1b[16t"  # the size of a cell in pixels
    "\x1b[c"  # the device's attributes: every terminal answers this, so it comes last
)
_ATTRIBUTES = re.compile(r"\x1b\[\?([\d;]*)c")
_TAKES_IMAGES = re.compile(rf"\x1b_Gi={_QUERY_ID};OK\x1b\\")
_NAME = re.compile(r"\x1bP>\|(.*?)\x1b\\")
_CELL_SIZE = re.compile(r"\x1b\[6;(\d+);(\d+)t")
_ANSWERS = re.compile(r"\x1b[_P].*?\x1b\\|\x1b\[[?\d;]*[ct]", re.DOTALL)

_SIXEL_ATTRIBUTE = "4"
_LARGEST_CELL = 512
"""Pixels to either side that can be believed."""
_PATIENCE = 1.0
"""Seconds to wait for an answer, over a slow line too."""

PACKAGE = "textual_image"


class CellSize(NamedTuple):
    """A cell of the terminal in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Graphics:
    """What the terminal said of images."""

    protocol: GraphicsProtocol | None
    """None: it shows none that the app could use."""
    cell: CellSize | None
    """None: it did not say."""
    typed: str = ""
    """What somebody typed meanwhile."""


def may_show_images(environ: Mapping[str, str]) -> bool:
    """Whether this terminal is worth asking. Without NO_COLOR: images are nothing but colours."""
    term = environ.get("TERM", "")
    if any(environ.get(name) for name in (*_BETWEEN, "NO_COLOR")) or term.startswith(
        _TERMS_BETWEEN
    ):
        return False
    return any(
        environ.get(name, "").startswith(start) for name, start in _SPEAKERS if name in environ
    )


def has_package() -> bool:
    """Whether what draws the images is installed; it is not imported."""
    return find_spec(PACKAGE) is not None


def ask_terminal(stdin: int = 0, stdout: int = 1) -> Graphics:
    """Ask the terminal at these descriptors, before anything else reads from it.

    Raises:
        OSError: it cannot be asked.
    """
    try:
        before = termios.tcgetattr(stdin)
        try:
            tty.setcbreak(stdin, termios.TCSANOW)
            _ignore_signal_keys(stdin)
            answers = _answers(stdin, stdout)
        finally:
            termios.tcsetattr(stdin, termios.TCSANOW, before)
    except termios.error as error:
        raise OSError(*error.args) from error
    return understood(answers, cell_size(stdout))


def _ignore_signal_keys(stdin: int) -> None:
    """An answer that is garbage may hold their characters."""
    attributes = termios.tcgetattr(stdin)
    attributes[3] &= ~termios.ISIG
    termios.tcsetattr(stdin, termios.TCSANOW, attributes)


def _answers(stdin: int, stdout: int) -> str:
    """All that comes until the last answer, or until there is no more patience."""
    deadline = time.monotonic() + _PATIENCE
    os.write(stdout, _QUESTIONS.encode())
    read = b""
    while not _ATTRIBUTES.search(text := read.decode(errors="replace")):
        ready, _, _ = select.select([stdin], [], [], max(0.0, deadline - time.monotonic()))
        more = os.read(stdin, 1024) if ready else b""
        if not more:
            break
        read += more
    return text


def understood(answers: str, cell: CellSize | None = None) -> Graphics:
    """What `answers` say; `cell` is the size of a cell where the system knows it."""
    said = _CELL_SIZE.search(answers)
    if cell is None and said and all(1 <= int(size) <= _LARGEST_CELL for size in said.groups()):
        cell = CellSize(int(said[2]), int(said[1]))
    typed = _ANSWERS.sub("", answers)
    return Graphics(_protocol(answers) if cell else None, cell, typed)


def _protocol(answers: str) -> GraphicsProtocol | None:
    attributes = _ATTRIBUTES.search(answers)
    # Some of those that have both take images of Kitty's protocol but no placeholders for them.
    if attributes and _SIXEL_ATTRIBUTE in attributes[1].split(";")[1:]:
        return "sixel"
    name = _NAME.search(answers)
    if _TAKES_IMAGES.search(answers) and name and _has_placeholders(name[1]):
        return "kitty"
    return None


def _has_placeholders(name: str) -> bool:
    """Whether a terminal puts images in the place of characters: Kitty from 0.28 on, Ghostty."""
    kitty = re.match(r"kitty\((\d+)\.(\d+)", name)
    if kitty:
        return (int(kitty[1]), int(kitty[2])) >= (0, 28)
    return name.startswith("ghostty")


def cell_size(descriptor: int) -> CellSize | None:
    """The size of a cell, as the system knows it of the terminal at `descriptor`."""
    try:
        answer = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return None
    rows, columns, width, height = struct.unpack("HHHH", answer)
    if not (rows and columns and width >= columns and height >= rows):
        return None
    return CellSize(width // columns, height // rows)
