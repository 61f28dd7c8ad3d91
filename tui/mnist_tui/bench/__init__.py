"""`mnist-tui bench`: races in tables and JSON, and what watching a run costs."""

from mnist_tui.bench.bench_flags import BenchFlags, bench_options
from mnist_tui.runtime.log import log_uncaught_errors


def bench(flags: BenchFlags | None = None) -> int:
    """Measure how fast this machine trains, beside other ways to do the same work.

    Ends with 0 when done, 1 when it failed, 2 for wrong usage, 130 when interrupted.
    """
    options = bench_options(flags or BenchFlags())
    log_uncaught_errors(options.log_file)
    from mnist_tui.bench.bench_command import run_benchmark

    return run_benchmark(options)
