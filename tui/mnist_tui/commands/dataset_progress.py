"""Waiting for a data set without the app: a bar on a terminal, a line a step elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from mnist_core.data.loader import DatasetFailed, DatasetLoaded, DatasetLoader, DatasetProgressed
from mnist_tui.runtime.output import WriteLine, line_writer
from mnist_tui.text.visible_text import visible

ShowProgress = Callable[[DatasetProgressed], None]


def wait_for_dataset(loader: DatasetLoader, stream: TextIO) -> DatasetLoaded | DatasetFailed:
    """Start `loader` and wait for its answer, showing on `stream` what it is doing.

    The wait is in Python's hands, so that a signal ends it, also where a thread of the loader
    hangs in a system call.
    """
    loader.start()
    with _progress_on(stream) as show:
        while loader.wait():
            for event in loader.drain():
                if isinstance(event, DatasetProgressed):
                    show(event)
                elif isinstance(event, DatasetLoaded | DatasetFailed):
                    return event
    raise RuntimeError("The loader of the data set ended without an answer.")


def progress_lines(write: WriteLine) -> ShowProgress:
    """Shows each step by one line, when it begins."""
    told = set()

    def show(event: DatasetProgressed) -> None:
        if event.message in told:
            return
        told.add(event.message)
        size = f" ({event.bytes_total / 1e6:.1f} MB)" if event.bytes_total else ""
        write(visible(event.message) + size)

    return show


@contextmanager
def _progress_on(stream: TextIO) -> Iterator[ShowProgress]:
    if stream.isatty():
        from mnist_tui.commands.progress_bars import dataset_bars

        with dataset_bars(stream) as show:
            yield show
    else:
        yield progress_lines(line_writer(stream))
