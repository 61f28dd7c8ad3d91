"""What others do to a home, to the data and to the cache while programs use them."""

import random
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from helpers.faulty_system import FaultySystem
from helpers.idx_folder import write_idx_folder
from helpers.recorded_runs import as_version_3, change
from helpers.terminal import Terminal
from helpers.training_process import COMMAND, PATIENCE, TrainingProcess, losses
from mnist_core.store import RunState, RunStore, StoreError, schema
from mnist_core.store.database import FILE

Repeats = Callable[[int, int], int]
Tally = Callable[..., None]
LONG = "--epochs=100000"


@pytest.mark.soak
def test_ten_processes_on_one_home(
    digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """They begin together on a home that is not there; a few are killed on the way."""
    chance, count, lost = random.Random(8), repeats(1, 8), list[str]()
    for attempt in range(count):
        home = tmp_path / f"home {attempt}"
        with ExitStack() as running:
            processes = []
            for number in range(10):
                process = TrainingProcess(digits, home, "--epochs=40", name=f"{attempt}-{number}")
                processes.append(running.enter_context(process))
            killed = chance.sample(range(10), 3)
            for number in killed:
                processes[number].wait_for_epoch(chance.randrange(1, 20))
                processes[number].kill()
            for number, process in enumerate(processes):
                code = process.end()
                if number not in killed and (code or "Kept as run" not in process.complaints()):
                    lost.append(f"{number}: exit code {code}: {process.complaints()}")
        lost += losses(processes[0])
        with closing(RunStore(home)) as store:
            states = [run.state for run in store.runs()]
        # One that was quicker than its kill is complete.
        if len(states) != 10 or states.count(RunState.COMPLETED) < 7:
            lost.append(f"{states}")
    assert lost == []
    tally("ten processes on one home", count, len(lost))


@pytest.mark.soak
def test_another_version_on_the_same_home(digits: Path, tmp_path: Path, tally: Tally) -> None:
    lost, said = list[str](), list[str]()
    home = tmp_path / "home"
    with TrainingProcess(digits, home, "--epochs=2") as process:
        assert process.end() == 0
    lost += losses(process)
    # A newer one has been here: it is left as it is, and every command says so.
    change(home, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = (home / FILE).read_bytes()
    commands = [
        ["train", f"--data={digits}", "--epochs=1"],
        ["runs", "list"],
        ["runs", "show", "1"],
    ]
    for words in commands:
        done = subprocess.run(
            [*COMMAND, *words, f"--home={home}"],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        said.append(done.stderr)
        if "newer version of mnist-tui" not in done.stderr or "Traceback" in done.stderr:
            lost.append(f"{words}: {done.stderr}")
    with Terminal([*COMMAND, f"--data={digits}", f"--home={home}", LONG]) as app:
        app.wait_for("idle")
        app.send("r")
        app.wait_for("● running")
        app.wait_for("newer version")
        app.send("s")
        app.wait_for("stopped")
        app.send("q")
        if app.wait_exit() != 0:
            lost.append("the app does not end well")
    if (home / FILE).read_bytes() != before:
        lost.append("it changed what a newer version has made")
    change(home, f"PRAGMA user_version = {schema.VERSION}")
    lost += losses(process)
    # An older one is open: the newer one only reads, until that has ended.
    as_version_3(home)
    with closing(sqlite3.connect(home / FILE)) as older:
        assert older.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        with TrainingProcess(digits, home, "--epochs=2") as reader:
            reader.end()
        if "earlier version of mnist-tui" not in reader.complaints():
            lost.append(f"beside an older version: {reader.complaints()}")
    with TrainingProcess(digits, home, "--epochs=2") as process:
        if process.end() or "Kept as run" not in process.complaints():
            lost.append(f"after an older version: {process.complaints()}")
    with closing(RunStore(home)) as store:
        if [run.state for run in store.runs()] != [RunState.COMPLETED] * 2:
            lost.append(f"{store.runs()}")
    assert lost == []
    tally("other versions on the same home", len(said) + 3, len(lost))


@pytest.mark.soak
def test_data_that_are_replaced_during_a_run(
    tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """The run goes on with what it has read; resumed, it says that these are other data."""
    count, lost = repeats(1, 6), list[str]()
    for attempt in range(count):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        digits = write_idx_folder(folder / "digits")
        with TrainingProcess(digits, folder / "home", LONG) as process:
            process.wait_for_epoch(3)
            digits.rename(folder / "kept")
            if attempt % 2:
                write_idx_folder(digits, train=100 + attempt)
            told = process.epochs()[-1]["epoch"]
            process.wait_for_epoch(told + 3)
            process.process.terminate()
            process.end()
        lost += losses(process, process.epochs()[-1]["epoch"])
        with closing(RunStore(folder / "home")) as store:
            (run,) = store.runs()
        again = [*COMMAND, "train", f"--home={folder / 'home'}", "--json", "--resume", run.id]
        last = f"--until-epoch={run.epoch + 2}"
        options = {"capture_output": True, "text": True, "check": False, "timeout": PATIENCE}
        refused = subprocess.run([*again, last], **options)  # type: ignore[call-overload]
        words = "was trained on other data" if attempt % 2 else "digits"
        if refused.returncode != 1 or words not in refused.stderr + refused.stdout:
            lost.append(f"{refused.returncode}: {refused.stderr}")
        shutil.rmtree(digits, ignore_errors=True)
        (folder / "kept").rename(digits)
        resumed = subprocess.run([*again, last], **options)  # type: ignore[call-overload]
        if resumed.returncode:
            lost.append(f"it does not go on: {resumed.stderr}")
    assert lost == []
    tally("data replaced during a run", count, len(lost))


@pytest.mark.soak
def test_a_cache_that_is_wiped_again_and_again(
    digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """While kernels are made and used, without the app and in it."""
    lost, wiped = list[str](), 0
    for attempt in range(repeats(1, 4)):
        home, cache = tmp_path / str(attempt), tmp_path / f"cache {attempt}"
        env = {"XDG_CACHE_HOME": str(cache), "MLX_DISABLE_COMPILE": ""}
        env["MNIST_TUI_HOME"] = str(home)
        over = threading.Event()

        def wipe(cache: Path = cache, over: threading.Event = over) -> None:
            nonlocal wiped
            while not over.wait(0.3):
                shutil.rmtree(cache, ignore_errors=True)
                wiped += 1

        wiping = threading.Thread(target=wipe)
        try:
            if attempt % 2:
                command = [*COMMAND, f"--data={digits}", LONG, f"--hidden-sizes={20 + attempt}"]
                with Terminal(command, env=env) as app:
                    app.wait_for("idle")
                    wiping.start()
                    app.send("r")
                    app.wait_for(r"● running .* epoch [1-9]")
                    app.overlook(10)
                    app.send("s")
                    app.wait_for("stopped")
                    app.send("q")
                    if app.wait_exit() != 0 or app.unrestored():
                        lost.append("the app does not end well")
                states = [RunState.STOPPED]
            else:
                flags = ["--epochs=3000", f"--hidden-sizes={20 + attempt}"]
                with TrainingProcess(digits, home, *flags, env=env) as process:
                    wiping.start()
                    if process.end():
                        lost.append(process.complaints())
                lost += losses(process)
                states = [RunState.COMPLETED]
        finally:
            over.set()
            if wiping.ident is not None:
                wiping.join()
        with closing(RunStore(home)) as store:
            if [run.state for run in store.runs()] != states:
                lost.append(f"{store.runs()}")
    assert lost == []
    tally("wipes of the cache", wiped, len(lost))


def test_a_clock_that_jumps_both_ways(
    digits: Path, faulty: FaultySystem, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """Days ahead and back while a run goes on; times of a run never go back."""
    lost = list[str]()
    periods = [3, *range(1, repeats(1, 12))]
    for attempt, questions in enumerate(periods):
        home = tmp_path / str(attempt)
        with TrainingProcess(digits, home, "--epochs=3", env=faulty.clock(questions)) as process:
            if process.end() or "Kept as run" not in process.complaints():
                lost.append(process.complaints())
        lost += losses(process)
        with closing(RunStore(home)) as store:
            (run,) = store.runs()
            if run.state is not RunState.COMPLETED or not 0 <= run.seconds < PATIENCE:
                lost.append(f"{run}")
            try:
                store.deleter.delete([run.id])
                store.deleter.restore([run.id])
            except StoreError as error:
                lost.append(str(error))
    assert lost == []
    tally("runs under a clock that jumps", len(periods), len(lost))
