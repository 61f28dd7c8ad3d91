"""The style that digits are drawn in at first: the one that was chosen last, or the terminal's."""

from collections.abc import Mapping
from pathlib import Path

from mnist_core.store.files import write_whole
from mnist_tui.text.picture_style import PICTURE_STYLES, PictureStyle

FILE_NAME = "digit-style"
"""Of the file, beside the log, in which the app remembers the style."""

_FINE_COLOURS = ("256", "truecolor")
"""As Rich calls them. Of 16 colours too few are greys to draw with."""
_WIDE_BLOCKS = ("ja", "ko", "zh")
"""Languages whose terminals may draw a block two cells wide, as Unicode leaves open (UAX #11)."""


def usual_style(color_system: str | None, environ: Mapping[str, str]) -> PictureStyle:
    """Half-blocks where colours can draw and a block is one cell wide, else ASCII.

    `color_system` is what Rich says of the terminal, None if it has no colours.
    """
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    if color_system in _FINE_COLOURS and not locale.startswith(_WIDE_BLOCKS):
        return "half-block"
    return "ascii"


def remembered_style(path: Path) -> PictureStyle | None:
    """The style in the file at `path`; None where there is none that can be used."""
    try:
        name = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        # It is a convenience: without it digits are drawn as on the first day.
        return None
    return next((style for style in PICTURE_STYLES if style == name), None)


def remember_style(path: Path, style: PictureStyle) -> None:
    """Write the style into the file at `path`, which need not exist.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, f"{style}\n".encode())
