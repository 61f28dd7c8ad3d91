"""The choice of device and threads, and the sentences for a machine without a usable MLX."""

import re
import sys
from pathlib import Path

import pytest

from helpers.python_process import run_python
from mnist_core.backend.backend import configure
from mnist_core.backend.installation import (
    BackendMissing,
    check_installation,
    explain_import_error,
)
from mnist_core.backend.mlx import mx
from mnist_core.backend.openblas import bundled_libraries
from mnist_core.shell_commands import PROGRAM, install_command, reinstall_command, replace_command

on_linux_cpu = pytest.mark.skipif(
    sys.platform != "linux" or bundled_libraries() is None,
    reason="about MLX's CPU wheel for Linux",
)

CONFIGURE = """
from mnist_core.backend.backend import configure
backend = configure({arguments})
print(backend.device, backend.device_name, backend.blas, backend.threads, sep="|")
"""


@on_linux_cpu
@pytest.mark.parametrize("threads", [1, 2])
def test_the_asked_for_threads_are_the_ones_of_the_library_that_serves_mlx(threads: int) -> None:
    configured, in_library = run_python(
        CONFIGURE.format(arguments=f"'cpu', threads={threads}")
        + "from mnist_core.backend.matrix_products import find_openblas, serving_library\n"
        "print(find_openblas(serving_library()).threads)"
    )

    device, device_name, blas, count = configured.split("|")
    assert (device, count, in_library) == ("cpu", str(threads), str(threads))
    assert device_name
    assert blas.startswith("OpenBLAS 0.3.")


@on_linux_cpu
def test_by_default_one_thread_is_used_whatever_the_cores_and_what_was_before() -> None:
    threads = run_python(
        "from mnist_core.backend.backend import configure\n"
        "print(*(configure('cpu', threads).threads for threads in (None, 2, None)))"
    )
    assert threads == ["1 2 1"]


def test_the_chosen_device_is_the_default_of_every_thread() -> None:
    seen = run_python(
        "import threading\n"
        + CONFIGURE.format(arguments="'cpu'")
        + "from mnist_core.backend.mlx import mx\n"
        "thread = threading.Thread(target=lambda: print(mx.default_device() == mx.cpu))\n"
        "thread.start(); thread.join()"
    )

    assert seen[1] == "True"


def test_asking_for_a_gpu_where_there_is_none_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mx, "is_available", lambda _: False)

    with pytest.raises(BackendMissing, match=r"finds no GPU .*--device cpu"):
        configure("gpu")


def test_less_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="0 threads cannot compute; use 1 or more"):
        configure("cpu", threads=0)


def _installation_without_back_end(folder: Path) -> Path:
    """Everything installed here but MLX's back end: its package, and its library in MLX's."""
    installed = Path(mx.__file__).parents[1]
    for entry in installed.iterdir():
        if entry.name != "mlx" and not entry.name.startswith("mlx_c"):
            (folder / entry.name).symlink_to(entry)
    (folder / "mlx").mkdir()
    for entry in (installed / "mlx").iterdir():
        if entry.name != "lib":
            (folder / "mlx" / entry.name).symlink_to(entry)
    return folder


@on_linux_cpu
def test_mlx_alone_names_the_extra_to_install(tmp_path: Path) -> None:
    core = Path(sys.modules["mnist_core"].__path__[0]).parent
    site = _installation_without_back_end(tmp_path)

    (said,) = run_python(
        "from mnist_core.backend.backend import configure\n"
        "from mnist_core.backend.installation import BackendMissing\n"
        "try: configure()\n"
        "except BackendMissing as error: print(error)",
        "-S",  # no site-packages besides PYTHONPATH
        PYTHONPATH=f"{core}:{site}",
    )

    # Without site-packages it is not known to run from a checkout.
    assert re.search(r"Run \S*pip install \S.*\[cpu\]'?, or", said)
    assert re.search(r"\[cuda12\]'? or .*\[cuda13\]'?, for CUDA 12 or 13", said)


def test_an_mlx_that_cannot_be_loaded_is_a_sentence() -> None:
    (said,) = run_python(
        "import sys\n"
        "sys.modules['mlx.core'] = None\n"
        "from mnist_core.backend.backend import configure\n"
        "from mnist_core.backend.installation import BackendMissing\n"
        "try: configure()\n"
        "except BackendMissing as error: print(error)"
    )

    assert said.startswith("MLX is installed but cannot be loaded (")
    assert said.endswith(f"Reinstall it: {reinstall_command(PROGRAM, 'cpu')}")


@pytest.mark.parametrize(
    ("platform", "machine", "libc", "installed", "sentence"),
    [
        ("darwin", "x86_64", "", (), "there is no MLX for Intel Macs"),
        (
            "linux",
            "x86_64",
            "glibc 2.31",
            (),
            "glibc 2.35 or newer, and this system has glibc 2.31",
        ),
        ("linux", "x86_64", "", (), "glibc 2.35 or newer, and this system has none"),
        ("linux", "aarch64", "glibc 2.35", (), f"Run {install_command('cpu')}, or"),
        ("linux", "x86_64", "glibc 2.100", ("mlx-cuda-13",), "(no file). Reinstall it"),
        ("linux", "x86_64", "glibc 3.0", ("mlx-cuda-13",), reinstall_command(PROGRAM, "cuda13")),
        ("darwin", "arm64", "", (), reinstall_command(PROGRAM)),
    ],
)
def test_a_failed_import_is_explained(
    platform: str, machine: str, libc: str, installed: tuple[str, ...], sentence: str
) -> None:
    said = explain_import_error(ImportError("no file"), platform, machine, libc, installed)

    assert sentence in said


def test_two_back_ends_in_one_environment_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ("mlx-cpu", "mlx-cuda-12")
    monkeypatch.setattr("mnist_core.backend.installation.installed_backends", lambda: both)

    with pytest.raises(BackendMissing) as refused:
        check_installation()
    assert "mlx-cpu and mlx-cuda-12 are both installed" in str(refused.value)
    assert str(refused.value).endswith(f"run: {replace_command(both, 'cpu')}")


def test_one_back_end_or_none_is_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installation()
    monkeypatch.setattr("mnist_core.backend.installation.installed_backends", lambda: ())
    check_installation()
