import numpy as np
import pytest

from mnist_tui.text.cropping import cropped, cropped_shape


def test_each_image_loses_its_own_margin_and_stands_in_the_middle() -> None:
    images = np.zeros((3, 10, 10), np.uint8)
    images[0, 1:5, 0] = 255
    images[1, 8, 3:9] = 1
    assert cropped_shape(images) == (4, 6)
    small = cropped(images, (4, 6))
    assert small.shape == (3, 4, 6)
    assert small[0].nonzero()[1].tolist() == [2, 2, 2, 2]
    assert small[1].nonzero()[0].tolist() == [1] * 6
    assert not small[2].any()
    assert small.sum() == images.sum()


def test_dark_on_light_images_are_cropped_as_their_negatives() -> None:
    images = np.zeros((2, 10, 10), np.uint8)
    images[0, 2:7, 3] = 200
    images[1, 7, 5:8] = 1
    shape = cropped_shape(images)
    assert cropped_shape(255 - images, dark_on_light=True) == shape
    assert np.array_equal(cropped(255 - images, shape, dark_on_light=True), cropped(images, shape))


def test_a_stray_dot_makes_its_own_image_smaller_and_no_other() -> None:
    images = np.zeros((300, 28, 28), np.uint8)
    images[:, 10:20, 12:18] = 255
    images[7, 0, 0] = images[7, 27, 27] = 255
    assert cropped_shape(images) == (10, 6)
    shown = cropped(images[6:8], (10, 6))
    assert shown[0].all()
    assert shown[1, 2, 0] > 0
    assert shown[1, -3, -1] > 0


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (64, 64), (1, 64), (64, 1), (1, 1)])
def test_images_full_of_ink_and_blank_ones_stay_whole(shape: tuple[int, int]) -> None:
    full = np.full((2, *shape), 9, np.uint8)
    assert cropped_shape(full) == shape
    assert np.array_equal(cropped(full, shape), full)
    assert cropped_shape(np.zeros_like(full)) == shape
    assert cropped_shape(full[:0]) == shape
    assert cropped(full[:0], shape).shape == (0, *shape)
