import errno
import gzip
import logging
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.data import synthetic
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.strokes import SAMPLES, SKELETONS, stroke_table
from mnist_core.data.synthetic import draw_digits, synthetic_dataset

Network = list[NDArray[np.float32]]
"""Weight and bias of each layer in turn."""


def digits(count: int, seed: int) -> Examples:
    labels = np.arange(count, dtype=np.uint16) % 10
    return Examples(draw_digits(labels, seed), labels)


@pytest.fixture(scope="module")
def mnist_test_set(real_mnist: Path | None) -> Examples:
    if real_mnist is None:
        pytest.skip("whether digits transfer to MNIST can only be seen on MNIST")
    pixels = gzip.decompress((real_mnist / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((real_mnist / "t10k-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)
    return Examples(images, np.frombuffer(labels, np.uint8, offset=8).astype(np.uint16))


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def activations(network: Network, images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """The input and what each layer makes of it after its ReLU; the last are the logits."""
    layers = [scaled(images)]
    for weight, bias in zip(network[::2], network[1::2], strict=True):
        if len(layers) > 1:
            np.maximum(layers[-1], 0, out=layers[-1])
        layers.append(layers[-1] @ weight + bias)
    return layers


def accuracy(network: Network, examples: Examples) -> float:
    logits = activations(network, examples.images)[-1]
    return float((logits.argmax(axis=1) == examples.labels).mean())


def trained(examples: Examples, *, epochs: int, learning_rate: float, adam: bool) -> Network:
    """A 784-256-256-10 ReLU network after `epochs` of batches of 256; Adam or plain SGD."""
    random = np.random.default_rng(0)
    sizes = (784, 256, 256, 10)
    network: Network = []
    for inputs, outputs in pairwise(sizes):
        bound = inputs**-0.5
        network.append(random.uniform(-bound, bound, (inputs, outputs)).astype(np.float32))
        network.append(random.uniform(-bound, bound, outputs).astype(np.float32))
    first = [np.zeros_like(parameter) for parameter in network]
    second = [np.zeros_like(parameter) for parameter in network]
    step = 0
    for _ in range(epochs):
        order = random.permutation(len(examples))
        for batch in (order[start : start + 256] for start in range(0, len(order), 256)):
            step += 1
            layers = activations(network, examples.images[batch])
            odds = np.exp(layers[-1] - layers[-1].max(axis=1, keepdims=True))
            delta = odds / odds.sum(axis=1, keepdims=True)
            delta[np.arange(len(batch)), examples.labels[batch]] -= 1
            delta /= len(batch)
            gradients: Network = []
            for layer in reversed(range(len(sizes) - 1)):
                gradients[:0] = [layers[layer].T @ delta, delta.sum(axis=0)]
                delta = (delta @ network[2 * layer].T) * (layers[layer] > 0)
            for i, gradient in enumerate(gradients):
                update = gradient
                if adam:
                    first[i] += 0.1 * (gradient - first[i])
                    second[i] += 0.001 * (gradient**2 - second[i])
                    mean, square = first[i] / (1 - 0.9**step), second[i] / (1 - 0.999**step)
                    update = mean / (np.sqrt(square) + 1e-8)
                network[i] -= learning_rate * update
    return network


@pytest.fixture(scope="module")
def drawn() -> Examples:
    return digits(4000, seed=7)


@pytest.fixture
def small_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "TRAIN_SIZE", 40)
    monkeypatch.setattr(synthetic, "TEST_SIZE", 20)


def same(one: Dataset, other: Dataset) -> bool:
    return all(
        np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)
        for a, b in ((one.train, other.train), (one.test, other.test))
    )


def test_images_have_the_asked_count_size_and_type() -> None:
    labels = np.array([3, 1, 4, 1, 5], dtype=np.uint8)
    assert draw_digits(labels, seed=0).shape == (5, 28, 28)
    assert draw_digits(labels, seed=0, size=50).shape == (5, 50, 50)
    assert draw_digits(labels, seed=0).dtype == np.uint8
    assert draw_digits(labels[:0], seed=0).shape == (0, 28, 28)


def test_a_seed_repeats_its_digits_and_another_draws_others() -> None:
    labels = np.arange(30) % 10
    first = draw_digits(labels, seed=1)
    assert np.array_equal(first, draw_digits(labels, seed=1))
    assert not (first == draw_digits(labels, seed=2)).all(axis=(1, 2)).any()


@pytest.mark.parametrize("wrong", [-1, 10])
def test_a_label_that_is_no_digit_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match=f"0 to 9 .* {wrong}"):
        draw_digits(np.array([5, wrong]), seed=0)


@pytest.mark.parametrize("digit", range(10))
def test_no_two_digits_of_a_class_are_drawn_alike(digit: int) -> None:
    images = draw_digits(np.full(50, digit), seed=0)
    assert len(np.unique(images.reshape(50, -1), axis=0)) == 50


def test_ink_is_distributed_as_in_mnist(drawn: Examples) -> None:
    images = drawn.images
    assert 30 < images.mean() < 38  # MNIST: 33.3
    assert 75 < images.std() < 84  # MNIST: 78.6
    assert 0.77 < (images == 0).mean() < 0.85  # MNIST: 0.81
    darkest = images.reshape(len(images), -1).max(axis=1)
    assert (darkest > 200).all()
    soft = (images > 25) & (images < 230)
    assert 0.3 < soft.sum() / (images > 25).sum() < 0.6


def test_each_class_has_about_the_ink_it_has_in_mnist(drawn: Examples) -> None:
    mnist_means = [44, 19, 38, 36, 31, 33, 35, 29, 38, 31]
    means = [drawn.images[drawn.labels == digit].mean() for digit in range(10)]
    assert means == pytest.approx(mnist_means, rel=0.25)


def test_centre_of_mass_is_within_half_a_pixel_of_the_middle(drawn: Examples) -> None:
    pixels = np.arange(28)
    mass = drawn.images.sum(axis=(1, 2))
    for axis in (1, 2):
        centres = drawn.images.sum(axis=axis) @ pixels / mass
        assert np.abs(centres - 14).max() < 0.55  # half a pixel, and the rounding of the ink


def test_digits_fill_a_box_of_twenty_pixels(drawn: Examples) -> None:
    inked = drawn.images > 100
    extents = [inked.any(axis=axis).sum(axis=1) for axis in (1, 2)]
    longest = np.maximum(*extents)
    assert 19 < longest.mean() < 21
    assert longest.max() <= 23


def test_a_larger_size_draws_the_same_digits_finer() -> None:
    labels = np.arange(20) % 10
    coarse = draw_digits(labels, seed=5)
    fine = draw_digits(labels, seed=5, size=56).reshape(20, 28, 2, 28, 2).mean(axis=(2, 4))
    correlation = np.corrcoef(coarse.reshape(-1), fine.reshape(-1))[0, 1]
    assert correlation > 0.9


def test_working_memory_does_not_grow_with_the_count() -> None:
    labels = np.arange(6000) % 10
    tracemalloc.start()
    try:
        images = draw_digits(labels, seed=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - images.nbytes < 40e6


def test_strokes_of_every_skeleton_pass_through_its_points() -> None:
    table = stroke_table()
    curves = table.splines @ table.points
    for row, (text, curve) in enumerate(
        zip((text for ways in SKELETONS for _, text in ways), curves, strict=True)
    ):
        count = len(text.replace("/", " ").split())
        distances = np.linalg.norm(curve[:, None] - table.points[row, :count], axis=2)
        assert distances.min(axis=0).max() < 1e-6, text
        lifts = SAMPLES - 1 - table.pen_down[row].sum()
        assert lifts == text.count("/"), text


def test_each_digit_chooses_only_among_its_own_skeletons() -> None:
    probabilities = stroke_table().probabilities
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(10))
    assert ((probabilities > 0).sum(axis=0) == 1).all()
    assert (probabilities > 0).sum(axis=1).tolist() == [len(ways) for ways in SKELETONS]


def test_dataset_says_what_it_is() -> None:
    dataset = synthetic_dataset()
    assert dataset.name == "synthetic"
    assert dataset.synthetic
    assert "drawn by strokes" in dataset.source
    assert dataset.class_names == tuple("0123456789")
    assert dataset.class_labels == tuple(range(10))
    assert dataset.train.images.shape == (12_000, 28, 28)
    assert dataset.test.images.shape == (2_000, 28, 28)
    assert np.bincount(dataset.train.labels).tolist() == [1200] * 10
    assert np.bincount(dataset.test.labels).tolist() == [200] * 10
    assert dataset.train.labels.dtype == np.uint16
    assert not dataset.dark_on_light


@pytest.mark.usefixtures("small_dataset")
def test_cache_is_written_once_and_read_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "new" / "folder"
    first = synthetic_dataset(folder)
    assert [file.name for file in folder.iterdir()] == [
        f"synthetic-{synthetic.GENERATOR_VERSION}.npz"
    ]

    def refuse(*_: Any) -> None:
        raise AssertionError("drawn again although cached")

    monkeypatch.setattr(synthetic, "draw_digits", refuse)
    second = synthetic_dataset(folder)
    assert same(first, second)
    assert second.train.labels.dtype == first.train.labels.dtype


@pytest.mark.usefixtures("small_dataset")
def test_another_version_of_the_generator_has_another_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic_dataset(tmp_path)
    monkeypatch.setattr(synthetic, "GENERATOR_VERSION", synthetic.GENERATOR_VERSION + 1)
    synthetic_dataset(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def flip_a_pixel(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.usefixtures("small_dataset")
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[: len(content) // 2], id="cut in half"),
        pytest.param(lambda content: b"not an archive" * 100, id="something else"),
        pytest.param(lambda content: bytes(len(content)), id="zeros"),
        pytest.param(flip_a_pixel, id="one bit of a pixel"),
        pytest.param(lambda content: content.replace(b"test_", b"text_"), id="wrong names"),
    ],
)
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: Any) -> None:
    intact = synthetic_dataset(tmp_path)
    (cache,) = tmp_path.iterdir()
    content = cache.read_bytes()
    cache.write_bytes(damage(content))
    assert cache.read_bytes() != content
    assert same(synthetic_dataset(tmp_path), intact)
    with np.load(cache) as file:
        assert np.array_equal(file["test_images"], intact.test.images)


@pytest.mark.usefixtures("small_dataset")
def test_a_disk_that_is_full_costs_only_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fill_up(file: Any, **_: Any) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", fill_up)
    with caplog.at_level(logging.INFO):
        dataset = synthetic_dataset(tmp_path)
    assert same(dataset, synthetic_dataset())
    assert list(tmp_path.iterdir()) == []
    assert "No space left on device" in caplog.text


@pytest.mark.usefixtures("small_dataset")
def test_a_cache_folder_that_is_a_file_costs_only_the_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("mine")
    with caplog.at_level(logging.INFO):
        dataset = synthetic_dataset(occupied)
    assert same(dataset, synthetic_dataset())
    assert occupied.read_text() == "mine"
    assert "could not be cached" in caplog.text


@pytest.fixture(scope="module")
def quick_network(drawn: Examples) -> Network:
    return trained(drawn, epochs=5, learning_rate=0.001, adam=True)


def test_a_network_learns_them_but_not_perfectly(quick_network: Network) -> None:
    assert 0.93 < accuracy(quick_network, digits(2000, seed=8)) < 0.995


def test_what_it_learns_transfers_to_mnist(
    quick_network: Network, mnist_test_set: Examples
) -> None:
    assert accuracy(quick_network, mnist_test_set) > 0.8


@pytest.mark.soak
@pytest.mark.parametrize(
    ("epochs", "learning_rate", "adam"), [(5, 0.001, True), (15, 0.001, True), (20, 0.1, False)]
)
def test_the_whole_data_set_transfers_to_mnist(
    epochs: int, learning_rate: float, adam: bool, mnist_test_set: Examples
) -> None:
    dataset = synthetic_dataset()
    network = trained(dataset.train, epochs=epochs, learning_rate=learning_rate, adam=adam)
    assert 0.95 <= accuracy(network, dataset.test) <= 0.995
    assert accuracy(network, mnist_test_set) >= 0.8
