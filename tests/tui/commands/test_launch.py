"""What the flags of the app leave of the configuration file."""

import sys
import threading
from pathlib import Path

import pytest

from mnist_tui.commands import run_app as module
from mnist_tui.commands.flags import AppFlags
from mnist_tui.commands.launch import open_app
from mnist_tui.runtime.startup import LaunchOptions
from mnist_tui.settings.config import ConfigFile
from mnist_tui.text.picture_style import PictureStyle


@pytest.mark.parametrize(("flag", "expected"), [(None, "braille"), ("ascii", "ascii")])
def test_the_style_of_digits_is_that_of_the_flag_before_that_of_the_file(
    flag: PictureStyle | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[ConfigFile] = []

    def run_app(_options: LaunchOptions, config: ConfigFile) -> int:
        opened.append(config)
        return 0

    monkeypatch.setattr(module, "run_app", run_app)
    monkeypatch.setattr("mnist_tui.commands.launch.is_drawn_in_browser", lambda: True)
    monkeypatch.setattr("mnist_tui.commands.launch.hold_collector", lambda: None)
    monkeypatch.setenv("TEXTUAL_FPS", "120")
    for owner in (sys, threading):
        monkeypatch.setattr(owner, "excepthook", owner.excepthook)
    (tmp_path / "config.toml").write_text('digits = "braille"\nsmoothing = 0.5\n')
    assert open_app(AppFlags(home=str(tmp_path), digits=flag)) == 0
    assert [(found.config.digits, found.config.smoothing) for found in opened] == [(expected, 0.5)]
