"""Terminals that show images, as they answer."""

from mnist_tui.runtime.graphics import CellSize, Graphics

KITTY_ANSWERS = "\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;16;8t\x1b[?62;c"
CELL = CellSize(8, 16)
KITTY = Graphics("kitty", CELL)
PLACEHOLDER = "\U0010eeee"
"""The character in whose place Kitty shows a part of an image."""
