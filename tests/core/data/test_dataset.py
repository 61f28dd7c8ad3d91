import tracemalloc

import numpy as np
import pytest

from mnist_core.data.dataset import Dataset, Examples, shown_samples, split, transpose


def test_pixel_statistics_match_numpy(tiny: Dataset) -> None:
    pixels = tiny.train.images.astype(np.float64)
    assert tiny.pixel_mean == pytest.approx(pixels.mean())
    assert tiny.pixel_deviation == pytest.approx(pixels.std())
    assert not tiny.dark_on_light


def test_pixel_statistics_need_little_memory() -> None:
    images = np.arange(2_000_000, dtype=np.uint32).astype(np.uint8).reshape(2, 1000, 1000)
    examples = Examples(images, np.zeros(2, np.uint16))
    large = Dataset("large", examples, examples, ("0",), (0,))
    tracemalloc.start()
    try:
        assert large.pixel_mean == pytest.approx(images.mean(dtype=np.float64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < images.nbytes


def test_images_and_labels_must_match() -> None:
    with pytest.raises(ValueError, match="3 images do not match 2 labels"):
        Examples(np.zeros((3, 2, 2), np.uint8), np.zeros(2, np.uint16))


def test_transposing_swaps_the_rows_and_columns_of_each_image(tiny: Dataset) -> None:
    turned = transpose(tiny)
    assert turned.image_shape == (5, 6)
    assert (turned.name, turned.transposed) == ("tiny transposed", True)
    for before, after in ((tiny.train, turned.train), (tiny.test, turned.test)):
        assert after.images.flags.c_contiguous
        assert [image.T.tolist() for image in before.images] == after.images.tolist()
        np.testing.assert_array_equal(before.labels, after.labels)
    assert turned.fingerprint != tiny.fingerprint
    square = Examples(tiny.train.images[:, :5], tiny.train.labels)
    upright = Dataset("square", square, square, tiny.class_names, tiny.class_labels)
    assert transpose(upright).fingerprint != upright.fingerprint


def test_no_validation_trains_on_everything(tiny: Dataset) -> None:
    parts = split(tiny, "none")
    assert parts.validation is None
    assert len(parts.train) == 70


def test_a_number_holds_out_the_last_training_examples(tiny: Dataset) -> None:
    parts = split(tiny, 20)
    assert parts.validation is not None
    np.testing.assert_array_equal(parts.validation.images, tiny.train.images[50:])
    np.testing.assert_array_equal(parts.train.labels, tiny.train.labels[:50])
    assert len(parts.test) == 30


def test_published_shows_the_last_ten_test_images(tiny: Dataset) -> None:
    parts = split(tiny, "published")
    assert parts.validation is not None
    np.testing.assert_array_equal(parts.validation.labels, tiny.test.labels[:-10])
    np.testing.assert_array_equal(parts.test.images, tiny.test.images[-10:])


def test_a_validation_set_that_leaves_nothing_is_refused(tiny: Dataset) -> None:
    with pytest.raises(ValueError, match="tiny has 70"):
        split(tiny, 70)


def test_shown_samples_take_the_classes_in_turn() -> None:
    labels = np.array([2, 2, 0, 0, 1, 2, 0], np.uint16)
    shown = shown_samples(labels, 3, 5)
    assert labels[shown].tolist() == [0, 1, 2, 0, 2]
    assert shown.tolist() == [2, 4, 0, 3, 1]
    assert len(shown_samples(labels, 3, 100)) == 7
