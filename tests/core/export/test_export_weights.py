"""Weights in files: loaded by safetensors, NumPy and PyTorch, and giving the run's own answers."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file

from helpers.blobs import blobs
from helpers.imagined_machine import CHECKOUT
from helpers.kept_runs import keep_run
from helpers.recorded_runs import change
from helpers.spoilt_updates import overflow, spoil_updates
from mnist_core.data.dataset import Dataset
from mnist_core.data.registry import SYNTHETIC, load_dataset
from mnist_core.events import EpochCompleted
from mnist_core.export import WeightFormat
from mnist_core.export.export import export_run
from mnist_core.store import RunStore, StoreError

Weights = dict[str, NDArray[np.float32]]

try:
    import torch
except ImportError:
    torch = None


def about_in(path: Path) -> dict[str, Any]:
    """The metadata of a safetensors file, as docs/exports.md says they are to be read."""
    texts = {"run", "name", "note", "dataset", "model", "activation", "pixel_scaling"}
    with safe_open(path, framework="numpy") as file:
        about: dict[str, str] = file.metadata()
    return {key: each if key in texts else json.loads(each) for key, each in about.items()}


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
    told = about_in(tmp_path / "model.safetensors")
    assert found.keys() == expected.keys() | told.keys()
    for name, value in told.items():
        assert found[name].tolist() == value
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def larger() -> Dataset:
    """Images that are large enough for lenet, with an odd side."""
    images = blobs(70, 4, (14, 13), 1), blobs(30, 4, (14, 13), 2)
    return Dataset("larger", *images, tuple("abcd"), (0, 1, 2, 3))


def test_filters_are_laid_out_as_conv2d_has_them(tmp_path: Path) -> None:
    record, _ = keep_run(tmp_path, larger(), model="lenet")
    export_run(RunStore(tmp_path), record, "safetensors", tmp_path / "model")
    weights, about = load_file(tmp_path / "model"), about_in(tmp_path / "model")
    state = RunStore(tmp_path).model(record.id)
    assert [weights[f"layers.{n}.weight"].shape for n in range(4)] == [
        (6, 1, 5, 5), (16, 6, 5, 5), (8, 16), (4, 8),
    ]  # fmt: skip
    # Filter 7, map 3, row 1, column 4.
    kept = state.parameters[2][3 * 25 + 1 * 5 + 4, 7]
    assert weights["layers.1.weight"][7, 3, 1, 4] == kept
    assert (about["model"], about["layer_sizes"]) == ("lenet", [16, 8, 4])
    assert about["convolutions"] == [[6, 5, 2], [16, 5, 0]]


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
def test_pytorch_gives_the_answers_of_lenet(tmp_path: Path) -> None:
    assert torch is not None
    data = larger()
    record, events = keep_run(tmp_path, data, model="lenet")
    export_run(RunStore(tmp_path), record, "safetensors", tmp_path / "model")
    model = torch.nn.Module()
    model.layers = torch.nn.ModuleList(
        [
            torch.nn.Conv2d(1, 6, 5, padding=2),
            torch.nn.Conv2d(6, 16, 5),
            torch.nn.Linear(16, 8),
            torch.nn.Linear(8, 4),
        ]
    )
    weights = load_file(tmp_path / "model")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    values = torch.from_numpy(data.test.images[:, None].astype(np.float32) / 255)
    with torch.no_grad():
        for convolution in model.layers[:2]:
            values = torch.nn.functional.max_pool2d(torch.relu(convolution(values)), 2)
        values = model.layers[3](torch.relu(model.layers[2](values.flatten(1))))
    last = [event for event in events if isinstance(event, EpochCompleted)][-1]
    np.testing.assert_allclose(values.numpy(), last.test.answers.logits, atol=1e-5)


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


def snippets() -> tuple[str, str]:
    """The lines of docs/exports.md that use npz, and the ones that read safetensors for them."""
    page = (CHECKOUT / "docs" / "exports.md").read_text()
    used, read = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return used, read


@pytest.fixture(scope="module")
def ten_digits(real_mnist: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(real_mnist or SYNTHETIC, tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("form", ["npz", "safetensors"])
@pytest.mark.parametrize("scaling", ["unit", "standard", "none"])
def test_an_export_is_used_with_numpy_alone_as_the_documentation_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ten_digits: Dataset,
    form: WeightFormat,
    scaling: str,
) -> None:
    # Where labels have a gap, the place of an output is not its label.
    labels = (*range(9), 30)
    dataset = replace(ten_digits, class_labels=labels, class_names=tuple("abcdefghij"))
    record, _ = keep_run(
        tmp_path, dataset, hidden_sizes="16, 16", batch_size=256, epochs=1, pixel_scaling=scaling,
        learning_rate=0.001 if scaling == "none" else 0.1,
    )  # fmt: skip
    export_run(RunStore(tmp_path), record, form, tmp_path / f"weights.{form}")
    monkeypatch.chdir(tmp_path)
    used, read = snippets()
    assert len(used.splitlines()) == 5
    if form == "safetensors":
        used = "\n".join([read, *used.splitlines()[1:]])
    names: dict[str, Any] = {"np": np, "json": json, "images": dataset.test.images}
    exec(used, names)
    right = names["labels"] == np.array(labels)[dataset.test.labels]
    assert record.test_accuracy is not None
    assert record.test_accuracy > 0.5
    # A logit may be rounded past another one.
    assert right.mean() == pytest.approx(record.test_accuracy, abs=2 / len(right))


def test_weights_say_what_they_are_to_be_given(tiny: Dataset, tmp_path: Path) -> None:
    dataset = replace(tiny, name="a|b", class_labels=(0, 7, 8, 9), class_names=("", "é", "=1", "x"))
    record, _ = keep_run(tmp_path, dataset, activation="silu", pixel_scaling="standard", epochs=1)
    store = RunStore(tmp_path)
    store.rename(record.id, "=1+1")
    store.set_note(record.id, "good")
    store.set_tags(record.id, ("fast", "two words"))
    export_run(store, store.run(record.id), "safetensors", tmp_path / "model")
    about = about_in(tmp_path / "model")
    assert about == {
        "run": record.id,
        "name": "=1+1",
        "note": "good",
        "tags": ["fast", "two words"],
        "dataset": "a|b",
        "model": "mlp",
        "layer_sizes": [30, 8, 4],
        "activation": "silu",
        "image_size": [6, 5],
        "pixel_scaling": "standard",
        "pixel_mean": tiny.pixel_mean,
        "pixel_deviation": tiny.pixel_deviation,
        "pixel_shift": tiny.pixel_mean,
        "pixel_divisor": tiny.pixel_deviation,
        "class_labels": [0, 7, 8, 9],
        "class_names": ["", "é", "=1", "x"],
        "epoch": 1,
        "step": 5,
        "test_accuracy": record.test_accuracy,
    }


def test_what_an_earlier_version_did_not_keep_is_said_to_be_missing(
    tiny: Dataset, tmp_path: Path
) -> None:
    record, _ = keep_run(tmp_path, tiny, pixel_scaling="standard")
    change(tmp_path, "DELETE FROM pixels")
    store = RunStore(tmp_path)
    exported = export_run(store, record, "safetensors", tmp_path / "model")
    assert exported.notice == (
        "pixel_divisor, pixel_shift are not in it: run 1 is of an earlier version of mnist-tui, "
        "which did not keep them. Any new run on synthetic adds them."
    )
    assert not {"pixel_shift", "pixel_mean", "image_size"} & about_in(tmp_path / "model").keys()
    keep_run(tmp_path, tiny)
    exported = export_run(store, record, "safetensors", tmp_path / "model")
    assert exported.notice == ""
    assert about_in(tmp_path / "model")["pixel_shift"] == tiny.pixel_mean


def test_a_run_of_an_earlier_version_can_be_used_where_its_scaling_is_the_same_for_all_data(
    tiny: Dataset, tmp_path: Path
) -> None:
    record, _ = keep_run(tmp_path, tiny)
    change(tmp_path, "DELETE FROM pixels")
    exported = export_run(RunStore(tmp_path), record, "safetensors", tmp_path / "model")
    about = about_in(tmp_path / "model")
    assert exported.notice == ""
    assert (about["pixel_shift"], about["pixel_divisor"]) == (0, 255)
    assert "image_size" not in about


def test_pixels_go_with_the_last_run_on_their_data(tiny: Dataset, tmp_path: Path) -> None:
    record, _ = keep_run(tmp_path, tiny)
    store = RunStore(tmp_path)
    assert store.pixels(tiny.fingerprint) is not None
    store.deleter.delete([record.id])
    store.deleter.purge([record.id])
    assert store.pixels(tiny.fingerprint) is None
