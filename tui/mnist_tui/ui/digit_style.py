"""The key that changes how digits are drawn, on all screens at once."""

from typing import Protocol, runtime_checkable

from textual.message import Message

from mnist_tui.text.picture_style import PictureStyle


class NextStyleAsked(Message):
    """The user wants digits in the next style."""


@runtime_checkable
class ShowsDigits(Protocol):
    """A screen with pictures of digits."""

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digits in another style from now on."""
