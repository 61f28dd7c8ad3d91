"""Removing from the cache what no process uses any more."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

DAY = 24 * 3600.0
UNUSED = 30 * DAY
"""Seconds after which something of another version is taken to be used no more.

Nothing is lost with it: whoever needs it again makes it again.
"""


def mark_used(path: Path) -> None:
    """Note that `path` was used now, where that can be noted."""
    with contextlib.suppress(OSError):
        os.utime(path)


def remove_older(paths: Iterable[Path], seconds: float) -> None:
    """Remove those files and folders that were not changed or marked for `seconds`."""
    with contextlib.suppress(OSError):
        for path in paths:
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime <= seconds:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
