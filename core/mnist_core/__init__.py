"""The engine of mnist-tui: data, training, runs, races, checks. It draws and prints nothing.

`mnist_core.record` keeps the numbers of any training loop beside its runs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_core.recording.recording import record

__all__ = ["record"]


def __getattr__(name: str) -> object:
    # Not at once: every module of this package begins with importing this one.
    if name == "record":
        from mnist_core.recording.recording import record

        return record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
