"""Where MLX keeps what it compiles, each case in a process of its own: it is decided once."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from helpers.python_process import run_python
from mnist_core.backend.kernel_cache import KernelCache, compile_failure, use_folder

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere MLX's own folder is private to the user"
)

COMPILED = """
from mnist_core.backend.mlx import mx
compiled = mx.compile(lambda x: mx.exp(x) * x + x)
def evaluate():
    return [round(value, 3) for value in compiled(mx.ones(2)).tolist()]
"""
ANSWER = "[3.718, 3.718]"


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of caches with the kernel of `COMPILED`."""
    cache = tmp_path_factory.mktemp("cache")
    run_python(COMPILED + "evaluate()", XDG_CACHE_HOME=cache)
    return cache


@pytest.fixture
def cache(compiled_once: Path, tmp_path: Path) -> Path:
    """A copy of it to be spoilt."""
    return Path(shutil.copytree(compiled_once, tmp_path / "cache"))


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Stands for /tmp."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def compiler(folder: Path, then: str) -> str:
    """A PATH on which g++ can say its version, and does `then` when asked to compile."""
    folder.mkdir()
    program = folder / "g++"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{then}\n')
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles with g++ alone")
def test_kernels_are_kept_in_a_folder_of_the_user_alone(tmp_path: Path, temporary: Path) -> None:
    folder, answer, python_uses = run_python(
        COMPILED + "import tempfile\n"
        "from mnist_core.backend.kernel_cache import install_kernel_cache\n"
        "print(install_kernel_cache().folder)\n"
        "print(evaluate())\n"
        "print(tempfile.gettempdir())",
        XDG_CACHE_HOME=tmp_path / "cache",
        TMPDIR=temporary,
    )

    assert answer == ANSWER
    assert tmp_path / "cache" in Path(folder).parents
    assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
    assert [path.suffix for path in Path(folder).glob("mlx/*/cpu/lib*")] == [".so"]
    assert list(temporary.iterdir()) == []
    assert python_uses == str(temporary)


@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles with g++ alone")
def test_the_next_process_compiles_nothing(cache: Path, tmp_path: Path) -> None:

    answer = run_python(
        COMPILED + "print(evaluate())",
        XDG_CACHE_HOME=cache,
        PATH=compiler(tmp_path / "bin", "exit 1"),
    )

    assert answer == [ANSWER]


@pytest.mark.parametrize("spoil", ["occupy", "open"])
def test_without_a_safe_folder_nothing_is_compiled_and_the_reason_says_what_to_do(
    spoil: str, tmp_path: Path, temporary: Path
) -> None:
    cache, called = tmp_path / "cache", tmp_path / "called"
    if spoil == "occupy":
        cache.write_text("")
        advice = "set XDG_CACHE_HOME to another folder."
    else:
        cache.mkdir()
        cache.chmod(0o777)
        advice = f"Run: chmod go-w '{cache}'"

    reason, answer = run_python(
        COMPILED + "from mnist_core.backend.kernel_cache import install_kernel_cache\n"
        "print(install_kernel_cache().reason)\n"
        "print(evaluate())",
        XDG_CACHE_HOME=cache,
        TMPDIR=temporary,
        PATH=compiler(tmp_path / "bin", f"touch {called}; exit 1"),
    )

    assert reason.startswith("MLX works without compiled kernels, a little slower")
    assert reason.endswith(advice)
    assert answer == ANSWER
    assert not called.exists()
    assert list(temporary.iterdir()) == []


def test_a_failed_compile_is_told_in_a_sentence_and_leaves_mlx_usable(tmp_path: Path) -> None:
    said, answer = run_python(
        COMPILED + "from mnist_core.backend.kernel_cache import compile_failure\n"
        "result = compiled(mx.ones(2))\n"
        "try: mx.eval(result)\n"
        "except RuntimeError as error: print(compile_failure(error))\n"
        "print((mx.ones((2, 2)) @ mx.ones((2, 2))).tolist())",
        XDG_CACHE_HOME=tmp_path / "cache",
        PATH=compiler(tmp_path / "bin", "echo 'x.cpp: fatal error: no room'; echo 'stop.'; exit 1"),
    )

    assert "(x.cpp: fatal error: no room). Check that g++ works and that " in said
    assert str(tmp_path / "cache") in said
    assert answer == "[[2.0, 2.0], [2.0, 2.0]]"


def test_a_folder_that_vanished_is_a_failed_compile(tmp_path: Path) -> None:
    (said,) = run_python(
        COMPILED + "import shutil\n"
        "from mnist_core.backend.kernel_cache import compile_failure, install_kernel_cache\n"
        "shutil.rmtree(install_kernel_cache().folder)\n"
        "try: evaluate()\n"
        "except RuntimeError as error: print(compile_failure(error))",
        XDG_CACHE_HOME=tmp_path / "cache",
        PATH=compiler(tmp_path / "bin", "exit 1"),
    )

    assert "temp_directory_path: No such file or directory" in said


def test_a_kernel_that_cannot_be_loaded_is_a_failed_compile(tmp_path: Path) -> None:
    (said,) = run_python(
        COMPILED + "from mnist_core.backend.kernel_cache import compile_failure\n"
        "try: evaluate()\n"
        "except RuntimeError as error: print(compile_failure(error))",
        XDG_CACHE_HOME=tmp_path / "cache",
        PATH=compiler(tmp_path / "bin", "exit 0"),  # and leaves no kernel
    )

    assert "Could not load C++ shared library" in said


@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles with g++ alone")
@pytest.mark.parametrize("kept", [0, 32, 1000, 8192, -100])
def test_a_kernel_that_was_cut_short_is_made_again(kept: int, cache: Path) -> None:
    (kernel,) = cache.rglob("cpu/lib*.so")
    whole = kernel.read_bytes()
    kernel.write_bytes(whole[:kept])

    # Without, MLX raises an error, or the process ends with a bus error.
    answer = run_python(COMPILED + "print(evaluate())", XDG_CACHE_HOME=cache)

    assert answer == [ANSWER]
    assert len(kernel.read_bytes()) == len(whole)


@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles with g++ alone")
def test_a_kernel_that_cannot_be_loaded_is_made_again(cache: Path) -> None:
    (kernel,) = cache.rglob("cpu/lib*.so")
    whole = kernel.read_bytes()
    kernel.write_bytes(whole[:16] + bytes(24) + whole[40:])

    answer = run_python(
        COMPILED + "from mnist_core.backend.kernel_cache import healed\n"
        "try: evaluate()\n"
        "except RuntimeError: print('damaged')\n"
        "print(healed(evaluate))",
        XDG_CACHE_HOME=cache,
    )

    assert answer == ["damaged", ANSWER]


def test_a_kernel_is_made_again_once_and_no_more(tmp_path: Path) -> None:
    called = tmp_path / "called"
    # As on a disk that lets nothing be executed: what was made just now cannot be loaded.
    then = f'echo >> {called}; for name; do :; done; echo junk > "$name"'

    (said,) = run_python(
        COMPILED + "from mnist_core.backend.kernel_cache import compile_failure, healed\n"
        "try: healed(evaluate)\n"
        "except RuntimeError as error: print(compile_failure(error))",
        XDG_CACHE_HOME=tmp_path / "cache",
        PATH=compiler(tmp_path / "bin", then),
    )

    assert len(called.read_text()) == 2
    assert "could not load a kernel" in said
    assert "lets programs be executed" in said
    assert "Check that g++ works" not in said


def test_only_old_leftovers_of_killed_compilers_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The MLX of this process would keep its kernels there from then on.
    monkeypatch.setattr(os, "putenv", lambda *_: None)
    folder = tmp_path / "kernels"
    kernels = folder / "mlx" / "1.0" / "cpu"
    kernels.mkdir(parents=True)
    folder.chmod(0o700)
    old = [folder / "ccAbCd.s", kernels / "tmp_1.cpp", kernels / "tmp_1.so", folder / "making-1"]
    others = [folder / "ccNew.s", kernels / "tmp_2.so", kernels / "A.cpp", folder / "ready-1"]
    for path in (*old, *others):
        path.touch()
    for path in (*old, *others[2:]):
        os.utime(path, (1, 1))

    assert use_folder(folder).folder == folder.resolve()

    assert {path for path in folder.rglob("*") if path.is_file()} == {*others}


def test_other_errors_of_mlx_are_not_taken_for_failed_compiles() -> None:
    assert compile_failure(RuntimeError("There is no Stream(cpu, 1) in current thread.")) is None


def test_a_refused_folder_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels").chmod(0o777)

    refused = use_folder(tmp_path / "kernels")

    assert refused == KernelCache(None, refused.reason)
    assert "Every user can write the folder" in refused.reason
