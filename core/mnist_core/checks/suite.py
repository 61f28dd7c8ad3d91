"""All checks, in the order in which they are made: what others rest on comes first."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mnist_core.backend.backend import Backend
from mnist_core.checks import (
    batches,
    compiled,
    cross_entropy,
    dropout,
    gradients,
    optimizer_updates,
    recount,
    resume,
    trajectory,
)
from mnist_core.checks.check import Check, CheckContext, CheckResult, run_check
from mnist_core.data.dataset import Dataset

CHECKS: tuple[Check, ...] = (
    *cross_entropy.CHECKS,
    *gradients.CHECKS,
    *optimizer_updates.CHECKS,
    *dropout.CHECKS,
    *compiled.CHECKS,
    *batches.CHECKS,
    *resume.CHECKS,
    *recount.CHECKS,
    *trajectory.CHECKS,
)


def run_checks(
    dataset: Dataset, backend: Backend, checks: Sequence[Check] = CHECKS
) -> Iterator[CheckResult]:
    """Make the checks one by one, each told as it is done; files go to a temporary folder.

    Raises:
        BackendMissing: MLX cannot compute here.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-tui-check-") as folder:
        context = CheckContext(dataset, backend, Path(folder))
        for check in checks:
            yield run_check(check, context)
