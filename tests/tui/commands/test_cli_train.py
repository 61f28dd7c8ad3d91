"""`mnist-tui train` put together: data, device and training are stand-ins here."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.scripted_events import training, whole_run
from mnist_core.backend.backend import Backend
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.loader import DatasetFailed, DatasetLoaded, DatasetOffered
from mnist_core.events import RunCompleted
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_tui.cli import run

EXAMPLES = Examples(np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.uint16))
ADVICE = "The BLAS is slow."
BACKEND = Backend("cpu", "a CPU", "a BLAS", 1, "0.0", advice=ADVICE)
DATASET = Dataset("digits", EXAMPLES, EXAMPLES, ("zero",), (0,))


class Calls:
    """What the stand-ins were called with."""

    def __init__(self) -> None:
        self.source: Any = "not asked"
        self.transpose = False
        self.device: tuple[Any, ...] = ()
        self.seeds: list[int] = []
        self.backends: list[Any] = []
        self.changes: list[Any] = []
        self.policies: list[str] = []
        self.loader_left = False


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, Calls]]:
    """Runs `mnist-tui train` with an answer of the loader and what it tells afterwards."""

    def start(
        answer: DatasetLoaded | DatasetFailed, *arguments: str, later: tuple[Any, ...] = ()
    ) -> tuple[int, Calls]:
        calls = Calls()

        def make_loader(source: str | None, _cache: object, *, transpose: bool) -> SimpleNamespace:
            calls.source, calls.transpose = source, transpose

            def leave() -> None:
                calls.loader_left = True

            return SimpleNamespace(drain=lambda: list(later), leave=leave)

        def configure(*arguments: Any) -> Backend:
            calls.device = arguments
            return BACKEND

        def train(
            recipe: Any,
            dataset: Dataset,
            _state: object,
            *,
            backend: Any,
            changes: ChangeQueue,
            on_divergence: str,
            **_: Any,
        ) -> Any:
            assert isinstance(answer, DatasetLoaded)
            assert dataset is answer.dataset
            calls.seeds.append(recipe.seed)
            calls.backends.append(backend)
            calls.changes.append(changes)
            calls.policies.append(on_divergence)
            return training(whole_run())

        module = "mnist_tui.commands.train"
        monkeypatch.setattr(f"{module}.DatasetLoader", make_loader)
        monkeypatch.setattr(f"{module}.wait_for_dataset", lambda _loader, _stream: answer)
        monkeypatch.setattr(f"{module}.configure", configure)
        monkeypatch.setitem(sys.modules, "mnist_core.training.train", SimpleNamespace(train=train))
        return run(["train", *arguments]), calls

    return start


def test_the_flags_reach_data_device_and_training(
    train: Callable[..., tuple[int, Calls]], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data", "kmnist", "--device", "cpu", "--threads", "1", "--seed", "8"]
    code, calls = train(DatasetLoaded(DATASET, None), *flags, "--repeat", "2")
    assert code == 0
    assert (calls.source, calls.device) == ("kmnist", ("cpu", 1, None))
    assert calls.seeds == [8, 9]
    assert calls.backends == [BACKEND] * 2
    assert calls.loader_left
    output = capsys.readouterr()
    assert "2 runs, seeds 8 to 9" in output.out
    advice, *kept = output.err.splitlines()
    assert advice == ADVICE
    assert [line.split(" (")[0] for line in kept] == ["Kept as run 1", "Kept as run 2"]


def test_synthetic_digits_in_place_of_mnist_are_said_on_stderr(
    train: Callable[..., tuple[int, Calls]], capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "These digits are synthetic. To try again: mnist-tui data fetch mnist."
    code, calls = train(DatasetLoaded(DATASET, reason), "--json")
    assert code == 0
    assert calls.source is None
    output = capsys.readouterr()
    assert output.err.startswith(f"{reason}\n{ADVICE}\nKept as run 1 (")
    assert reason not in output.out


def test_transposed_images_are_asked_of_the_loader(
    train: Callable[..., tuple[int, Calls]],
) -> None:
    assert train(DatasetLoaded(DATASET, None), "--transpose")[1].transpose
    assert not train(DatasetLoaded(DATASET, None))[1].transpose


def test_what_is_doubtful_about_the_data_is_said_on_stderr_once(
    train: Callable[..., tuple[int, Calls]], capsys: pytest.CaptureFixture[str]
) -> None:
    doubtful = replace(DATASET, doubts=("All is of one class, “\x1b[2J”.", "All is known."))
    code, _ = train(DatasetLoaded(doubtful, None), "--json", "--repeat", "2")
    assert code == 0
    output = capsys.readouterr()
    assert output.err.startswith("All is of one class, “␛[2J”.\nAll is known.\n")
    assert output.err.count("All is") == 2
    assert "All is" not in output.out


def test_what_is_doubtful_about_the_validation_set_is_said_too(
    train: Callable[..., tuple[int, Calls]], capsys: pytest.CaptureFixture[str]
) -> None:
    examples = replace(EXAMPLES, labels=np.array([0, 0, 1], np.uint16))
    dataset = replace(DATASET, train=examples, class_names=("zero", "one"), class_labels=(0, 1))
    train(DatasetLoaded(dataset, None), "--validation", "1")
    assert capsys.readouterr().err.startswith(
        "Validation holds out all there is of “one”: training has none left.\n"
    )


def test_a_download_that_ends_meanwhile_is_told(
    train: Callable[..., tuple[int, Calls]], capsys: pytest.CaptureFixture[str]
) -> None:
    train(DatasetLoaded(DATASET, "Synthetic."), later=(DatasetOffered(DATASET),))
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "MNIST has been downloaded meanwhile: the next run will use it."


def test_data_that_cannot_be_had_trains_nothing(
    train: Callable[..., tuple[int, Calls]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, calls = train(DatasetFailed("No such data.", "Traceback"), "--data", "kmnist")
    assert code == 1
    assert calls.seeds == []
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "No such data.\n")


def test_changes_and_what_to_do_on_divergence_reach_every_run(
    train: Callable[..., tuple[int, Calls]],
) -> None:
    flags = ["--change", "9:learning-rate=0.05", "--change", "4:batch_size=64"]
    code, calls = train(
        DatasetLoaded(DATASET, None), *flags, "--on-divergence", "halve", "--repeat", "2"
    )
    assert code == 0
    wanted = (Change(4, "batch_size", 64), Change(9, "learning_rate", 0.05))
    assert [changes.scheduled for changes in calls.changes] == [wanted, wanted]
    # Each run has a place of its own for what else is asked for.
    assert calls.changes[0] is not calls.changes[1]
    assert calls.policies == ["halve", "halve"]


def test_a_change_that_the_run_does_not_reach_is_told(
    train: Callable[..., tuple[int, Calls]], capsys: pytest.CaptureFixture[str]
) -> None:
    end = list(whole_run())[-1]
    assert isinstance(end, RunCompleted)
    flags = [f"--change={end.step - 1}:momentum=0.5", f"--change={end.step}:learning_rate=0.05"]
    code, _ = train(DatasetLoaded(DATASET, None), *flags)
    assert code == 0
    told = capsys.readouterr().err.splitlines()[-1]
    late = f"--change {end.step}:learning_rate=0.05"
    assert told == f"The run ended after {end.step} updates, so nothing came of {late}."


def test_without_flags_nothing_changes_and_the_recipe_ends_as_published(
    train: Callable[..., tuple[int, Calls]],
) -> None:
    _, calls = train(DatasetLoaded(DATASET, None))
    assert ([c.scheduled for c in calls.changes], calls.policies) == ([()], ["continue"])
