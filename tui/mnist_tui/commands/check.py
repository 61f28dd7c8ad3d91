"""`mnist-tui check`: what this program computes, against independent references."""

import os
import sys
import time
from pathlib import Path

from mnist_core.backend import BackendMissing, configure
from mnist_core.dataset import Dataset
from mnist_core.datasets import (
    PUBLISHED,
    SYNTHETIC,
    DatasetUnavailable,
    default_cache_folder,
    is_cached,
    load_dataset,
)
from mnist_core.loading import DEFAULT_DATASET
from mnist_tui.check_text import CheckPrinter, JsonPrinter, LinePrinter
from mnist_tui.headless import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from mnist_tui.launch import Device
from mnist_tui.log import write_log
from mnist_tui.output import line_writer
from mnist_tui.plain_text import visible
from mnist_tui.signals import stop_signals


def check(
    data: str | None,
    log_file: Path,
    device: Device = "auto",
    threads: int | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Make all checks and print each as it is done; 0 when all that could be made passed.

    Nothing is downloaded: without `data` it takes MNIST where it is, else synthetic digits.
    """
    began = time.perf_counter()
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    printer: CheckPrinter = JsonPrinter(write) if as_json else LinePrinter(write)
    with stop_signals():
        try:
            return _check(_load(data), log_file, device, threads, printer, began)
        except KeyboardInterrupt:
            write_error("Stopped before all checks were made.")
            return EXIT_INTERRUPTED
        except (DatasetUnavailable, BackendMissing) as error:
            write_error(visible(str(error)))
            return EXIT_FAILED


def _load(data: str | None) -> Dataset:
    """The data set to check with.

    Raises:
        DatasetUnavailable: it is not here, or is no usable data set.
    """
    cache = default_cache_folder()
    if data is None:
        data = DEFAULT_DATASET if is_cached(DEFAULT_DATASET, cache) else SYNTHETIC
    elif data in PUBLISHED and not is_cached(data, cache):
        raise DatasetUnavailable(
            f"{data} is not here, and check downloads nothing. mnist-tui data fetch {data} does."
        )
    return load_dataset(data, cache)


def _check(
    dataset: Dataset,
    log_file: Path,
    device: Device,
    threads: int | None,
    printer: CheckPrinter,
    began: float,
) -> int:
    # A GPU's products would round their factors to 10 bits, and every figure would be that
    # rounding (ml-explore/mlx#3860). MLX reads this at its first product.
    os.environ["MLX_ENABLE_TF32"] = "0"
    backend = configure(device, threads)
    # This imports MLX: only once it is known to work.
    from mnist_core.checks.suite import run_checks

    printer.begin(dataset, backend)
    results = []
    for result in run_checks(dataset, backend):
        results.append(result)
        if result.traceback:
            write_log(log_file, result.traceback)
        printer.show(result)
    printer.end(results, time.perf_counter() - began)
    return EXIT_FAILED if any(result.passed is False for result in results) else EXIT_DONE
