"""A run that patience ends, from the command line: told, listed, gone on with, and repeated."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.idx_folder import write_idx_folder
from helpers.terminal import Terminal

COMMAND = [sys.executable, "-c", "from mnist_tui.cli import main; main()"]
RECIPE = ["--epochs=40", "--patience=2", "--hidden-sizes=8", "--learning-rate=0.5",
          "--batch-size=32", "--validation=60"]  # fmt: skip


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return write_idx_folder(tmp_path / "digits")


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def ask(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments), "--home", str(tmp_path / "home")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return ask


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def losses(events: list[dict[str, Any]]) -> list[float]:
    return [event["loss"] for event in events if event["event"] == "batch_completed"]


def test_patience_from_the_first_epoch_to_the_repeated_run(
    digits: Path, ask: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    each = ("--json", "--log-every", "1")
    first = objects(ask("train", "--data", digits, *RECIPE, *each).stdout)
    end = first[-1]
    assert (end["event"], end["stopped_by"]) == ("run_completed", "patience")
    assert end["epoch"] == end["best_epoch"] + 2 < 40
    why = (
        "stopped by patience: no better validation accuracy for 2 epochs; "
        f"best epoch {end['best_epoch']}"
    )

    (listed,) = objects(ask("runs", "list", "--json").stdout)
    assert (listed["state"], listed["stopped_by"]) == ("completed", "patience")
    assert (listed["epochs"], listed["planned_epochs"]) == (end["epoch"], 40)
    assert f"{end['epoch']}/40, patience" in ask("runs", "list").stdout
    assert why in ask("runs", "show", listed["id"]).stdout

    refused = ask("train", "--resume", listed["id"])
    assert refused.returncode == 2
    assert f"has {end['epoch']} epochs already, and its patience ended it there" in refused.stderr

    last = end["epoch"] + 2
    more = objects(ask("train", "--resume", listed["id"], "--epochs", str(last), *each).stdout)
    (change,) = [event for event in more if event["event"] == "hyperparameter_changed"]
    assert (change["field"], change["value"], change["step"]) == ("patience", 0, end["step"])
    assert (more[-1]["epoch"], more[-1]["stopped_by"]) == (last, None)

    command = json.loads(ask("runs", "show", listed["id"], "--json").stdout)["command"]
    words = shlex.split(command)
    again = objects(ask(*words[words.index("train") :], *each).stdout)
    assert losses(again) == losses(first) + losses(more)
    assert again[-1]["epoch"] == last

    exported = objects(ask("runs", "export", listed["id"], "--format", "jsonl",
                           "--output", "-").stdout)  # fmt: skip
    assert exported[0]["hyperparameters"]["patience"] == 2
    assert exported[-1]["stopped_by"] is None


def test_a_line_says_why_the_run_ended(
    digits: Path, ask: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = ask("train", "--data", digits, "--target-accuracy", "0.2", "--learning-rate", "0.5",
               "--batch-size", "32", "--repeat", "2")  # fmt: skip
    assert done.returncode == 0
    why = [line for line in done.stdout.splitlines() if line.startswith("stopped at its target: ")]
    assert len(why) == 2
    assert "test accuracy: mean" in done.stdout


def test_values_out_of_bounds_are_refused(
    ask: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    refused = ask("train", "--patience", "-1", "--target-accuracy", "98")
    assert refused.returncode == 2
    assert "Patience: '-1' is not usable; it takes a whole number from 0 to" in refused.stderr
    assert "Target accuracy: '98' is not usable; it takes a number from 0 to 1." in refused.stderr


@pytest.mark.parametrize(
    ("variables", "start"),
    [
        ({"TMUX": ""}, "\x1b]9;mnist-tui: completed after 1 epoch: test accuracy "),
        ({"TMUX": "/tmp/x,1,0"}, "\x1bPtmux;\x1b\x1b]9;mnist-tui: completed after 1 epoch: "),
    ],
)
def test_a_terminal_is_told_that_training_is_done(
    digits: Path,
    tmp_path: Path,
    open_terminal: Callable[..., Terminal],
    variables: dict[str, str],
    start: str,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text('when_done = "notify"\n')
    plain = {"STY": "", "VTE_VERSION": ""}
    words = ["train", "--data", digits, "--epochs", "1", "--home", home]
    terminal = open_terminal([*COMMAND, *words], env={**plain, **variables})
    assert terminal.wait_exit() == 0
    assert terminal.output().count(start) == 1


def test_the_app_tells_its_terminal(
    digits: Path, tmp_path: Path, open_terminal: Callable[..., Terminal]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text('when_done = "notify"\n')
    words = ["--data", digits, "--epochs", "1", "--home", home]
    plain = {"STY": "", "TMUX": "", "VTE_VERSION": ""}
    terminal = open_terminal([*COMMAND, *words], env=plain)
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for("completed")
    terminal.wait_for(lambda _: "\x1b]9;mnist-tui: run 1 completed, test" in terminal.output())
    terminal.send("q")
    assert terminal.wait_exit() == 0


def test_nothing_of_it_is_written_to_a_pipe(
    digits: Path, tmp_path: Path, ask: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text('when_done = "bell"\n')
    done = ask("train", "--data", digits, "--epochs", "1")
    assert done.returncode == 0
    assert "\a" not in done.stdout + done.stderr
