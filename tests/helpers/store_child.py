"""A process of its own that records a run, and may be told when to die.

It replays the events of a run that was trained before, or trains by itself, and says on stdout how
far it is: `batch STEP TIME`, `kept STEP` after each commit, `calls N` at its end.
"""

import contextlib
import functools
import json
import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__)


# -- the test's side -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What a child has said."""

    batches: list[tuple[int, float]]
    """(step, time.monotonic()) of each batch."""
    kept: int
    """The last step that it had committed."""
    calls: int
    """How many writes and renames it made; 0 if it was killed."""
    problem: str


class Child:
    """A running child; its stdout is read a line at a time."""

    def __init__(self, home: Path, story: Path, **order: Any) -> None:
        """`story` is what `write_story` has written; see `main` for the order."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(HERE),
                json.dumps({"home": str(home), "story": str(story), **order}),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "MLX_DISABLE_COMPILE": "1"},
        )
        self._lines: list[str] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, word: str, at_least: int = 0) -> None:
        """Block until it says `word`, with a number from `at_least` on."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            said, number, *_ = [*line.split(), "0", "0"]
            if said == word and int(number) >= at_least:
                return
        raise AssertionError(f"The child ended before it said {word}: {self._lines[-3:]}")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait_until_stopped(self) -> None:
        """Block until it has stopped itself."""
        os.waitpid(self.pid, os.WUNTRACED)

    def end(self) -> Told:
        """Wait for its end, by itself or by the kill that was ordered."""
        rest, _ = self._process.communicate(timeout=300)
        assert self._process.returncode in (0, -signal.SIGKILL)
        return _told([*self._lines, *rest.splitlines()])

    def kill(self) -> Told:
        self._process.kill()
        return self.end()


@contextlib.contextmanager
def child(home: Path, story: Path, **order: Any) -> Iterator[Child]:
    """A child that is gone at the end of the block, whatever comes."""
    running = Child(home, story, **order)
    try:
        yield running
    finally:
        running._process.kill()
        running._process.communicate()


def write_story(path: Path, dataset: Any, events: list[Any]) -> Path:
    """Pickle what a child needs; its first event has the hyperparameters."""
    path.write_bytes(pickle.dumps((dataset, events)))
    return path


def _told(lines: list[str]) -> Told:
    said: dict[str, list[str]] = {"batch": [], "kept": ["0"], "calls": ["0"], "problem": [""]}
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        said.setdefault(word, []).append(rest)
    return Told(
        [(int(step), float(at)) for step, at in (rest.split() for rest in said["batch"])],
        int(said["kept"][-1]),
        int(said["calls"][-1]),
        said["problem"][-1],
    )


# -- the child's side ----------------------------------------------------------------------------


def main(order: dict[str, Any]) -> None:
    """Record a run as the order says.

    home, story: folders and files of the test.
    pause: seconds after each batch.
    interval: seconds between two writes.
    trains: whether to train, instead of replaying.
    die_at, die: die directly "before" or "after" this write or rename.
    resume: the run to go on with.
    wait_at: the step at which to wait for ever.
    in_step: whether each batch waits until it is kept.
    stop_at: the step at which to stop, as by SIGSTOP.
    retry: seconds between two tries to write.
    fill_at, room_at: the steps at which to fill the disk of home, and to make room on it again.
    copy_to: where to copy home in the end.
    """
    from mnist_core.events import BatchCompleted
    from mnist_core.store import RunStore
    from mnist_core.store import recorder as recorder_module
    from mnist_core.store.recorder import RunRecorder, recorded

    calls = _count_calls(order.get("die_at", 0), order.get("die", "before"))
    recorder_module.WRITE_INTERVAL = order.get("interval", recorder_module.WRITE_INTERVAL)
    recorder_module.RETRY_INTERVAL = order.get("retry", recorder_module.RETRY_INTERVAL)
    write = RunRecorder._write_rows_of
    kept = 0

    def write_and_say(self: RunRecorder, state: Any, end: Any) -> None:
        nonlocal kept
        step = self._pending.step
        write(self, state, end)
        if step is not None:
            _say(f"kept {step}")
            kept = step

    RunRecorder._write_rows_of = write_and_say  # type: ignore[method-assign]
    dataset, story = pickle.loads(Path(order["story"]).read_bytes())
    store = RunStore(Path(order["home"]))
    if "resume" in order:
        point = store.resume_point(order["resume"])
        recorder = store.record_again(point, dataset, "tiny")
        events = _trained(story[0].hyperparameters, dataset, point.state)
    else:
        recorder = store.record(dataset, "tiny", order.get("name", ""))
        trains = order.get("trains", False)
        events = _trained(story[0].hyperparameters, dataset, None) if trains else _told_again(story)
    recorder.start()
    _say("started")
    for event in recorded(events, recorder):
        if isinstance(event, BatchCompleted):
            _say(f"batch {event.step} {time.monotonic()}")
            time.sleep(order.get("pause", 0.0))
            while order.get("in_step") and kept < event.step and not recorder.problem:
                time.sleep(0.001)
            if event.step == order.get("stop_at"):
                os.kill(os.getpid(), signal.SIGSTOP)
            if event.step == order.get("fill_at"):
                _fill(Path(order["home"]))
            if event.step == order.get("room_at"):
                while not recorder.problem:
                    time.sleep(0.005)
                _say(f"problem {recorder.problem}")
                (Path(order["home"]) / "filler").unlink()
            if event.step == order.get("wait_at"):
                _say("waiting")
                signal.pause()
    store.close()
    if recorder.problem:
        _say(f"problem {recorder.problem}")
    if "copy_to" in order:
        shutil.copytree(order["home"], order["copy_to"])
    _say(f"calls {calls()}")


def _fill(home: Path) -> None:
    with contextlib.suppress(OSError), (home / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


def _say(line: str) -> None:
    # At once, and whole, since the next thing may be the kill.
    os.write(1, f"{line}\n".encode())


def _told_again(story: list[Any]) -> Generator[Any, None, None]:
    yield from story


def _trained(hyperparameters: Any, dataset: Any, state: Any) -> Generator[Any, None, None]:
    from mnist_core.training import kernel_warmup, train

    kernel_warmup.StepCompilation._kernels_to_make = lambda _: None  # type: ignore[assignment,method-assign]
    return train.train(hyperparameters, dataset, state)


def _count_calls(die_at: int, die: str) -> Callable[[], int]:
    """Count each write, rename and removal from now on, and die at one of them."""
    count = 0

    def counted(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        mine = count
        if mine == die_at and die == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **options)
        if mine == die_at and die == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql.lstrip().startswith(("SELECT", "PRAGMA data_version")):
                return super().execute(sql, *arguments)
            cursor: sqlite3.Cursor = counted(super().execute, sql, *arguments)
            return cursor

        def executescript(self, sql: str) -> sqlite3.Cursor:
            # Its statements one by one: a migration is several writes.
            for statement in sql.split(";"):
                if statement.strip():
                    self.execute(statement)
            return self.cursor()

    sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)  # type: ignore[assignment]
    for owner, names in ((os, ("fsync", "fdopen")), (Path, ("replace", "unlink", "mkdir"))):
        for name in names:
            call = getattr(owner, name)
            setattr(owner, name, _method(counted, call))
    return lambda: count


def _method(counted: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    def method(*arguments: Any, **options: Any) -> Any:
        return counted(call, *arguments, **options)

    return method


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
