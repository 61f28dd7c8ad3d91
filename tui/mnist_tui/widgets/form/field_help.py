"""The words about the field in hand, in a few lines at the foot of the form."""

import re

from textual.content import Content
from textual.widget import Widget

_SENTENCE_END = re.compile(r"(?<=[.;])\s+")


class FieldHelp(Widget):
    """A heading and as many whole sentences as there is room for."""

    DEFAULT_CSS = """
    FieldHelp { height: 1fr; padding: 1 1 0 1; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._heading = ""
        self._text = ""

    def show(self, heading: str, text: str) -> None:
        """Explain another field."""
        if (heading, text) != (self._heading, self._text):
            self._heading, self._text = heading, text
            self.refresh()

    def render(self) -> Content:
        text = sentences_that_fit(self._text, self.size.width, self.size.height - 1)
        return Content.assemble((self._heading, "bold"), "\n", text)


def sentences_that_fit(text: str, width: int, height: int) -> str:
    """The leading sentences of `text` that fill at most `height` lines of `width` cells."""
    fitting = ""
    if width > 0:
        for sentence in _SENTENCE_END.split(text):
            longer = f"{fitting} {sentence}".strip()
            if len(Content(longer).wrap(width)) > height:
                break
            fitting = longer
    return f"{fitting[:-1]}." if fitting.endswith(";") else fitting
