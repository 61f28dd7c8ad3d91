"""Who trains a run: an operating system's lock on a file, which even kill -9 releases."""

import fcntl
import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from mnist_core.store.records import StoreError

_PATIENCE = 1.0
"""Seconds to wait for a lock: somebody who only looks whether it is held, holds it for a moment."""
_POLL = 0.01
"""Seconds between two tries, so that a moment's look never makes all of them fail."""


class Ownership:
    """The right to write one run, from `claim` until `release`; any thread may release it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The files that stand in for locks where a file system has none outlive kill -9.
        self._lock = FileLock(path, thread_local=False, fallback_to_soft=False)

    def claim(self, run: str) -> None:
        """Take the lock of `run`, as the message names it.

        Raises:
            StoreError: another process, or another part of this one, has it.
            OSError: there can be no lock in that folder.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=_PATIENCE, poll_interval=_POLL)
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

    def discard(self) -> None:
        """Remove the file of a lock that is held, then give it up: the run is gone for good."""
        if self.held:
            self._path.unlink(missing_ok=True)
        self.release()


def is_owned(path: Path) -> bool:
    """Whether somebody holds the lock at `path` now; works in folders that may only be read.

    Raises:
        OSError: that cannot be found out.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that those who look do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def lives(path: Path, pid: object = None, host: object = None) -> bool:
    """Whether somebody holds the lock at `path`, as far as that can be told.

    Without the right to look at it, a process of the number `pid` on this `host` is the best guess.
    """
    try:
        return is_owned(path)
    except OSError:
        return host == socket.gethostname() and _is_process(pid)


def _is_process(pid: object) -> bool:
    try:
        os.kill(int(str(pid)), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
