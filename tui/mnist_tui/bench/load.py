"""The data set of a benchmark."""

import sys

from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetFailed, DatasetLoader
from mnist_core.data.registry import default_cache_folder
from mnist_tui.bench.flags import BenchOptions
from mnist_tui.commands.dataset_progress import wait_for_dataset
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import WriteLine
from mnist_tui.text.visible_text import visible


def load_dataset(options: BenchOptions, write_error: WriteLine) -> Dataset | None:
    """The data set to train on; None when there is none, which is said then."""
    loader = DatasetLoader(options.data, default_cache_folder())
    try:
        answer = wait_for_dataset(loader, sys.stderr)
    finally:
        loader.cancel()
    if isinstance(answer, DatasetFailed):
        write_log(options.log_file, answer.traceback)
        write_error(visible(answer.message))
        return None
    if answer.reason is not None:
        write_error(visible(answer.reason))
    return answer.dataset
