"""Commands that the program prints, run as they are printed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.idx_folder import write_idx_folder
from helpers.imagined_machine import CHECKOUT
from mnist_tui.cli import run

MNIST_TUI = CHECKOUT / ".venv" / "bin" / "mnist-tui"

pytestmark = pytest.mark.skipif(not MNIST_TUI.exists(), reason="there is no .venv here")


def bash(line: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    # Whatever else is on PATH, the program is not.
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env={**os.environ, "PATH": "/usr/bin:/bin"},
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("name", [b"two\nlines \xff", b"it's a b"])
def test_a_run_on_any_folder_is_repeated_and_resumed(
    tmp_path: Path, name: bytes, capfd: pytest.CaptureFixture[str], own_hooks: None
) -> None:
    data = write_idx_folder(tmp_path / os.fsdecode(name))
    # It was called by a path from the folder it was called in.
    (tmp_path / "venv bin").symlink_to(MNIST_TUI.parent)
    program = "'venv bin/mnist-tui'"
    trained = subprocess.run(
        [b"venv bin/mnist-tui", b"train", b"--data", os.fsencode(data), b"--epochs=1"],
        cwd=tmp_path, env={**os.environ, "PATH": "/usr/bin:/bin"},
        capture_output=True, check=True, timeout=300,
    )  # fmt: skip
    assert trained.returncode == 0
    shown = bash(f"{program} runs show 'run 1' --json", tmp_path)
    told = json.loads(shown.stdout)
    assert os.fsencode(told["data"]) == os.fsencode(data)
    line = bash(f"{program} runs show 'run 1'", tmp_path).stdout.decode().splitlines()[-1]
    assert line == told["command"]
    assert line.startswith(f"{program} train --data ")
    again = bash(line, tmp_path)
    assert (again.returncode, b"Kept as run 2" in again.stdout + again.stderr) == (0, True)
    first, second = (
        json.loads(bash(f"{program} runs show 'run {number}' --json", tmp_path).stdout)
        for number in (1, 2)
    )
    assert first["test_loss"] == second["test_loss"]
    resumed = bash(f"{program} train --resume 'run 1' --epochs 2", tmp_path)
    assert (resumed.returncode, b"after 2 epochs" in resumed.stdout) == (0, True)
    capfd.readouterr()
    for form in ("csv", "jsonl", "npz", "safetensors", "tensorboard"):
        output = str(tmp_path / f"out.{form}")
        assert run(["runs", "export", "run 1", "--format", form, "--output", output]) == 0
        assert capfd.readouterr().err == ""


def test_hints_lead_to_the_same_program_and_runs(tmp_path: Path) -> None:
    data = write_idx_folder(tmp_path / "digits")
    home = tmp_path / "a b"
    missing = bash(f"{MNIST_TUI} runs show x --home '{home}'", tmp_path).stderr.decode()
    line = missing.split(" yet. ")[1].split(" makes one")[0]
    assert bash(f"{line} --data {data} --epochs 1", tmp_path).returncode == 0
    missing = bash(f"{MNIST_TUI} runs show x --home '{home}'", tmp_path).stderr.decode()
    line = missing.split(". See ", 1)[1].removesuffix(".\n")
    assert b"run 1" in bash(line, tmp_path).stdout
    wrong = bash(f"{MNIST_TUI} runs show", tmp_path)
    assert wrong.returncode == 2
    line = wrong.stderr.decode().strip().split("See ")[1].removesuffix(".")
    assert bash(line, tmp_path).stdout.startswith(b"Usage: ")


def test_an_extra_is_installed_with_make_where_make_has_installed_the_program(
    tmp_path: Path,
) -> None:
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    line = subprocess.run(
        [MNIST_TUI.with_name("python"), "-c",
         "from mnist_core.shell_commands import install_command as f; print(f('web', 'serve'))"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert line == f"make -C {CHECKOUT} run EXTRA=web ARGS=serve"
    dry = bash(f"{line} --dry-run", tmp_path)
    assert b".venv/bin/mnist-tui serve" in dry.stdout
