"""How much memory a piece of work takes in this process."""

import contextlib
import re
import resource
import sys
from pathlib import Path

_PROCESS = Path("/proc/self")


class MemoryGrowth:
    """Measures from where it is made. Elsewhere than on Linux only what exceeds the earlier peak
    counts, so make it after small work only."""

    def __init__(self) -> None:
        if sys.platform == "linux":
            # Sets the peak to what is resident now; where that is forbidden the old peak stands.
            with contextlib.suppress(OSError):
                (_PROCESS / "clear_refs").write_text("5")
        self._before = _peak_bytes()

    def peak(self) -> int:
        """Bytes by which the resident memory has grown at most."""
        return _peak_bytes() - self._before


def _peak_bytes() -> int:
    if sys.platform == "linux":
        found = re.search(r"VmHWM:\s*(\d+) kB", (_PROCESS / "status").read_text())
        if found:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, kilobytes elsewhere
