"""The command line that reproduces a run, read back by the command line's own flags."""

import os
import random
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.stored_runs import put_run
from mnist_core.recipe.changes import Change, parse_change
from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    hyperparameter_fields,
    make_hyperparameters,
    unused_fields,
)
from mnist_core.recipe.presets import presets
from mnist_core.store import RunRecord, RunStore
from mnist_tui.cli import run
from mnist_tui.commands.flags import TrainFlags
from mnist_tui.lab.recipe_text import (
    command_line,
    differences,
    distinction,
    recipe_flags,
    usual_values,
)
from mnist_tui.runtime.startup import LaunchOptions
from mnist_tui.text.visible_text import visible

Launch = tuple[LaunchOptions, dict[str, Any]]


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """A stored run with the default hyperparameters."""
    put_run(tmp_path, "0000000a", "run 1")
    return RunStore(tmp_path).run("run 1")


@pytest.fixture
def read_back(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Launch]:
    """What `mnist-tui train` takes a command line for; nothing is trained."""
    seen: list[Launch] = []

    def train_headless(options: LaunchOptions, flags: TrainFlags) -> int:
        seen.append((options, vars(flags)))
        return 0

    monkeypatch.setattr("mnist_tui.commands.train.train_headless", train_headless)
    # The command installs its own; these put back those of the tests.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def launch(command: str) -> Launch:
        program, *arguments = shlex.split(command)
        assert program == "mnist-tui"
        assert run(arguments) == 0, command
        return seen[-1]

    return launch


def some_hyperparameters(random_: random.Random) -> Hyperparameters:
    """Values for about half of the fields, numbers with all their digits."""
    small, large = 10 ** random_.uniform(-12, -3), random_.uniform(0, 0.999)
    share = random_.choice([small, large])
    values: dict[str, Any] = {
        "hidden_sizes": [random_.randint(1, 4096) for _ in range(random_.randint(0, 8))],
        "dropout": share,
        "learning_rate": random_.choice([small, 100 * large + small]),
        "momentum": random_.random(),
        "weight_decay": 10 * random_.random(),
        "warmup_steps": random_.randint(0, 1_000_000),
        "batch_size": random_.randint(1, 65_536),
        "epochs": random_.randint(1, 100_000),
        "patience": random_.randint(0, 100_000),
        "target_accuracy": random_.random(),
        "shuffle": random_.random() < 0.5,
        "label_smoothing": share / 2,
        "validation": random_.choice(["none", "published", random_.randint(1, 10_000_000)]),
        "seed": random_.randint(0, 2**32 - 1),
    }
    for name, field in hyperparameter_fields().items():
        if field.choices:
            values[name] = random_.choice(field.choices)
    assert values.keys() == hyperparameter_fields().keys()
    chosen = {name: value for name, value in values.items() if random_.random() < 0.5}
    return make_hyperparameters(chosen, random_.choice(list(presets().values())).hyperparameters)


def used(hyperparameters: Hyperparameters) -> dict[str, Any]:
    unused = unused_fields(hyperparameters)
    return {name: value for name, value in hyperparameters if name not in unused}


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_named_and_nothing_else(
    record: RunRecord, read_back: Callable[[str], Launch], name: str
) -> None:
    recipe = presets()[name].hyperparameters
    assert recipe_flags(recipe) == ["--preset", name]
    options, _ = read_back(command_line(replace(record, hyperparameters=recipe)))
    assert options.recipes[0] == recipe


def test_any_hyperparameters_are_read_back_to_the_last_digit(
    record: RunRecord,
    read_back: Callable[[str], Launch],
    repeats: Callable[[int, int], int],
) -> None:
    random_ = random.Random(4)
    exact = 0
    for _ in range(repeats(50, 500)):
        wanted = some_hyperparameters(random_)
        command = command_line(replace(record, hyperparameters=wanted, epochs=wanted.epochs))
        made = read_back(command)[0].recipes[0]
        assert used(made) == used(wanted), command
        if not unused_fields(wanted):
            assert made == wanted, command
            exact += 1
    assert exact > 6


def test_values_without_effect_are_kept_where_a_preset_has_them() -> None:
    adam = presets()["torch-sigmoid"].hyperparameters.model_copy(update={"optimizer": "adam"})
    assert recipe_flags(adam) == ["--preset", "torch-sigmoid", "--optimizer", "adam"]
    idle = adam.model_copy(update={"momentum": 0.7})
    assert recipe_flags(idle) == ["--preset", "torch-sigmoid", "--optimizer", "adam"]


def test_the_preset_with_the_fewest_flags_is_taken() -> None:
    recipe = presets()["mlx-wide"].hyperparameters.model_copy(update={"seed": 7})
    assert recipe_flags(recipe) == ["--preset", "mlx-wide", "--seed", "7"]


@pytest.mark.parametrize("data", ["synthetic", '/home/a b/it\'s "$HOME" `x` #1', "-folder"])
def test_data_and_machine_are_said(
    record: RunRecord, read_back: Callable[[str], Launch], data: str
) -> None:
    machine = replace(record.environment, device="gpu", threads=3)
    command = command_line(replace(record, data=data, environment=machine))
    options, rest = read_back(command)
    assert (options.data, options.device, options.threads) == (data, "gpu", 3)
    assert rest["until_epoch"] is None


def test_added_epochs_leave_the_recipe_as_it_was(
    record: RunRecord, read_back: Callable[[str], Launch]
) -> None:
    epochs = record.hyperparameters.epochs + 5
    longer = replace(record, epochs=epochs, until_epoch=epochs)
    options, rest = read_back(command_line(longer))
    assert options.recipes[0] == record.hyperparameters
    assert rest["until_epoch"] == longer.epochs


def test_it_reads_well(record: RunRecord) -> None:
    recipe = make_hyperparameters(
        {"hidden_sizes": "128, 64", "optimizer": "adam", "learning_rate": 0.001, "shuffle": False}
    )
    assert command_line(replace(record, data="mnist", hyperparameters=recipe)) == (
        "mnist-tui train --data mnist --preset mlx-docs --hidden-sizes 128,64 --optimizer adam "
        "--learning-rate 0.001 --no-shuffle --device cpu --threads 2"
    )
    linear = make_hyperparameters({"hidden_sizes": ""})
    assert "--hidden-sizes '' " in command_line(replace(record, hyperparameters=linear))


@pytest.mark.parametrize(
    "folder",
    [
        "/a b",
        "/it's",
        "/two\nlines",
        "/b\udcff",
        "/\u200d\u2764\ufe0f",
        "/\u202eevil",
        "/\x1b[31m",
        "/-",
    ],
)
def test_any_folder_is_in_the_command_as_a_shell_takes_it(record: RunRecord, folder: str) -> None:
    line = command_line(replace(record, data=folder))
    assert visible(line) == line, "what is shown is what is to be typed"
    said = subprocess.run(
        ["bash", "-c", f"mnist-tui() {{ printf '%s\\0' \"$@\"; }}; {line}"],
        capture_output=True,
        check=True,
    ).stdout
    assert said.split(b"\0")[:3] == [b"train", b"--data", os.fsencode(folder)]


def test_changes_are_in_the_command_and_are_read_back(
    record: RunRecord, read_back: Callable[[str], Launch]
) -> None:
    changes = (
        Change(0, "learning_rate", 0.1 + 0.2),
        Change(4, "batch_size", 20_000),
        Change(4, "epochs", 3),
        Change(9_999, "dropout", 0.5),
    )
    changed = replace(record, changes=changes, epochs=3, step=9)
    command = command_line(changed)
    assert "--change 4:batch_size=20000 --change 4:epochs=3" in command
    assert "--until-epoch" not in command
    _, rest = read_back(command)
    assert tuple(parse_change(text) for text in rest["change"]) == changes
    assert rest["until_epoch"] is None


@pytest.mark.parametrize(
    ("value", "step", "until", "said"),
    [
        (12, 4, None, None),
        # Fewer than had been done when it changed: it ended there.
        (1, 12, None, None),
        # One more epoch after that.
        (2, 8, 4, 4),
        # More than planned, after others had been added: without that it would end before.
        (12, 3_000, 12, 12),
        # The end that an earlier version kept, which says nothing that is not known.
        (12, 4, 12, None),
        # Not reached yet: the recipe's still hold.
        (12, 4_000, None, None),
    ],
)
def test_epochs_that_were_changed_and_then_added_to_are_told_apart(
    record: RunRecord, value: int, step: int, until: int | None, said: int | None,
    read_back: Callable[[str], Launch],
) -> None:  # fmt: skip
    changed = replace(record, changes=(Change(step, "epochs", value),), until_epoch=until)
    assert read_back(command_line(changed))[1]["until_epoch"] == said


def test_transposed_images_are_in_the_command_and_are_read_back(
    record: RunRecord, read_back: Callable[[str], Launch]
) -> None:
    options, _ = read_back(command_line(replace(record, data="/emnist", transposed=True)))
    assert (options.data, options.transpose) == ("/emnist", True)
    assert "--transpose" not in command_line(record)
    assert not read_back(command_line(record))[0].transpose


def test_the_streams_of_a_wide_network_are_in_the_command(
    record: RunRecord, read_back: Callable[[str], Launch]
) -> None:
    assert "--streams" not in command_line(record)
    halved = replace(record, environment=replace(record.environment, streams=2))
    wide = presets()["mlx-wide"].hyperparameters
    kept_before = replace(
        record, hyperparameters=wide, parameter_count=269_322, train_examples=60_000
    )
    for run_record, streams in ((halved, 2), (kept_before, 1)):
        options, _ = read_back(command_line(run_record))
        assert options.streams == streams


def test_what_was_changed_on_the_way_sets_a_run_apart(record: RunRecord) -> None:
    changed = replace(record, changes=(Change(500, "learning_rate", 0.05),))
    base = usual_values([record, record, changed])
    assert distinction(record, base) == ""
    assert distinction(changed, base) == "lr 0.05 from step 500"
    assert differences(record, record) == []
    (difference,) = differences(changed, record)
    assert (difference.label, difference.ours, difference.theirs) == (
        "Changes", "lr 0.05 from step 500", "none",
    )  # fmt: skip
