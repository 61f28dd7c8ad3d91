"""Who trains a run: an operating system's lock on a file, which even kill -9 releases."""

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path

from filelock import FileLock, Timeout

from mnist_core.store.records import StoreError, is_id
from mnist_core.user_folders import make_private

_PATIENCE = 1.0
"""Seconds to wait for a lock: somebody who only looks whether it is held, holds it for a moment."""
LOCK_MODE = 0o644
"""Of the file of a lock: others may look whether it is held, as `is_owned` does."""
_POLL = 0.01
"""Seconds between two tries, so that a moment's look never makes all of them fail."""


def lock_path(home: Path, owner: str) -> Path:
    """Where the lock of a run lies, or that of somebody who deleted runs.

    Raises:
        StoreError: it is no id.
    """
    if not is_id(owner):
        raise StoreError(f"The database in {home} has {owner!r:.40} in the place of an id.")
    return home / "locks" / f"{owner}.lock"


class Ownership:
    """The right to write one run, from `claim` until `release`; any thread may release it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The files that stand in for locks where a file system has none outlive kill -9.
        self._lock = FileLock(path, mode=LOCK_MODE, thread_local=False, fallback_to_soft=False)

    def claim(self, run: str) -> None:
        """Take the lock of `run`, as the message names it.

        Raises:
            StoreError: another process, or another part of this one, has it.
            OSError: there can be no lock in that folder.
        """
        make_private(self._path.parent)
        deadline = time.monotonic() + _PATIENCE
        try:
            self._lock.acquire(timeout=_PATIENCE, poll_interval=_POLL)
            while not self.held:
                # Its last owner has removed the file between our opening and locking it.
                self._lock.release()
                self._lock.acquire(
                    timeout=max(0.0, deadline - time.monotonic()), poll_interval=_POLL
                )
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
        """Remove the file of a lock that is held, then give it up."""
        if self.held:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        self.release()

    def discard_unused(self) -> None:
        """Remove the file unless somebody holds the lock.

        Raises:
            OSError: that cannot be found out.
        """
        with contextlib.suppress(Timeout):
            self._lock.acquire(blocking=False)
            self.discard()


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
    except (OSError, ValueError, OverflowError):
        return False
    return True
