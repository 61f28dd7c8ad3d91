"""Images of shapes that nobody writes digits in: they are drawn on every screen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.app_harness import opened
from helpers.scripted import digits, loaded
from mnist_core.data.dataset import Dataset, Examples
from mnist_tui.lab.state import State
from mnist_tui.mistakes.gallery import Gallery
from mnist_tui.train.sample_grid import SampleGrid


def stripes(height: int, width: int) -> Dataset:
    """40 training and 30 test images, one with a longer stroke for each class."""
    labels = (np.arange(40) % 10).astype(np.uint16)
    images = np.zeros((40, height * width), np.uint8)
    for row, label in enumerate(labels):
        images[row, : height * width * (int(label) + 1) // 10] = 255
    train = Examples(images.reshape(40, height, width), labels)
    return replace(digits(), train=train, test=train[:30])


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("shape", [(1, 64), (64, 1), (2, 300), (10, 1)])
async def test_images_of_any_shape_are_drawn(
    tmp_path: Path, shape: tuple[int, int], size: tuple[int, int]
) -> None:
    async with opened(tmp_path, size, loader=loaded(stripes(*shape))) as lab:
        await lab.press("r")
        await lab.until_state(State.COMPLETED)
        grid = lab.app.screen.query_one(SampleGrid)
        assert grid.shown_count > 0
        assert f"of {grid.shown_count} right" in str(grid.border_title)
        assert "Too small" not in lab.text()
        assert "@" in "\n".join(grid.render_line(y).text for y in range(grid.size.height))
        await lab.press("2")
        await lab.until(lambda: bool(lab.app.screen.query(Gallery)))
        gallery = lab.app.screen.query_one(Gallery)
        await lab.until(lambda: gallery.current is not None)
        assert "Too small" not in lab.text()
        assert "0 of 0" not in lab.text()
        await lab.press("d")
        assert lab.app.is_running
