"""A terminal that tells no size is given one."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator

import pytest

from mnist_tui.runtime.terminal import ensure_size


@pytest.fixture
def terminal() -> Iterator[int]:
    master, slave = pty.openpty()
    yield slave
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ("told", "size"), [((0, 0), (80, 24)), ((0, 80), (80, 24)), ((50, 132), (132, 50))]
)
def test_only_a_terminal_without_a_size_is_given_one(
    terminal: int, told: tuple[int, int], size: tuple[int, int]
) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *told, 0, 0))
    ensure_size(terminal)
    assert tuple(os.get_terminal_size(terminal)) == size


def test_what_is_no_terminal_is_left_alone() -> None:
    reader, writer = os.pipe()
    ensure_size(writer)
    os.close(reader)
    os.close(writer)
    ensure_size(writer)
