"""Who trains a run: an operating system's lock on a file, which even kill -9 releases."""

import os
from pathlib import Path

from filelock import FileLock, Timeout

from mnist_core.store.errors import StoreError

_PROBED = 0.5
"""Seconds to wait for a lock: somebody who only looks whether it is held, holds it for a moment."""


class Ownership:
    """The right to write one run, from `claim` until `release`; any thread may release it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path, thread_local=False)

    def claim(self, run: str) -> None:
        """Take the lock of `run`, as the message names it.

        Raises:
            StoreError: another process, or another part of this one, has it.
            OSError: there can be no lock in that folder.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=_PROBED)
        except Timeout:
            raise StoreError(
                f"{run} is being trained at this moment, here or by another mnist-tui. "
                "Stop it there first."
            ) from None

    @property
    def held(self) -> bool:
        """Whether the lock is still ours: not if somebody has removed or replaced its file."""
        descriptor = self._lock._context.lock_file_fd
        if descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Give it up; nothing happens if it is not held."""
        self._lock.release()


def is_owned(path: Path) -> bool:
    """Whether somebody holds the lock at `path` now.

    Raises:
        OSError: that cannot be found out, as in a folder that may not be written.
    """
    if not path.exists():
        return False
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
