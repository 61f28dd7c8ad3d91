"""`--output` and `--svg` of `mnist-tui runs`: where files go, and standard output for them."""

import csv
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from helpers.stored_runs import put_run
from mnist_tui.cli import run

PROGRAM = "from mnist_tui.cli import main; main()"

Commands = dict[str, list[str]]

COMMANDS: Commands = {
    "curves": ["export", "run 1", "--format", "csv", "--output"],
    "picture": ["plot", "run 1", "--svg"],
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    put_run(home, "aaaa0001", "run 1", accuracies=(0.1, 0.7, 0.9))
    return home


def ask(home: Path, *arguments: str) -> int:
    return run(["runs", *arguments, "--home", str(home)])


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_gives_a_file_the_mode_that_the_umask_leaves(
    home: Path, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "any").touch()
    assert ask(home, *command, str(tmp_path / "out")) == 0
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "any").stat().st_mode


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_leaves_a_pipe_a_pipe(home: Path, tmp_path: Path, command: list[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        try:
            assert ask(home, *command, str(pipe)) == 0
            assert stat.S_ISFIFO(pipe.stat().st_mode)
            content, _ = reader.communicate()
        finally:
            # It would wait for ever for a writer that never came.
            reader.kill()
    assert content.startswith((b"step,", b"<svg"))


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_curves_on_standard_output_have_it_to_themselves(
    home: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    assert ask(home, *COMMANDS["curves"], name) == 0
    out, err = capfd.readouterr()
    assert [row["epoch"] for row in csv.DictReader(io.StringIO(out))][-1] == "2"
    assert err.endswith(" of run 1 (aaaa0001)\n")


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_a_picture_on_standard_output_has_it_to_itself(
    home: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    assert ask(home, *COMMANDS["picture"], name) == 0
    out, err = capfd.readouterr()
    assert ElementTree.fromstring(out).tag == "{http://www.w3.org/2000/svg}svg"
    assert err == ""


def test_a_file_may_be_called_like_standard_output(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask(home, *COMMANDS["curves"], "./-") == 0
    assert (tmp_path / "-").read_text(encoding="utf-8").startswith("step,")
    assert capfd.readouterr().out.startswith("-: ")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_reader_that_has_left_is_no_failure_to_tell_of(home: Path, command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "runs", *command, "-", "--home", str(home)],
            stdout=gone, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")


def test_standard_output_is_no_folder(
    home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ask(home, "export", "run 1", "--format", "tensorboard", "--output", "-") == 2
    assert "not standard output" in capsys.readouterr().err
