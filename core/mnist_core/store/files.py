"""Files that are written whole or not at all, and what a user names as the place for output."""

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from numpy.typing import NDArray

_STDOUT_DESCRIPTOR = 1
STDOUT = Path(f"/dev/fd/{_STDOUT_DESCRIPTOR}")
"""Standard output, for :func:`write_output`."""

_OWN_FILE = 0o600
_MOST_LINKS = 40
"""As many as Linux follows."""


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file `path` by `content`, so that a crash leaves the old one or the new one.

    The new file is this user's alone, as are folders that are made for it.

    Raises:
        OSError: it could not be written; what was there before still is.
    """
    _replace(path, content, _OWN_FILE, None)


def safetensors_bytes(arrays: Mapping[str, NDArray[Any]], about: Mapping[str, str]) -> bytes:
    """A safetensors file of C-ordered `arrays`, with `about` as its metadata.

    Raises:
        MemoryError: there is no room for it.
    """
    from safetensors.numpy import save

    try:
        return save(dict(arrays), dict(about))
    except BaseException as error:
        # safetensors, which is Rust, panics then, and its panic is no Exception.
        if type(error).__name__ == "PanicException":
            raise MemoryError(str(error)) from error
        raise


def write_output(path: Path, content: bytes) -> None:
    """Write `content` to what a user calls `path`: every file that a command is told to write.

    Links are followed. A file is replaced once the new one is whole, and keeps its mode; a new one
    gets the mode that the umask leaves. Everything else that is there, such as a device, a pipe or
    a descriptor of this process (/dev/stdout), is written through, and stays what it is.

    Raises:
        OSError: it could not be written, or may not be; a file that was there before still is.
    """
    descriptor = _descriptor_named(path)
    if descriptor is not None:
        _write_through(_inherited(descriptor), content)
        return
    try:
        found = path.stat()
    except FileNotFoundError:
        # Where a link leads nowhere yet, the file is made where it leads to.
        _replace(_real(path), content, 0o666, None)
        return
    if not stat.S_ISREG(found.st_mode):
        _write_through(os.open(path, os.O_WRONLY | os.O_NOCTTY), content)
        return
    if not os.access(path, os.W_OK):
        # To replace it would take no more than the right to write its folder.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    _replace(_real(path), content, 0o666, found)


def is_stdout(path: Path) -> bool:
    """Whether `path` is a name of standard output, which then takes nothing else."""
    return _descriptor_named(path) == _STDOUT_DESCRIPTOR


def output_name(path: Path) -> str:
    """What sentences call `path`."""
    return "Standard output" if path == STDOUT else str(path)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last: a name is as durable as its folder."""
    # Some file systems cannot sync a folder, and need not.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _descriptor_named(path: Path) -> int | None:
    """The open file of this process that `path` is another name of; None: it is of none."""
    folders = {_real("/dev/fd"), _real("/proc/self/fd")}
    for _ in range(_MOST_LINKS):
        path = _real(path.parent) / path.name
        # Looked at before the link is read: the open file may have lost its name, or never had one.
        if path.parent in folders:
            return int(path.name) if path.name.isdecimal() else None
        try:
            path = path.parent / path.readlink()
        except OSError:
            return None
    return None


def _real(path: Path | str) -> Path:
    """Without links; `Path.resolve` raises where they go in a circle."""
    return Path(os.path.realpath(path))


def _replace(path: Path, content: bytes, mode: int, like: os.stat_result | None) -> None:
    """As :func:`write_whole`, with the owner and mode of the file `like` where that is given.

    Else with `mode`, less what the umask takes.
    """
    _make_folder(path.parent, 0o700 if mode == _OWN_FILE else 0o777)
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode if like is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if like is not None:
                _resemble(handle, like)
            os.fsync(handle)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def _resemble(handle: int, like: os.stat_result) -> None:
    # Only root may give files away.
    with contextlib.suppress(OSError):
        os.fchown(handle, like.st_uid, like.st_gid)
    os.fchmod(handle, stat.S_IMODE(like.st_mode) & 0o777)


def _inherited(descriptor: int) -> int:
    """A copy of a descriptor that the caller of this process opened for it.

    Raises:
        OSError: there is none, though this process may have opened one of that number itself.
    """
    # What this process opens is not for its children: the database of the runs is such a file.
    if not os.get_inheritable(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return os.dup(descriptor)


def _write_through(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _make_folder(folder: Path, mode: int) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent, mode)
    folder.mkdir(mode, exist_ok=True)
    sync_folder(folder.parent)
