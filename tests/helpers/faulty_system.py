"""A C library whose calls fail at the n-th time, for child processes alone."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


class Fault(StrEnum):
    """What happens at a call that writes, makes, renames, removes or syncs a file."""

    KILL = "kill"
    """The process is killed in place of the call."""
    TORN = "torn"
    """It is killed with half of the data written."""
    FULL = "full"
    QUOTA = "quota"
    BROKEN = "broken"
    """An error of input and output."""
    READ_ONLY = "readonly"
    NONE = "none"
    """Nothing: calls are counted."""


@dataclass(frozen=True, slots=True)
class FaultySystem:
    """A library to be loaded before that of C; see `faulty_system.c`."""

    library: Path

    def files(
        self,
        folder: Path,
        fault: Fault,
        first: int = 1,
        last: int | None = None,
        count: Path | None = None,
    ) -> dict[str, str]:
        """Variables of a child in which the calls from `first` to `last` on files in `folder` fail.

        They are counted from 1; without `last` all fail from `first` on. The file `count` is told
        how many there were, unless the child is killed.
        """
        variables = {
            "LD_PRELOAD": str(self.library),
            "FAULTY_UNDER": str(folder),
            "FAULTY_HOW": str(fault),
            "FAULTY_FIRST": str(first),
        }
        if last is not None:
            variables["FAULTY_LAST"] = str(last)
        if count is not None:
            variables["FAULTY_COUNT"] = str(count)
        return variables

    def clock(self, questions: int) -> dict[str, str]:
        """Variables of a child whose clock jumps after so many questions: ahead, back, ahead …"""
        return {"LD_PRELOAD": str(self.library), "FAULTY_CLOCK": str(questions)}

    def threads(self, first: int) -> dict[str, str]:
        """Variables of a child that cannot start its thread number `first`, nor one after it."""
        return {"LD_PRELOAD": str(self.library), "FAULTY_THREAD": str(first)}


def faulty_system(folder: Path) -> FaultySystem | str:
    """The library, compiled in `folder`; or why there is none."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if sys.platform != "linux":
        return "needs LD_PRELOAD of Linux"
    if compiler is None:
        return "needs a C compiler"
    library = folder / "faulty_system.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, _SOURCE, "-ldl"], check=True
    )
    return FaultySystem(library)
