"""`mnist_core.record`: what a training loop of anybody's calls to have its numbers kept."""

import atexit
import math
import operator
import os
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, SupportsIndex
from weakref import WeakSet

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_core.recording.point_buffers import PointBuffers
from mnist_core.recording.recording_thread import RecordingThread, RecordingWarning
from mnist_core.store.recording_writer import NewRecording, RecordingWriter
from mnist_core.store.recordings import RecordedImage, RecordedPredictions
from mnist_core.store.records import RunState, storable
from mnist_core.user_folders import HOME_VARIABLE, user_folder

_BEGIN_PATIENCE = 2.0
"""Seconds to wait for the recording to be in the store before `record` returns."""
_LARGEST_STEP = 1 << 53
"""As float64 holds every integer up to here."""
_MOST_CLASSES = 1 << 16
_MOST_LEVELS = 8
"""Of a config within a config."""


class Recording:
    """A recording that goes on, until `finish` or the end of the program.

    Every method may be called from any thread. What is logged is in the database half a second
    later; a program that is killed loses no more than that. Where nothing can be written, a
    `RecordingWarning` says so once, training goes on, and `problem` tells why.
    """

    def __init__(
        self, home: Path, name: str, config: Mapping[str, object], place: tuple[str, int]
    ) -> None:
        """See `record`. `place`: the file and line that warnings name."""
        started = time.time()
        self._clock_start = time.perf_counter()
        self._buffers = PointBuffers()
        self._writer = RecordingWriter(NewRecording(name, _as_json(config), started))
        self._thread = RecordingThread(home, self._writer, self._buffers, place)
        self._process = os.getpid()
        self._ending = threading.Lock()
        self._ended = False
        self.id = self._writer.id
        """Under which `mnist-tui runs` finds it."""
        _begun.add(self)
        self._thread.start()
        # Nobody is told of a recording that would be gone with the process.
        self._thread.tried.wait(_BEGIN_PATIENCE)
        atexit.register(self._finish_at_exit)

    @property
    def name(self) -> str:
        """What it is called in the store; empty while it is not there."""
        return self._writer.name

    @property
    def problem(self) -> str:
        """Why it is not being kept, and what to do, as a sentence; empty: it is."""
        return self._thread.problem

    def log(self, metrics: Mapping[str, Any], *, step: SupportsIndex | None = None) -> None:
        """Keep one number for each name.

        A number is what `float()` makes one of: Python's, NumPy's, an array with one element. An
        MLX array that is not evaluated yet is evaluated here, in the thread that calls. Numbers
        are kept in float32; NaN and infinities are kept as they are.

        Args:
            metrics: such as ``{"train/loss": 0.3}``. What stands before the / makes a group of
                charts; train/loss and validation/loss share one.
            step: where these numbers belong; one more than the last time if None.

        Raises:
            TypeError: a value is no number, a name no text, or the step no integer. Nothing was
                kept.
            ValueError: the step is beyond 2**53.
            RuntimeError: the recording has been finished.
        """
        if self._ended:
            self._refuse()
            return
        names = tuple(metrics)
        values = [
            value if type(value) is float else _number(name, value)
            for name, value in metrics.items()
        ]
        place = step if type(step) is int or step is None else _step(step)
        if place is not None and not -_LARGEST_STEP <= place <= _LARGEST_STEP:
            raise ValueError(f"The step {place} is too large: 2**53 is the largest.")
        if not self._buffers.knows(names):
            names = _checked(names)
        if names:
            self._buffers.add(names, place, time.perf_counter() - self._clock_start, values)

    def image(self, name: str, array: ArrayLike, *, step: SupportsIndex | None = None) -> None:
        """Keep a picture; one of the same name and step is replaced.

        Args:
            name: what it is called.
            array: (height, width), (height, width, 1) or (height, width, 3): uint8, or floats from
                0 (black) to 1.
            step: where it belongs; that of the last row if None.

        Raises:
            TypeError: it is no array of numbers, or the step no integer.
            ValueError: its shape is another one.
            RuntimeError: the recording has been finished.
        """
        if self._ended:
            self._refuse()
            return
        pixels = _pixels(array)
        (name,) = _checked((name,))
        place = self._buffers.step(None if step is None else _step(step))
        self._thread.add_image(RecordedImage(name, place, pixels))

    def predictions(
        self, true: ArrayLike, probabilities: ArrayLike, *, step: SupportsIndex | None = None
    ) -> None:
        """Keep what the model says of samples whose classes are known; the last call counts.

        Args:
            true: (samples,) integers, the class of each.
            probabilities: (samples, classes), what the model gives each class, from 0 to 1.
            step: where they belong; that of the last row if None.

        Raises:
            TypeError: these are no numbers, or the step no integer.
            ValueError: shapes do not fit, or there is no such class.
            RuntimeError: the recording has been finished.
        """
        if self._ended:
            self._refuse()
            return
        labels = np.asarray(true)
        shares = np.asarray(probabilities, np.float32)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"true takes the integers of classes, not {labels.dtype}.")
        if labels.ndim != 1 or shares.ndim != 2 or len(labels) != len(shares) or not len(labels):
            raise ValueError(
                "predictions takes classes of shape (samples,) and probabilities of shape "
                f"(samples, classes), not {labels.shape} and {shares.shape}."
            )
        classes = shares.shape[1]
        if labels.min() < 0 or labels.max() >= classes or classes > _MOST_CLASSES:
            raise ValueError(
                f"The classes go from {labels.min()} to {labels.max()}, but the probabilities are "
                f"of {classes}."
            )
        place = self._buffers.step(None if step is None else _step(step))
        self._thread.set_predictions(
            RecordedPredictions(place, labels.astype(np.uint16), shares.copy())
        )

    def finish(self) -> None:
        """Write what is left: the recording is complete. It blocks for seconds at most.

        It may be called again, which does nothing.
        """
        self._end(RunState.COMPLETED, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish; an exception ends the recording as failed, Ctrl-C as stopped, and passes on."""
        self._end(*_end_by(error))

    def _finish_at_exit(self) -> None:
        # The exception that nobody caught; where a person types, it ended a line and no program.
        is_typed = hasattr(sys, "ps1")
        self._end(*_end_by(None if is_typed else getattr(sys, "last_value", None)))

    def _refuse(self) -> None:
        """Raises RuntimeError: the recording has been finished; a forked process is warned only."""
        if self._process == os.getpid():
            raise RuntimeError(f"Recording {self.id} has been finished; it takes no more.")
        # Once for each line that calls, as is Python's way.
        warnings.warn(
            f"Recording {self.id} is of the process that began it; what a forked one logs is not "
            "kept. Call mnist_core.record there.",
            RecordingWarning,
            stacklevel=3,
        )

    def _end(self, state: RunState, failure: str) -> None:
        # A forked process has a copy of this, but not the thread.
        if self._process != os.getpid():
            return
        with self._ending:
            if not self._ended:
                self._ended = True
                self._thread.finish(state, failure)
                atexit.unregister(self._finish_at_exit)


_begun: "WeakSet[Recording]" = WeakSet()


def _end_in_fork() -> None:
    # It has a copy of each recording, but not the thread that writes.
    for each in _begun:
        each._ended = True


os.register_at_fork(after_in_child=_end_in_fork)


def record(
    name: str = "",
    *,
    config: Mapping[str, object] | None = None,
    home: str | Path | None = None,
) -> Recording:
    """A recording that has begun; `mnist-tui` shows it beside the runs, at once.

    ``with mnist_core.record("conv") as run:`` finishes it at the end of the block. Training never
    depends on it: where nothing can be kept, a warning says so.

    Args:
        name: what it is called; made up if empty.
        config: what sets it apart, such as ``{"lr": 0.1}``; what JSON cannot hold is kept as text.
        home: the folder of the runs; else that of MNIST_TUI_HOME, else this user's data folder.

    Raises:
        TypeError: the name is no text, or the config no mapping.
        NoHomeError: no folder is given, and this user has none.
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of a recording is text, not {type(name).__name__}.")
    if config is not None and not isinstance(config, Mapping):
        raise TypeError(f"The config of a recording is a mapping, not {type(config).__name__}.")
    chosen = home or os.environ.get(HOME_VARIABLE)
    folder = Path(chosen).absolute() if chosen else user_folder("data")
    caller = sys._getframe(1)
    return Recording(folder, name, config or {}, (caller.f_code.co_filename, caller.f_lineno))


def _number(name: object, value: Any) -> float:
    if not isinstance(value, str | bytes | bytearray):
        try:
            # NumPy makes no number of an array with one axis, though it has one element.
            return float(value.item() if getattr(value, "size", 0) == 1 else value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
        except (TypeError, ValueError):
            pass
    raise TypeError(
        f"{name} is {_brief(value)}, which is no number. Log a float, an int, or an array with one "
        "element."
    )


def _brief(value: object) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"an array of shape {shape}"
    said = repr(value)
    return f"{said if len(said) <= 40 else said[:39] + '…'} ({type(value).__name__})"


def _step(step: object) -> int:
    try:
        return operator.index(step)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"step takes an integer, not {_brief(step)}.") from None


def _checked(names: tuple[Any, ...]) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str) or not name:
            raise TypeError(f"The name of a metric is text, not {_brief(name)}.")
    return tuple(map(storable, names))


def _pixels(array: ArrayLike) -> NDArray[np.uint8]:
    given: NDArray[Any] = np.asarray(array)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"An image is an array of numbers, not of {given.dtype}.")
    if given.ndim == 3 and given.shape[2] == 1:
        given = given[:, :, 0]
    if given.ndim not in (2, 3) or (given.ndim == 3 and given.shape[2] != 3) or not given.size:
        raise ValueError(
            "An image has the shape (height, width), (height, width, 1) or (height, width, 3), "
            f"not {given.shape}."
        )
    if given.dtype == np.uint8:
        return given.copy()
    if given.dtype.kind in "iu":
        return given.clip(0, 255).astype(np.uint8)
    shades = np.nan_to_num(given.astype(np.float64)).clip(0, 1)
    return (shades * 255).round().astype(np.uint8)


def _end_by(error: BaseException | None) -> tuple[RunState, str]:
    """How a recording ends with a block or a program that ended so."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return RunState.COMPLETED, ""
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return RunState.STOPPED, ""
    if isinstance(error, SystemExit):
        return RunState.FAILED, f"The program ended with {error.code}."
    words = " ".join(str(error).split())
    return RunState.FAILED, f"{type(error).__name__}: {words}" if words else type(error).__name__


def _as_json(value: object, levels: int = _MOST_LEVELS) -> Any:
    """`value` in what JSON has; what it has not, and what lies too deep, as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if levels and isinstance(value, Mapping):
        return {storable(str(key)): _as_json(each, levels - 1) for key, each in value.items()}
    if levels and isinstance(value, list | tuple):
        return [_as_json(each, levels - 1) for each in value]
    return storable(str(value))
