"""Where studies are kept: a journal file for each under the home, or a database that has a URL."""

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_core.shell_commands import install_command, own_command
from mnist_core.user_folders import home_flag, make_private

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

HEARTBEAT = 60
"""Seconds between two signs of life of a trial, where the storage takes them."""
_STALE = 180
"""Seconds without one after which a trial of another machine is given up."""
_LOCK_PATIENCE = 5
"""Seconds after which the journal's lock is taken from a process that was killed with it."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


class SweepError(Exception):
    """The message is a sentence for the user."""


def check_installed() -> None:
    """Raises SweepError where the extra is missing."""
    if find_spec("optuna") is None or find_spec("cmaes") is None:
        raise SweepError(
            "A sweep needs the extra sweep, which is not installed. "
            f"To install it: {install_command('sweep')}"
        )


def check_name(name: str) -> None:
    """Raises SweepError for what cannot be the name of a study, and of its file."""
    if not _NAME.fullmatch(name):
        raise SweepError(
            f"A study cannot be called {name!r}: its name is up to 60 letters, digits, dots, "
            "dashes and underscores, and begins with a letter or a digit."
        )


def new_name(home: Path, url: str | None) -> str:
    """A name for a study that counts up; on a database that others use too, one of chance."""
    if url is not None:
        from uuid import uuid4

        return f"sweep-{uuid4().hex[:8]}"
    counted = filter(_COUNTED.match, study_names(home))
    numbers = [int(name.removeprefix("sweep-")) for name in counted]
    return f"sweep-{max(numbers, default=0) + 1}"


_COUNTED = re.compile(r"sweep-[0-9]{1,9}$")


def open_storage(
    home: Path,
    url: str | None,
    name: str,
    *,
    new: bool,
    on_stale: "Callable[[Study, FrozenTrial], None]",
) -> "BaseStorage":
    """The storage that has, or is to have, the study `name`.

    `on_stale` is called with each trial that is told failed since its heartbeat ended.

    Raises:
        SweepError: it cannot be used, or has no such study under the home, as a sentence.
    """
    with quiet():
        return _journal(home, name, new=new) if url is None else _database(url, on_stale)


def storage_text(home: Path, url: str | None, name: str) -> str:
    """Where a study is, for people."""
    if url is None:
        return str(study_file(home, name))
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", url)


def _journal(home: Path, name: str, *, new: bool) -> "BaseStorage":
    path = study_file(home, name)
    if not new and not path.exists():
        names = ", ".join(study_names(home)[-5:])
        raise SweepError(
            f"There is no study {name!r} in {path.parent}. "
            + (f"There are {names}." if names else "A sweep with --study makes one.")
        )
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    class MendingLock(JournalFileOpenLock):
        """Whoever writes finds whole lines before its own, whatever has cut others short."""

        def acquire(self) -> bool:
            acquired = super().acquire()
            _cut_unfinished_line(path)
            return acquired

    try:
        make_private(path.parent)
        if new:
            path.touch(0o600, exist_ok=False)
        lock = MendingLock(str(path), grace_period=_LOCK_PATIENCE)
        lock.acquire()
        lock.release()
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except FileExistsError as error:
        raise SweepError(
            f"There is a study {name} already. To go on with it: "
            f"{own_command('sweep', '--resume', name, *home_flag(home))}"
        ) from error
    except OSError as error:
        raise SweepError(f"{path} cannot be opened: {error.strerror or error}.") from error
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise SweepError(f"{path} is damaged ({error}). Begin another study.") from error


def _cut_unfinished_line(path: Path) -> None:
    """Cut off a last line that a full disk or a power cut has left unfinished.

    The next one would be written behind it, and neither could be read any more.
    """
    with path.open("rb+") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - 1))
        if file.read() not in (b"", b"\n"):
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def _database(url: str, on_stale: "Callable[[Study, FrozenTrial], None]") -> "BaseStorage":
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    shown = storage_text(Path(), url, "")
    try:
        return RDBStorage(
            url,
            heartbeat_interval=HEARTBEAT,
            grace_period=_STALE,
            heartbeat_stale_trial_callback=on_stale,
        )
    except ImportError as error:
        missing = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        module = missing.name or "of that database"
        package = {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary"}.get(
            module, module
        )
        raise SweepError(
            f"The driver {module} for {shown} is not installed. Install it beside mnist-tui, as "
            f"with pip install {package}."
        ) from error
    except (ArgumentError, ValueError) as error:
        raise SweepError(
            f"{shown} is no address of a database. Write one as in "
            "postgresql://USER@HOST/DATABASE or sqlite:////FOLDER/FILE.db."
        ) from error
    except (SQLAlchemyError, RuntimeError) as error:
        why = " ".join(str(getattr(error, "orig", None) or error).split())
        raise SweepError(f"The database {shown} cannot be used: {why.rstrip('.')}.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what Optuna logs and warns off the terminal."""
    import optuna

    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def study_file(home: Path, name: str) -> Path:
    """Where a study is kept that has no database."""
    return home / "sweeps" / f"{name}.journal"


def study_names(home: Path) -> list[str]:
    """Those of the studies in `home`, the latest last."""
    folder = home / "sweeps"
    if not folder.is_dir():
        return []
    files = sorted(folder.glob("*.journal"), key=lambda path: path.stat().st_mtime)
    return [path.stem for path in files]
