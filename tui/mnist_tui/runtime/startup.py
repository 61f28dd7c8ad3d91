"""One start of the program: what it was asked to do, and what goes on until the first frame."""

import gc
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.runtime.done_signal import WhenDone

Device = Literal["auto", "cpu", "gpu"]

BROWSER_DRIVER = "mnist_tui.web.driver:BrowserDriver"
"""What Textual is to draw the app with for a browser, as the variable TEXTUAL_DRIVER has it."""


def is_drawn_in_browser() -> bool:
    """Whether `mnist-tui serve` has started this process."""
    return os.environ.get("TEXTUAL_DRIVER") == BROWSER_DRIVER


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """The flags, checked and resolved; the app and headless training start from the same."""

    data: str | None
    """A name or a folder, as typed; None when nothing was asked for."""
    recipes: tuple[Hyperparameters, ...]
    """The preset with the given flags on top; one for each combination of listed values."""
    preset: str
    given: frozenset[str]
    """The hyperparameters that had a flag of their own."""
    home: Path
    """Folder of the run store; it may not exist yet."""
    log_file: Path
    """Where tracebacks go; it may not exist yet."""
    device: Device
    threads: int | None
    """Threads for MLX's BLAS; None lets the program choose."""
    transpose: bool = False
    """Whether rows and columns of the images are to be swapped."""
    streams: int | None = None
    """MLX streams of a network; None: as many as pay."""
    readonly: bool = False
    """Whether no file under `home` may be made or changed."""
    when_done: WhenDone = "none"
    """What tells that a run is done."""


def hold_collector() -> None:
    """Leave garbage alone until :func:`release_collector`, when the first frame is drawn.

    What is made until then stays to the end: looking through it again and again for garbage takes
    a tenth of the time to the first frame, and later 40 ms at a time from training and from keys.
    """
    gc.disable()


_YOUNG_OBJECTS = 10_000
"""Made and not freed, at which the collector looks through the youngest. A live screen makes
thousands twice a second, which soon replace each other: at Python's own 700, looking through them
took a tenth of its time.
"""


def release_collector() -> bool:
    """If it was held, collect again, but never look through what is there now; whether it was."""
    was_held = not gc.isenabled()
    if was_held:
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
        gc.enable()
    return was_held
