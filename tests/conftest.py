"""What every test shares: folders of its own, real MNIST where it is, the length of repetitions."""

import gc
import os
import pwd
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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

SESSION_FOLDER = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--soak",
        action="store_true",
        help="run the tests marked soak too, and repeat repeated tests as often as they ask",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts the tests in the background has them, and what they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Hundreds of apps come and go in one process: looking for garbage took a fifth of the time.
    gc.set_threshold(100_000, 50, 1000)
    # A fixture would come too late: collecting tests imports MLX, and that fills the cache.
    folder = tempfile.TemporaryDirectory(prefix="mnist-tui-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    environment = pytest.MonkeyPatch()
    config.add_cleanup(environment.undo)
    config.stash[SESSION_FOLDER] = Path(folder.name)
    _use_folders_in(Path(folder.name), environment)
    for variable in list(os.environ):
        of_terminal = variable in TERMINAL_VARIABLES or variable.startswith("TEXTUAL")
        if of_terminal and variable != SNAPSHOTS_OF_WORKERS:
            environment.delenv(variable)
    for made_once in _made_once(Path(folder.name)):
        made_once.mkdir(mode=0o700, parents=True)


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


@pytest.fixture(autouse=True)
def _user_folders(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Give the test empty user folders, but for what is the same in each and takes long to make."""
    folder = tmp_path_factory.mktemp("user")
    _use_folders_in(folder, monkeypatch)
    shared = _made_once(request.config.stash[SESSION_FOLDER])
    for own, of_all in zip(_made_once(folder), shared, strict=True):
        own.parent.mkdir(parents=True, exist_ok=True)
        own.symlink_to(of_all)


@pytest.fixture
def repeats(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`repeats(short, full)`: how often to repeat; `full` with --soak, else `short`."""
    soak = bool(request.config.getoption("--soak"))
    return lambda short, full: full if soak else short


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


@pytest.fixture(scope="session")
def real_mnist() -> Path | None:
    """The folder of the four official MNIST files, or None: a test must then use other data."""
    return _real_mnist()


def _real_mnist() -> Path | None:
    return REAL_MNIST if (REAL_MNIST / "train-images-idx3-ubyte.gz").exists() else None


def _use_folders_in(folder: Path, environment: pytest.MonkeyPatch) -> None:
    for variable, name in USER_FOLDERS.items():
        environment.setenv(variable, str(folder / name))


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
