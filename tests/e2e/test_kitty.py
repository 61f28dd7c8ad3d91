"""Digits as images on a terminal that answers as Kitty does."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from helpers.graphics import KITTY_ANSWERS, PLACEHOLDER
from helpers.idx_folder import write_idx_folder
from helpers.terminal import Terminal

SENT = re.compile(r"\x1b_Gi=(\d+),m=[01],")
PLACED = re.compile(r"\x1b_Ga=p,i=(\d+),")
DELETED = re.compile(r"\x1b_Ga=d,d=I,i=(\d+),q=2\x1b\\")


def test_images_are_sent_on_the_apps_screen_and_deleted_before_it_is_left(
    open_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    digits = write_idx_folder(tmp_path / "digits")
    program = Path(sys.executable).with_name("mnist-tui")
    terminal = open_terminal(
        [program, "--data", digits, "--home", tmp_path, "--digits", "pixels"],
        env={"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1", "TMUX": "", "NO_COLOR": ""},
        attributes=KITTY_ANSWERS,
    )
    terminal.wait_for("idle")
    terminal.wait_for(PLACEHOLDER)
    terminal.send("2")
    terminal.wait_for(rf"Sample 0[\s\S]*{PLACEHOLDER}")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []

    before, shown, after = re.split(r"\x1b\[\?1049[hl]", terminal.output())
    assert "a=q" in before
    sent, deleted = SENT.findall(shown), DELETED.findall(shown)
    assert sent
    assert set(PLACED.findall(shown)) == set(sent)
    assert sorted(deleted) == sorted(set(sent))
    assert "\x1b_G" not in after
