"""`mnist-tui runs`: stored runs without the app."""

import csv
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from helpers.recordings import points, put_recording
from helpers.scripted import digits
from helpers.stored_runs import put_run
from mnist_core.events import BatchCompleted, EpochCompleted, StopTraining
from mnist_core.network.calibration import calibration
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunRecord, RunState, RunStore
from mnist_core.store.ownership import Ownership
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train
from mnist_tui.cli import run
from mnist_tui.commands.runs import SortKey
from mnist_tui.runs.columns import COLUMNS
from mnist_tui.text.visible_text import in_columns

Answer = tuple[int, str, str]


@contextmanager
def trained_elsewhere(home: Path, run_id: str) -> Iterator[None]:
    """Own a run, as the process that trains it does."""
    ownership = Ownership(home / "locks" / f"{run_id}.lock")
    ownership.claim(run_id)
    try:
        yield
    finally:
        ownership.release()


# -- list ----------------------------------------------------------------------------------------


def test_the_list_has_a_line_a_run_the_latest_first(home: Path, ask: Callable[..., Answer]) -> None:
    code, out, err = ask("list")
    header, *lines = out.splitlines()
    assert (code, err) == (0, "")
    assert header.split()[:4] == ["id", "name", "state", "epochs"]
    assert [line[:8] for line in lines] == ["bbbb0003", "aaaa0002", "aaaa0001"]
    assert "1/10" in lines[1]
    assert "85.00 % validation" in lines[1]
    assert lines[1].endswith("lr 0.3")
    assert "90.00 % test" in lines[2]
    column = header.index("best")
    assert [line[column : column + 2] for line in lines] == ["60", "85", "90"]


def test_the_list_as_json_has_an_object_a_line(home: Path, ask: Callable[..., Answer]) -> None:
    code, out, _ = ask("list", "--json")
    wide, second, first = map(json.loads, out.splitlines())
    assert code == 0
    assert (wide["id"], wide["name"], wide["state"]) == ("bbbb0003", "wide", "completed")
    assert (second["epochs"], second["planned_epochs"]) == (1, 10)
    assert (second["best_test_accuracy"], second["best_validation_accuracy"]) == (0.8, 0.85)
    assert (first["test_accuracy"], first["best_validation_accuracy"]) == (0.9, None)
    assert second["started"] == "2025-10-09T08:53:20+00:00"
    assert datetime.fromisoformat(wide["started"]).utcoffset() is not None
    assert make_hyperparameters(wide["hyperparameters"]).hidden_sizes == (64,)
    assert (second["note"], second["tags"]) == ("too fast", ["fast", "first try"])
    assert (wide["dataset"], wide["seconds"], wide["examples_per_second"]) == (
        "scripted",
        10.0,
        40_000.0,
    )


def test_the_list_is_sorted_and_filtered_as_in_the_app(
    home: Path, ask: Callable[..., Answer]
) -> None:
    def names(*flags: str) -> list[str]:
        code, out, _ = ask("list", "--json", *flags)
        assert code == 0
        return [json.loads(line)["name"] for line in out.splitlines()]

    every = names()
    assert names("--sort", "name") == sorted(every)
    assert names("--sort", "name", "--reverse") == sorted(every, reverse=True)
    assert names("--filter", "name:2") == ["run 2"]
    assert names("--sort", "best")[0] == "run 1"
    code, out, error = ask("list", "--filter", "lr>7")
    assert (code, out) == (0, "")
    assert error == f"None of {len(every)} runs matches 'lr>7'.\n"
    code, _, error = ask("list", "--filter", "lr>seven")
    assert code == 2
    assert error.startswith("--filter: ")


def test_the_list_can_be_sorted_by_every_column_of_the_app() -> None:
    assert set(get_args(SortKey)) == {key for key, column in COLUMNS.items() if column.order}


def test_listing_makes_no_folder(ask: Callable[..., Answer], tmp_path: Path) -> None:
    for arguments in ([], ["--json"]):
        code, out, err = ask("list", *arguments)
        assert (code, out) == (0, "")
        assert err == (
            f"There are no runs in {tmp_path / 'home'} yet. mnist-tui train --home "
            f"{tmp_path / 'home'} makes one; --home chooses another folder.\n"
        )
    assert list(tmp_path.iterdir()) == []


def test_names_from_outside_cannot_command_the_terminal(
    ask: Callable[..., Answer], tmp_path: Path
) -> None:
    put_run(tmp_path / "home", "aaaa0001", "\x1b[2J[red]x", note="\x07", tags=("\x1b",))
    for command in (["list"], ["show", "aaaa"], ["plot", "aaaa"], ["delete", "aaaa"]):
        code, out, err = ask(*command)
        assert code == 0
        assert "␛[2J[red]x" in out
        assert "\x1b" not in out + err
        assert "\x07" not in out + err


def test_a_table_folds_its_last_column_in_a_terminal() -> None:
    rows = [("id", "differs"), ("日本", "one two three four five six"), ("b", "")]
    assert in_columns(rows, width=25) == [
        "id    differs",
        "日本  one two three four",
        "      five six",
        "b",
    ]
    assert in_columns(rows)[1] == "日本  one two three four five six"
    assert in_columns([("n", "x"), ("10", "y")], frozenset({0})) == [" n  x", "10  y"]


# -- show ----------------------------------------------------------------------------------------


def test_show_tells_everything_in_lines(home: Path, ask: Callable[..., Answer]) -> None:
    code, out, err = ask("show", "aaaa0002")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "run 2 (aaaa0002): stopped"
    for topic, words in (
        ("note", "too fast"),
        ("tags", "fast, first try"),
        ("recipe", "learning rate 0.3; otherwise the defaults"),
        ("data", "scripted: 60 000 training examples, 10 000 validation examples"),
        ("epochs", "1 of 10, 4 steps each; 4 steps done"),
        ("best", "85.00 % validation accuracy"),
        ("training", "10.00 s at 40k ex/s"),
        ("machine", "here, Linux; MLX on cpu; OpenBLAS; 2 threads"),
        ("versions", "mlx 0.32"),
    ):
        assert any(line.startswith(topic) and words in line for line in lines), topic
    table = lines.index("") + 1
    assert lines[table].split("  ")[-2:] == ["test accuracy", "seconds"]
    assert lines[table + 1].split() == ["0", "0", "-", "-", "0.9000", "0.1000", "0.9000",
                                        "0.1000", "0.00"]  # fmt: skip
    assert lines[table + 2].split()[:2] == ["1", "4"]
    assert shlex.split(lines[-1])[:4] == ["mnist-tui", "train", "--data", "scripted"]


def test_show_has_the_calibration_error_of_epochs_whose_answers_are_kept(
    tmp_path: Path, ask: Callable[..., Answer]
) -> None:
    store, data = RunStore(tmp_path / "home"), digits()
    recorder = store.record(data, "scripted")
    recorder.start()
    told = [
        event
        for event in recorded(train(make_hyperparameters({"epochs": 2}), data), recorder)
        if isinstance(event, EpochCompleted)
    ]
    recorder.finish()
    store.close()
    errors = []
    for epoch in told:
        right = epoch.test.answers.predictions == data.test.labels
        errors.append(calibration(epoch.test.answers.confidences, right).error)
    _, out, _ = ask("show", "run 1", "--json")
    figures = json.loads(out)["epoch_figures"]
    # What is kept of each epoch has the precision of float16.
    assert [each["calibration_error"] for each in figures] == pytest.approx(errors, abs=1e-3)
    _, out, _ = ask("show", "run 1")
    (heading,) = [line for line in out.splitlines() if line.startswith("epoch  step")]
    assert heading.split("  ")[-2:] == ["calibration error", "seconds"]


def test_show_as_json(home: Path, ask: Callable[..., Answer]) -> None:
    _, out, _ = ask("show", "wide", "--json")
    told = json.loads(out)
    assert told["differs"] == {"hidden_sizes": [64], "epochs": 1}
    assert told["environment"]["threads"] == 2
    assert [epoch["test_accuracy"] for epoch in told["epoch_figures"]] == [0.1, 0.6]
    assert told["epoch_figures"][0]["train_loss"] is None
    assert told["epoch_figures"][0]["calibration_error"] is None
    assert "--hidden-sizes 64 --epochs 1" in told["command"]


def test_show_of_a_live_run_names_its_process(ask: Callable[..., Answer], tmp_path: Path) -> None:
    put_run(tmp_path / "home", "aaaa0001", "now", state="running")
    with trained_elsewhere(tmp_path / "home", "aaaa0001"):
        _, out, _ = ask("show", "now")
    assert out.startswith("now (aaaa0001): running\ntrained by  process 1 on here\n")
    _, out, _ = ask("show", "now")
    assert out.startswith("now (aaaa0001): interrupted\nrecipe")


# -- finding runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["show"], ["plot"], ["delete"],
                                     ["export", "--format", "csv", "--output", "x"]])  # fmt: skip
def test_runs_that_are_not_there_are_a_sentence(
    home: Path, ask: Callable[..., Answer], command: list[str]
) -> None:
    name, *flags = command
    for run_id, sentence in (
        (
            "cccc",
            f"There is no run 'cccc' in {home}. See mnist-tui runs list --home {home}.",
        ),
        ("aaaa", "'aaaa' stands for several runs, such as aaaa0001, aaaa0002; name one."),
    ):  # fmt: skip
        code, out, err = ask(name, run_id, *flags)
        assert (code, out) == (1, "")
        assert err == sentence + "\n"


@pytest.mark.parametrize(
    "command",
    [["show", "x"], ["plot", "x"], ["delete", "x"],
     ["export", "x", "--format", "csv", "--output", "x"]],
)  # fmt: skip
def test_a_home_without_runs_is_not_made(
    ask: Callable[..., Answer], tmp_path: Path, command: list[str]
) -> None:
    code, _, err = ask(*command)
    assert code == 1
    assert err.startswith(f"There are no runs in {tmp_path / 'home'} yet.")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_database_is_told_of(ask: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "runs.db").write_bytes(b"no database" * 100)
    code, _, err = ask("list")
    assert code == 0
    assert "It was renamed to runs.damaged-" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show"], "ID needs a value. See mnist-tui runs show --help."),
        (["plot"], "ID needs a value. See mnist-tui runs plot --help."),
        (["delete"], "ID needs a value. See mnist-tui runs delete --help."),
        (["lits"], "lits"),
        (["export", "x", "--output", "y"], "--format needs a value"),
        (["export", "x", "--format", "csv"], "--output needs a value"),
        (["export", "x", "--format", "csv", "--output", ""], "--output needs the name of a file."),
        (["export", "x", "--format", "pt", "--output", "y"], '"pt" for --format'),
        (["export", "x", "--format", "csv", "--output", "y", "--best"], "--best has no effect"),
        (["plot", "x", "--svg", ""], "--svg needs the name of a file."),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert run(["runs", *arguments]) == 2
    output = capsys.readouterr()
    assert expected in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_help_names_the_commands_and_waits_for_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from mnist_tui.cli import run\n"
        "code = run(['runs', '--help']) or run(['runs', 'plot', '--help'])\n"
        "heavy = {'mlx', 'numpy', 'textual', 'plotext', 'tensorboard', 'safetensors'}\n"
        "print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stderr == "0 []\n"
    for command in ("list", "show", "plot", "export", "delete"):
        assert re.search(rf"^│ {command} ", done.stdout, re.MULTILINE)
    assert "Usage: mnist-tui runs plot [OPTIONS] ID [ID ...]" in done.stdout


# -- delete --------------------------------------------------------------------------------------


def test_deleted_runs_are_gone_with_their_files(home: Path, ask: Callable[..., Answer]) -> None:
    weights = home / "checkpoints" / "aaaa0001"
    weights.mkdir(parents=True)
    (weights / "epoch-000001-batch-00000000.safetensors").touch()
    code, out, _ = ask("delete", "aaaa0001", "wide", "bbbb")
    assert (code, out) == (0, "Deleted run 1 (aaaa0001).\nDeleted wide (bbbb0003).\n")
    assert not weights.exists()
    with closing(RunStore(home)) as store:
        assert [record.id for record in store.runs()] == ["aaaa0002"]
        store.deleter.restore(["aaaa0001"])
        assert len(store.runs()) == 1
    _, out, _ = ask("delete", "run 2", "--json")
    assert json.loads(out) == {"deleted": "aaaa0002", "name": "run 2"}


def test_one_wrong_name_deletes_none(home: Path, ask: Callable[..., Answer]) -> None:
    assert ask("delete", "wide", "cccc")[0] == 1
    with closing(RunStore(home)) as store:
        assert len(store.runs()) == 3


def test_a_live_run_is_not_deleted(home: Path, ask: Callable[..., Answer]) -> None:
    with trained_elsewhere(home, "bbbb0003"):
        code, out, err = ask("delete", "run 1", "wide")
    assert (code, out) == (1, "")
    assert err == "Run bbbb0003 is being trained. Stop it before you delete it.\n"
    with closing(RunStore(home)) as store:
        assert len(store.runs()) == 3


# -- prune ---------------------------------------------------------------------------------------


def kept(home: Path) -> set[str]:
    with closing(RunStore(home)) as store:
        return {record.name for record in store.kept()}


def test_pruning_first_lists_what_would_go_and_prints_how(
    home: Path, ask: Callable[..., Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ask("prune", "--filter", "age>30d")
    assert [line.split()[0] for line in out.splitlines()] == ["id", "aaaa0002"]
    assert err.splitlines()[0] == "1 run would go. This deletes for good:"
    assert code == 0
    assert kept(home) == {"run 1", "run 2", "wide"}
    program, *arguments = shlex.split(err.splitlines()[1])
    assert (program, run(arguments)) == ("mnist-tui", 0)
    assert capsys.readouterr().out == "Deleted run 2 (aaaa0002).\n"
    assert kept(home) == {"run 1", "wide"}
    assert ask("prune", "--filter", "age>30d", "--delete")[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "stay"),
    [
        (("--keep-best", "1"), {"run 1"}),
        (("--keep-best", "9"), {"run 1", "run 2", "wide"}),
        (("--filter", "acc<0.87"), {"run 1"}),
        (("--filter", "acc<0.87", "--keep-best", "1"), {"run 1", "run 2"}),
        (("--filter", "state:stopped"), {"run 1", "wide"}),
    ],
)
def test_of_those_that_match_the_best_stay(
    home: Path, ask: Callable[..., Answer], arguments: tuple[str, ...], stay: set[str]
) -> None:
    told = [json.loads(line) for line in ask("prune", *arguments, "--json")[1].splitlines()]
    _, out, _ = ask("prune", *arguments, "--delete", "--json")
    deleted = [json.loads(line) for line in out.splitlines()]
    assert [each["would_delete"] for each in told] == [each["deleted"] for each in deleted]
    assert kept(home) == stay


def test_runs_without_an_accuracy_are_the_worst_and_recordings_stay(
    home: Path, ask: Callable[..., Answer]
) -> None:
    put_run(home, "cccc0004", "unmeasured", accuracies=(), state="failed")
    put_recording(home, "theirs", [points({"loss": [1.0]})])
    ask("prune", "--keep-best", "3", "--delete")
    assert kept(home) == {"run 1", "run 2", "wide", "theirs"}
    ask("prune", "--filter", "kind:recording", "--delete")
    assert kept(home) == {"run 1", "run 2", "wide"}


def test_what_is_trained_is_not_pruned(home: Path, ask: Callable[..., Answer]) -> None:
    put_run(home, "cccc0004", "live", state="running")
    with trained_elsewhere(home, "cccc0004"):
        assert ask("prune", "--filter", "age<1d", "--delete")[0] == 0
    assert kept(home) == {"run 2", "live"}


@pytest.mark.parametrize("arguments", [(), ("--delete",), ("--filter", "", "--delete")])
def test_pruning_does_not_take_nothing_for_everything(
    home: Path, ask: Callable[..., Answer], arguments: tuple[str, ...]
) -> None:
    code, _, err = ask("prune", *arguments)
    assert (code, err) == (2, "prune needs --filter or --keep-best, to know what may go.\n")
    assert len(kept(home)) == 3


# -- export --------------------------------------------------------------------------------------


@pytest.fixture
def trained(tmp_path: Path) -> RunRecord:
    """A run that was stopped after the second batch of its second epoch."""
    with closing(RunStore(tmp_path / "home")) as store:
        assert store.runs() == []
        dataset = digits()
        recorder = store.record(dataset, "synthetic", "trained")
        recorder.start()
        values = make_hyperparameters({"hidden_sizes": "6", "batch_size": 10, "learning_rate": 0.5})
        training = recorded(train(values, dataset, run_id=recorder.run_id), recorder)
        for event in training:
            if isinstance(event, BatchCompleted) and event.step == 6:
                training.throw(StopTraining())
        return store.run(recorder.run_id)


@pytest.mark.parametrize("form", ["csv", "jsonl", "tensorboard", "safetensors", "npz"])
def test_every_format_is_written(
    trained: RunRecord, ask: Callable[..., Answer], tmp_path: Path, form: str
) -> None:
    assert trained.state is RunState.STOPPED
    output = tmp_path / "out" / form
    code, out, _ = ask("export", "trained", "--format", form, "--output", str(output))
    assert code == 0
    assert out.startswith(f"{output}: ")
    assert out.endswith(f" of trained ({trained.id})\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [form]
    assert output.is_dir() == (form == "tensorboard")


def test_exported_curves_have_every_step(
    trained: RunRecord, ask: Callable[..., Answer], tmp_path: Path
) -> None:
    _, out, err = ask("export", trained.id, "--format", "csv", "--output", str(tmp_path / "x.csv"))
    assert "6 steps in 1 completed epoch of" in out
    assert err == ""
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == list("0123456")


def test_the_weights_of_the_best_epoch(
    trained: RunRecord, ask: Callable[..., Answer], tmp_path: Path
) -> None:
    path = tmp_path / "best.npz"
    code, out, err = ask("export", "trained", "--format", "npz", "--best", "--output", str(path))
    assert (code, err) == (0, "")
    assert f"the weights of epoch {trained.best_epoch} " in out
    with np.load(path) as arrays:
        assert arrays["layers.0.weight"].shape == (6, 784)
        assert arrays["layers.1.bias"].shape == (10,)


def test_an_export_that_fails_is_a_sentence(
    trained: RunRecord, ask: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    output = str(tmp_path / "file" / "x.csv")
    code, out, err = ask("export", "trained", "--format", "csv", "--output", output)
    assert (code, out) == (1, "")
    assert err.startswith(f"{output} could not be written: ")
    assert err.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"
