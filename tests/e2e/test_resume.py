"""A run that was killed, and goes on: as processes, with real training."""

import json
import os
import select
import shlex
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers.idx_folder import write_idx_folder
from mnist_core.store import RunState, RunStore
from mnist_tui.lab.recipe_text import command_line

COMMAND = [sys.executable, "-c", "from mnist_tui.cli import main; main()"]
RECIPE = ["--epochs=200", "--batch-size=32", "--hidden-sizes=8", "--optimizer=adam",
          "--dropout=0.2", "--schedule=cosine", "--learning-rate=0.003", "--threads=1"]  # fmt: skip
FIGURES = ("epoch", "step", "loss", "accuracy", "learning_rate", "train_loss", "train_accuracy",
           "test_loss", "test_accuracy", "best_test_accuracy", "best_epoch")  # fmt: skip


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return write_idx_folder(tmp_path / "digits")


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "train", *map(str, arguments), "--json", "--log-every=1"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def figures(event: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on whether a run was interrupted."""
    return {name: event[name] for name in FIGURES if name in event}


def whole_run(*arguments: str | Path) -> list[dict[str, Any]]:
    process = start(*arguments)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def kill_after_a_checkpoint(home: Path, *arguments: str | Path) -> None:
    """Train, and kill the process in the middle of it."""
    with ExitStack() as stack:
        process = stack.enter_context(start(*arguments))
        stack.callback(process.kill)
        assert process.stdout is not None
        seen: set[Path] = set()

        # Where nobody takes its lines, it waits: it cannot get far ahead of who reads.
        for epoch in (0, 100):
            for line in process.stdout:
                if '"epoch_completed"' in line and json.loads(line)["epoch"] == epoch:
                    break
            while not (found := set(home.glob("checkpoints/*/*.safetensors")) - seen):
                select.select([], [], [], 0.02)
            seen |= found
        # There is a second one, so the database knows the first.
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL


def test_a_killed_run_ends_with_the_figures_of_one_that_was_not(
    digits: Path, tmp_path: Path
) -> None:
    unbroken = whole_run("--data", digits, *RECIPE, "--home", tmp_path / "unbroken")
    broken = tmp_path / "broken"
    kill_after_a_checkpoint(broken, "--data", digits, *RECIPE, "--home", broken)
    (left,) = RunStore(broken).runs()
    assert left.state is RunState.INTERRUPTED

    # The same data, at another place.
    moved = digits.rename(tmp_path / "moved")
    resumed = whole_run("--resume", left.id, "--home", broken, "--data", moved)

    assert resumed[0]["step"] > 0
    first = resumed[0]["step"]
    there = [e for e in unbroken if e.get("step", 0) > first and "seconds" in e]
    again = [e for e in resumed if e.get("step", 0) > first and "seconds" in e]
    assert [figures(event) for event in again] == [figures(event) for event in there]

    stores = RunStore(tmp_path / "unbroken"), RunStore(broken)
    (whole,), (mended,) = (store.runs() for store in stores)
    assert mended.state is RunState.COMPLETED
    curves = [store.batches(run.id) for store, run in zip(stores, (whole, mended), strict=True)]
    for name in ("loss", "accuracy", "learning_rate"):
        assert curves[0][name].tobytes() == curves[1][name].tobytes()


def test_epochs_are_added_to_a_complete_run(digits: Path, tmp_path: Path) -> None:
    flags = ("--data", digits, "--batch-size=100", "--home", tmp_path / "home")
    six = whole_run(*flags, "--epochs=6")
    whole_run(*flags, "--epochs=2", "--seed=0")
    short = RunStore(tmp_path / "home").runs()[0]
    longer = whole_run("--resume", short.id, "--epochs=6", "--home", tmp_path / "home")
    assert figures(longer[-1]) == figures(six[-1])
    assert RunStore(tmp_path / "home").run(short.id).epoch == 6


def test_a_run_on_transposed_images_is_resumed_and_repeated_on_such(
    digits: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    flags = ("--data", digits, "--transpose", "--home", home)
    whole = whole_run(*flags, "--epochs=2")
    whole_run(*flags, "--epochs=1")
    short = RunStore(home).runs()[0]
    resumed = whole_run("--resume", short.id, "--epochs=2", "--home", home)
    program, train, *command = shlex.split(command_line(RunStore(home).run(short.id)))
    repeated = whole_run(*command, "--home", home)

    assert (program, train) == ("mnist-tui", "train")
    assert {run.fingerprint for run in RunStore(home).runs()} == {short.fingerprint}
    assert figures(whole[-1]) == figures(resumed[-1]) == figures(repeated[-1])
    upright = whole_run("--data", digits, "--epochs=2", "--home", home)
    assert RunStore(home).runs()[0].fingerprint != short.fingerprint
    assert figures(upright[-1]) != figures(whole[-1])


def test_what_cannot_be_resumed_is_a_sentence(digits: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    whole_run("--data", digits, "--epochs=2", "--home", home)
    (run,) = RunStore(home).runs()
    other = write_idx_folder(tmp_path / "other", train=404)

    def told(*arguments: str | Path) -> tuple[int, str]:
        done = subprocess.run(
            [*COMMAND, "train", "--home", str(home), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stderr.splitlines()[-1]

    assert told("--resume", "nothing") == (
        1, f"There is no run 'nothing' in {home}. See mnist-tui runs list --home {home}."
    )  # fmt: skip
    code, words = told("--resume", run.id)
    assert (code, words) == (
        2, "run 1 has 2 epochs already. Say with --epochs how many it is to have, "
        "such as --epochs 3."
    )  # fmt: skip
    code, words = told("--resume", run.id, "--seed", "3", "--preset", "mlx-wide", "--transpose")
    assert code == 2
    assert "cannot be given with --seed, --transpose, --preset" in words
    code, words = told("--resume", run.id, "--epochs", "3", "--data", other)
    assert code == 1
    assert "run 1 was trained on other data than other" in words
    assert RunStore(home).run(run.id) == run


def test_a_copy_goes_on_to_the_bit_as_the_run_would_and_leaves_it_alone(
    digits: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    recipe = ["--epochs=3", "--batch-size=32", "--hidden-sizes=8", "--optimizer=adam"]
    whole_run("--data", digits, *recipe, "--change=20:learning_rate=0.01", "--home", home)
    store = RunStore(home)
    (parent,) = store.runs()
    copy_id = store.copy(parent.id, "Goes on from run 1.")
    assert store.run(parent.id) == parent
    store.close()
    copied = whole_run("--resume", copy_id, "--epochs=6", "--home", home)
    resumed = whole_run("--resume", parent.id, "--epochs=6", "--home", home)
    assert [*map(figures, copied)] == [*map(figures, resumed)]
    runs = {run.id: run for run in store.runs()}
    assert runs[copy_id].changes == runs[parent.id].changes == parent.changes
    assert runs[copy_id].note == "Goes on from run 1."
    assert store.batches(copy_id)["loss"].tolist() == store.batches(parent.id)["loss"].tolist()
    store.deleter.delete([parent.id])
    store.deleter.purge([parent.id])
    assert len(store.all_answers(copy_id)) == 7
    assert store.model(copy_id).epoch == 6
    store.close()
