"""A check: what it compares on which bench, and what came of it."""

import math
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mnist_core.backend import Backend
from mnist_core.dataset import Dataset
from mnist_core.failures import failure_sentence
from mnist_core.installation import BackendMissing

Status = Literal["ok", "failed", "not run"]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the checks may use."""

    dataset: Dataset
    backend: Backend
    folder: Path
    """An empty folder for what has to go through a file."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a check found."""

    figure: float
    """The largest difference, in the unit that the check's description names."""
    tolerance: float
    """The largest figure that passes."""
    detail: str
    """Where the difference is the largest, in words."""


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
    measure: Callable[[Bench], Measured | NotRun]
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


def run_check(check: Check, bench: Bench) -> CheckResult:
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
        match check.measure(bench):
            case Measured() as found:
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
