"""Three lines for people who start the program for the first time."""

from textual.content import Content
from textual.widgets import Static

from mnist_tui.settings.key_hints import key_hint

_LINES = (
    (("run", " trains a network; curves and digits follow it live."),),
    (
        ("edit", " edits its values, "),
        ("leave", " leaves them; "),
        ("run", " again races both."),
    ),
    (
        ("show_screen_mistakes", " shows its mistakes, "),
        ("show_screen_runs", " all your runs, "),
        ("help", " every key."),
    ),
)
"""Commands, each with the words that follow its key; no line is wider than 60 cells."""


def guidance() -> Content:
    """The lines, with the keys that work."""
    lines = [
        Content.assemble(
            " ",
            *(part for name, words in line for part in ((key_hint(name), "bold $primary"), words)),
        )
        for line in _LINES
    ]
    return Content("\n").join(lines)


class Guidance(Static):
    """Not in the way of anything: the first key takes it away, and does what it does."""

    DEFAULT_CSS = """
    Guidance { height: 3; background: $surface; }
    """
