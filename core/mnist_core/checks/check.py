"""A check: what it compares, by how much it may differ, and what came of it."""

import math
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend
from mnist_core.backend.installation import BackendMissing
from mnist_core.data.dataset import Dataset
from mnist_core.events import failure_sentence

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a check found."""

    figure: float
    """The largest difference, in the unit that the check's description names."""
    tolerance: float
    """The largest figure that passes."""
    detail: str
    """Where the difference is the largest, in words."""


@dataclass(frozen=True, slots=True)
class LargestDifference:
    """A difference, and the array it is in."""

    figure: float
    where: str

    def within(self, tolerance: float) -> Measurement:
        """What a check found whose differences may be so large."""
        where = f"The largest is in {self.where}." if self.figure else "Nothing differs."
        return Measurement(self.figure, tolerance, where)


def parameter_names(count: int) -> list[str]:
    """Names of `count` parameter arrays: weights and biases of layer 1, layer 2, and so on."""
    return [f"the {('weights', 'biases')[k % 2]} of layer {k // 2 + 1}" for k in range(count)]


def largest_relative(
    found: Sequence[Floats], expected: Sequence[Floats], names: Sequence[str]
) -> LargestDifference:
    """The largest difference, relative to the largest absolute value expected in its array.

    Values near 0 are thus held to the rounding of their array, not to their own. Arrays of zeros
    are compared absolutely. A difference that is not a number is the largest of all.

    Raises:
        ValueError: arrays that do not match in number or shape, as a sentence.
    """
    scales = [float(np.abs(array).max(initial=0.0)) or 1.0 for array in expected]
    return _largest(found, expected, names, scales)


def largest_absolute(
    found: Sequence[Floats], expected: Sequence[Floats], names: Sequence[str]
) -> LargestDifference:
    """The largest absolute difference; one that is not a number is the largest of all.

    Raises:
        ValueError: arrays that do not match in number or shape, as a sentence.
    """
    return _largest(found, expected, names, [1.0] * len(expected))


def _largest(
    found: Sequence[Floats],
    expected: Sequence[Floats],
    names: Sequence[str],
    scales: Sequence[float],
) -> LargestDifference:
    if [array.shape for array in found] != [array.shape for array in expected]:
        raise ValueError("The arrays that were to be compared have different shapes.")
    largest = LargestDifference(0.0, names[0])
    for ours, theirs, name, scale in zip(found, expected, names, scales, strict=True):
        gaps = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
        figure = float(gaps.max(initial=0.0)) / scale
        # Written so that NaN wins over every number, and the first NaN over the others.
        if not figure <= largest.figure and not np.isnan(largest.figure):
            largest = LargestDifference(figure, name)
    return largest


Status = Literal["ok", "failed", "not run"]


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What the checks may use."""

    dataset: Dataset
    backend: Backend
    folder: Path
    """An empty folder for what has to go through a file."""


@dataclass(frozen=True, slots=True)
class NotRun:
    """A check that cannot be made here."""

    reason: str
    """Why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison."""

    name: str
    """What is compared, in a few words."""
    description: str
    """The claim, and what its figure is, as sentences."""
    measure: Callable[[CheckContext], Measurement | NotRun]
    """Makes the comparison; an exception is a failure of the check."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a check."""

    name: str
    description: str
    figure: float | None
    """None: there is none, for it was not run or broke off."""
    tolerance: float | None
    passed: bool | None
    """None: it was not run, which is no pass."""
    detail: str
    """Where the difference is the largest, why it was not run, or how it broke off."""
    seconds: float = field(default=0.0, compare=False)
    """How long it took."""
    traceback: str = field(default="", repr=False)
    """Of what it broke off with, for the log file."""

    @property
    def status(self) -> Status:
        if self.passed is None:
            return "not run"
        return "ok" if self.passed else "failed"


def run_check(check: Check, context: CheckContext) -> CheckResult:
    """Make a check. A figure that is not a number does not pass.

    Raises:
        BackendMissing: MLX cannot compute here, so that no check could be made.
    """
    began = time.perf_counter()
    figure: float | None = None
    tolerance: float | None = None
    passed: bool | None = None
    details = ""
    try:
        match check.measure(context):
            case Measurement() as found:
                figure, tolerance, detail = found.figure, found.tolerance, found.detail
                passed = math.isfinite(found.figure) and found.figure <= found.tolerance
            case NotRun(reason):
                detail = reason
    except BackendMissing:
        raise
    except Exception as error:  # noqa: BLE001 - the check's edge: what broke it is its finding
        passed, detail, details = False, failure_sentence(error), traceback.format_exc()
    seconds = time.perf_counter() - began
    return CheckResult(
        check.name, check.description, figure, tolerance, passed, detail, seconds, details
    )
