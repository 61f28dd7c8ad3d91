"""The deadline is tested by its two extremes, 0 and never, so that no test depends on speed."""

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mnist_core.data import registry
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.loader import (
    DatasetEvent,
    DatasetFailed,
    DatasetLoaded,
    DatasetLoader,
    DatasetNotOffered,
    DatasetOffered,
    DatasetProgressed,
)
from mnist_core.data.registry import DatasetUnavailable, LoadingCancelled

NEVER = 3600.0
PATIENCE = 300.0
"""How long a test waits for what must come, in seconds."""

Progress = Callable[[str, int, int | None], None]


def tiny(name: str) -> Dataset:
    examples = Examples(np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.uint16))
    return Dataset(name, examples, examples, ("0",), (0,), synthetic=name == "synthetic")


class ScriptedLoad:
    """Stands for `load_dataset`: each source waits until it may go on, then gives or raises."""

    def __init__(
        self, failures: dict[str, Exception] | None = None, held: Sequence[str] = ()
    ) -> None:
        self.failures = failures or {}
        self.begun = {name: threading.Event() for name in ("mnist", "synthetic")}
        self.may_go_on = {name: threading.Event() for name in ("mnist", "synthetic")}
        self.calls: list[tuple[str | Path, Path]] = []
        for name, event in self.may_go_on.items():
            if name not in held:
                event.set()

    def __call__(
        self,
        source: str | Path,
        cache: Path,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> Dataset:
        self.calls.append((source, cache))
        name = str(source)
        if name in self.begun:
            self.begun[name].set()
            assert self.may_go_on[name].wait(PATIENCE)
        if cancel is not None and cancel.is_set():
            raise LoadingCancelled
        if progress is not None and name == "mnist":
            progress("images.gz", 5, 10)
        if name in self.failures:
            raise self.failures[name]
        return tiny(name)


def outcomes(loader: DatasetLoader, count: int) -> list[DatasetEvent]:
    """The next `count` events that are no progress; fewer when the loader ends before."""
    found: list[DatasetEvent] = []
    while len(found) < count and loader.wait(PATIENCE):
        found += [event for event in loader.drain() if not isinstance(event, DatasetProgressed)]
    return found


def all_events(loader: DatasetLoader) -> list[DatasetEvent]:
    assert loader.join(PATIENCE)
    return loader.drain()


def test_a_named_dataset_is_loaded_with_its_progress(tmp_path: Path) -> None:
    load = ScriptedLoad()
    loader = DatasetLoader("mnist", tmp_path, load=load)

    loader.start()
    *progress, loaded = all_events(loader)

    assert progress == [
        DatasetProgressed("Loading mnist", 0, None),
        DatasetProgressed("Downloading images.gz", 5, 10),
    ]
    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.name == "mnist"
    assert loaded.reason is None
    assert load.calls == [("mnist", tmp_path)]


@pytest.mark.parametrize("source", ["mnist", None])
def test_whatever_is_loaded_is_transposed_if_asked_for(tmp_path: Path, source: str | None) -> None:
    load = ScriptedLoad(held=[] if source else ["mnist"])
    loader = DatasetLoader(source, tmp_path, transpose=True, deadline=0.0, load=load)

    loader.start()
    (loaded,) = outcomes(loader, 1)
    load.may_go_on["mnist"].set()
    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.transposed
    assert loaded.dataset.name == f"{source or 'synthetic'} transposed"
    if source is None:
        (offered,) = outcomes(loader, 1)
        assert isinstance(offered, DatasetOffered)
        assert offered.dataset.name == "mnist transposed"


@pytest.mark.parametrize("source", ["mnist", Path("some/folder")])
def test_a_named_dataset_never_falls_back(tmp_path: Path, source: str | Path) -> None:
    load = ScriptedLoad({str(source): DatasetUnavailable("It is not there.")})
    loader = DatasetLoader(source, tmp_path, deadline=0.0, load=load)

    loader.start()
    *_, failed = all_events(loader)

    assert isinstance(failed, DatasetFailed)
    assert failed.message == "It is not there."
    assert "DatasetUnavailable: It is not there." in failed.traceback
    assert [source_asked for source_asked, _ in load.calls] == [source]


def test_an_error_nobody_foresaw_is_told_with_its_traceback(tmp_path: Path) -> None:
    loader = DatasetLoader("mnist", tmp_path, load=ScriptedLoad({"mnist": KeyError("images")}))

    loader.start()
    *_, failed = all_events(loader)

    assert isinstance(failed, DatasetFailed)
    assert "KeyError: 'images'" in failed.message
    assert "Traceback" in failed.traceback


def test_by_default_a_download_in_time_is_used_and_nothing_else(tmp_path: Path) -> None:
    load = ScriptedLoad(held=["synthetic"])
    loader = DatasetLoader(None, tmp_path, deadline=NEVER, load=load)

    loader.start()
    (loaded,) = outcomes(loader, 1)
    load.may_go_on["synthetic"].set()

    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.name == "mnist"
    assert loaded.reason is None
    assert all_events(loader) == []


def test_digits_are_drawn_while_the_download_hangs(tmp_path: Path) -> None:
    load = ScriptedLoad(held=["mnist"])
    loader = DatasetLoader(None, tmp_path, deadline=NEVER, load=load)

    loader.start()

    assert load.begun["mnist"].wait(PATIENCE)
    assert load.begun["synthetic"].wait(PATIENCE)
    load.may_go_on["mnist"].set()
    assert loader.join(PATIENCE)


def test_at_the_deadline_synthetic_digits_are_loaded_and_a_late_download_is_offered(
    tmp_path: Path,
) -> None:
    load = ScriptedLoad(held=["mnist"])
    loader = DatasetLoader(None, tmp_path, deadline=0.0, load=load)

    loader.start()
    (loaded,) = outcomes(loader, 1)
    load.may_go_on["mnist"].set()
    (offered,) = outcomes(loader, 1)

    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.synthetic
    assert loaded.reason is not None
    assert "synthetic: MNIST was not here after 0 seconds" in loaded.reason
    assert "will be offered when it is complete" in loaded.reason
    assert "--data DIR" in loaded.reason
    assert isinstance(offered, DatasetOffered)
    assert offered.dataset.name == "mnist"
    assert outcomes(loader, 1) == []


def test_a_late_download_that_fails_is_told(tmp_path: Path) -> None:
    load = ScriptedLoad({"mnist": DatasetUnavailable("No network.")}, held=["mnist"])
    loader = DatasetLoader(None, tmp_path, deadline=0.0, load=load)

    loader.start()
    (loaded,) = outcomes(loader, 1)
    load.may_go_on["mnist"].set()

    assert isinstance(loaded, DatasetLoaded)
    assert outcomes(loader, 1) == [DatasetNotOffered("No network.")]
    assert outcomes(loader, 1) == []


def test_a_failed_download_does_not_wait_for_the_deadline(tmp_path: Path) -> None:
    load = ScriptedLoad({"mnist": DatasetUnavailable("No network.")})
    loader = DatasetLoader(None, tmp_path, deadline=NEVER, load=load)

    loader.start()
    *_, loaded = all_events(loader)

    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.synthetic
    assert loaded.reason == (
        "These digits are synthetic. No network. To try again: mnist-tui data fetch mnist."
    )


def test_a_download_helps_out_when_no_digits_can_be_drawn(tmp_path: Path) -> None:
    load = ScriptedLoad({"synthetic": DatasetUnavailable("No ink.")}, held=["mnist"])
    loader = DatasetLoader(None, tmp_path, deadline=0.0, load=load)

    loader.start()
    (failed,) = outcomes(loader, 1)
    load.may_go_on["mnist"].set()
    (loaded,) = outcomes(loader, 1)

    assert isinstance(failed, DatasetFailed)
    assert failed.message == "No ink."
    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.name == "mnist"


def test_a_cached_mnist_is_used_without_drawing_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.data.loader.is_cached", lambda name, _: name == "mnist")
    load = ScriptedLoad()
    loader = DatasetLoader(None, tmp_path, deadline=0.0, load=load)

    loader.start()
    *_, loaded = all_events(loader)

    assert isinstance(loaded, DatasetLoaded)
    assert loaded.reason is None
    assert [source for source, _ in load.calls] == ["mnist"]


def test_a_cache_that_fails_when_it_is_read_is_replaced_by_synthetic_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.data.loader.is_cached", lambda *_: True)
    load = ScriptedLoad({"mnist": DatasetUnavailable("It went away.")})
    loader = DatasetLoader(None, tmp_path, deadline=NEVER, load=load)

    loader.start()
    *_, loaded = all_events(loader)

    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.synthetic
    assert loaded.reason is not None
    assert "It went away." in loaded.reason


@pytest.mark.parametrize("first", ["mnist", "synthetic"])
def test_after_a_cancel_nothing_is_told_and_the_threads_end(tmp_path: Path, first: str) -> None:
    load = ScriptedLoad(held=["mnist", "synthetic"])
    loader = DatasetLoader(None, tmp_path, deadline=NEVER, load=load)

    loader.start()
    assert load.begun["mnist"].wait(PATIENCE)
    assert load.begun["synthetic"].wait(PATIENCE)
    loader.cancel()
    load.may_go_on[first].set()

    assert not loader.join(0.0)
    for event in load.may_go_on.values():
        event.set()
    assert loader.join(PATIENCE)
    assert loader.drain() == []
    assert not loader.wait()


def test_join_says_when_the_threads_still_work(tmp_path: Path) -> None:
    load = ScriptedLoad(held=["mnist"])
    loader = DatasetLoader("mnist", tmp_path, load=load)

    loader.start()
    assert load.begun["mnist"].wait(PATIENCE)

    assert not loader.join(0.0)
    load.may_go_on["mnist"].set()
    assert loader.join(PATIENCE)


def test_offline_the_real_loading_falls_back_for_nobody_but_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setattr("socket.getaddrinfo", no_network)
    monkeypatch.setattr(
        "mnist_core.data.synthetic.synthetic_dataset", lambda **_: tiny("synthetic")
    )
    default = DatasetLoader(None, tmp_path, deadline=NEVER)
    named = DatasetLoader("mnist", tmp_path)

    default.start()
    named.start()
    *_, loaded = all_events(default)
    *_, failed = all_events(named)

    assert isinstance(loaded, DatasetLoaded)
    assert loaded.dataset.synthetic
    assert loaded.reason is not None
    for mirror in registry.PUBLISHED["mnist"].mirrors:
        assert mirror.split("/")[2] in loaded.reason
    assert isinstance(failed, DatasetFailed)
    assert failed.message.startswith("MNIST is not available: ")


def test_the_process_ends_while_an_address_is_looked_up(tmp_path: Path) -> None:
    code = """
import socket, sys, threading
from pathlib import Path
import numpy as np
from mnist_core.data import synthetic
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.loader import DatasetLoaded, DatasetLoader

looked_up = threading.Event()

def hang(*_, **__):
    looked_up.set()
    threading.Event().wait()

socket.getaddrinfo = hang
examples = Examples(np.zeros((1, 1, 1), np.uint8), np.zeros(1, np.uint16))
drawn = Dataset("drawn digits", examples, examples, ("zero",), (0,))
synthetic.synthetic_dataset = lambda cache_folder: drawn
loader = DatasetLoader(None, Path(sys.argv[1]), deadline=0.0)
loader.start()
assert looked_up.wait()
while loader.wait():
    for event in loader.drain():
        if isinstance(event, DatasetLoaded):
            print(event.dataset.name)
            sys.exit(0)
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={"PATH": ""},
    )

    assert run.stderr == ""
    assert run.stdout == "drawn digits\n"
    assert run.returncode == 0


@pytest.mark.usefixtures("no_more_threads")
@pytest.mark.parametrize("source", [None, "synthetic"])
def test_without_a_thread_there_are_no_data_and_it_is_said(
    source: str | None, tmp_path: Path
) -> None:
    loader = DatasetLoader(source, tmp_path)
    loader.start()
    assert loader.wait(PATIENCE)
    (failed,) = loader.drain()
    assert isinstance(failed, DatasetFailed)
    assert "No data could be loaded: can't start new thread. End other" in failed.message
    assert not loader.wait(PATIENCE), "nothing more will come"
