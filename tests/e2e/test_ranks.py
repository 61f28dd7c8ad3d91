"""`mnist-tui train --ranks` as processes: stopped, resumed, killed and suspended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helpers.idx_folder import write_idx_folder
from helpers.processes import children_of, still_there
from mnist_core.store import RunStore
from mnist_core.store.records import RunRecord, RunState
from mnist_tui.lab.recipe_text import command_line

COMMAND = [sys.executable, "-c", "from mnist_tui.cli import main; main()"]
PATIENCE = 120

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def start(tmp_path: Path, home: Path) -> Iterator[Start]:
    """Starts a long run in several ranks, which have met by the ring when it returns."""
    digits = write_idx_folder(tmp_path / "digits")
    with ExitStack() as started:

        def begin(*flags: str) -> subprocess.Popen[str]:
            words = ["train", "--home", str(home), "--data", str(digits), "--backend", "ring"]
            process = subprocess.Popen(
                [*COMMAND, *words, *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # Without g++ steps stay uncompiled, which gives the same figures sooner here.
                env={**os.environ, "PATH": str(tmp_path)},
            )
            started.enter_context(process)
            started.callback(process.kill)
            assert process.stdout is not None
            while "train loss" not in (line := process.stdout.readline()):
                assert line, process.communicate()
            return process

        yield begin


LONG = ("--hidden-sizes", "8", "--epochs", "100000")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it wrote to standard error."""
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors


def comes_true(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


def gone(numbers: list[int]) -> bool:
    return comes_true(lambda: not still_there(numbers))


def only_run(home: Path) -> RunRecord:
    (record,) = RunStore(home).runs()
    return record


def test_a_run_is_stopped_goes_on_in_more_ranks_and_survives_the_death_of_one(
    start: Start, home: Path
) -> None:
    first = start(*LONG, "--ranks", "2")
    ranks = children_of(first.pid)
    first.send_signal(signal.SIGINT)
    assert ended(first)[0] == 130
    stopped = only_run(home)
    assert (stopped.state, stopped.environment.ranks) == (RunState.STOPPED, 2)
    assert "--ranks 2" in command_line(stopped)
    assert gone(ranks)

    second = start("--resume", stopped.id, "--ranks", "3")
    ranks = sorted(children_of(second.pid))
    assert len(ranks) == 3
    os.kill(ranks[2], signal.SIGKILL)
    code, errors = ended(second)

    assert code == 1
    assert "Rank 2 was ended by SIGKILL" in errors
    assert "[ring]" not in errors
    assert gone(ranks)
    failed = only_run(home)
    assert (failed.state, failed.environment.ranks) == (RunState.FAILED, 3)
    assert failed.epoch > stopped.epoch


def test_a_suspended_rank_ends_the_job(start: Start, home: Path) -> None:
    process = start(*LONG, "--ranks", "2", "--rank-timeout", "2")
    ranks = sorted(children_of(process.pid))
    os.kill(ranks[1], signal.SIGSTOP)
    code, errors = ended(process)

    assert code == 1
    assert "for 2 seconds: a rank is suspended, hangs, or cannot be reached" in errors
    assert gone(ranks)
    record = only_run(home)
    assert record.state is RunState.FAILED
    assert "for 2 seconds" in record.failure
    assert record.epoch > 0


def test_no_rank_outlives_the_process_that_started_it(start: Start, home: Path) -> None:
    process = start(*LONG, "--ranks", "2")
    ranks = children_of(process.pid)
    process.kill()

    assert gone(ranks)
    # A process counts as ended before the last of its threads lets go of the lock.
    assert comes_true(lambda: only_run(home).state is RunState.INTERRUPTED)


def test_a_rank_that_nobody_joins_says_so(home: Path, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.json"
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        hosts.write_text(json.dumps([[f"127.0.0.1:{each.getsockname()[1]}"] for each in sockets]))
    done = subprocess.run(
        [*COMMAND, "train", "--home", str(home), "--ranks", "2", "--rank-timeout", "1"],
        env={**os.environ, "MLX_RANK": "0", "MLX_HOSTFILE": str(hosts)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL
    assert "The other ranks have not arrived for 1 seconds" in done.stderr
    assert RunStore(home).runs() == []
