"""The process of a sweep: its lines and last words, read without waiting."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mnist_core.backend.python_process import python_command
from mnist_tui.sweeps import sweep_process as module
from mnist_tui.sweeps.sweep_process import CommandProcess

PATIENCE = 30.0


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> type[CommandProcess]:
    """A process of the code that is given in the place of the words."""

    def command(words: Sequence[str]) -> list[str]:
        return python_command(words[-1])

    monkeypatch.setattr(module, "program_command", command)
    return CommandProcess


def until_over(process: CommandProcess) -> list[object]:
    events: list[object] = []
    deadline = time.monotonic() + PATIENCE
    while not process.is_over and time.monotonic() < deadline:
        events += process.read()
        time.sleep(0.01)
    assert process.is_over
    return events


def test_all_lines_are_read_and_the_last_words(run: type[CommandProcess]) -> None:
    code = """if True:
        import sys
        for k in range(20000):
            print('{"event": "x", "k": %d}' % k)
        sys.stderr.write('why')
    """
    process = run([code])
    events = until_over(process)
    assert events == [{"event": "x", "k": k} for k in range(20000)]
    assert process.last_words() == "why"
    process.close()


def test_nothing_waits_for_a_process_that_says_nothing(run: type[CommandProcess]) -> None:
    process = run(["import sys; sys.stdin.read(); import time; time.sleep(300)"])
    assert process.read() == []
    assert not process.is_over
    process.close()
    assert process.is_over or process._process.returncode is not None


def test_the_first_signal_stops_and_the_second_ends(run: type[CommandProcess]) -> None:
    code = """if True:
        import signal, sys, time
        told = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda n, _f: told.append(n))
        print('{"ready": 1}', flush=True)
        while len(told) < 2:
            time.sleep(0.01)
        print('{"told": %s}' % [int(n) for n in told], flush=True)
    """
    process = run([code])
    deadline = time.monotonic() + PATIENCE
    while not process.read() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.stop()
    process.cut()
    assert until_over(process) == [{"told": [2, 15]}]
    process.close()


def test_what_is_refused_is_said_at_its_end(tmp_path: Path) -> None:
    process = CommandProcess(["--sample", "nobody=1|2", "--home", str(tmp_path)])
    assert until_over(process) == []
    assert "nobody" in process.last_words()
    process.close()
