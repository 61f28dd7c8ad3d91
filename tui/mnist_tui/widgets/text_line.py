"""A line of text to type, where typing lays nothing out anew."""

from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input


class TextLine(Input):
    """Textual's input, as wide as its place whatever is in it.

    Textual's lays the whole screen out with every letter, in case its width followed the text.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)
