"""What is found about the machine, and what is said when something is missing."""

import os
import sys
from pathlib import Path

import pytest

from helpers.idx_files import write_dataset
from helpers.python_process import run_python
from mnist_core.backend import diagnosis
from mnist_core.backend.diagnosis import Data, Folder, compiler_version, diagnose, speed_advice
from mnist_core.backend.installation import BackendMissing
from mnist_core.backend.openblas import bundled_libraries

on_linux_cpu = pytest.mark.skipif(
    sys.platform != "linux" or bundled_libraries() is None,
    reason="about MLX's CPU wheel for Linux",
)

DIAGNOSE = """
from pathlib import Path
from mnist_core.backend.diagnosis import diagnose
found = diagnose("synthetic", Path("unused"), {}, (), "cpu", 1)
"""


@pytest.fixture
def _no_back_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not need MLX, without waiting for it."""

    def configure(*_arguments: object) -> None:
        raise BackendMissing("MLX has no back end here. Install one.")

    monkeypatch.setattr(diagnosis, "configure", configure)


@on_linux_cpu
def test_the_blas_is_the_file_that_serves_mlx_with_its_speed_beside_numpys() -> None:
    library, name, threads, gflops, numpy_gflops, problems = run_python(
        DIAGNOSE
        + "print(found.blas.library.name, found.blas.name, found.blas.threads, sep='\\n')\n"
        "print(found.blas.gflops, found.blas.numpy_gflops, found.problems, sep='\\n')"
    )

    assert library.startswith("libmnist_openblas-")
    assert name.startswith("OpenBLAS 0.3.")
    assert threads == "1"
    assert float(gflops) > 0
    assert float(numpy_gflops) > 0
    assert problems == "()"


@on_linux_cpu
def test_a_slow_blas_says_why_and_so_does_a_refused_folder_for_kernels(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    blas, kernels, folder = run_python(
        DIAGNOSE
        + "print(found.blas.advice, found.kernels.advice, found.kernels.folder, sep='\\n')",
        XDG_CACHE_HOME=tmp_path / "file",
    )

    assert blas.startswith("MLX keeps its slow reference BLAS. ")
    assert kernels.startswith("MLX works without compiled kernels")
    assert folder == "None"


@on_linux_cpu
@pytest.mark.parametrize(
    ("script", "advice"),
    [
        ("exit 1", "it needs g++, by that name. Install it"),
        ("[ $1 = --version ] && echo fake 1.0 || exit 1", "could not compile its kernels"),
    ],
)
def test_kernels_need_a_compiler_that_works(script: str, advice: str, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "g++").write_text(f"#!/bin/sh\n{script}\n")
    (bin_folder / "g++").chmod(0o755)

    compiler, seconds, said = run_python(
        DIAGNOSE + "kernels = found.kernels\n"
        "print(kernels.compiler, kernels.seconds, kernels.advice, sep='\\n')",
        PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        XDG_CACHE_HOME=tmp_path / "cache",
    )

    assert compiler == ("fake 1.0" if "fake" in script else "")
    assert seconds == "None"
    assert advice in said


def test_no_compiler_has_no_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert compiler_version() == ""


def test_without_a_back_end_the_rest_is_still_looked_at() -> None:
    works, blas, sentence = run_python(
        "import sys\nsys.modules['mlx.core'] = None\n" + DIAGNOSE + "print(found.backend)\n"
        "print(found.blas)\n"
        "print(*found.problems)"
    )

    assert (works, blas) == ("None", "None")
    assert sentence.startswith("MLX is installed but cannot be loaded (")


@pytest.mark.usefixtures("_no_back_end")
def test_unusable_data_is_a_problem_beside_that_of_mlx(tmp_path: Path) -> None:
    found = diagnose(str(tmp_path / "nowhere"), tmp_path, {}, ())

    assert not found.data.here
    assert found.problems == ("MLX has no back end here. Install one.", found.data.problem)
    assert "neither the name of a data set nor a folder" in found.data.problem


@pytest.mark.usefixtures("_no_back_end")
def test_without_data_it_is_mnist_which_a_download_brings(tmp_path: Path) -> None:
    found = diagnose(None, tmp_path, {}, ())

    assert found.data == Data("mnist", tmp_path / "mnist", here=False, problem="")
    assert found.downloads["mnist"] == found.data


@pytest.mark.usefixtures("_no_back_end")
def test_a_folder_of_data_is_read(tmp_path: Path) -> None:
    write_dataset(tmp_path, [0, 1], [1])

    assert diagnose(str(tmp_path), tmp_path, {}, ()).data == Data(
        str(tmp_path),
        tmp_path,
        here=True,
        problem="",
        doubts=("All test examples are of one class, “1”: no other answer can be right.",),
    )


@pytest.mark.usefixtures("_no_back_end")
def test_a_package_that_is_not_installed_has_no_version(tmp_path: Path) -> None:
    versions = diagnose("synthetic", tmp_path, {}, ("mnist-tui", "no-such-package")).versions

    assert versions["no-such-package"] is None
    assert versions["mnist-tui"]
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.usefixtures("_no_back_end")
def test_a_folder_may_be_there_or_to_be_made_or_impossible(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    paths = {"there": tmp_path, "later": tmp_path / "a" / "b", "never": tmp_path / "file" / "c"}

    assert diagnose("synthetic", tmp_path, paths, ()).folders == {
        "there": Folder(tmp_path, exists=True, writable=True),
        "later": Folder(paths["later"], exists=False, writable=True),
        "never": Folder(paths["never"], exists=False, writable=False),
    }


@pytest.mark.parametrize(
    ("reason", "gflops", "numpy_gflops", "on_one_thread", "advice"),
    [
        ("", 170.0, 180.0, 170.0, ""),
        ("", 91.0, 180.0, 91.0, ""),
        ("", 89.0, 180.0, 89.0, "NumPy does 180 GFLOP/s here. Reinstall"),
        ("", 4.0, 3.0, 180.0, "One thread alone does 180 GFLOP/s"),
        ("It is slow.", 4.0, 180.0, 4.0, "It is slow."),
    ],
)
def test_slow_products_come_with_what_to_do(
    reason: str, gflops: float, numpy_gflops: float, on_one_thread: float, advice: str
) -> None:
    said = speed_advice(reason, gflops, numpy_gflops, on_one_thread)

    assert said.startswith(advice)
    assert bool(said) == bool(advice)
