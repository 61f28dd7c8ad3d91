"""`mnist-tui data`: the data sets that have a name."""

import sys

from mnist_core.data.loader import DatasetFailed, DatasetLoader
from mnist_core.data.registry import (
    PUBLISHED,
    SYNTHETIC,
    dataset_names,
    default_cache_folder,
    is_cached,
)
from mnist_tui.commands.dataset_progress import wait_for_dataset
from mnist_tui.commands.headless import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from mnist_tui.commands.usage import UsageError
from mnist_tui.runtime.output import line_writer
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible


def list_datasets() -> int:
    """Print a line for each data set: its name, whether it is here, and where."""
    write = line_writer(sys.stdout)
    cache = default_cache_folder()
    width = max(map(len, dataset_names()))
    for name, published in PUBLISHED.items():
        if is_cached(name, cache):
            where = f"here, in {visible(str(cache / name))}"
        else:
            where = f"not here; mnist-tui data fetch {name} downloads it"
        write(f"{name:<{width}}  {published.title}: {where}")
    write(f"{SYNTHETIC:<{width}}  Synthetic digits: drawn here, no download needed")
    return EXIT_DONE


def fetch_dataset(name: str) -> int:
    """Download the data set `name` unless it is here, and check it; the exit code.

    Raises:
        UsageError: there is no such data set.
    """
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
            loader.cancel()
    if isinstance(answer, DatasetFailed):
        write_error(visible(answer.message))
        return EXIT_FAILED
    dataset = answer.dataset
    write(
        f"{name}: {count(len(dataset.train), 'training example')}, "
        f"{count(len(dataset.test), 'test example')}"
    )
    return EXIT_DONE
