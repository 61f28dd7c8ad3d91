"""What every test shares: folders of its own, real MNIST where it is, the length of repetitions."""

import gc
import os
import pwd
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.precompiled import make_compiler

CHECKOUT = Path(__file__).parents[1]
REAL_MNIST = CHECKOUT.parent / "shared" / "mnist"

USER_FOLDERS = {
    "MNIST_TUI_HOME": "home",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
}
"""The variables that decide where the program keeps a user's files."""

TERMINAL_VARIABLES = (
    "COLUMNS",
    "FORCE_COLOR",
    "LC_TERMINAL",
    "LINES",
    "NO_COLOR",
    "TERM_PROGRAM",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)
"""What a user may have set about the terminal or about colour: the tests set their own."""

SNAPSHOTS_OF_WORKERS = "TEXTUAL_SNAPSHOT_TEMPDIR"
"""Where workers leave their snapshots for the process that started them."""

_ROOM = 2 << 30
"""Bytes, several times what the files of all tests take."""

SESSION_FOLDER = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak",
        action="store_true",
        help="run the tests marked soak too, and repeat repeated tests as often as they ask",
    )
    parser.addoption("--soak-json", metavar="FILE", help="write the table of the soak there, too")


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts the tests in the background has them, and what they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Hundreds of apps come and go in one process: looking for garbage took a fifth of the time.
    gc.set_threshold(100_000, 50, 1000)
    environment = pytest.MonkeyPatch()
    config.add_cleanup(environment.undo)
    memory = _folder_in_memory()
    if memory is not None and "TMPDIR" not in os.environ:
        # Stores wait for the disk at each commit, which is most of what many tests take.
        environment.setenv("TMPDIR", memory)
        environment.setattr(tempfile, "tempdir", memory)
    # A fixture would come too late: collecting tests imports MLX, and that fills the cache.
    folder = tempfile.TemporaryDirectory(prefix="mnist-tui-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    config.stash[SESSION_FOLDER] = Path(folder.name)
    _use_folders_in(Path(folder.name), environment)
    for variable in list(os.environ):
        of_terminal = variable in TERMINAL_VARIABLES or variable.startswith("TEXTUAL")
        if of_terminal and variable != SNAPSHOTS_OF_WORKERS:
            environment.delenv(variable)
    of_all_workers = getattr(config, "workerinput", {}).get("session folder")
    if of_all_workers is None:
        for made_once in _made_once(Path(folder.name)):
            made_once.mkdir(mode=0o700, parents=True)
        # One test compiles too little for that; workers take the variable over.
        made = make_compiler(Path(folder.name)) if config.getoption("numprocesses", 0) else None
        if made is not None:
            compiler, wait_for_it = made
            config.add_cleanup(wait_for_it)
            environment.setenv("PATH", f"{compiler}{os.pathsep}{os.environ['PATH']}")
    else:
        _share_made_once(Path(of_all_workers), Path(folder.name))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Have a worker of pytest-xdist find what others have compiled."""
    node.workerinput["session folder"] = str(node.config.stash[SESSION_FOLDER])


def pytest_report_header() -> str:
    if _real_mnist() is None:
        return f"MNIST: not found in {REAL_MNIST}; tests use synthetic data only"
    return f"MNIST: the real one, in {REAL_MNIST}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in soak]
    config.hook.pytest_deselected(items=soak)


def pytest_collection_finish() -> None:
    # What collecting made stays to the end: looking through it takes a second each time.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _user_folders(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Give the test empty user folders, but for what is the same in each and takes long to make."""
    folder = tmp_path_factory.mktemp("user")
    _use_folders_in(folder, monkeypatch)
    _share_made_once(request.config.stash[SESSION_FOLDER], folder)


@pytest.fixture
def repeats(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`repeats(short, full)`: how often to repeat; `full` with --soak, else `short`."""
    soak = bool(request.config.getoption("--soak"))
    return lambda short, full: full if soak else short


@pytest.fixture
def own_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the hooks of the process back, in place of which commands install their own."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.fixture
def varied(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Have Hypothesis draw each example anew, but with --soak.

    It follows each with up to five near copies, so that a few dozen of its own choice are of a few
    kinds. As many that are drawn anew meet more of what may happen.
    """
    if not request.config.getoption("--soak"):
        from hypothesis.internal.conjecture.engine import ConjectureRunner

        monkeypatch.setattr(ConjectureRunner, "generate_mutations_from", lambda *_: None)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a speed of matrix products for granted, which each run measures as it begins."""
    speed = "mnist_core.backend.matrix_products.glance_gflops"
    monkeypatch.setattr(speed, lambda: 100.0)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train with uncompiled steps, which give the same figures: no g++ runs beside the test."""
    # Not before the folder of its kernels has been set, which is when MLX takes it up.
    from mnist_core.backend.mlx import mx

    kernels = "mnist_core.training.kernel_warmup.StepCompilation._kernels_to_make"
    monkeypatch.setattr(kernels, lambda _: None)
    mx.disable_compile()
    yield
    mx.enable_compile()


@pytest.fixture
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system starts no more threads, as at a limit of processes."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.fixture(scope="session")
def real_mnist() -> Path | None:
    """The folder of the four official MNIST files, or None: a test must then use other data."""
    return _real_mnist()


def _real_mnist() -> Path | None:
    return REAL_MNIST if (REAL_MNIST / "train-images-idx3-ubyte.gz").exists() else None


def _folder_in_memory() -> str | None:
    """A folder in memory, as most Linux has one, with room and for files that are executed."""
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return None
    fits = found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC
    return "/dev/shm" if fits and os.access("/dev/shm", os.W_OK) else None


def _use_folders_in(folder: Path, environment: pytest.MonkeyPatch) -> None:
    for variable, name in USER_FOLDERS.items():
        environment.setenv(variable, str(folder / name))


def _share_made_once(session: Path, folder: Path) -> None:
    for of_all, own in zip(_made_once(session), _made_once(folder), strict=True):
        own.parent.mkdir(parents=True, exist_ok=True)
        own.symlink_to(of_all)


def _made_once(folder: Path) -> tuple[Path, ...]:
    """Where the program, given the user folders in `folder`, keeps its BLAS and its kernels."""
    cache = folder / USER_FOLDERS["XDG_CACHE_HOME"] / "mnist-tui"
    return cache / "blas", cache / "kernels"


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without HOME and without an entry in the password database, as in a container.

    The temporary folder is tmp_path.
    """

    def unknown(user: int | str) -> pwd.struct_passwd:
        raise KeyError(user)

    for name in ("HOME", *USER_FOLDERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
