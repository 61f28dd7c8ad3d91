"""Where this user's data, caches, settings and logs belong on each system."""

import os
import stat
from pathlib import Path
from typing import Literal

APP = "mnist-tui"
HOME_VARIABLE = "MNIST_TUI_HOME"
"""Names the folder of the runs where no flag does."""

Kind = Literal["data", "cache", "config", "state"]


class NoHomeError(RuntimeError):
    """This user has no home folder; the message is a sentence that says what to do."""


def user_folder(kind: Kind) -> Path:
    """The folder of this program for files of a kind, absolute; it may not exist yet.

    A user without a home folder, as in a container, has one under the temporary folder for all that
    can be made again; runs are not kept where a restart clears them away.

    Raises:
        NoHomeError: there is no such folder.
    """
    # Only here: what is called by another name needs none of it.
    from platformdirs import PlatformDirs

    folders = PlatformDirs(APP, appauthor=False)
    try:
        folder: Path = getattr(folders, f"user_{kind}_path")
    except RuntimeError:
        # Not every version says so: others answer with a folder called "~".
        folder = Path("~")
    if folder.is_absolute():
        return folder
    if kind == "data":
        raise NoHomeError(
            "This user has no home folder to keep runs in. Set HOME, or choose a folder with "
            "--home."
        )
    return _stand_in() / kind / APP


def make_private(folder: Path) -> None:
    """Make `folder` and those above it that are missing, each for this user alone.

    The umask does not decide: where it takes nothing, everybody could replace what lies in there.

    Raises:
        OSError: one cannot be made.
    """
    if folder.is_dir():
        return
    make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def home_flag(home: Path) -> list[str]:
    """What has a command use the folder of runs `home`; nothing where it does so by itself."""
    named = os.environ.get(HOME_VARIABLE)
    try:
        usual = Path(named).absolute() if named else user_folder("data")
    except NoHomeError:
        usual = None
    return [] if home == usual else ["--home", str(home)]


def _stand_in() -> Path:
    """A folder of this user alone, in the place of a home.

    Raises:
        NoHomeError: it cannot be had.
    """
    import tempfile

    why = "This user has no home folder, and"
    advice = "Set HOME to a folder of this user."
    try:
        folder = Path(tempfile.gettempdir()) / f"{APP}-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise NoHomeError(f"{why} none can be made: {error.strerror}. {advice}") from error
    # Anybody may have made it, or a link of that name: what is written there could go elsewhere.
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not is_own or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NoHomeError(f"{why} others can write {folder}, which would stand in for it. {advice}")
    return folder
