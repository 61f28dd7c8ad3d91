"""Weights in files: loaded by safetensors, NumPy and PyTorch, and giving the run's own answers."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file

from helpers.kept_runs import keep_run
from helpers.spoilt_updates import overflow, spoil_updates
from mnist_core.data.dataset import Dataset
from mnist_core.events import EpochCompleted
from mnist_core.export.export import export_run
from mnist_core.store import RunStore, StoreError

Weights = dict[str, NDArray[np.float32]]

try:
    import torch
except ImportError:
    torch = None


def logits(weights: Weights, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's answers (examples, classes), relu between its layers, pixels from 0 to 1."""
    values: NDArray[np.float32] = images.reshape(len(images), -1).astype(np.float32) / np.float32(
        255
    )
    layers = len(weights) // 2
    for index in range(layers):
        values = values @ weights[f"layers.{index}.weight"].T + weights[f"layers.{index}.bias"]
        if index < layers - 1:
            values = np.maximum(values, 0)
    return values


def test_safetensors_holds_the_layers_as_pytorch_names_them(tiny: Dataset, tmp_path: Path) -> None:
    record, events = keep_run(tmp_path, tiny, hidden_sizes="8, 6", epochs=2)
    path = tmp_path / "deep" / "model.safetensors"
    exported = export_run(RunStore(tmp_path), record, "safetensors", path)
    weights = load_file(path)
    assert {name: array.shape for name, array in weights.items()} == {
        "layers.0.weight": (8, 30),
        "layers.0.bias": (8,),
        "layers.1.weight": (6, 8),
        "layers.1.bias": (6,),
        "layers.2.weight": (4, 6),
        "layers.2.bias": (4,),
    }
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    last = [event for event in events if isinstance(event, EpochCompleted)][-1]
    np.testing.assert_allclose(
        logits(weights, tiny.test.images), last.test.answers.logits, atol=1e-5
    )
    assert (exported.what, exported.notice) == ("the weights of epoch 2 (step 10)", "")
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    assert json.loads(about["layer_sizes"]) == [30, 8, 6, 4]
    assert (about["activation"], about["pixel_scaling"]) == ("relu", "unit")
    assert float(about["test_accuracy"]) == last.test_accuracy


def test_npz_holds_the_same_arrays(tiny: Dataset, tmp_path: Path) -> None:
    record, _ = keep_run(tmp_path, tiny)
    store = RunStore(tmp_path)
    export_run(store, record, "npz", tmp_path / "model.npz")
    export_run(store, record, "safetensors", tmp_path / "model.safetensors")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        found = dict(arrays)
    expected = load_file(tmp_path / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_softmax_regression_is_one_layer(tiny: Dataset, tmp_path: Path) -> None:
    record, _ = keep_run(tmp_path, tiny, hidden_sizes="")
    export_run(RunStore(tmp_path), record, "safetensors", tmp_path / "model.safetensors")
    assert load_file(tmp_path / "model.safetensors")["layers.0.weight"].shape == (4, 30)


def test_the_best_epoch_may_be_asked_for(tiny: Dataset, tmp_path: Path) -> None:
    # It learns fast at first and is thrown far off by the rate at the end of the warm-up.
    record, events = keep_run(
        tmp_path, tiny, epochs=12, optimizer="adam", learning_rate=30, warmup_steps=3000
    )
    best = [event for event in events if isinstance(event, EpochCompleted)][record.best_epoch]
    assert record.best_epoch < record.epoch
    store = RunStore(tmp_path)
    exported = export_run(store, record, "safetensors", tmp_path / "best", best=True)
    assert exported.what == f"the weights of epoch {best.epoch} (step {best.step})"
    np.testing.assert_allclose(
        logits(load_file(tmp_path / "best"), tiny.test.images),
        best.test.answers.logits,
        rtol=1e-4,
        atol=1e-4,
    )


def test_of_a_run_stopped_in_an_epoch_the_last_checkpoint_is_taken(
    tiny: Dataset, tmp_path: Path
) -> None:
    record, _ = keep_run(tmp_path, tiny, stop_after=8, epochs=3, learning_rate=1e-9)
    assert (record.epoch, record.best_epoch) == (1, 0)
    store = RunStore(tmp_path)
    exported = export_run(store, record, "safetensors", tmp_path / "model")
    assert exported.what == "the weights of step 8 (batch 3 of epoch 2)"
    assert exported.notice == (
        "The weights after epoch 1 of run 1 are not kept, so these are those of step 8 (batch 3 "
        "of epoch 2)."
    )
    weight, _, *_ = store.model(record.id).parameters
    np.testing.assert_array_equal(load_file(tmp_path / "model")["layers.0.weight"], weight.T)
    with safe_open(tmp_path / "model", framework="numpy") as file:
        assert "test_accuracy" not in file.metadata()


def test_lost_weights_are_said_to_be(tiny: Dataset, tmp_path: Path) -> None:
    record, _ = keep_run(tmp_path, tiny)
    for path in (tmp_path / "checkpoints" / record.id).iterdir():
        path.write_bytes(path.read_bytes()[:100])
    for best in (False, True):
        with pytest.raises(StoreError, match=r"are not kept|cannot be used"):
            export_run(RunStore(tmp_path), record, "npz", tmp_path / "model.npz", best=best)
    assert not (tmp_path / "model.npz").exists()


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
def test_pytorch_loads_them_without_conversion(tiny: Dataset, tmp_path: Path) -> None:
    assert torch is not None
    from safetensors.torch import load_file as load_tensors

    record, _ = keep_run(tmp_path, tiny, hidden_sizes="8, 6")
    path = tmp_path / "model.safetensors"
    export_run(RunStore(tmp_path), record, "safetensors", path)

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            sizes = ((30, 8), (8, 6), (6, 4))
            self.layers = torch.nn.ModuleList(torch.nn.Linear(*size) for size in sizes)

        def forward(self, values):  # type: ignore[no-untyped-def]
            for layer in self.layers[:-1]:
                values = torch.relu(layer(values))
            return self.layers[-1](values)

    network = Network()
    network.load_state_dict(load_tensors(path))
    images = tiny.test.images
    with torch.no_grad():
        found = network(torch.from_numpy(images.reshape(len(images), -1) / np.float32(255)))
    np.testing.assert_allclose(found.numpy(), logits(load_file(path), images), atol=1e-5)


def test_weights_that_are_no_numbers_are_not_written_unsaid(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_updates(monkeypatch, lambda _step, _rate: overflow)
    record, _ = keep_run(tmp_path, tiny, stop_after=8, epochs=3)
    exported = export_run(RunStore(tmp_path), record, "safetensors", tmp_path / "model")
    weights = load_file(tmp_path / "model")
    assert not all(np.isfinite(array).all() for array in weights.values())
    assert exported.notice.endswith("These weights are no finite numbers: run 1 had diverged.")
