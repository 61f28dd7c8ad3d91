"""How far a benchmark is, on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def progress(description: str, total: int, stream: TextIO) -> Iterator[Callable[[], None]]:
    """Shows on a terminal how many of `total` are measured; gives the function that counts one."""
    if not stream.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    from mnist_tui.commands.progress_bars import ProgressBars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with ProgressBars(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)
