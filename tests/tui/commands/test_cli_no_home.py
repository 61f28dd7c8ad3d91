"""A user without a home folder: a sentence where one is needed, and none where --home is given."""

import os
import sys
from pathlib import Path

import pytest

from helpers.idx_folder import write_idx_folder
from mnist_tui import cli

pytestmark = pytest.mark.usefixtures("no_home")


def end_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """The exit code of the whole program."""
    monkeypatch.setattr(sys, "argv", ["mnist-tui", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
@pytest.mark.parametrize("has_room", [True, False])
def test_help_needs_no_home(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    has_room: bool,
) -> None:
    if not has_room:
        (tmp_path / f"mnist-tui-{os.getuid()}").touch()
    assert end_of(monkeypatch, *arguments) == 0
    assert capsys.readouterr().err == ""


def test_settings_without_a_home_are_the_defaults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_of(monkeypatch, "config") == 0
    assert "mlx-docs" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["runs", "list"], ["train", "--epochs", "1"], ["doctor"]])
def test_runs_without_a_home_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert end_of(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(
        "This user has no home folder to keep runs in. Set HOME, or choose a folder with --home.\n"
    )
    assert captured.err.count("\n") <= 2


def test_training_takes_no_more_than_a_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = write_idx_folder(tmp_path / "data")
    where = ["--home", str(tmp_path / "runs")]
    assert end_of(monkeypatch, "train", "--data", str(data), "--epochs", "1", *where) == 0
    assert end_of(monkeypatch, "runs", "list", *where) == 0
    assert "run 1" in capsys.readouterr().out
