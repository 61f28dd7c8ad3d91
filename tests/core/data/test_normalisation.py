"""Drawings are brought into the form of MNIST; MNIST itself has it already."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.drawn_digit import Drawing, ink_box, normalised, resample
from mnist_core.data.registry import SYNTHETIC, load_dataset
from mnist_core.events import RunCompleted
from mnist_core.network.evaluation import logits
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.training.train import train

Image = NDArray[np.uint8]


def centre_of_mass(image: Image) -> tuple[float, float]:
    """(row, column)."""
    mass = image.sum(dtype=np.float64)
    rows, columns = image.shape
    return (
        float(image.sum(axis=1) @ np.arange(rows) / mass),
        float(image.sum(axis=0) @ np.arange(columns) / mass),
    )


def drawn(*points: tuple[float, float], size: tuple[int, int] = (28, 28)) -> Image:
    drawing = Drawing(*size)
    for start, end in pairwise(points):
        drawing.line(start, end)
    return drawing.ink


SEVEN = drawn((3, 3), (12, 3), (8, 15))
TALL = drawn((20, 1), (21, 27))
FLAT = drawn((2, 25), (20, 24))


@pytest.mark.parametrize("image", [SEVEN, TALL, FLAT], ids=["seven", "tall", "flat"])
def test_ink_fills_a_box_of_20_and_its_centre_of_mass_is_in_the_middle(image: Image) -> None:
    before = ink_box(image)
    found = normalised(image)
    box = ink_box(found)
    assert before is not None
    assert box is not None
    assert found.dtype == np.uint8
    assert found.shape == (28, 28)
    assert max(box.height, box.width) == 20
    # The shorter side is rounded to whole pixels.
    scale = 20 / max(before.height, before.width)
    assert box.height == pytest.approx(scale * before.height, abs=0.5)
    assert box.width == pytest.approx(scale * before.width, abs=0.5)
    row, column = centre_of_mass(found)
    assert row == pytest.approx(14, abs=0.5)
    assert column == pytest.approx(14, abs=0.5)


def test_where_and_how_large_one_draws_makes_little_difference() -> None:
    here = normalised(drawn((2, 2), (11, 2), (7, 14)))
    there = normalised(drawn((15, 13), (24, 13), (20, 25)))
    np.testing.assert_array_equal(here, there)


def test_images_of_another_size_and_shape_get_a_box_of_their_own() -> None:
    image = drawn((20, 3), (24, 12), (20, 40), size=(42, 56))
    box = ink_box(normalised(image))
    assert box is not None
    # 20/28 of 42 rows; the columns have room to spare.
    assert box.height == 30
    assert box.width < 40


def test_a_blank_canvas_stays_blank() -> None:
    blank = np.zeros((28, 28), np.uint8)
    assert ink_box(blank) is None
    np.testing.assert_array_equal(normalised(blank), blank)


def test_a_single_dot_fills_the_box() -> None:
    dot = np.zeros((28, 28), np.uint8)
    dot[3, 25] = 255
    found = normalised(dot)
    assert ink_box(found) == (4, 24, 4, 24)
    assert (found[4:24, 4:24] == 255).all()


def test_a_full_canvas_becomes_the_box() -> None:
    found = normalised(np.full((28, 28), 255, np.uint8))
    assert ink_box(found) == (4, 24, 4, 24)
    assert (found[4:24, 4:24] == 255).all()


def test_a_lopsided_drawing_loses_no_ink() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[0:2, 0:20] = 255
    image[2:20, 0] = 1
    found = normalised(image)
    box = ink_box(found)
    assert box is not None
    assert box.width == 20
    assert box.height == 20
    assert found.sum() == image.sum()


def test_faint_ink_may_vanish_but_not_fail() -> None:
    image = np.zeros((280, 280), np.uint8)
    image[0, 0] = image[279, 279] = 1
    assert normalised(image).max() <= 1


@pytest.fixture(scope="module")
def digits(real_mnist: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    whole = load_dataset(real_mnist or SYNTHETIC, tmp_path_factory.mktemp("cache"))
    return Dataset("digits", whole.train[:12_000], whole.test, whole.class_names,
                   whole.class_labels)  # fmt: skip


def elsewhere(image: Image, random: np.random.Generator) -> Image:
    """The ink of `image` on a canvas of 28x28 at another place and of another size."""
    box = ink_box(image)
    assert box is not None
    ink = image[box.top : box.bottom, box.left : box.right]
    scale = random.uniform(0.7, 28 / max(ink.shape))
    height, width = (max(1, round(scale * side)) for side in ink.shape)
    out = np.zeros_like(image)
    top, left = random.integers(28 - height + 1), random.integers(28 - width + 1)
    larger = np.rint(resample(ink[None], height, width)[0])
    out[top : top + height, left : left + width] = larger
    return out


def test_mnists_own_images_stay_what_they_are(digits: Dataset, real_mnist: Path | None) -> None:
    images = digits.test.images[:200]
    again = np.stack([normalised(image) for image in images])
    same = (again == images).all(axis=(1, 2)).mean()
    # Synthetic digits are fitted by their curves: the soft edge of many goes beyond the box.
    assert same == 1 or real_mnist is None
    assert np.abs(again.astype(int) - images).mean() < 15


def test_a_model_reads_them_drawn_elsewhere_and_at_another_size(
    digits: Dataset, uncompiled: None
) -> None:
    hyperparameters = make_hyperparameters(
        {"hidden_sizes": "64", "optimizer": "adam", "learning_rate": 0.002, "epochs": 3}
    )
    *_, end = train(hyperparameters, digits)
    assert isinstance(end, RunCompleted)
    test: Examples = digits.test[:200]
    random = np.random.default_rng(0)
    moved = np.stack([elsewhere(image, random) for image in test.images])

    def accuracy(images: Image) -> float:
        answers = logits(end.state.parameters, images, hyperparameters, digits)
        return float((answers.argmax(axis=1) == test.labels).mean())

    again = np.stack([normalised(image) for image in moved])
    assert accuracy(test.images) > 0.85
    assert accuracy(again) > accuracy(test.images) - 0.04
    # Without it, the model is lost: the test could fail.
    assert accuracy(moved) < accuracy(test.images) - 0.2
