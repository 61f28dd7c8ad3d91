"""`mnist-tui runs mistakes`: the same as a recount from the exported weights, line by line."""

import json
import math
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.recorded_runs import as_version_3
from helpers.scripted import digits
from helpers.stored_runs import put_run
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.registry import default_cache_folder, load_dataset
from mnist_core.events import EpochCompleted, Event
from mnist_core.network.evaluation import evaluate
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunRecord, RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train
from mnist_tui.cli import run

Answer = tuple[int, str, str]
Mistakes = list[dict[str, Any]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], home: Path) -> Callable[..., Answer]:
    """`ask("mistakes", "run 1")` runs `mnist-tui runs mistakes "run 1"` on `home`."""

    def ask(*arguments: str) -> Answer:
        code = run(["runs", *arguments, "--home", str(home)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ask


@pytest.fixture
def listed(ask: Callable[..., Answer]) -> Callable[..., Mistakes]:
    """What `runs mistakes --json` says of the run 1."""

    def listed(*arguments: str) -> Mistakes:
        code, out, err = ask("mistakes", "run 1", "--json", *arguments)
        assert (code, err) == (0, "")
        return [json.loads(line) for line in out.splitlines()]

    return listed


def keep(home: Path, dataset: Dataset, events: Iterable[Event]) -> RunRecord:
    """Store `events` as the next run."""
    with closing(RunStore(home)) as store:
        store.runs()
        recorder = store.record(dataset, "scripted")
        recorder.start()

        def told() -> Generator[Event, None, None]:
            yield from events

        list(recorded(told(), recorder))
        assert recorder.problem == ""
        return store.run(recorder.run_id)


def told(dataset: Dataset, **hyperparameters: Any) -> list[Event]:
    """The events of a real run of a small network."""
    small = {"hidden_sizes": "6", "batch_size": 10, "epochs": 2, "learning_rate": 0.5}
    return list(train(make_hyperparameters(small | hyperparameters), dataset))


def saying(
    events: Iterable[Event], logits: NDArray[np.float32], labels: NDArray[np.uint16]
) -> list[Event]:
    """The same run, with another last evaluation of its test samples."""
    *others, last = [event for event in events if isinstance(event, EpochCompleted)]
    assert others
    return [replace(event, test=evaluate(logits, labels)) if event is last else event
            for event in events]  # fmt: skip


# -- the proof -----------------------------------------------------------------------------------


def numpy_logits(weights: Path, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The answers (examples, classes) of an exported relu network, computed by NumPy alone."""
    with np.load(weights, allow_pickle=False) as file:
        arrays = {
            name: file[name].astype(np.float64) for name in file if name.startswith("layers.")
        }
    values = images.reshape(len(images), -1) / 255
    for layer in range(len(arrays) // 2):
        hidden = np.maximum(values, 0) if layer else values
        values = hidden @ arrays[f"layers.{layer}.weight"].T + arrays[f"layers.{layer}.bias"]
    return values


def assert_recounted(found: Mistakes, weights: Path, test: Examples) -> float:
    """Raises AssertionError unless `found` is what the weights get wrong; returns the accuracy."""
    logits = numpy_logits(weights, test.images)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    losses = -np.log(shares[np.arange(len(test)), test.labels])
    wrong = [row for row in range(len(test)) if logits[row].argmax() != test.labels[row]]
    assert sorted(mistake["index"] for mistake in found) == wrong
    rows = [mistake["index"] for mistake in found]
    assert [mistake["true"] for mistake in found] == test.labels[rows].tolist()
    assert [mistake["predicted"] for mistake in found] == logits[rows].argmax(axis=1).tolist()
    told_losses = np.array([mistake["loss"] for mistake in found])
    np.testing.assert_allclose(told_losses, losses[rows], rtol=0, atol=1e-4)
    assert (np.diff(told_losses) <= 0).all()
    for name, expected in (("confidence", shares[rows].max(axis=1)),
                           ("probabilities", shares[rows])):  # fmt: skip
        np.testing.assert_allclose([mistake[name] for mistake in found], expected, atol=1e-4)
    return 1 - len(wrong) / len(test)


def test_a_recount_from_the_exported_weights_finds_the_same(
    real_mnist: Path | None,
    home: Path,
    ask: Callable[..., Answer],
    listed: Callable[..., Mistakes],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    data = str(real_mnist or "synthetic")
    arguments = ["--preset", "mlx-docs", "--epochs", "2", "--data", data, "--home", str(home)]
    arguments += ["--threads", "1"]
    assert run(["train", *arguments]) == 0
    capsys.readouterr()
    test = load_dataset(real_mnist or "synthetic", cache=default_cache_folder()).test
    with closing(RunStore(home)) as store:
        (record,) = store.runs()
    for flags, epoch, accuracy in (
        ([], [], record.test_accuracy),
        (["--best"], ["--epoch", "best"], record.best_test_accuracy),
    ):
        weights = tmp_path / "weights.npz"
        code, _, err = ask("export", "run 1", "--format", "npz", "--output", str(weights), *flags)
        assert (code, err) == (0, "")
        found = listed(*epoch)
        assert found
        assert assert_recounted(found, weights, test) == pytest.approx(accuracy, abs=1e-12)


def test_a_best_epoch_that_is_not_the_last_is_recounted_too(
    home: Path, ask: Callable[..., Answer], listed: Callable[..., Mistakes], tmp_path: Path
) -> None:
    # It learns fast at first and is thrown far off by the rate at the end of the warm-up.
    dataset = noisy()
    events = told(dataset, epochs=12, optimizer="adam", learning_rate=30, warmup_steps=3000)
    record = keep(home, dataset, events)
    assert 0 < record.best_epoch < record.epoch
    for flags, epoch in ((["--best"], "best"), ([], str(record.epoch))):
        weights = tmp_path / "weights.npz"
        ask("export", "run 1", "--format", "npz", "--output", str(weights), *flags)
        assert_recounted(listed("--epoch", epoch), weights, dataset.test)
    assert listed("--epoch", "best") == listed("--epoch", str(record.best_epoch))
    assert listed("--epoch", "best") != listed() == listed("--epoch", str(record.epoch))


def noisy() -> Dataset:
    """Digits of which a network gets some wrong."""
    dataset = digits()
    random = np.random.default_rng(0)
    labels = random.permutation(dataset.test.labels)
    labels[:20] = dataset.test.labels[:20]
    return replace(dataset, test=Examples(dataset.test.images, labels))


# -- what is listed ------------------------------------------------------------------------------


def test_a_line_a_mistake_the_largest_loss_first(
    home: Path, ask: Callable[..., Answer], listed: Callable[..., Mistakes]
) -> None:
    dataset = replace(digits((*"abcdefghi", "[red]\x1b[2J")), class_labels=tuple(range(0, 100, 10)))
    test = dataset.test
    logits = np.eye(10, dtype=np.float32)[test.labels] * 8
    logits[4, 7] = 9
    logits[9] = np.arange(10)[::-1]
    logits[25, 1] = 10
    record = keep(home, dataset, saying(told(dataset), logits, test.labels))
    code, out, err = ask("mistakes", record.id[:5])
    about, blank, header, *rows = out.splitlines()
    assert (code, err, blank) == (0, "", "")
    assert about == (
        f"run 1 ({record.id}) after epoch 2: 3 mistakes in 30 test samples, 90.00 % right"
    )
    assert header.split() == ["index", "true", "predicted", "confidence", "loss"]
    assert [row.split()[0] for row in rows] == ["9", "25", "4"]
    assert rows[0].split()[1:3] == ["[red]␛[2J", "a"]
    assert "\x1b" not in out
    first, second, third = listed()
    assert (first["index"], first["true"], first["predicted"]) == (9, 9, 0)
    assert (first["true_name"], first["predicted_name"]) == ("[red]\x1b[2J", "a")
    assert (first["true_label"], first["predicted_label"]) == (90, 0)
    assert list(first) == ["index", "true", "predicted", "true_label", "predicted_label",
                           "true_name", "predicted_name", "confidence", "loss",
                           "probabilities"]  # fmt: skip
    assert first["loss"] > second["loss"] > third["loss"]
    assert first["confidence"] == pytest.approx(max(first["probabilities"]))
    assert sum(first["probabilities"]) == pytest.approx(1, abs=1e-6)
    assert listed("--top", "2") == [first, second]
    assert listed("--top", "99") == [first, second, third]
    for top, words in (("1", "; the largest loss"), ("2", "; the 2 largest losses")):
        _, out, _ = ask("mistakes", "run 1", "--top", top)
        assert out.splitlines()[0] == about + words
        assert out.splitlines()[2:] == [header, *rows[: int(top)]]
    assert listed("--true", "B", "--pred", "h") == []
    assert listed("--true", "e") == [third]
    assert listed("--pred", "a", "--top", "1") == [first]
    _, out, _ = ask("mistakes", "run 1", "--true", "e", "--pred", "h")
    assert out.splitlines()[0] == f"{about}; 1 of them of e taken for h"
    code, out, err = ask("mistakes", "run 1", "--true", "z")
    assert (code, out) == (1, "")
    assert err.startswith("There is no class 'z'; those of this run are a, b, c")


def test_a_model_without_mistakes_is_told_in_one_line(
    home: Path, ask: Callable[..., Answer], listed: Callable[..., Mistakes]
) -> None:
    dataset = digits()
    labels = dataset.test.labels
    logits = np.eye(10, dtype=np.float32)[labels]
    record = keep(home, dataset, saying(told(dataset), logits, labels))
    assert ask("mistakes", "run 1") == (
        0,
        f"run 1 ({record.id}) after epoch 2: 0 mistakes in 30 test samples, 100.00 % right\n",
        "",
    )
    assert listed() == []


def test_numbers_that_are_not_finite_are_null_and_come_first(
    home: Path, ask: Callable[..., Answer], listed: Callable[..., Mistakes]
) -> None:
    dataset = digits()
    labels = dataset.test.labels
    logits = np.eye(10, dtype=np.float32)[labels]
    logits[3] = np.nan
    logits[5, 0] = 1e30
    keep(home, dataset, saying(told(dataset), logits, labels))
    broken, huge = listed()
    assert (broken["index"], broken["predicted"], broken["loss"]) == (3, 0, None)
    assert broken["confidence"] is None
    assert broken["probabilities"] == [None] * 10
    assert (huge["index"], huge["confidence"]) == (5, 1)
    assert math.isclose(huge["loss"], 1e30, rel_tol=1e-6)
    _, out, _ = ask("mistakes", "run 1")
    assert out.splitlines()[-2].split() == ["3", "3", "0", "nan", "nan"]


def test_an_epoch_without_logits_says_so_and_has_the_rest(
    home: Path, ask: Callable[..., Answer], listed: Callable[..., Mistakes]
) -> None:
    dataset = noisy()
    events = told(dataset, epochs=4)
    record = keep(home, dataset, events)
    epochs = [event for event in events if isinstance(event, EpochCompleted)]
    (without, *_) = {0, 1, 2, 3} - {record.best_epoch}
    found = listed("--epoch", str(without))
    expected = epochs[without].test
    wrong = np.flatnonzero(expected.answers.predictions != dataset.test.labels)
    assert sorted(mistake["index"] for mistake in found) == wrong.tolist()
    for mistake in found:
        index = mistake["index"]
        assert mistake["probabilities"] is None
        assert mistake["loss"] == pytest.approx(expected.losses[index], rel=1e-3)
        assert mistake["confidence"] == pytest.approx(expected.answers.confidences[index], rel=1e-3)
    note = "Probabilities are kept for the best and the last epoch only"
    assert note in ask("mistakes", "run 1", "--epoch", str(without))[1]
    assert note not in ask("mistakes", "run 1")[1]


def test_a_published_run_is_measured_on_what_it_was_tested_on(
    home: Path, ask: Callable[..., Answer], listed: Callable[..., Mistakes]
) -> None:
    dataset = digits()
    last = dataset.test.labels[-10:]
    logits = np.eye(10, dtype=np.float32)[last]
    logits[2] = np.roll(logits[2], 1)
    keep(home, dataset, saying(told(dataset, validation="published"), logits, last))
    (mistake,) = listed()
    assert (mistake["index"], mistake["true"]) == (2, last[2])
    _, out, _ = ask("mistakes", "run 1")
    about, where, *_ = out.splitlines()
    assert about.endswith("1 mistake in 10 test samples, 90.00 % right")
    assert where == (
        "It was tested on the last 10 test images of scripted; index 0 is the first of them."
    )


# -- what cannot be listed -----------------------------------------------------------------------


def test_an_epoch_that_is_not_kept_names_those_that_are(
    home: Path, ask: Callable[..., Answer]
) -> None:
    record = keep(home, digits(), told(digits(), epochs=5))
    who = f"run 1 ({record.id})"
    for epoch in ("6", "9" * 30):
        assert ask("mistakes", "run 1", "--epoch", epoch) == (
            1, "",
            f"The answers of epoch {epoch} of {who} are not kept; those of epochs 0 to 5 are.\n",
        )  # fmt: skip
    for gone, rest in ((3, "epochs 0 to 2 and 4 to 5"), (1, "epochs 0, 2 and 4 to 5")):
        with closing(sqlite3.connect(home / "runs.db")) as connection, connection:
            connection.execute("DELETE FROM packed_answers WHERE epoch = ?", (gone,))
        _, _, err = ask("mistakes", "run 1", "--epoch", str(gone), "--json")
        assert err.endswith(f"are not kept; those of {rest} are.\n")


def test_a_run_without_an_evaluation_has_no_mistakes_yet(
    home: Path, ask: Callable[..., Answer]
) -> None:
    put_run(home, "aaaa0001", "run 1", accuracies=(), state="stopped")
    for epoch in ([], ["--epoch", "best"], ["--epoch", "3"]):
        code, out, err = ask("mistakes", "run 1", *epoch)
        assert (code, out) == (1, "")
        assert err == (
            "run 1 (aaaa0001) has not completed an evaluation yet, so nothing is known of its "
            "mistakes.\n"
        )


def test_a_run_whose_labels_were_never_kept_says_what_to_do(
    home: Path, ask: Callable[..., Answer]
) -> None:
    record = keep(home, digits(), told(digits()))
    as_version_3(home)
    with closing(sqlite3.connect(home / "runs.db")) as connection:
        connection.executescript(
            "DROP TABLE labels; DROP TABLE races; DROP TABLE changes; DROP TABLE gradient_norms; "
            "PRAGMA user_version = 1"
        )
    code, out, err = ask("mistakes", "run 1")
    assert (code, out) == (1, "")
    assert err == (
        f"run 1 ({record.id}) is of an earlier version of mnist-tui, which did not keep the true "
        "labels. Any new run on scripted adds them.\n"
    )
    keep(home, digits(), told(digits()))
    assert ask("mistakes", "run 1")[0] == 0


def test_labels_that_do_not_fit_are_no_guess(home: Path, ask: Callable[..., Answer]) -> None:
    keep(home, digits(), told(digits()))
    with closing(sqlite3.connect(home / "runs.db")) as connection, connection:
        connection.execute("UPDATE labels SET test = ?", (bytes(20),))
    code, out, err = ask("mistakes", "run 1")
    assert (code, out) == (1, "")
    assert "do not fit its answers: 10 and 30 samples" in err


def test_runs_that_are_not_there_are_a_sentence(home: Path, ask: Callable[..., Answer]) -> None:
    code, _, err = ask("mistakes", "x")
    assert code == 1
    assert err.startswith(f"There are no runs in {home} yet.")
    assert not home.exists()
    put_run(home, "aaaa0001", "run 1")
    assert ask("mistakes", "x")[2].startswith(f"There is no run 'x' in {home}.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "ID needs a value. See mnist-tui runs mistakes --help."),
        (["x", "--top", "0"], 'Invalid value "0" for --top. Must be >= 1.'),
        (["x", "--top", "many"], "--top"),
        (["x", "--epoch", "last"], '"last" for --epoch is neither the number of an epoch nor best'),
        (["x", "--epoch", "-1"], '"-1" for --epoch is neither the number of an epoch nor best'),
        (["x", "--epoch", "1.5"], '"1.5" for --epoch'),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    ask: Callable[..., Answer], arguments: list[str], expected: str
) -> None:
    code, out, err = ask("mistakes", *arguments)
    assert (code, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1
