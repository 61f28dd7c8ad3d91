"""Training where the system starts no process for it."""

import subprocess
import sys
from typing import Any

import pytest

from helpers.recorded_runs import hyperparameters
from mnist_core.data.dataset import Dataset
from mnist_core.events import RunCompleted
from mnist_core.training.kernel_warmup import KernelWarmUp, StepCompilation
from mnist_core.training.train import train


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are made beforehand on Linux alone")
def test_where_no_process_can_make_kernels_the_step_stays_uncompiled(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise BlockingIOError("Resource temporarily unavailable")

    def kernels(made: StepCompilation) -> KernelWarmUp:
        return KernelWarmUp(made._followed, tiny, len(tiny.train))

    monkeypatch.setattr(StepCompilation, "_kernels_to_make", kernels)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    *_, end = train(hyperparameters(epochs=1), tiny)
    assert isinstance(end, RunCompleted)
