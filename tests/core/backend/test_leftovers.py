"""What no process uses any more goes from the cache; what is used stays."""

import os
import time
from importlib import metadata
from pathlib import Path

import pytest

from mnist_core.backend import kernel_cache, openblas
from mnist_core.backend.leftovers import DAY, UNUSED, mark_used, remove_older


@pytest.fixture(autouse=True)
def _temporary_folder_of_c_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "putenv", lambda name, value: None)


def made(path: Path, age: float = 0.0) -> Path:
    """A file, or a folder with a file where the name has no dot, `age` seconds old."""
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    else:
        path.mkdir(parents=True)
        (path / "kernel.so").write_bytes(b"x")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_old_goes_and_the_new_and_the_marked_stay(tmp_path: Path) -> None:
    target = made(tmp_path / "elsewhere" / "target.so")
    old, folder, new = (
        made(tmp_path / name, age)
        for name, age in (("old.so", 2 * DAY), ("folder", 2 * DAY), ("new.so", 0.5 * DAY))
    )
    marked = made(tmp_path / "marked.so", 2 * DAY)
    mark_used(marked)
    mark_used(tmp_path / "missing.so")
    link = tmp_path / "link"
    link.symlink_to(target.parent)
    os.utime(link, (0, 0), follow_symlinks=False)
    remove_older([old, folder, new, marked, link, tmp_path / "missing.so"], DAY)
    assert {path.name for path in tmp_path.iterdir()} == {"new.so", "marked.so", "elsewhere"}
    assert target.exists()


def test_unused_copies_of_the_library_go(tmp_path: Path) -> None:
    used = made(tmp_path / "libmnist_openblas-2.so", 90 * DAY)
    made(used.with_suffix(".json"), 90 * DAY)
    for version, age in (("1", UNUSED + DAY), ("3", UNUSED - DAY)):
        copy = made(tmp_path / f"libmnist_openblas-{version}.so", UNUSED + DAY)
        made(copy.with_suffix(".json"), age)
    made(tmp_path / "making-abc", 2 * DAY)
    made(tmp_path / "making-def", DAY / 2)
    made(tmp_path / "another.so", 90 * DAY)
    openblas._remove_unused(tmp_path, used)
    assert {path.name for path in tmp_path.iterdir()} == {
        "libmnist_openblas-2.so", "libmnist_openblas-2.json", "libmnist_openblas-3.so",
        "libmnist_openblas-3.json", "making-def", "another.so",
    }  # fmt: skip


def test_leftovers_of_compilers_and_kernels_of_other_versions_go(tmp_path: Path) -> None:
    machine = os.uname().machine
    here = tmp_path / f"{machine}-glibc-2"
    here.mkdir(mode=0o700)
    present = made(here / "mlx" / metadata.version("mlx"), 90 * DAY)
    earlier = made(here / "mlx" / "0_1", UNUSED + DAY)
    later = made(here / "mlx" / "99_1", UNUSED - DAY)
    left, busy = made(here / "ccOLD.s", 2 * DAY), made(here / "ccNEW.s", DAY / 2)
    replaced = made(tmp_path / f"{machine}-glibc-1", UNUSED + DAY)
    other = made(tmp_path / "other-glibc-1", UNUSED + DAY)
    os.utime(here, (0, 0))
    assert kernel_cache.use_folder(here).reason == ""
    assert [path.exists() for path in (present, later, busy, other)] == [True] * 4
    assert [path.exists() for path in (earlier, left, replaced)] == [False] * 3
