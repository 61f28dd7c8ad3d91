"""`mnist-tui check`: what this program computes, against independent references."""

import json
import os
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mnist_core.shell_commands import own_command
from mnist_tui.commands.flags import MachineFlags, data_source, log_in_home, switch
from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, line_writer
from mnist_tui.runtime.signals import stop_signals
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from mnist_core.backend.backend import Backend
    from mnist_core.checks.check import CheckResult
    from mnist_core.data.dataset import Dataset

_STATUS_WIDTH = 9
_NAME_WIDTH = 40
_WIDTH = 80


def check(
    machine: MachineFlags | None = None,
    *,
    json: Annotated[
        bool, switch("Write one JSON object a line: each check, then a summary.")
    ] = False,
) -> int:
    """Check what this program computes against independent references, with figures.

    Downloads nothing: without --data it takes MNIST where it is, else synthetic digits.

    Ends with 0 when all passed, 1 when one failed, 2 for wrong usage, 130 when interrupted.
    """
    began = time.perf_counter()
    flags = machine or MachineFlags()
    source = data_source(flags.data)
    log_file = log_in_home(flags.home)
    from mnist_core.backend.installation import BackendMissing
    from mnist_core.data.registry import DatasetUnavailable

    write_error = line_writer(sys.stderr)
    with stop_signals():
        try:
            return _check(_load(source), log_file, flags, began, as_json=json)
        except KeyboardInterrupt:
            write_error("Stopped before all checks were made.")
            return EXIT_INTERRUPTED
        except (DatasetUnavailable, BackendMissing) as error:
            write_error(visible(str(error)))
            return EXIT_FAILED


def _load(data: str | None) -> "Dataset":
    """The data set to check with.

    Raises:
        DatasetUnavailable: it is not here, or is no usable data set.
    """
    from mnist_core.data.loader import DEFAULT_DATASET
    from mnist_core.data.registry import (
        PUBLISHED,
        SYNTHETIC,
        DatasetUnavailable,
        default_cache_folder,
        is_cached,
        load_dataset,
    )

    cache = default_cache_folder()
    if data is None:
        data = DEFAULT_DATASET if is_cached(DEFAULT_DATASET, cache) else SYNTHETIC
    elif data in PUBLISHED and not is_cached(data, cache):
        raise DatasetUnavailable(
            f"{data} is not here, and check downloads nothing. "
            f"{own_command('data', 'fetch', data)} does."
        )
    return load_dataset(data, cache)


def _check(
    dataset: "Dataset", log_file: Path, flags: MachineFlags, began: float, *, as_json: bool
) -> int:
    from mnist_core.backend.backend import configure

    # A GPU's products would round their factors to 10 bits, and every difference would be that
    # rounding (ml-explore/mlx#3860). MLX reads this at its first product.
    os.environ["MLX_ENABLE_TF32"] = "0"
    backend = configure(flags.device, flags.threads)
    # This imports MLX: only once it is known to work.
    from mnist_core.checks import run_checks

    write = line_writer(sys.stdout)
    if not as_json:
        write("\n".join(heading(dataset, backend)))
    results = []
    for result in run_checks(dataset, backend):
        results.append(result)
        if result.traceback:
            write_log(log_file, result.traceback)
        if as_json:
            write(json.dumps(result_to_json(result), allow_nan=False))
        else:
            write("\n".join(result_lines(result)))
    seconds = time.perf_counter() - began
    if as_json:
        summary = summary_to_json(results, seconds, dataset, backend)
        write(json.dumps(summary, allow_nan=False))
    else:
        write("\n".join(summary_lines(results, seconds)))
    return EXIT_FAILED if any(result.passed is False for result in results) else EXIT_DONE


def heading(dataset: "Dataset", backend: "Backend") -> list[str]:
    """What is checked with what."""
    examples = f"{count(len(dataset.train), 'training example')}, "
    examples += count(len(dataset.test), "test example")
    threads = f"; {count(backend.threads, 'thread')}" if backend.device == "cpu" else ""
    precision = "; products in float32, not TF32" if backend.device == "gpu" else ""
    stand_in = " (drawn here; --data names others)" if dataset.synthetic else ""
    return [
        f"{visible(dataset.name)}{stand_in}: {examples}",
        f"MLX {backend.mlx_version} on {backend.device}; {backend.blas}{threads}{precision}",
    ]


def result_lines(result: "CheckResult") -> list[str]:
    """The status, the name, and the difference beside its tolerance; why, unless it passed."""
    word = "FAILED" if result.status == "failed" else result.status
    line = f"{word:<{_STATUS_WIDTH}}{result.name:<{_NAME_WIDTH}}"
    if result.figure is not None and result.tolerance is not None:
        sign = "<=" if result.passed else "> "
        line += f"{result.figure:>8.2g} {sign} {result.tolerance:g}"
    match result.status:
        case "ok":
            more = []
        case "failed":
            more = [result.detail, result.description]
        case "not run":
            more = [result.detail]
    indent = " " * _STATUS_WIDTH
    lines = [line.rstrip()]
    for text in more:
        lines += textwrap.wrap(
            visible(text), _WIDTH, initial_indent=indent, subsequent_indent=indent
        )
    return lines


def summary_lines(results: "Sequence[CheckResult]", seconds: float) -> list[str]:
    """How many passed; the names of those that did not."""
    made = count(sum(result.passed is not None for result in results), "check")
    failed = [result.name for result in results if result.passed is False]
    skipped = sum(result.passed is None for result in results)
    apart = f"; {skipped} not run" if skipped else ""
    if not failed:
        return [f"{made}, all passed in {seconds:.1f} s{apart}"]
    names = textwrap.wrap("; ".join(failed), _WIDTH, initial_indent="  ", subsequent_indent="  ")
    return [f"{made}, {len(failed)} FAILED in {seconds:.1f} s{apart}:", *names]


def result_to_json(result: "CheckResult") -> dict[str, Any]:
    """One check; `passed` is None when it was not run, as is a difference that is not finite."""
    from mnist_core.events import json_number

    return {
        "event": "check_completed",
        "name": result.name,
        "description": result.description,
        "status": result.status,
        "passed": result.passed,
        "figure": json_number(result.figure),
        "tolerance": result.tolerance,
        "detail": result.detail,
        "seconds": result.seconds,
    }


def summary_to_json(
    results: "Sequence[CheckResult]", seconds: float, dataset: "Dataset", backend: "Backend"
) -> dict[str, Any]:
    """All checks in one object; `passed` is whether none failed."""
    failed = [result.name for result in results if result.passed is False]
    return {
        "event": "checks_completed",
        "passed": not failed,
        "checks": sum(result.passed is not None for result in results),
        "failed": failed,
        "not_run": [result.name for result in results if result.passed is None],
        "seconds": seconds,
        "dataset": dataset.name,
        "synthetic": dataset.synthetic,
        "device": backend.device,
        "blas": backend.blas,
        "threads": backend.threads,
        "mlx_version": backend.mlx_version,
    }
