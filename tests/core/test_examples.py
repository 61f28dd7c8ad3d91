"""The examples do what they are there for, on a few drawn digits."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mnist_core
from mnist_core.store import RecordedCurve, RecordingRecord, RunState, RunStore, curves_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(home: Path, name: str) -> None:
    subprocess.run(
        [sys.executable, EXAMPLES / name, "--samples", "300", "--epochs", "2"],
        env={**os.environ, "MNIST_TUI_HOME": str(home)},
        check=True,
        timeout=120,
        capture_output=True,
    )


def recorded(home: Path) -> tuple[RecordingRecord, dict[str, RecordedCurve]]:
    with closing(RunStore(home)) as store:
        (record,) = store.recordings.all()
        return record, curves_of(store.recordings.points(record.id))


def test_the_loop_of_the_documentation(tmp_path: Path) -> None:
    added = [line for line in (EXAMPLES / "mlx_mnist.py").read_text().splitlines()
             if line.endswith("# added")]  # fmt: skip
    assert len(added) == 3
    run(tmp_path, "mlx_mnist.py")
    record, curves = recorded(tmp_path)
    assert (record.name, record.state) == ("mlx docs", RunState.COMPLETED)
    assert len(curves["train/loss"].steps) == 4
    assert len(curves["test/accuracy"].steps) == 2
    assert np.isfinite(curves["train/loss"].values).all()


def test_the_convolutional_network(tmp_path: Path) -> None:
    run(tmp_path, "conv.py")
    record, curves = recorded(tmp_path)
    assert (record.name, record.state) == ("conv", RunState.COMPLETED)
    assert curves["train/loss"].steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert curves["test/loss"].steps.tolist() == [3, 6]
    assert curves["train/loss"].values[-1] < curves["train/loss"].values[0]
    with closing(RunStore(tmp_path)) as store:
        predictions = store.recordings.predictions(record.id)
        (image,) = {each.name for each in store.recordings.images(record.id)}
    assert predictions is not None
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    assert right.mean() == pytest.approx(curves["test/accuracy"].values[-1], abs=0.02)
    assert image == "first kernels"


def report_as_mlx_lm_does(callback: Any) -> None:
    """Twenty iterations with a report at each tenth, in the words of its trainer."""
    for it in range(1, 21):
        if it in (1, 10, 20):
            callback.on_val_loss_report({"iteration": it - 1, "val_loss": 3.0 / it, "val_time": 1})
        if it % 10 == 0:
            info: Mapping[str, object] = {
                "iteration": it, "train_loss": 2.0 / it, "learning_rate": 1e-5,
                "iterations_per_second": 5.0, "tokens_per_second": 300.5, "trained_tokens": 100,
                "peak_memory": 1.5,
            }  # fmt: skip
            callback.on_train_loss_report(info)


def test_the_callback_for_mlx_lm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    from mlx_lm_callback import RecordCallback

    with mnist_core.record("mlx-lm", home=tmp_path) as recording:
        report_as_mlx_lm_does(RecordCallback(recording))
    _, curves = recorded(tmp_path)
    assert curves["train/loss"].steps.tolist() == [10, 20]
    assert curves["validation/loss"].steps.tolist() == [0, 9, 19]
    np.testing.assert_allclose(curves["validation/loss"].values, [3, 0.3, 0.15], rtol=1e-6)
    assert curves["speed/tokens_per_second"].values.tolist() == [300.5, 300.5]
    assert "iteration" not in curves
