"""A folder that no other user can write, for files that this program will execute."""

import grp
import os
import pwd
import stat
from pathlib import Path

from mnist_core.user_folders import make_private


class FolderNotPrivateError(OSError):
    """A folder was refused because another user could put files into it."""


def private_folder(path: Path) -> Path:
    """Make `path` by `make_private` if it is missing; return it without symbolic links.

    The folder must belong to this user, and neither it nor a folder above it may be writable by
    anyone but this user and root: whoever can write above it can replace it. As for sshd, a group
    of this user alone counts as this user, and as in /tmp, a sticky folder keeps others' hands
    off what they do not own.

    Raises:
        FolderNotPrivateError: a sentence that names the folder and what to do.
        OSError: the folder cannot be made.
    """
    make_private(path)
    folder = path.resolve(strict=True)
    if folder.stat().st_uid != os.getuid():
        raise FolderNotPrivateError(
            f"The folder {folder} belongs to another user. Remove or rename it."
        )
    if _writers(folder):
        raise FolderNotPrivateError(
            f"{_writers(folder)} can write the folder {folder}. Run: chmod 700 '{folder}'"
        )
    for above in folder.parents:
        sticky = above.stat().st_mode & stat.S_ISVTX
        if above.stat().st_uid not in (0, os.getuid()):
            raise FolderNotPrivateError(
                f"The folder {above}, above {folder}, belongs to another user."
            )
        if _writers(above) and not sticky:
            raise FolderNotPrivateError(
                f"{_writers(above)} can write the folder {above}, above {folder}. "
                f"Run: chmod go-w '{above}'"
            )
    return folder


def _writers(folder: Path) -> str:
    """Who besides the owner may write `folder`, in words; empty for nobody."""
    status = folder.stat()
    if status.st_mode & stat.S_IWOTH:
        return "Every user"
    if status.st_mode & stat.S_IWGRP and not _is_own_group(status.st_gid):
        return f"The group {status.st_gid}"
    return ""


def _is_own_group(group_id: int) -> bool:
    """Whether this is the group that many Linux systems make for each user alone."""
    try:
        user = pwd.getpwuid(os.getuid())
        group = grp.getgrgid(group_id)
    except KeyError:
        return False
    return (
        group_id == user.pw_gid
        and group.gr_name == user.pw_name
        and set(group.gr_mem) <= {user.pw_name}
    )
