"""The home folder that `make_old_home.py` made with an earlier version opens as it did."""

import json
import math
import os
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest

from helpers.make_old_home import EXPORTED, FOLDER, FORMATS, RESUMED, SMALL, content_of
from helpers.terminal import Terminal

MNIST_TUI = Path(sys.executable).with_name("mnist-tui")
PATIENCE = 300
"""Seconds after which a process hangs; a compiler on a busy machine takes a minute."""
CLOSE = 1e-3
"""How far a loss may be from that of another processor after a few dozen updates."""

Ask = Callable[..., str]

pytestmark = pytest.mark.timeout(2 * PATIENCE)

compiles = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None,
    reason="MLX compiles kernels with g++ on Linux alone",
)


@pytest.fixture(scope="module")
def told() -> Any:
    """What the earlier version said of the home."""
    return json.loads((FOLDER / "told.json").read_text())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with the home and the data that its runs trained on."""
    with tarfile.open(FOLDER / "home.tar.gz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return tmp_path / "old"


@pytest.fixture
def ask(
    old: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    own_hooks: None,
) -> Ask:
    """`ask("runs", "list")` is what that command prints of the old home; it must not complain."""
    (command,) = entry_points(group="console_scripts", name="mnist-tui")

    def ask(*arguments: str | Path) -> str:
        words = ["mnist-tui", *map(str, arguments), "--home", str(old / "home")]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            command.load()()
        said = capsys.readouterr()
        assert (ended.value.code, said.err) == (0, "")
        return said.out

    return ask


def objects(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def assert_tells(found: Any, before: Any, close: float = 0.0) -> None:
    """Whether `found` holds all that `before` does; a later version may tell more of a thing.

    With `close`, numbers that are no whole ones may be that far off, relative to their size.
    """
    if isinstance(before, dict):
        assert set(before) <= set(found)
        for name, value in before.items():
            if name in ("started", "updated", "ended") and value is not None:
                # The clock of another time zone.
                assert datetime.fromisoformat(found[name]) == datetime.fromisoformat(value)
            else:
                assert_tells(found[name], value, close)
    elif isinstance(before, list):
        assert len(found) == len(before)
        for part, its_part in zip(found, before, strict=True):
            assert_tells(part, its_part, close)
    elif isinstance(before, float) and close:
        assert math.isclose(found, before, rel_tol=close, abs_tol=close * 1e-3)
    else:
        assert found == before


# -- the store ------------------------------------------------------------------------------------


def test_the_home_holds_what_can_be_kept(told: Any) -> None:
    states = {run["state"] for run in told["list"]}
    assert states == {"completed", "stopped", "diverged", "failed", "interrupted"}
    shown = told["show"].values()
    assert len(told["show"]["changed"]["changes"]) == 3
    assert len(told["show"]["halved"]["changes"]) == 1
    assert [(run["note"], run["tags"]) for run in shown if run["note"]] == [
        ("The first one: ★ 97 %, [b]not[/b] tuned", ["adam", "small net"])
    ]
    assert {race["state"] for race in told["races"]} == {"completed", "stopped"}
    assert "run 9" not in told["show"], "it was deleted"


def test_the_runs_are_listed(ask: Ask, told: Any) -> None:
    assert_tells(objects(ask("runs", "list", "--json")), told["list"])


def test_each_run_shows_its_figures(ask: Ask, told: Any) -> None:
    for name, before in told["show"].items():
        assert_tells(json.loads(ask("runs", "show", name, "--json")), before)


def test_each_run_has_its_mistakes(ask: Ask, told: Any) -> None:
    for name, before in told["mistakes"].items():
        # Probabilities are made of the stored logits, with the exponential of this processor.
        assert_tells(objects(ask("runs", "mistakes", name, "--json")), before, 1e-5)
    for epoch, before in told["mistakes at epochs"].items():
        found = objects(ask("runs", "mistakes", EXPORTED[0], "--epoch", epoch, "--json"))
        assert_tells(found, before, 1e-5)


@pytest.mark.parametrize("form", FORMATS)
def test_exports_hold_the_same(form: str, ask: Ask, told: Any, tmp_path: Path) -> None:
    for run in EXPORTED:
        path = tmp_path / f"{run[:4]}.{form}"
        ask("runs", "export", run, "--format", form, "--output", path)
        assert json.loads(json.dumps(content_of(path, form))) == told["exports"][run][form]


def test_the_weights_of_the_best_epoch_are_the_same(ask: Ask, told: Any, tmp_path: Path) -> None:
    path = tmp_path / "best.npz"
    ask("runs", "export", EXPORTED[0], "--format", "npz", "--best", "--output", path)
    assert content_of(path, "npz") == told["best weights"]


def test_curves_are_drawn(ask: Ask) -> None:
    drawn = ask("runs", "plot", *EXPORTED)
    assert sum("\u2801" <= character <= "\u28ff" for character in drawn) > 50


def test_a_run_is_deleted(ask: Ask, told: Any, old: Path) -> None:
    name = told["list"][0]["name"]
    run_id = told["list"][0]["id"]
    assert list(old.glob(f"home/checkpoints/{run_id}/*.safetensors"))
    ask("runs", "delete", name)
    left = [run["id"] for run in objects(ask("runs", "list", "--json"))]
    assert left == [run["id"] for run in told["list"][1:]]
    assert not (old / "home" / "checkpoints" / run_id).exists()


# -- going on -------------------------------------------------------------------------------------


def rest_of(home: Path, data: Path, run: str, last: int) -> list[Any]:
    """The events of a run from where it stood to an epoch, without those of the machine's speed."""
    done = subprocess.run(
        [MNIST_TUI, "train", "--resume", run, "--data", data, "--until-epoch", str(last),
         "--home", home, "--json", "--log-every", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loading, kept = done.stderr.splitlines()
    assert loading == f"Loading {data}"
    assert kept.startswith("Kept as ")
    return [
        {name: value for name, value in event.items() if "second" not in name}
        for event in objects(done.stdout)
    ]


@pytest.mark.parametrize("run", RESUMED)
def test_a_run_goes_on_from_where_it_stood(run: str, old: Path, ask: Ask, told: Any) -> None:
    before = told["resumed"][run]
    last = before[-1]["epoch"]
    assert before[0]["step"] > 0
    shutil.copytree(old / "home", old / "again")

    rest = rest_of(old / "home", old / "digits", run, last)
    steps = [event["step"] for event in rest if event["event"] == "batch_completed"]
    first = rest_of(old / "again", old / "digits", run, last - 1)
    second = rest_of(old / "again", old / "digits", run, last)

    assert_tells([event for event in rest if event["event"] != "batch_completed"],
                 [event for event in before if event["event"] != "batch_completed"],
                 CLOSE)  # fmt: skip
    assert steps == [event["step"] for event in before if event["event"] == "batch_completed"]
    assert steps[0] == before[0]["step"] + 1
    for now, then in zip(rest, before, strict=True):
        assert_tells(now, then, CLOSE)
    # Going on once more gives the same bits, and so the file held all there was.
    epochs = ("batch_completed", "epoch_completed")
    whole = [event for event in rest if event["event"] in epochs]
    parts = [event for event in (*first, *second) if event["event"] in epochs]
    assert parts == whole
    shown = json.loads(ask("runs", "show", run, "--json"))
    assert (shown["state"], shown["epochs"], shown["step"]) == ("completed", last, steps[-1])


# -- settings, and the app ------------------------------------------------------------------------


def test_the_settings_are_in_force(ask: Ask, told: Any) -> None:
    found = json.loads(ask("config", "--json"))
    for each in (found, told["config"]):
        each.pop("path", None)
    assert_tells(found, told["config"])


def test_the_app_opens_it(open_terminal: Callable[..., Terminal], old: Path, told: Any) -> None:
    terminal = open_terminal([MNIST_TUI, "--data", old / "digits", "--home", old / "home",
                              "--hidden-sizes", "4", "--epochs", "100000"])  # fmt: skip
    screen = terminal.wait_for("idle")
    assert "torch-sigmoid" in screen
    assert int(terminal.cell(60, 20).bg[:2], 16) > 0x80, "a light theme"

    terminal.send("3")
    screen = terminal.wait_for("baseline")
    for run in told["list"]:
        shown = re.escape(run["name"][:8])
        assert re.search(rf"{run['state']} +{shown}", screen)
    assert "run 9" not in screen

    terminal.send("4")
    terminal.wait_for("Earlier races")
    for position, race in enumerate(told["races"]):
        terminal.send("h")
        terminal.wait_for(r"D Delete")
        terminal.send(*["down"] * min(position, 1))
        x, y = terminal.find("Earlier races")
        empty, row = y + 2 + len(told["races"]), y + 1 + position
        terminal.wait_for(lambda _: terminal.cell(x, row).bg != terminal.cell(x, empty).bg)  # noqa: B023
        terminal.send("enter")
        for entrant, figure in race["shown"]:
            terminal.wait_for(rf"^│ . {entrant} +{figure}  ")

    terminal.send("1")
    terminal.wait_for("Hyperparameters")
    terminal.send("a")  # in place of r
    terminal.wait_for(r"● running .* epoch")
    terminal.send("s")
    terminal.wait_for("■ stopped")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert "Traceback" not in terminal.output()


# -- the kernels ----------------------------------------------------------------------------------


def kernel_folder(cache: Path) -> Path:
    """Where an earlier version has MLX keep its kernels."""
    libc = " ".join(platform.libc_ver())
    machine = f"{os.uname().machine}-{libc}".replace(" ", "-")
    return cache / "mnist-tui" / "kernels" / machine


def marker(told: Any) -> str:
    """What an earlier version calls the file that says that the kernels of a run are there."""
    named_after = f"{version('mlx')}\n{told['kernels']['named_after']}"
    return f"ready-{sha256(named_after.encode()).hexdigest()[:16]}"


def start(data: Path, home: Path, cache: Path, *arguments: str, path: str = "") -> Any:
    variables = {"XDG_CACHE_HOME": str(cache), "PATH": path + os.environ["PATH"]}
    return subprocess.Popen(
        [MNIST_TUI, "train", "--data", data, "--home", home, *SMALL, "--threads", "1", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


def make_kernels(data: Path, home: Path, cache: Path) -> None:
    """Train until the kernels are there, and stop."""
    with start(data, home, cache, "--epochs", "100000") as process:
        # Nobody reads what the run tells, so it soon waits and leaves the cores to the compiler.
        while not list(cache.rglob("ready-*")):
            assert process.poll() is None, process.communicate()
            select.select([], [], [], 0.05)
        process.send_signal(signal.SIGINT)
        told, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, f"{told[-500:]}\n{complaints}"


@compiles
def test_kernels_lie_where_they_lay_and_are_used_again(
    old: Path, told: Any, tmp_path: Path
) -> None:
    # A cache of an earlier version: one of these kernels, and what another MLX left there.
    made, cache = tmp_path / "made", tmp_path / "cache"
    make_kernels(old / "digits", tmp_path / "home", made)
    assert kernel_folder(made).is_dir()
    (ready,) = kernel_folder(made).glob("ready-*")
    assert ready.name != marker(told), "an earlier version cannot say that kernels are whole"
    folder = kernel_folder(cache)
    folder.mkdir(mode=0o700, parents=True)
    shutil.copytree(kernel_folder(made) / "mlx", folder / "mlx")
    (folder / marker(told)).touch()
    stale = folder / "mlx" / "0.0.1" / "cpu" / "libOld.so"
    stale.parent.mkdir(parents=True)
    another = next(folder.glob("mlx/*/cpu/lib*.so")).read_bytes()
    stale.write_bytes(another)
    before = sorted(folder.rglob("*"))
    assert [path for path in before if path.suffix == ".so"] != [stale]
    called = tmp_path / "called"
    compiler = tmp_path / "bin" / "g++"
    compiler.parent.mkdir()
    compiler.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "$@" >> {called}\nexit 1\n'
    )
    compiler.chmod(0o755)

    run = start(old / "digits", tmp_path / "home", cache, "--epochs", "3",
                path=f"{compiler.parent}{os.pathsep}")  # fmt: skip
    output, errors = run.communicate(timeout=PATIENCE)

    assert run.returncode == 0
    assert "completed after 3 epochs" in output
    loading, kept = errors.splitlines()
    assert loading == f"Loading {old / 'digits'}"
    assert kept.startswith("Kept as ")
    assert not called.exists(), "everything was compiled before"
    # They have been vouched for, if the run left the time for that.
    added = {path.name for path in set(folder.rglob("*")) - set(before)}
    assert added <= {ready.name}
    assert set(before) <= set(folder.rglob("*"))
    assert stale.read_bytes() == another
