"""`mnist-tui train` as a process: real training, exit codes, signals, pipes and a terminal."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers.idx_folder import write_idx_folder
from helpers.terminal import Terminal

COMMAND = [sys.executable, "-c", "from mnist_tui.cli import main; main()"]
LONG = "--epochs=100000"
PATIENCE = 300


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A small data set in a folder."""
    return write_idx_folder(tmp_path / "digits")


def mnist_tui(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **environment},
    )


def events_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def running() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `mnist-tui` with these arguments; what is left of it is killed at the end."""
    with ExitStack() as started:

        def start(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*COMMAND, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What the process writes up to the first line with `text`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"no {text!r} in {''.join(lines)!r}")


def test_json_tells_the_whole_run(digits: Path) -> None:
    done = mnist_tui("train", "--data", digits, "--epochs", "2", "--json", "--log-every", "2")
    assert done.returncode == 0, done.stderr
    events = events_of(done.stdout)
    assert [event["event"] for event in events] == [
        "run_started",
        "epoch_completed",
        "batch_completed",
        "epoch_completed",
        "batch_completed",
        "epoch_completed",
        "run_completed",
    ]
    first, last = events[1], events[-1]
    assert (first["epoch"], first["seconds"], first["train_loss"]) == (0, 0, None)
    assert isinstance(last["run_id"], str)
    assert last["test_accuracy"] == events[-2]["test_accuracy"]
    assert last["best_test_accuracy"] >= last["test_accuracy"]
    assert last["test_loss"] > 0
    assert last["seconds"] > 0
    assert last["examples_per_second"] > 0


def test_piped_lines_are_plain(digits: Path) -> None:
    done = mnist_tui("train", "--data", digits, "--epochs", "2", FORCE_COLOR="1")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("digits: 400 training examples, 100 test examples")
    assert [line[:9] for line in lines if line.startswith("epoch")] == [
        "epoch 0/2",
        "epoch 1/2",
        "epoch 2/2",
    ]
    assert lines[-1].startswith("completed after 2 epochs: test accuracy ")


def test_the_same_seed_repeats_and_others_differ(digits: Path) -> None:
    flags = ("--data", digits, "--epochs", "1", "--json")
    repeated = events_of(mnist_tui("train", *flags, "--repeat", "2").stdout)
    ends = [event for event in repeated if event["event"] == "run_completed"]
    assert ends[0]["test_loss"] != ends[1]["test_loss"]
    assert repeated[-1]["event"] == "repeat_completed"
    assert repeated[-1]["seeds"] == [0, 1]
    second = events_of(mnist_tui("train", *flags, "--seed", "1").stdout)
    assert second[-1]["test_loss"] == ends[1]["test_loss"]


def test_a_recipe_that_ends_in_nan_goes_to_its_end_and_has_diverged(digits: Path) -> None:
    recipe = (
        *("--hidden-sizes=64,64,64,64", "--activation=leaky_relu", "--pixel-scaling=none"),
        # Each update multiplies the weights of all five layers by 1 - 100 * 10.
        *("--learning-rate=100", "--weight-decay=10", "--batch-size=16", "--epochs=1"),
    )
    done = mnist_tui("train", "--data", digits, *recipe, "--json")
    assert done.returncode == 1, done.stderr
    events = events_of(done.stdout)
    assert "divergence_detected" in [event["event"] for event in events]
    assert (events[-1]["event"], events[-1]["epoch"]) == ("run_diverged", 1)
    assert events[-1]["test_loss"] is None


def test_data_that_cannot_be_had_is_a_failure_with_a_sentence(tmp_path: Path) -> None:
    done = mnist_tui("train", "--data", tmp_path / "nowhere", "--json")
    assert done.returncode == 1
    (event,) = events_of(done.stdout)
    assert event["event"] == "run_failed"
    assert "nowhere" in event["message"]
    assert event["message"] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_device_that_is_not_there_is_a_failure_with_a_sentence(digits: Path) -> None:
    code = (
        "import mnist_tui.commands.train as t\n"
        "from mnist_core.backend.installation import BackendMissing\n"
        "def configure(*_): raise BackendMissing('No such device here.')\n"
        "t.configure = configure\n"
        "from mnist_tui.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--data", str(digits), "--device", "gpu"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "No such device here."
    assert "Traceback" not in done.stderr


def test_an_unexpected_error_names_the_log_file(digits: Path, tmp_path: Path) -> None:
    code = (
        "import mnist_tui.commands.train as t\n"
        "def wait_for_dataset(loader, stream): raise KeyError('surprise')\n"
        "t.wait_for_dataset = wait_for_dataset\n"
        "from mnist_tui.cli import main\n"
        "main()\n"
    )
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--data", str(digits), "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    log = home / "mnist-tui.log"
    assert done.stderr == (
        "mnist-tui: Something unexpected went wrong (KeyError: 'surprise'). "
        f"The details are in {log}.\n"
    )
    assert "wait_for_dataset" in log.read_text()


def test_wrong_usage_is_exit_code_2() -> None:
    done = mnist_tui("train", "--learning-rate", "fast")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Learning rate: 'fast' is not usable; it takes a number above 0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_keeps(
    running: Callable[..., subprocess.Popen[str]], digits: Path, number: signal.Signals
) -> None:
    process = running("train", "--data", digits, LONG, "--json")
    read_until(process, '"epoch": 2')
    process.send_signal(number)
    assert process.stdout is not None
    assert process.stderr is not None
    # Through the same buffer: `communicate` would begin in the middle of a line.
    output, errors = process.stdout.read(), process.stderr.read()
    assert process.wait(PATIENCE) == 130
    end = events_of(output)[-1]
    assert end["event"] == "run_stopped"
    assert end["epoch"] >= 2
    assert end["test_accuracy"] is not None
    assert "Traceback" not in errors


def test_a_signal_while_loading_ends_without_a_run(
    running: Callable[..., subprocess.Popen[str]],
) -> None:
    # The kernel accepts connections to a listening socket, and nobody ever answers them.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = running("train", "--data", "mnist", "--json", HTTPS_PROXY=proxy)
        interrupt_loading(process)


def interrupt_loading(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert "Loading" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    (end,) = events_of(output)
    assert (end["event"], end["run_id"], end["test_accuracy"]) == ("run_stopped", "", None)
    assert "Traceback" not in errors


def test_a_reader_that_leaves_ends_the_run_quietly(
    running: Callable[..., subprocess.Popen[str]], digits: Path
) -> None:
    process = running("train", "--data", digits, LONG)
    read_until(process, "epoch")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    assert process.wait(PATIENCE) == 1
    loading, kept = errors.splitlines()
    assert loading == f"Loading {digits}"
    assert kept.startswith("Kept as run 1 (")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a Linux device")
def test_a_full_disk_is_a_sentence(digits: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "train", "--data", str(digits), "--epochs", "1"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "The output could not be written: No space left on device."
    )


def test_without_a_terminal_the_app_trains_and_says_so(digits: Path) -> None:
    done = mnist_tui("--data", digits, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("There is no terminal to open the app in")
    assert "completed after 1 epoch: test accuracy" in done.stdout


def test_a_terminal_gets_a_bar_and_a_line_an_epoch(
    open_terminal: Callable[..., Terminal], digits: Path
) -> None:
    terminal = open_terminal([*COMMAND, "train", "--data", digits, LONG], columns=64, rows=20)
    terminal.wait_for(r"^epoch +[1-9]\d*/100000 [^s]+%")
    terminal.send("ctrl+c")
    assert terminal.wait_exit() == 130
    screen = terminal.screen()
    assert re.search(r"^stopped after \d+ epochs?: test accuracy", screen, re.MULTILINE)
    assert "%" not in screen
    assert terminal.restored()
    assert terminal.stray_processes() == []


def test_no_color_is_obeyed_on_a_terminal(
    open_terminal: Callable[..., Terminal], digits: Path
) -> None:
    argv = [*COMMAND, "train", "--data", digits, "--epochs", "3"]
    coloured, plain = (
        open_terminal(argv, columns=80, rows=20, env=env) for env in ({}, {"NO_COLOR": "1"})
    )
    assert coloured.wait_exit() == 0
    assert plain.wait_exit() == 0
    colour = re.compile(r"\x1b\[[0-9;]*(?:3|4|9|10)[0-9;]*m")
    assert colour.search(coloured.output())
    assert not colour.search(plain.output())
    assert "completed after 3 epochs" in plain.screen()
