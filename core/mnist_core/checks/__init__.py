"""Numerical self-checks: what this program computes, against references that share no code."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from mnist_core.backend.backend import Backend
from mnist_core.checks import batches, convolutions, gradients, training_step, whole_runs
from mnist_core.checks.check import Check, CheckContext, CheckResult, run_check
from mnist_core.data.dataset import Dataset

CHECKS: tuple[Check, ...] = (
    *gradients.CHECKS,
    *convolutions.CHECKS,
    *training_step.CHECKS,
    *batches.CHECKS,
    *whole_runs.CHECKS,
)
"""In the order in which they are made: what others rest on comes first."""


def run_checks(dataset: Dataset, backend: Backend) -> Iterator[CheckResult]:
    """Make all checks one by one, each told as it is done; files go to a temporary folder.

    Raises:
        BackendMissing: MLX cannot compute here.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-tui-check-") as folder:
        context = CheckContext(dataset, backend, Path(folder))
        for check in CHECKS:
            yield run_check(check, context)
