"""Images of the terminal: crisp, sent once, deleted when they are not needed."""

import re
import subprocess
import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import Color
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.widget import Widget

from helpers.app_harness import opened
from helpers.graphics import KITTY, PLACEHOLDER
from mnist_tui.runtime.graphics import CellSize
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.text.digits import Pictures
from mnist_tui.ui.picture_album import PictureAlbum, SentPictures
from mnist_tui.ui.pixels import Pixels, enlarged

INK = Color.from_rgb(200, 100, 0)
PAPER = Color.from_rgb(0, 20, 40)
SENT = re.compile(r"\x1b_Gi=(\d+),m=[01],")
DELETED = re.compile(r"\x1b_Ga=d,d=I,i=(\d+),q=2\x1b\\")


def ramp(size: int = 4) -> NDArray[np.uint8]:
    return np.linspace(0, 255, size * size).reshape(size, size).astype(np.uint8)


def test_pixels_are_equal_squares_in_the_middle() -> None:
    image = ramp(2)
    assert enlarged(image, 4, 7).tolist() == [
        [0, 0, 0, 85, 85, 0, 0],
        [0, 0, 0, 85, 85, 0, 0],
        [0, 170, 170, 255, 255, 0, 0],
        [0, 170, 170, 255, 255, 0, 0],
    ]
    assert enlarged(np.full((1, 1), 9, np.uint8), 30, 30, longest=10).sum() == 9 * 10 * 10


@pytest.mark.parametrize("size", [(3, 3), (3, 50), (1, 1)])
def test_an_image_larger_than_its_place_is_averaged(size: tuple[int, int]) -> None:
    whole = enlarged(np.full((64, 64), 200, np.uint8), *size)
    assert whole.shape == size
    assert (whole == 200).sum() == min(size) ** 2


def test_kitty_is_sent_an_image_and_shows_it_in_the_place_of_characters() -> None:
    sent: list[str] = []
    pixels = Pixels("kitty", CellSize(8, 16), sent.append)
    number, lines = pixels.send(ramp(), 4, 2, INK)
    assert [cell_len(line.text) for line in lines] == [4, 4]
    assert all(line.text.count(PLACEHOLDER) == 4 for line in lines)
    (written,) = sent
    assert SENT.findall(written) == [str(number)]
    data = "".join(re.findall(r"\x1b_Gi=[^;]*;(.*?)\x1b", written))
    image = np.asarray(PIL.Image.open(BytesIO(b64decode(data))))
    assert image.shape == (32, 32, 4)
    assert (image[..., :3] == (200, 100, 0)).all()
    assert (image[::8, ::8, 3] == ramp()).all()
    assert (image[7::8, 7::8, 3] == ramp()).all()

    pixels.delete(number, 17)
    assert DELETED.findall(sent[-1]) == [str(number)]
    other, _ = pixels.send(ramp(), 4, 2, INK)
    pixels.close()
    assert DELETED.findall(sent[-1]) == [str(other)]
    writes = len(sent)
    assert [line.text for line in pixels.send(ramp(), 4, 2, INK)[1]] == ["    "] * 2
    assert len(sent) == writes


def test_a_sixel_image_goes_from_paper_to_ink_in_the_colours_of_a_vt340() -> None:
    pixels = Pixels("sixel", CellSize(8, 16), lambda _: None)
    image = np.asarray(pixels.sixel_image(ramp(16), 4, 2, INK, PAPER).convert("RGB"))
    assert image.shape == (32, 32, 3)
    colours = np.unique(image.reshape(-1, 3), axis=0)
    assert len(colours) == 16
    assert colours[0].tolist() == [0, 20, 40]
    assert colours[-1].tolist() == [200, 100, 0]


class AlbumApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.pixels: Pixels | None = Pixels("kitty", CellSize(8, 16), self.sent.append)

    def numbers(self, kind: re.Pattern[str]) -> list[str]:
        return kind.findall("".join(self.sent))


async def test_an_album_sends_once_and_deletes_what_newer_images_need_the_place_of() -> None:
    app = AlbumApp()
    async with app.run_test():
        album = PictureAlbum(Widget(), limit=2)
        images = np.stack([ramp(), 255 - ramp(), ramp() // 2])

        def draw(index: int) -> None:
            pictures = album.render(images, 4, 2, "pixels")
            assert isinstance(pictures, SentPictures)
            assert len(pictures.painted(index, INK)) == 2

        for index in (0, 1, 0, 0):
            draw(index)
        _, second = app.numbers(SENT)
        assert app.numbers(DELETED) == []
        draw(2)
        assert app.numbers(DELETED) == [second]
        draw(0)
        assert len(app.numbers(SENT)) == 3
        album.forget()
        assert sorted(app.numbers(DELETED)) == sorted(app.numbers(SENT))
        draw(0)
        assert len(app.numbers(SENT)) == 4
        app.pixels = None
        assert type(album.render(images, 4, 2, "pixels")) is Pictures


async def test_images_are_sent_anew_when_they_are_lost_or_of_another_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    sent: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "write", lambda _, sequence: sent.append(sequence))

    def counts() -> tuple[int, int]:
        written = "".join(sent)
        sent.clear()
        return len(set(SENT.findall(written))), len(DELETED.findall(written))

    asked = ConfigFile(Path("config.toml"), Config(digits="pixels"))
    async with opened(tmp_path, config=asked, graphics=KITTY) as lab:
        await lab.pilot.pause()
        shown, _ = counts()
        assert shown > 0
        # What happens after ctrl+z and fg.
        lab.app.app_resume_signal.publish(lab.app)
        await lab.pilot.pause()
        assert counts() == (shown, shown)
        monkeypatch.setattr("mnist_tui.ui.pixels.cell_size", lambda _: CellSize(10, 20))
        await lab.pilot.resize_terminal(121, 40)
        await lab.pilot.pause()
        again, deleted = counts()
        assert again >= shown
        assert deleted >= shown


def test_the_package_asks_nothing_and_is_not_imported_before_it_is_needed() -> None:
    code = """
import sys
from mnist_tui.runtime.graphics import CellSize
from mnist_tui.ui import sample_sheet
from mnist_tui.ui.pixels import Pixels
import numpy as np
pixels = Pixels("kitty", CellSize(8, 16), lambda _: None)
assert not {"textual_image", "PIL"} & set(sys.modules)
sys.__stdout__.isatty = lambda: True
pixels.send(np.zeros((2, 2), np.uint8), 4, 2, None)
assert "textual_image" in sys.modules
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == (b"", b"")
