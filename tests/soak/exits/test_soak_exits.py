"""Starts and ends at random moments: the exit code, the terminal, and nothing left behind."""

import random
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from helpers.graphics import KITTY_ANSWERS
from helpers.idx_folder import write_idx_folder
from helpers.processes import started_in
from helpers.race_on_terminal import choose, tick_only
from helpers.terminal import Terminal
from mnist_core.store import RunState, RunStore

Repeats = Callable[[int, int], int]
Tally = Callable[..., None]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")
KITTY = {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1", "TMUX": "", "NO_COLOR": ""}
SENT = re.compile(r"\x1b_Gi=(\d+),m=[01],")
DELETED = re.compile(r"\x1b_Ga=d,d=I,i=(\d+),q=2\x1b\\")
PATIENCE = 20.0
"""Seconds in which what was told to end may be ending, until a test says that it has not."""


def quit_by_key(app: Terminal) -> None:
    """q and Enter, which the question of a run under way takes for yes, until it is gone."""
    app.send("esc", "esc", "q")
    while app.overlook(0.3):
        app.send("ctrl+q", "enter")


def end_by(number: signal.Signals) -> Callable[[Terminal], None]:
    return lambda app: app.signal(number)


def end_twice(app: Terminal) -> None:
    app.signal(signal.SIGTERM)
    app.overlook(0.05)
    app.signal(signal.SIGHUP)


ENDINGS = [quit_by_key, end_by(signal.SIGTERM), quit_by_key, end_by(signal.SIGHUP), end_twice]


def while_loading(app: Terminal) -> None:
    """Anywhere from the first frame on."""
    app.wait_for("Hyperparameters|Learning rate")


def while_idle(app: Terminal) -> None:
    app.wait_for("idle")


def while_running(app: Terminal) -> None:
    app.wait_for("idle")
    app.send("r")
    app.wait_for(r"● running .* epoch [1-9]")


def while_compiling(app: Terminal) -> None:
    """The kernels of another form are made beside the training as it begins."""
    app.wait_for("idle")
    app.send("r")
    app.wait_for("● running")


def while_saving(app: Terminal) -> None:
    """A run that ends writes its last part; the next one begins meanwhile."""
    while_running(app)
    app.send("s", "r")


def while_racing(app: Terminal) -> None:
    app.wait_for("idle")
    choose(app, "linear", "9")
    tick_only(app, "mlx-fast", "numpy-float64")
    app.send("esc")
    app.wait_for(lambda screen: "esc Chart" not in screen)
    app.send("r")
    app.wait_for("racing")


def while_sweeping(app: Terminal) -> None:
    app.wait_for("idle")
    app.send("5")
    app.wait_for("next: hidden layers, learning rate")
    app.send("r")
    app.wait_for("● running")


@pytest.mark.parametrize(
    ("reach", "full", "long"),
    [
        pytest.param(while_loading, 60, 1.0, marks=pytest.mark.soak),
        pytest.param(while_idle, 40, 1.0, marks=pytest.mark.soak),
        pytest.param(while_compiling, 40, 2.0, marks=pytest.mark.soak),
        (while_running, 60, 2.0),
        pytest.param(while_saving, 40, 0.5, marks=pytest.mark.soak),
        pytest.param(while_racing, 30, 2.0, marks=pytest.mark.soak),
        pytest.param(while_sweeping, 30, 3.0, marks=pytest.mark.soak),
    ],
)
def test_starts_and_ends(
    reach: Callable[[Terminal], None],
    full: int,
    long: float,
    tmp_path: Path,
    repeats: Repeats,
    tally: Tally,
) -> None:
    """`long`: seconds, within which the end comes after that was reached."""
    digits = write_idx_folder(tmp_path / "digits")
    moments, count, wrong = random.Random(reach.__name__), repeats(1, full), list[str]()
    for attempt in range(count):
        home, temporary = tmp_path / f"home {attempt}", tmp_path / f"tmp {attempt}"
        temporary.mkdir()
        compiles = {} if reach is while_compiling else {"MLX_DISABLE_COMPILE": "1"}
        flags = [f"--data={digits}", f"--home={home}", "--epochs=100000", "--threads=1"]
        flags += ["--digits=pixels", f"--hidden-sizes={16 + attempt % 8}"]
        # By its home a process that has left the session is found, too.
        env = {**KITTY, **compiles, "MNIST_TUI_HOME": str(home), "TMPDIR": str(temporary)}
        with Terminal([MNIST_TUI, *flags], env=env, attributes=KITTY_ANSWERS) as app:
            reach(app)
            app.overlook(moments.uniform(0, long))
            ENDINGS[attempt % len(ENDINGS)](app)
            code = app.wait_exit()
            if code != 0:
                wrong.append(f"{attempt}: exit code {code}")
            wrong += [f"{attempt}: {each}" for each in app.unrestored()]
            wrong += [f"{attempt}: left {each}" for each in app.stray_processes(PATIENCE)]
            output = app.output()
        wrong += [f"{attempt}: left {each}" for each in left_by(home)]
        wrong += [f"{attempt}: left {each}" for each in temporary.rglob("*")]
        wrong += [f"{attempt}: left {each}" for each in home.rglob("*.part")]
        if "Traceback" in output.rpartition("\x1b[?1049l")[2]:
            wrong.append(f"{attempt}: {output.rpartition('?1049l')[2]}")
        images = set(SENT.findall(output)) - set(DELETED.findall(output))
        wrong += [f"{attempt}: image {each} is not deleted" for each in images]
        with closing(RunStore(home)) as store:
            states = {run.state for run in store.runs()}
            if not states <= {RunState.STOPPED, RunState.COMPLETED}:
                wrong.append(f"{attempt}: {states}")
    assert wrong == []
    tally(reach.__name__.replace("_", " "), count, len(wrong))


def left_by(home: Path) -> list[str]:
    """The processes with this home that are still there after a while."""
    deadline = time.monotonic() + PATIENCE
    while (left := started_in(home)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@pytest.mark.soak
@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_short_commands_leave_nothing(
    flag: str, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    wrong, count = list[str](), repeats(1, 5)
    for _ in range(count):
        with Terminal([MNIST_TUI, flag], env={"TMPDIR": str(tmp_path)}) as command:
            code = command.wait_exit()
            if (code, command.unrestored(), list(tmp_path.iterdir())) != (0, [], []):
                wrong.append(f"exit code {code}, {command.unrestored()}")
    assert wrong == []
    tally(f"mnist-tui {flag}", count, len(wrong))
