"""What is written is this user's alone, also where the umask takes nothing."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.idx_folder import write_idx_folder
from helpers.python_process import run_python

TESTS = Path(__file__).parents[2]
KINDS = ("data", "cache", "config", "state")


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The variables of a user with no folder yet."""
    folders = {f"XDG_{kind.upper()}_HOME": str(tmp_path / "user" / kind) for kind in KINDS}
    return {**folders, "PYTHONPATH": str(TESTS), "MNIST_TUI_HOME": ""}


def check(folder: Path) -> int:
    """How many files and folders there are, none of which others may change or enter."""
    found = [folder, *folder.rglob("*")]
    for path in found:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_dir():
            assert mode == 0o700, f"{path} is {mode:o}"
        else:
            assert not mode & 0o022, f"{path} is {mode:o}"
        assert not (path.is_file() and mode & 0o111), f"{path} can be executed"
    return len(found)


def test_each_kind_of_file(
    tmp_path: Path, user: dict[str, str], tally: Callable[..., None]
) -> None:
    (told,) = run_python("import helpers.open_umask as o; o.main()", **user)
    assert "could not be downloaded" in told
    names = {path.name for path in (tmp_path / "user").rglob("*")}
    assert {"runs.db", "locks", "mnist-tui.log", "kernels", "digit-style", "datasets"} <= names
    assert any(name.endswith(".safetensors") for name in names)
    tally("Files and folders written with umask 000", check(tmp_path / "user"))


@pytest.mark.soak
def test_whole_commands(tmp_path: Path, user: dict[str, str], tally: Callable[..., None]) -> None:
    data = write_idx_folder(tmp_path / "digits")
    commands = (
        ["train", f"--data={data}", "--epochs=1"],
        ["train", "--data=synthetic", "--epochs=1"],
        ["sweep", f"--data={data}", "--epochs=1", "--trials=2", "--sample=lr=0.1|0.2",
         "--study=s", "--sampler=random"],
        ["config"],
        ["runs", "list"],
    )  # fmt: skip
    for command in commands:
        code = f"import os; os.umask(0); from mnist_tui.cli import run; assert run({command}) == 0"
        run_python(code, **user)
    cache = tmp_path / "user" / "cache" / "mnist-tui"
    # What is executed is in folders that nobody else may write, and is looked at elsewhere.
    for folder in ("kernels", "blas"):
        for path in (cache / folder).rglob("*"):
            assert not path.lstat().st_mode & 0o022 or path.is_symlink()
            if path.is_file():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o111)
    tally("Files and folders of whole commands, umask 000", check(tmp_path / "user"))
