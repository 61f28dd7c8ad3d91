"""The line that says what the marks at the fields mean."""

from textual.content import Content
from textual.widget import Widget

from mnist_tui.widgets.form.live_values import MARKS


class Legend(Widget):
    """Draws :func:`legend` on one line."""

    DEFAULT_CSS = """
    Legend { height: 1; padding: 0 1; color: $text-muted; }
    """

    def render(self) -> Content:
        return Content(legend(self.size.width))


def legend(width: int) -> str:
    """What the marks mean, in at most `width` cells where that is possible."""
    longest = " ".join(f"{mark} {when.value}" for when, mark in MARKS.items())
    now, epoch, run = MARKS.values()
    short = f"{now} now {epoch} epoch {run} next run"
    shortest = f"{now} now {epoch} epoch {run} run"
    fitting = (words for words in (longest, short) if len(words) <= width)
    return next(fitting, shortest)
