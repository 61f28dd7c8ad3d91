"""The three widths that screens are laid out for."""

NARROW, NORMAL, WIDE = "-narrow", "-normal", "-wide"
WIDTHS = [(0, NARROW), (100, NORMAL), (160, WIDE)]
"""(columns from which on, class of the screen), for Textual's breakpoints."""


def width_class(columns: int) -> str:
    """The class of a screen so wide."""
    return next(name for least, name in reversed(WIDTHS) if columns >= least)
