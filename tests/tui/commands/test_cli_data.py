"""`mnist-tui data`, and waiting for data without the app."""

import io
from pathlib import Path

import numpy as np
import pytest

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.loader import (
    DatasetFailed,
    DatasetLoaded,
    DatasetLoader,
    DatasetProgressed,
    Load,
)
from mnist_core.data.registry import DatasetUnavailable, dataset_names
from mnist_tui.cli import run
from mnist_tui.commands.data import progress_lines, wait_for_dataset


def dataset(name: str) -> Dataset:
    examples = Examples(np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.uint16))
    return Dataset(name, examples, examples, ("zero",), (0,))


def loader(load: Load, tmp_path: Path, source: str = "mnist") -> DatasetLoader:
    return DatasetLoader(source, tmp_path, load=load)


def test_the_list_has_a_line_for_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert tuple(line.split()[0] for line in lines) == dataset_names()
    assert "not here; mnist-tui data fetch mnist downloads it" in lines[0]


def test_the_list_says_what_is_here_and_where(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mnist_core.data.registry.default_cache_folder", lambda: tmp_path)
    monkeypatch.setattr("mnist_core.data.registry.is_cached", lambda name, _cache: name == "kmnist")
    run(["data", "list"])
    here = [line for line in capsys.readouterr().out.splitlines() if ": here, in " in line]
    assert here == [f"kmnist         Kuzushiji-MNIST: here, in {tmp_path / 'kmnist'}"]


def test_waiting_ends_with_the_data_and_tells_each_step_once(tmp_path: Path) -> None:
    def load(source, cache, progress=None, cancel=None):  # type: ignore[no-untyped-def]
        for done in (0, 500_000, 1_000_000):
            progress("images.gz", done, 1_000_000)
        return dataset(source)

    stream = io.StringIO()
    answer = wait_for_dataset(loader(load, tmp_path), stream)
    assert isinstance(answer, DatasetLoaded)
    assert answer.dataset.name == "mnist"
    assert stream.getvalue() == "Loading mnist\nDownloading images.gz (1.0 MB)\n"


def test_waiting_ends_with_the_reason_when_there_is_no_data(tmp_path: Path) -> None:
    def load(source, cache, progress=None, cancel=None):  # type: ignore[no-untyped-def]
        raise DatasetUnavailable("No network. Try later.")

    answer = wait_for_dataset(loader(load, tmp_path), io.StringIO())
    assert isinstance(answer, DatasetFailed)
    assert answer.message == "No network. Try later."


def test_names_from_outside_cannot_command_the_terminal() -> None:
    lines: list[str] = []
    progress_lines(lines.append)(DatasetProgressed("Loading \x1b[2J", 0, None))
    assert lines == ["Loading ␛[2J"]


def test_a_terminal_gets_a_bar_that_is_wiped_away(tmp_path: Path) -> None:
    class TerminalStream(io.StringIO):
        def isatty(self) -> bool:
            return True

    def load(source, cache, progress=None, cancel=None):  # type: ignore[no-untyped-def]
        progress("[red]images.gz", 1_000_000, 2_000_000)
        return dataset(source)

    stream = TerminalStream()
    wait_for_dataset(loader(load, tmp_path), stream)
    assert "Downloading [red]images.gz" in stream.getvalue()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


def test_fetching_says_what_is_there_now(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(
        [DatasetLoaded(dataset("kmnist"), None), DatasetFailed("No network. Try later.", "")]
    )
    monkeypatch.setattr(
        "mnist_tui.commands.data.wait_for_dataset",
        lambda _loader, _stream: next(answers),
    )
    assert run(["data", "fetch", "kmnist"]) == 0
    assert capsys.readouterr().out == "kmnist: 3 training examples, 3 test examples\n"
    assert run(["data", "fetch", "kmnist"]) == 1
    assert capsys.readouterr().err == "No network. Try later.\n"


def test_fetching_can_be_interrupted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_loader: DatasetLoader, _stream: object) -> DatasetLoaded:
        raise KeyboardInterrupt

    monkeypatch.setattr("mnist_tui.commands.data.wait_for_dataset", interrupted)
    assert run(["data", "fetch", "kmnist"]) == 130
    assert capsys.readouterr().err.startswith("Stopped before the download was complete")
