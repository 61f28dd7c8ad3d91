"""What is doubtful about data that can be read, one sentence for each reason."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.doubts import find_doubts, find_doubts_about_validation
from mnist_core.recipe.hyperparameters import Validation

Images = NDArray[np.uint8]
NAMES = ("naught", "one", "two", "three", "four")


def noise(count: int, seed: int) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), np.uint8)


def doubts(
    train: Images | None = None,
    train_labels: Sequence[int] = (0, 1, 2, 3, 4),
    test: Images | None = None,
    test_labels: Sequence[int] = (0, 1, 2, 3, 4),
    names: tuple[str, ...] = NAMES,
) -> tuple[str, ...]:
    """Of 200 training and 100 test images of noise, with these labels in turn, but for what is
    given.
    """
    train = noise(200, seed=1) if train is None else train
    test = noise(100, seed=2) if test is None else test
    return find_doubts(
        Dataset(
            "noise",
            Examples(train, np.resize(np.array(train_labels, np.uint16), len(train))),
            Examples(test, np.resize(np.array(test_labels, np.uint16), len(test))),
            names,
            tuple(range(len(names))),
        )
    )


def test_ordinary_data_raise_none() -> None:
    assert doubts() == ()


def test_classes_that_only_training_has_raise_none() -> None:
    assert doubts(test_labels=(0, 1)) == ()


def test_one_class() -> None:
    assert doubts(train_labels=[0], test_labels=[0], names=("naught",)) == (
        "All examples are of one class, “naught”: no answer can be wrong.",
    )


def test_one_class_to_train_on() -> None:
    first, second = doubts(train_labels=[2], test_labels=[2, 3])
    assert first == "All training examples are of one class, “two”: no other can be learned."
    assert second.startswith("Training has no example of “three”, to which 50 of 100 test examples")


def test_one_class_to_test_with() -> None:
    assert doubts(test_labels=[4]) == (
        "All test examples are of one class, “four”: no other answer can be right.",
    )


@pytest.mark.parametrize(
    ("known", "named"),
    [
        ([0, 1, 2, 3], "“four”, to which 20 of 100"),
        ([0, 1, 2], "“three” and “four”, to which 40 of 100"),
        ([4, 4, 4, 4], "“naught”, “one”, “two” and 1 more, to which 80 of 100"),
    ],
)
def test_classes_that_training_lacks(known: list[int], named: str) -> None:
    sentence = doubts(train_labels=known)[-1]
    assert sentence == (
        f"Training has no example of {named} test examples belong: they cannot be learned."
    )


def test_the_test_set_is_the_training_set() -> None:
    images = noise(200, seed=1)
    assert doubts(images, test=images.copy()) == (
        "All 200 test images are training images too: they test memory alone.",
    )


@pytest.mark.parametrize(("copied", "told"), [(1, 0), (2, 1), (50, 1)])
def test_test_images_from_the_training_set_count_from_two_in_a_hundred(
    copied: int, told: int
) -> None:
    test = np.concatenate([noise(200, seed=1)[-copied:], noise(100 - copied, seed=2)])
    found = doubts(test=test)
    assert len(found) == told
    assert all(f"{copied} of 100 test images are training images too" in one for one in found)


def test_constant_images() -> None:
    black, grey = np.zeros((200, 8, 8), np.uint8), np.full((100, 8, 8), 9, np.uint8)
    assert doubts(black, test=grey) == (
        "All 200 training images and all 100 test images are constant, one value in all pixels: "
        "they tell no class.",
    )


def test_some_constant_images_of_various_greys() -> None:
    test = noise(100, seed=2)
    test[:30] = np.arange(30, dtype=np.uint8)[:, None, None]
    assert doubts(test=test) == (
        "30 of 100 test images are constant, one value in all pixels: they tell no class.",
    )
    test[2:30] = noise(28, seed=3)
    assert len(doubts(test=test)) == 1
    test[1] = noise(1, seed=4)
    assert doubts(test=test) == (), "one in a hundred changes no figure that counts"


def test_images_that_are_all_the_same() -> None:
    assert doubts(np.repeat(noise(1, seed=5), 200, axis=0)) == (
        "All images of the training set are the same: they tell no class.",
    )


def test_images_of_one_pixel_are_not_constant() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(-1, 1, 1)
    assert doubts(values[::2], test=values[1::2]) == ()


@pytest.mark.parametrize(
    ("labels", "validation", "found"),
    [
        ((0, 1, 2, 0, 1, 2), 3, ()),
        ((0, 1, 2, 0, 1, 2), "none", ()),
        ((0, 1, 2, 0, 1, 2), "published", ()),
        ((0, 1, 2), 3, ()),  # refused where the set is split
        (
            (0, 1, 0, 1, 2, 1),
            2,
            ("Validation holds out all there is of “two”: training has none left.",),
        ),
        (
            (0, 1, 2, 1, 1, 1),
            3,
            (
                "Validation holds out one class alone, “one”: its figures say nothing of the "
                "others.",
            ),
        ),
        ((0, 1, 2, 1), 1, ()),  # one example is of one class always
    ],
)
def test_what_validation_holds_out(
    labels: Sequence[int], validation: Validation, found: tuple[str, ...]
) -> None:
    held = Examples(noise(len(labels), seed=1), np.array(labels, np.uint16))
    dataset = Dataset("noise", held, held, NAMES, tuple(range(len(NAMES))))
    assert find_doubts_about_validation(dataset, validation) == found
