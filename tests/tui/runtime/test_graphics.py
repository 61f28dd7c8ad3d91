"""Which terminals are asked whether they show images, and how their answers are understood."""

import os
import pty
import select
import termios
from collections.abc import Mapping

import pytest

from helpers.graphics import KITTY_ANSWERS
from mnist_tui.runtime.graphics import CellSize, Graphics, ask_terminal, may_show_images, understood

VT340 = "\x1b[?63;1;2;4;6;9;15;22c"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, True),
        ({"TERM": "xterm-kitty", "SSH_TTY": "/dev/pts/1"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, True),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "220401"}, True),
        ({"TERM": "xterm-256color", "WT_SESSION": "a-b"}, True),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"}, True),
        ({"TERM": "foot"}, True),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7200"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "alacritty"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
        # What stands between keeps images to itself.
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, False),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, False),
        ({"TERM": "screen.xterm-256color", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, False),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm-kitty", "NO_COLOR": ""}, True),
    ],
)
def test_the_environment_says_whether_to_ask(environ: Mapping[str, str], expected: bool) -> None:
    assert may_show_images(environ) is expected


@pytest.mark.parametrize(
    ("answers", "protocol"),
    [
        (KITTY_ANSWERS, "kitty"),
        (KITTY_ANSWERS.replace("kitty(0.41.1)", "ghostty 1.1.0"), "kitty"),
        # Images it takes, but not in the place of characters.
        (KITTY_ANSWERS.replace("0.41.1", "0.26.5"), None),
        (KITTY_ANSWERS.replace("kitty(0.41.1)", "WezTerm 20240203"), None),
        (KITTY_ANSWERS.replace(";OK", ";ENOTSUPPORTED"), None),
        (KITTY_ANSWERS.replace("\x1bP>|kitty(0.41.1)\x1b\\", ""), None),
        (KITTY_ANSWERS.replace("kitty(0.41.1)", "WezTerm").replace("?62;c", "?65;4;6c"), "sixel"),
        ("\x1b[6;16;8t" + VT340, "sixel"),
        ("\x1b[6;16;8t\x1b[?64;1;2;6c", None),
        ("\x1b[6;16;8t\x1b[?4;6c", None),  # a VT132, not an attribute
        (VT340, None),  # nobody knows how large a cell is
        ("", None),
    ],
)
def test_the_answers_say_which_protocol(answers: str, protocol: str | None) -> None:
    assert understood(answers).protocol == protocol


def test_the_system_knows_the_size_of_a_cell_better() -> None:
    assert understood(KITTY_ANSWERS).cell == CellSize(8, 16)
    for garbage in ("6;0;0t", "6;16;0t", "6;99999;99999t"):
        odd = understood(KITTY_ANSWERS.replace("6;16;8t", garbage))
        assert (odd.protocol, odd.cell) == (None, None)
    assert understood(VT340, CellSize(9, 20)) == Graphics("sixel", CellSize(9, 20))


def test_keys_between_the_answers_are_told_and_the_terminal_is_as_before() -> None:
    master, slave = pty.openpty()
    try:
        before = termios.tcgetattr(slave)
        # Cut in the midst: the answers come as they like.
        os.write(master, f"r{KITTY_ANSWERS[:7]}".encode())
        os.write(master, f"{KITTY_ANSWERS[7:]}".encode())
        found = ask_terminal(slave, slave)
        assert found == Graphics("kitty", CellSize(8, 16), "r")
        assert termios.tcgetattr(slave) == before
        # What was typed before it asked is echoed first.
        asked = ""
        while not asked.endswith("\x1b[c"):
            ready, _, _ = select.select([master], [], [], 60)
            assert ready, asked
            asked += os.read(master, 4096).decode()
        assert "a=q" in asked
    finally:
        os.close(master)
        os.close(slave)
