"""Progress bars on a terminal without the app; imported only where one is drawn."""

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import Progress, ProgressColumn

ECHO_ROOM = 4
"""Cells left free beside the bars, where the terminal shows `^C` when it is typed.

In a full line that would begin another one, and one line of the bars would not be wiped away.
"""


class ProgressBars(Progress):
    """Rich's bars, wiped away in the end, also after Ctrl-C in a narrow terminal."""

    def __init__(
        self, *columns: ProgressColumn, console: Console, auto_refresh: bool = True
    ) -> None:
        super().__init__(*columns, console=console, auto_refresh=auto_refresh, transient=True)

    def get_renderable(self) -> RenderableType:
        return _BesideRoom(super().get_renderable())


class _BesideRoom:
    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(options.max_width - ECHO_ROOM, 1)
        yield from console.render(self._renderable, options.update_width(width))
