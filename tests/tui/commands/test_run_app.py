"""How the app is left: everything that was begun comes to its end, whatever fails on the way."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from helpers.graphics import KITTY
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunStore, StoreError
from mnist_core.training.training_thread import TrainingThread
from mnist_tui.app import MnistApp
from mnist_tui.commands import run_app as module
from mnist_tui.commands.runs.with_store import with_store
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.runtime.output import OutputLost
from mnist_tui.runtime.startup import BROWSER_DRIVER, LaunchOptions
from mnist_tui.screens import Screens
from mnist_tui.settings.config import ConfigFile

ENDINGS: list[tuple[type, str]] = [
    (MnistApp, "run"),
    (Screens, "close_sweep"),
    (Screens, "close_race"),
    (Screens, "purge_deleted"),
    (Session, "close"),
    (TrainingThread, "close"),
]
"""In the order in which they come."""


@pytest.fixture
def _own_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    interval = sys.getswitchinterval()
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.setswitchinterval(interval)


@pytest.fixture
def open_and_leave(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, _own_signals: None
) -> Callable[[], int]:
    """Run an app that is left at once."""
    monkeypatch.setattr(module, "configure", lambda *_: None)
    recipe = Hyperparameters()
    options = LaunchOptions(
        None, (recipe,), "mlx-docs", frozenset(), tmp_path, tmp_path / "log", "cpu", 1
    )
    return lambda: module.run_app(options, ConfigFile(Path()))


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"no terminal": 1}, False),
        ({"no package": ""}, False),
        ({"TEXTUAL_DRIVER": BROWSER_DRIVER}, False),
    ],
)
def test_the_terminal_is_asked_only_where_images_are_plausible(
    change: dict[str, str | int], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "STY", "ZELLIJ", "NO_COLOR", "KITTY_WINDOW_ID", "XTERM_VERSION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TERM_PROGRAM", "LC_TERMINAL", "KONSOLE_VERSION", "WT_SESSION", "TEXTUAL_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-kitty")
    for name, value in change.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(module, "ask_terminal", lambda: KITTY)
    monkeypatch.setattr(module, "has_package", lambda: "no package" not in change)
    monkeypatch.setattr(os, "isatty", lambda number: number != change.get("no terminal"))
    assert module._graphics() == (KITTY if asked else None)


@pytest.mark.parametrize("failing", [name for _, name in ENDINGS[:-1]])
def test_what_fails_at_the_end_keeps_nothing_else_from_its_end(
    open_and_leave: Callable[[], int], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    done: list[str] = []

    def ending(owner: type, name: str) -> Callable[[object], None]:
        def end(_self: object) -> None:
            done.append(f"{owner.__name__}.{name}")
            if (owner, name) == next(each for each in ENDINGS if each[1] == failing):
                raise ZeroDivisionError

        return end

    for owner, name in ENDINGS:
        monkeypatch.setattr(owner, name, ending(owner, name))
    with pytest.raises(ZeroDivisionError):
        open_and_leave()
    assert done == [f"{owner.__name__}.{name}" for owner, name in ENDINGS]


def test_deletions_that_cannot_be_made_final_are_a_sentence(
    open_and_leave: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def purge(_screens: Screens) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(MnistApp, "run", lambda _app: None)
    monkeypatch.setattr(Screens, "purge_deleted", purge)
    assert open_and_leave() == 0
    assert capsys.readouterr().err == "The disk is full.\n"


def test_an_app_whose_terminal_is_gone_stops_and_keeps_its_run(
    open_and_leave: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Callable[[], None]] = []

    @contextmanager
    def terminal_gone(_log: Path, hung_up: Callable[[], None]) -> Iterator[None]:
        hung_up()
        yield

    monkeypatch.setattr(module, "stray_output_logged", terminal_gone)
    monkeypatch.setattr(MnistApp, "call_later", lambda _app, wish: asked.append(wish))
    monkeypatch.setattr(MnistApp, "run", lambda _app: None)
    assert open_and_leave() == 0
    assert [wish.__name__ for wish in asked] == ["stop_and_exit"]


def test_a_session_ends_its_run_and_closes_its_store_whatever_fails(tmp_path: Path) -> None:
    done: list[str] = []

    class Failing:
        def __init__(self, name: str) -> None:
            self.name = name

        def stop(self) -> None:
            pass

        def close(self) -> None:
            done.append(self.name)
            raise ZeroDivisionError

        join = close

    session = Session(
        lambda *_, **__: Failing("run"),  # type: ignore[arg-type]
        DataSource(lambda: Failing("data")),  # type: ignore[arg-type,return-value]
        str,
        RunStore(tmp_path),
    )
    session.data, session._store = Failing("data"), Failing("store")  # type: ignore[assignment]
    session.run = Failing("run")  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        session.close()
    assert done == ["data", "run", "store"]


def test_a_command_closes_the_store_when_nobody_takes_its_notice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed: list[bool] = []

    def refuse(_stream: object) -> Callable[[str], None]:
        def write(_line: str) -> None:
            raise OutputLost

        return write

    monkeypatch.setattr("mnist_tui.commands.runs.with_store.line_writer", refuse)
    monkeypatch.setattr(RunStore, "notice", "It was repaired.")
    monkeypatch.setattr(RunStore, "close", lambda _store: closed.append(True))
    with suppress(OutputLost):
        with_store(lambda _store: None)(tmp_path)
    assert closed == [True]
