"""Processes that the program starts import nothing from the folder it was started in."""

import subprocess
from pathlib import Path

import mnist_core
import mnist_tui
from mnist_core.backend.python_process import python_command
from mnist_tui.runtime.program import program_command

STARTERS = {"python_process.py", "pseudo_terminal.py"}
"""The one way, and a launcher that imports no packages at all."""


def test_a_module_of_the_current_folder_is_not_imported(tmp_path: Path) -> None:
    for name in ("random", "subprocess", "cyclopts", "mnist_core", "mnist_tui"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('executed')")
    for command, printed in (
        (python_command("import random, sys; print(sys.argv[1:])", "a", "-b"), "['a', '-b']\n"),
        (program_command(["train", "--help"]), "Usage: mnist-tui train"),
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(printed)


def test_no_module_starts_python_in_a_way_of_its_own() -> None:
    folders = (*mnist_core.__path__, *mnist_tui.__path__)
    sources = [path for folder in folders for path in Path(folder).rglob("*.py")]
    assert {path.name for path in sources if "sys.executable" in path.read_text()} == STARTERS
