"""`mnist-tui runs mistakes --suspect` and `runs marks`: what they find, and what they refuse."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.idx_files import MNIST_FILES, write_idx
from helpers.idx_folder import CLASSES, write_idx_folder
from helpers.stored_runs import put_run
from mnist_core.data.registry import default_cache_folder, load_dataset
from mnist_core.network.evaluation import probabilities
from mnist_core.network.suspects import normalised_margins, suspect
from mnist_core.store import RunStore
from mnist_core.store.sample_marks import SampleMark
from mnist_tui.cli import run

pytestmark = pytest.mark.usefixtures("uncompiled")

Answer = tuple[int, str, str]
Ask = Callable[..., Answer]
FLIPPED = [5, 18, 33, 62, 91]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], home: Path) -> Ask:
    """`ask("marks", "run 1")` runs `mnist-tui runs marks "run 1"` on `home`."""

    def ask(*arguments: str) -> Answer:
        code = run(["runs", *arguments, "--home", str(home)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ask


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images that are easy to learn; a few in each set have the label of the next class."""
    folder = write_idx_folder(tmp_path / "digits", 120, 100)
    for name, examples in ((MNIST_FILES[1], 120), (MNIST_FILES[3], 100)):
        labels = np.arange(examples) % CLASSES
        labels[FLIPPED] = (labels[FLIPPED] + 1) % CLASSES
        write_idx(folder / name, labels)
    return folder


@pytest.fixture
def trained(data: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The id of a run that has learned."""
    flags = ["--data", str(data), "--home", str(home), "--threads", "1", "--epochs", "12"]
    flags += ["--hidden-sizes", "12", "--batch-size", "10", "--validation", "20", "--seed", "4"]
    assert run(["train", *flags]) == 0
    capsys.readouterr()
    with closing(RunStore(home)) as store:
        return store.runs()[0].id


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


# -- suspects ------------------------------------------------------------------------------------


def test_suspect_test_samples_are_those_of_the_kept_answers(
    trained: str, ask: Ask, home: Path, data: Path
) -> None:
    code, out, err = ask("mistakes", trained, "--suspect", "--json")
    assert (code, err) == (0, "")
    found = lines(out)
    with closing(RunStore(home)) as store:
        answers = store.answers(trained, 12)
    assert answers is not None
    assert answers.logits is not None
    labels = load_dataset(data, cache=default_cache_folder()).test.labels
    shares = probabilities(answers.logits)
    margins = normalised_margins(shares, labels)
    expected = np.flatnonzero(suspect(shares, labels))
    assert sorted(each["index"] for each in found) == expected.tolist()
    told = [each["normalised_margin"] for each in found]
    assert told == sorted(told)
    assert told == pytest.approx([margins[each["index"]] for each in found])
    # Of the flipped ones, those that the model is as sure of as of others of the class stand first.
    assert {each["index"] for each in found[:3]} <= set(FLIPPED)
    for each in found:
        assert each["label"] == labels[each["index"]] != each["guess"]


def test_the_words_are_to_look_at_them_and_never_that_they_are_wrong(
    trained: str, ask: Ask
) -> None:
    for flags in ((), ("--folds", "2")):
        _, out, err = ask("mistakes", trained, "--suspect", *flags)
        assert ": look at these" in out
        assert "with a label that is disbelieved" in out
        assert "wrong" not in (out + err).lower()
        assert "mistake" not in (out + err).lower()


def test_flipped_training_labels_are_found_by_cross_validation(trained: str, ask: Ask) -> None:
    asked = ("mistakes", trained, "--suspect", "--folds", "4", "--json")
    code, out, err = ask(*asked)
    assert code == 0
    found = lines(out)
    assert {each["index"] for each in found[: len(FLIPPED)]} == set(FLIPPED)
    assert err.splitlines()[-4:] == [
        f"Fold {fold} of 4: 90 examples to train on, 30 to ask about" for fold in (1, 2, 3, 4)
    ]
    # The same again, and only what was asked for.
    assert ask(*asked)[1] == out
    first = found[0]
    label, guess = first["label_name"], first["guess_name"]
    _, some, _ = ask(*asked, "--top", "1", "--true", label, "--pred", guess)
    assert lines(some) == [first]


def test_a_stop_says_that_nothing_is_known(
    trained: str, ask: Ask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mnist_tui.commands.runs import list_suspects

    told = []

    def interrupt(fold: int, event: object) -> None:
        told.append(fold)
        if fold == 1:
            raise KeyboardInterrupt

    class Progress:
        def __enter__(self) -> Callable[[int, object], None]:
            return interrupt

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(list_suspects, "_progress_on", lambda *_: Progress())
    with pytest.raises(KeyboardInterrupt):
        ask("mistakes", trained, "--suspect", "--folds", "3")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(
        "Stopped before all models were trained, so nothing is said of any sample.\n"
    )
    assert told[-1] == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--folds", "1"), "Cross-validation takes 2 folds or more, not 1"),
        (("--folds", "121"), "121 folds are more than the 120 training examples. Choose fewer."),
        (("--folds", "2", "--true", "cat"), "There is no class 'cat'; those of this run are 0, 1"),
        (("--folds", "2", "--data", "synthetic"), "was trained on other data than"),
        (("--true", "cat"), "There is no class 'cat'"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    trained: str, ask: Ask, flags: tuple[str, ...], words: str
) -> None:
    code, out, err = ask("mistakes", trained, "--suspect", *flags)
    assert (code, out) == (1, "")
    assert words in err.splitlines()[-1]


def test_an_epoch_without_probabilities_and_a_run_without_epochs_say_so(
    trained: str, ask: Ask, home: Path
) -> None:
    with closing(sqlite3.connect(home / "runs.db")) as connection, connection:
        connection.execute("UPDATE packed_answers SET logits = NULL")
    code, out, err = ask("mistakes", trained, "--suspect")
    assert (code, out) == (1, "")
    assert f"The probabilities of epoch 12 of run 1 ({trained}) are not kept" in err
    put_run(home, "aaaa0001", "young", accuracies=(), state="stopped")
    code, out, err = ask("mistakes", "young", "--suspect", "--folds", "2")
    assert (code, out) == (1, "")
    assert "young (aaaa0001) has not completed an epoch yet" in err


def test_data_that_has_moved_is_asked_for_and_found(
    trained: str, ask: Ask, data: Path, tmp_path: Path
) -> None:
    data.rename(tmp_path / "moved")
    code, out, _ = ask("mistakes", trained, "--suspect", "--folds", "2")
    assert (code, out) == (1, "")
    moved = str(tmp_path / "moved")
    assert ask("mistakes", trained, "--suspect", "--folds", "2", "--data", moved)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mistakes", "x", "--folds", "2"), "--folds and --data are of --suspect. Add that."),
        (("mistakes", "x", "--suspect", "--data", "y"), "--data is of --folds. Add that."),
        (("mistakes", "x", "--suspect", "--folds", "0"), 'Invalid value "0" for --folds.'),
        (("mistakes", "x", "--suspect", "--folds", "2", "--epoch", "1"), "--epoch has no effect"),
        (("marks", "x", "--json", "--output", "y"), "are two forms of one list"),
        (("marks", "x", "--output", ""), "--output needs the name of a file."),
    ],
)
def test_flags_that_make_no_sense_are_wrong_usage(
    ask: Ask, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert words in err


# -- marks ---------------------------------------------------------------------------------------

MARKS = [
    SampleMark("test", 7, "4", "9", 'open, at the "top" [/]'),
    SampleMark("test", 12, "=cat", "dog", "=1+1"),
    SampleMark("train", 2, "1", "", "two\nlines"),
]


@pytest.fixture
def marked(home: Path) -> Path:
    put_run(home, "aaaa0001", "run 1")
    with closing(RunStore(home)) as store:
        for mark in MARKS:
            store.sample_marks.put("aaaa0001", mark)
    return home


def test_marks_are_listed_and_told_as_json(marked: Path, ask: Ask) -> None:
    code, out, err = ask("marks", "run 1")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "3 marked samples of run 1 (aaaa0001)"
    assert out.splitlines()[3].split()[:3] == ["7", "4", "9"]
    _, out, _ = ask("marks", "run 1", "--json")
    assert [SampleMark(**each) for each in lines(out)] == MARKS


def test_marks_are_written_as_csv(marked: Path, ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "made" / "marks.csv"
    code, out, err = ask("marks", "run 1", "--output", str(file))
    assert (code, err) == (0, "")
    assert out == f"{file}: 3 marked samples of run 1 (aaaa0001)\n"
    header, *rows = csv.reader(io.StringIO(file.read_text()))
    assert header == ["index", "label", "guess", "note", "samples"]
    assert rows == [
        ["7", "4", "9", 'open, at the "top" [/]', "test"],
        ["12", "'=cat", "dog", "'=1+1", "test"],
        ["2", "1", "", "two\nlines", "train"],
    ]
    code, out, err = ask("marks", "run 1", "--output", str(tmp_path))
    assert (code, out) == (1, "")
    assert f"{tmp_path} could not be written" in err


def test_a_run_without_marks_says_so(home: Path, ask: Ask) -> None:
    put_run(home, "aaaa0001", "run 1")
    assert ask("marks", "run 1") == (0, "0 marked samples of run 1 (aaaa0001)\n", "")
    assert ask("marks", "run 2")[0] == 1
