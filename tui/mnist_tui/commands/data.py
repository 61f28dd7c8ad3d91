"""`mnist-tui data`: the data sets that have a name; and waiting for one without the app."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TextIO

from cyclopts import App, Parameter

from mnist_core.shell_commands import own_command
from mnist_tui.commands.flags import Home, UsageError, log_in_home, version_text
from mnist_tui.runtime.output import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    WriteLine,
    line_writer,
)
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from mnist_core.data.loader import (
        DatasetFailed,
        DatasetLoaded,
        DatasetLoader,
        DatasetProgressed,
    )
    from mnist_core.recipe.hyperparameters import Validation

    ShowProgress = Callable[[DatasetProgressed], None]

data = App(
    name="data",
    help="List the data sets that have a name, or download one.",
    version=version_text,
)


@data.command(name="list")
def list_datasets(*, home: Home = None) -> int:
    """Say which data sets there are, and where they lie on this machine."""
    log_in_home(home)
    from mnist_core.data.registry import (
        PUBLISHED,
        SYNTHETIC,
        dataset_names,
        default_cache_folder,
        is_cached,
    )

    write = line_writer(sys.stdout)
    cache = default_cache_folder()
    width = max(map(len, dataset_names()))
    for name, published in PUBLISHED.items():
        if is_cached(name, cache):
            where = f"here, in {visible(str(cache / name))}"
        else:
            where = f"not here; {own_command('data', 'fetch', name)} downloads it"
        write(f"{name:<{width}}  {published.title}: {where}")
    write(f"{SYNTHETIC:<{width}}  Synthetic digits: drawn here, no download needed")
    return EXIT_DONE


@data.command
def fetch(
    name: Annotated[
        str, Parameter(help=f"The data set, as {own_command('data', 'list')} names it.")
    ],
    /,
    *,
    home: Home = None,
) -> int:
    """Download a data set, so that it is there offline."""
    log_in_home(home)
    from mnist_core.data.loader import DatasetFailed, DatasetLoader
    from mnist_core.data.registry import dataset_names, default_cache_folder

    if name not in dataset_names():
        names = ", ".join(dataset_names())
        raise UsageError(f"There is no data set {name!r} to fetch; choose one of {names}.")
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    loader = DatasetLoader(name, default_cache_folder())
    with stop_signals():
        try:
            answer = wait_for_dataset(loader, sys.stdout)
        except KeyboardInterrupt:
            write_error("Stopped before the download was complete; fetch again to complete it.")
            return EXIT_INTERRUPTED
        finally:
            loader.leave()
    if isinstance(answer, DatasetFailed):
        write_error(visible(answer.message))
        return EXIT_FAILED
    dataset = answer.dataset
    write(
        f"{name}: {count(len(dataset.train), 'training example')}, "
        f"{count(len(dataset.test), 'test example')}"
    )
    return EXIT_DONE


def wait_for_dataset(loader: "DatasetLoader", stream: TextIO) -> "DatasetLoaded | DatasetFailed":
    """Start `loader` and wait for its answer, showing on `stream` what it is doing.

    The wait is in Python's hands, so that a signal ends it, also where a thread of the loader
    hangs in a system call.
    """
    from mnist_core.data.loader import DatasetFailed, DatasetLoaded, DatasetProgressed

    loader.start()
    with _progress_on(stream) as show:
        while loader.wait():
            for event in loader.drain():
                if isinstance(event, DatasetProgressed):
                    show(event)
                elif isinstance(event, DatasetLoaded | DatasetFailed):
                    return event
    raise RuntimeError("The loader of the data set ended without an answer.")


def tell_of_data(
    answer: "DatasetLoaded", write_error: WriteLine, validation: "Validation" = "none"
) -> None:
    """Say why these are other data than one would expect, and why figures on them say little.

    `validation` is what is held out of them.
    """
    from mnist_core.data.doubts import find_doubts_about_validation

    dataset = answer.dataset
    doubts = (*dataset.doubts, *find_doubts_about_validation(dataset, validation))
    for sentence in (answer.reason, *doubts):
        if sentence is not None:
            write_error(visible(sentence))


def progress_lines(write: WriteLine) -> "ShowProgress":
    """Shows each step by one line, when it begins."""
    told = set()

    def show(event: "DatasetProgressed") -> None:
        if event.message in told:
            return
        told.add(event.message)
        size = f" ({event.bytes_total / 1e6:.1f} MB)" if event.bytes_total else ""
        write(visible(event.message) + size)

    return show


@contextmanager
def _progress_on(stream: TextIO) -> "Iterator[ShowProgress]":
    if stream.isatty():
        from mnist_tui.commands.progress_bars import dataset_bars

        with dataset_bars(stream) as show:
            yield show
    else:
        yield progress_lines(line_writer(stream))
