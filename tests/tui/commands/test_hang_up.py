"""A terminal that is closed under the app: a quiet end, and stray output goes on to the log."""

import os
import pty
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_tui.runtime.log import stray_output_logged


@contextmanager
def on_a_terminal() -> Iterator[Callable[[], None]]:
    """Have standard output and error on a terminal; what is yielded closes it."""
    master, slave = pty.openpty()
    saved = {number: os.dup(number) for number in (1, 2)}
    for number in saved:
        os.dup2(slave, number)
    os.close(slave)
    open_masters = [master]
    try:
        yield lambda: os.close(open_masters.pop())
    finally:
        for number, descriptor in saved.items():
            os.dup2(descriptor, number)
            os.close(descriptor)
        for descriptor in open_masters:
            os.close(descriptor)


@pytest.fixture(autouse=True)
def _real_output(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    with capfd.disabled():
        yield


def test_what_is_drawn_on_a_closed_terminal_goes_nowhere_and_is_told_once(tmp_path: Path) -> None:
    told: list[bool] = []
    streams = sys.__stdout__, sys.__stderr__
    log = tmp_path / "log"
    with on_a_terminal() as close, stray_output_logged(log, lambda: told.append(True)):
        terminal = sys.__stderr__
        assert terminal is not None
        assert terminal.isatty()
        terminal.write("a frame")
        terminal.flush()
        assert told == []
        close()
        for _ in range(3):
            terminal.write("another frame")
            terminal.flush()
        terminal.write("what is left at the end")
        os.write(2, b"stray")
    assert told == [True]
    assert log.read_bytes() == b"stray"
    assert (sys.__stdout__, sys.__stderr__) == streams


def draw_a_frame(log: Path) -> None:
    with stray_output_logged(log, lambda: None):
        assert sys.__stderr__ is not None
        sys.__stderr__.write("a frame")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a Linux device")
def test_a_terminal_that_cannot_be_written_for_another_reason_is_an_error_and_put_back(
    tmp_path: Path,
) -> None:
    saved, full = os.dup(2), os.open("/dev/full", os.O_WRONLY)
    streams = sys.__stdout__, sys.__stderr__
    os.dup2(full, 2)
    os.close(full)
    try:
        with pytest.raises(OSError, match="No space left"):
            draw_a_frame(tmp_path / "log")
        assert os.path.samestat(os.fstat(2), Path("/dev/full").stat())
    finally:
        os.dup2(saved, 2)
        os.close(saved)
    assert (sys.__stdout__, sys.__stderr__) == streams
