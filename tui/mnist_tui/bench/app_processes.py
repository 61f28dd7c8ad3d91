"""`mnist-tui` in processes of its own: the app as a person uses it, and training without it."""

import json
import random
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_tui.bench.pseudo_terminal import NotShownError, PseudoTerminal
from mnist_tui.runtime.program import program_command

_FIRST_FRAME = "Learning rate"
_READY = r"\bidle\b"
_STEP = re.compile(r"running\b.* epoch (?P<epoch>\d+)/.* batch +(?P<batch>\d+)/(?P<batches>\d+)")
"""The status line while training; the cursor does not move inside it."""
_FIRST_BATCH = r"running\b.* epoch [1-9]"
_ENDED = r"(?:completed|stopped|diverged|failed|paused)\b.* epoch "
"""Nobody pauses the run but the guard, when it diverges."""
_PICTURES = r"Layer \d+/\d+ · [\d ]+ units?"
_UNIT = r"Unit (?P<unit>\d+) · "
_WATCHED = r"· (?:after|in) epoch |, paused"
"""What the title of a unit says once its weights change no more."""

_PATIENCE = 60.0
"""Seconds for what takes one or two, on a slow machine."""
_RUN_PATIENCE = 3600.0
_QUITTING_PATIENCE = 10.0

_UP, _CTRL_Q, _CTRL_U, _ENTER = "\x1b[A", "\x11", "\x15", "\r"
_RIGHT, _LEFT = "\x1b[C", "\x1b[D"
_MOVES_ASIDE = 8
"""Units that the cursor goes on before it comes back; the layers of all presets have more."""
_LETTERS = [chr(code) for code in range(ord("а"), ord("я") + 1)]  # noqa: RUF001 - Cyrillic
"""Letters that stand nowhere in the app, so that one on the screen is the one just typed."""
_LETTERS_IN_FIELD = 6
_ROWS_UP = tuple(hyperparameter_fields()).index("learning_rate")
_BETWEEN_KEYS = (0.03, 0.1)
"""Seconds; random, so that keys come in every phase of the redraws."""


class AppOnTerminal:
    """One start of the app, and how long a person waits. Use it in the order of its methods."""

    def __init__(self, terminal: PseudoTerminal) -> None:
        self._terminal = terminal
        self._run_begins = 0
        """Where in the output the present run does."""

    def first_frame(self) -> float:
        """Seconds from the start of the process until the form is on the screen."""
        match = self._terminal.wait_for(_FIRST_FRAME, _PATIENCE)
        return self._terminal.time_of(match) - self._terminal.started

    def load(self) -> None:
        """Wait until the data are there."""
        self._terminal.wait_for(_READY, _PATIENCE)
        # Thumbnails and curves are drawn once: the next key must not wait for them.
        self._terminal.read_for(0.5)

    def press_run(self) -> float:
        """Seconds from the key that runs until the screen tells of the first batch."""
        self._run_begins = len(self._terminal.output.text)
        pressed = self._terminal.send("r")
        match = self._terminal.wait_for(_FIRST_BATCH, _PATIENCE, self._run_begins)
        return self._terminal.time_of(match) - pressed

    def train_to_the_end(self) -> float:
        """Wait for the end of the run; steps per second, evaluation included, after epoch 1.

        Each frame tells which step training is at. The delay of drawing is about the same for the
        first and the last frame, and drops out.

        Raises:
            NotShownError: the run did not complete, or was too short to be seen in two frames.
        """
        end = self._terminal.wait_for(_ENDED, _RUN_PATIENCE, self._run_begins)
        if not end[0].startswith("completed"):
            raise NotShownError(f"The run did not complete; it ended as {end[0].split()[0]}.")
        frames = [
            (self._terminal.time_of(frame), step)
            for frame in _STEP.finditer(self._terminal.output.text, self._run_begins)
            if (step := _step(frame)) >= int(frame["batches"])
        ]
        if len(frames) < 2:
            raise NotShownError("The run was over before two frames told of it.")
        (began, first), (ended, last) = frames[0], frames[-1]
        return (last - first) / (ended - began)

    def type_while_training(self, keys: int) -> list[float]:
        """Seconds from typing a letter into a field until the screen shows it, for each of `keys`.

        They hold everything between: the terminal, the handlers that check the value, and the next
        repaint. The run may end before; then there are fewer.
        """
        terminal = self._terminal
        # From the learning rate up to the hidden layers: a field for numbers passes letters on.
        for key in ("e", *[_UP] * _ROWS_UP):
            terminal.send(key)
            terminal.read_for(0.3)
        latencies: list[float] = []
        while len(latencies) < keys:
            begun = len(terminal.output.text)
            for letter in random.sample(_LETTERS, _LETTERS_IN_FIELD):
                before = len(terminal.output.text)
                typed = terminal.send(letter)
                match = terminal.wait_for(letter, _PATIENCE, before)
                latencies.append(terminal.time_of(match) - typed)
                terminal.read_for(random.uniform(*_BETWEEN_KEYS))
            terminal.send(_CTRL_U)
            terminal.read_for(0.1)
            if re.compile(_ENDED).search(terminal.output.text, begun):
                return latencies[:-_LETTERS_IN_FIELD]
        return latencies[:keys]

    def open_network(self) -> float:
        """Seconds from the key for the network screen until its pictures are there."""
        begun = len(self._terminal.output.text)
        pressed = self._terminal.send("6")
        match = self._terminal.wait_for(_PICTURES, _PATIENCE, begun)
        shown = self._terminal.time_of(match)
        self._terminal.wait_for(_UNIT, _PATIENCE, begun)
        return shown - pressed

    def leave_network(self) -> None:
        """Back to where runs are begun."""
        self._terminal.send("1")

    def move_in_network(self, moves: int) -> list[float]:
        """Seconds from a key that moves to another unit until that one is told of, for each."""
        terminal = self._terminal
        latencies: list[float] = []
        *_, shown = re.finditer(_UNIT, terminal.output.text)
        for turn in range(moves):
            before = len(terminal.output.text)
            moved = terminal.send(_LEFT if turn // _MOVES_ASIDE % 2 else _RIGHT)
            other = rf"Unit (?!{shown['unit']} )(?P<unit>\d+) · "
            shown = terminal.wait_for(other, _PATIENCE, before)
            latencies.append(terminal.time_of(shown) - moved)
            terminal.read_for(random.uniform(*_BETWEEN_KEYS))
        return latencies

    def watch_network_to_the_end(self) -> None:
        """Look at the network screen until the run has ended.

        Raises:
            NotShownError: the run did not complete.
        """
        end = self._terminal.wait_for(_WATCHED, _RUN_PATIENCE, self._run_begins)
        if not end[0].startswith("· after"):
            raise NotShownError("The run whose network was watched did not complete.")

    def peak_memory(self) -> int:
        """Bytes of memory that the app has occupied at most; where only `ps` tells, that of now."""
        status = Path(f"/proc/{self._terminal.pid}/status")
        if status.exists():
            peak = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
            if peak is not None:
                return 1024 * int(peak[1])
        command = ["ps", "-o", "rss=", "-p", str(self._terminal.pid)]
        return 1024 * int(subprocess.run(command, capture_output=True, check=True).stdout)

    def quit(self) -> None:
        """Leave, so that nothing of it goes on beside the next measurement."""
        terminal = self._terminal
        before = len(terminal.output.text)
        terminal.send(_CTRL_Q)
        if terminal.ends_within(1.0):
            return
        try:
            terminal.wait_for("Stop and quit", _PATIENCE, before)
        except NotShownError:
            # A slow machine may take longer than that where nothing is asked.
            if not terminal.ends_within(_QUITTING_PATIENCE):
                raise
            return
        terminal.send(_ENTER)
        terminal.ends_within(_QUITTING_PATIENCE)


@contextmanager
def open_app(flags: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[AppOnTerminal]:
    """Start the app with `flags`; it is gone when the block ends."""
    with PseudoTerminal(program_command(flags), env) as terminal:
        app = AppOnTerminal(terminal)
        yield app
        app.quit()


def _step(frame: re.Match[str]) -> int:
    return (int(frame["epoch"]) - 1) * int(frame["batches"]) + int(frame["batch"])


class TrainingFailedError(Exception):
    """`mnist-tui train` ended early; the message is its own."""


@dataclass(frozen=True, slots=True)
class HeadlessRun:
    """What one run showed."""

    steps_per_second: float
    """From the end of epoch 1 to the end of the run, evaluation included."""
    seconds_per_epoch: float
    """Over the same stretch."""


def train_headless(flags: Sequence[str]) -> HeadlessRun:
    """Train with `flags`, two epochs or more.

    Raises:
        TrainingFailedError: the run did not complete.
    """
    epochs: list[tuple[float, int]] = []
    completed = False
    command = program_command(["train", "--json", *flags])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "epoch_completed" and event["epoch"] > 0:
                    epochs.append((time.perf_counter(), event["step"]))
                completed = event["event"] == "run_completed"
            words = process.stderr.read().decode(errors="replace")
        finally:
            process.kill()
    if not completed:
        raise TrainingFailedError(
            f"Training without the app did not complete. It said: {words.strip()}"
        )
    (began, first), (ended, last) = epochs[0], epochs[-1]
    seconds = ended - began
    return HeadlessRun((last - first) / seconds, seconds / (len(epochs) - 1))
