"""The terminal of the other tests: it shows, types, clicks and notices what is left behind."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.terminal import Terminal

SAMPLE = [sys.executable, Path(__file__).parents[1] / "helpers" / "sample_app.py"]


def python(source: str) -> list[str]:
    return [sys.executable, "-c", source]


@pytest.fixture
def sample(open_terminal: Callable[..., Terminal]) -> Terminal:
    terminal = open_terminal(SAMPLE, columns=60, rows=20)
    terminal.wait_for("Press me")
    return terminal


def test_an_app_is_shown_with_its_colours(sample: Terminal) -> None:
    assert "size 60 by 20" in sample.screen()
    mark = sample.cell(*sample.find("wrong"))
    assert (mark.data, mark.fg, mark.bold) == ("w", "ff0000", True)


def test_text_and_keys_reach_the_app(sample: Terminal) -> None:
    sample.send("0.05")
    sample.wait_for(r"notes:.* 0\.05$")
    sample.send("backspace")
    sample.wait_for(r"notes:.* 0\.0$")


def test_escape_with_a_key_behind_it_is_not_alt_and_that_key(sample: Terminal) -> None:
    sample.send("esc", "f2")
    sample.wait_for("notes: escape f2")


def test_a_click_reaches_the_widget_under_it(sample: Terminal) -> None:
    sample.click(*sample.find("Press me"))
    sample.wait_for("notes: pressed")


def test_resizing_reaches_the_app_which_draws_all_of_it_again(sample: Terminal) -> None:
    sample.resize(100, 30)
    screen = sample.wait_for("size 100 by 30")
    assert "Press me" in screen
    assert len(screen.split("\n")) == 30
    sample.resize(40, 12)
    sample.wait_for("size 40 by 12")


def test_a_good_end_leaves_nothing_behind(sample: Terminal) -> None:
    assert "alternate screen" in sample.unrestored()
    assert "mouse" in sample.unrestored()
    assert "line settings" in sample.unrestored()
    assert len(sample.stray_processes(patience=0)) == 1  # the app itself
    sample.send("ctrl+q")
    assert sample.wait_exit() == 7
    assert sample.unrestored() == []
    assert sample.restored()
    assert sample.stray_processes() == []
    assert sample.screen().strip() == "after the app, in xterm-256color"


def test_a_process_left_behind_is_noticed(sample: Terminal) -> None:
    sample.send("f3")
    assert sample.wait_exit() == 7
    assert len(sample.stray_processes(patience=0)) == 1


def test_a_killed_app_leaves_the_terminal_in_disorder(sample: Terminal) -> None:
    sample.signal(signal.SIGKILL)
    assert sample.wait_exit() == -signal.SIGKILL
    assert not sample.restored()


def test_a_failed_wait_shows_the_screen(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal(python("input('ready? ')"), columns=30, rows=5)
    terminal.wait_for(lambda screen: "ready" in screen)
    with pytest.raises(AssertionError) as error:
        terminal.wait_for("never", timeout=0.05)
    assert "no 'never' in 0.05 seconds; the program is still running" in str(error.value)
    assert "|ready? " in str(error.value)
    with pytest.raises(AssertionError, match="has not ended"):
        terminal.wait_exit(timeout=0.05)
    with pytest.raises(AssertionError, match="'never' is not on the screen"):
        terminal.find("never")


def test_waiting_for_what_an_ended_program_never_showed_fails_at_once(
    open_terminal: Callable[..., Terminal],
) -> None:
    terminal = open_terminal(python("print('wide 数 here'); raise SystemExit(3)"))
    with pytest.raises(AssertionError, match="the program ended without 'never'"):
        terminal.wait_for("never")
    assert terminal.wait_exit() == 3
    assert terminal.find("here") == (8, 0)
    assert "wide 数 here" in terminal.output()


def test_the_program_owns_the_terminal_and_its_size(
    open_terminal: Callable[..., Terminal],
) -> None:
    source = "import os; print(os.get_terminal_size(os.open('/dev/tty', os.O_RDONLY)))"
    terminal = open_terminal(python(source), columns=91, rows=17)
    terminal.wait_for("columns=91, lines=17")
    assert terminal.wait_exit() == 0


def test_ctrl_c_interrupts_a_program_that_does_not_take_it_as_a_key(
    open_terminal: Callable[..., Terminal],
) -> None:
    source = "import signal; print('waiting', flush=True); signal.pause()"
    terminal = open_terminal(python(source))
    terminal.wait_for("waiting")
    terminal.send("ctrl+c")
    assert terminal.wait_exit() == -signal.SIGINT


def test_a_flood_of_output_arrives_whole(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal(python("for n in range(20000): print(n)"))
    assert terminal.wait_exit() == 0
    assert "19999" in terminal.screen()
    assert terminal.output().split() == [str(number) for number in range(20000)]
