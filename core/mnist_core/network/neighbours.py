"""The training examples that a model sees as most like an image; an exact search, in NumPy.

Two images are alike where the activations of the last hidden layer are (deep k-nearest neighbours:
Papernot and McDaniel, "Deep k-Nearest Neighbors", 2018). Distances are Euclidean.
"""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Examples
from mnist_core.network.pixel_function import PixelFunction

_MOST_KEPT = 1 << 25
"""Activations that are kept, 128 MiB: 559 units of 60 000 images."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Which examples are nearest to an image. Each is a question of its own."""

    function: PixelFunction
    """The same one for all images of an epoch: what it makes of the examples is kept."""
    train: Examples
    image: NDArray[np.uint8]
    """(height, width)."""
    count: int
    """Of examples that are wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The nearest examples, the nearest first and of equals the first; fewer where there are."""

    rows: NDArray[np.intp]
    """(count,) of the training examples."""
    distances: NDArray[np.float64]
    """(count,) Euclidean, between activations; all NaN where these are not finite."""


class NeighbourSearch:
    """Answers the question that was asked last, in one thread of its own.

    The thread begins with the first question and ends with `close`, which waits for it. Questions
    that are no longer wanted are given up, and their answers dropped. Activations are kept in
    memory, of one model at a time, until `forget`; nothing is written to disk.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._question: Question | None = None
        self._answer: Neighbours | str | None = None
        """To `_question`; None: not yet."""
        self._activations: _Activations | None = None
        """Of the thread, but for `forget`."""
        self._closing = False
        self._thread: threading.Thread | None = None

    def ask(self, question: Question) -> None:
        """Have `question` answered in place of the one before."""
        with self._changed:
            self._question, self._answer = question, None
            if self._thread is None and not self._closing:
                # A daemon, so that an error on the way to `close` does not keep the process.
                self._thread = threading.Thread(target=self._work, name="neighbours", daemon=True)
                self._thread.start()
            self._changed.notify()

    def answer(self, question: Question) -> Neighbours | str | None:
        """The answer, or why there is none, as a sentence; None: not yet, or no longer wanted."""
        with self._changed:
            return self._answer if self._question is question else None

    def forget(self) -> None:
        """Drop the question, and what was kept for the next one."""
        with self._changed:
            self._question = self._answer = self._activations = None

    def close(self) -> None:
        """Give up the question and wait until the thread has ended; no other is answered."""
        with self._changed:
            self._closing = True
            self._question = self._answer = self._activations = None
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while (question := self._next()) is not None:
            answer: Neighbours | str | None
            try:
                answer = self._find(question)
            except MemoryError:
                answer = "There is not enough memory to look for the nearest training samples."
            with self._changed:
                if self._question is question:
                    self._answer = answer

    def _next(self) -> Question | None:
        """Wait for a question that has no answer; None: the end was asked for."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or (self._question is not None and self._answer is None)
            )
            return None if self._closing else self._question

    def _find(self, question: Question) -> Neighbours | None:
        """The answer; None where it is no longer wanted."""
        with self._changed:
            if self._question is not question:
                return None
            found = self._activations
            if found is None or not found.are_of(question):
                found = self._activations = _Activations(question)
        own = question.function.last_hidden(question.image[None]).astype(np.float64)
        distances = np.empty(len(question.train))
        for number, rows in enumerate(found.parts):
            if self._question is not question:
                return None
            with np.errstate(all="ignore"):
                away = found.of_part(number) - own
                distances[rows] = np.sqrt(np.square(away).sum(axis=1))
        nearest = np.argsort(distances, kind="stable")[: question.count]
        return Neighbours(nearest, distances[nearest])


class _Activations:
    """Those of the training examples, part by part, each computed once where there is room."""

    def __init__(self, question: Question) -> None:
        self._function, self._train = question.function, question.train
        self._kept: list[NDArray[np.float32]] = []
        self._keeps = len(self._train) * self._function.last_units <= _MOST_KEPT
        length = self._function.together(question.image.size)
        self.parts = [
            slice(start, min(start + length, len(self._train)))
            for start in range(0, len(self._train), length)
        ]

    def are_of(self, question: Question) -> bool:
        """Whether they are those that the question needs."""
        return self._function is question.function and self._train is question.train

    def of_part(self, number: int) -> NDArray[np.float32]:
        """(examples of the part, units); parts are asked for in their order, time and again."""
        if number < len(self._kept):
            return self._kept[number]
        values = self._function.last_hidden(self._train.images[self.parts[number]])
        if self._keeps:
            self._kept.append(values)
        return values
