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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)
