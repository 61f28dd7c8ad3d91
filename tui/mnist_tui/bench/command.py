"""`mnist-tui bench`: the tasks there are."""

from collections.abc import Callable, Mapping
from pkgutil import resolve_name

from mnist_tui.bench.flags import BenchOptions, Task

_TASKS: Mapping[Task, str] = {
    "mlp": "mnist_tui.bench.bench_mlp:bench_mlp",
    "linear": "mnist_tui.bench.bench_regression:bench_regression",
    "logistic": "mnist_tui.bench.bench_regression:bench_regression",
    "evaluations": "mnist_tui.bench.bench_evaluations:bench_evaluations",
    "monitor": "mnist_tui.bench.bench_monitor:bench_monitor",
}
"""The function of each task, imported when it is asked for."""


def bench(options: BenchOptions) -> int:
    """Measure what `options` ask for; the exit code.

    Raises:
        UsageError: the task cannot use an option.
    """
    measure: Callable[[BenchOptions], int] = resolve_name(_TASKS[options.task])
    return measure(options)
