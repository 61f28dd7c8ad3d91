"""Where commands meet the store; and `mnist-tui runs delete`, which does little more."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from mnist_core.export import ExportError
from mnist_core.shell_commands import own_command
from mnist_core.store import KeptRecord, RunRecord, RunStore, StoreError
from mnist_core.store.files import is_stdout
from mnist_core.user_folders import home_flag
from mnist_tui.runtime.output import EXIT_DONE, EXIT_FAILED, OutputLost, line_writer
from mnist_tui.text.visible_text import visible

P = ParamSpec("P")
Record = TypeVar("Record", bound=KeptRecord)


def with_store(
    command: Callable[Concatenate[RunStore, P], None],
) -> Callable[Concatenate[Path, P], int]:
    """Makes a command of a folder out of one that works with the runs in it.

    It returns the exit code; what cannot be done is said on stderr.
    """

    @wraps(command)
    def run(home: Path, /, *args: P.args, **kwargs: P.kwargs) -> int:
        write_error = line_writer(sys.stderr)
        with closing(RunStore(home)) as store:
            try:
                command(store, *args, **kwargs)
            except (StoreError, ExportError) as error:
                write_error(visible(str(error)))
                return EXIT_FAILED
            except OSError as error:
                write_error(visible(f"{home} cannot be read: {error.strerror or error}."))
                return EXIT_FAILED
            finally:
                # Of a folder that is only read, it tells that new runs are not kept: none is made
                # here.
                if store.notice and not store.read_only:
                    write_error(visible(store.notice))
        return EXIT_DONE

    return run


def stored_runs(store: RunStore, names: Sequence[str]) -> list[RunRecord]:
    """The runs of these ids or names, each once.

    Raises:
        StoreError: there is none of a name, or several.
    """
    return _each_once(store, names, store.run)


def found_runs(store: RunStore, names: Sequence[str]) -> list[KeptRecord]:
    """The same, where recordings will do as well."""
    return _each_once(store, names, store.find)


def _each_once(
    store: RunStore, names: Sequence[str], find: Callable[[str], Record]
) -> list[Record]:
    if not store.exists:
        raise StoreError(no_runs(store))
    return list({record.id: record for record in map(find, names)}.values())


def no_runs(store: RunStore) -> str:
    """That there are none, and what to do, as a sentence."""
    train = own_command("train", *home_flag(store.home))
    return (
        f"There are no runs in {store.home} yet. {train} makes one; --home chooses another folder."
    )


@with_store
def delete_runs(store: RunStore, runs: Sequence[str], *, as_json: bool) -> None:
    """Delete these runs for good, all or none, and say so."""
    delete_for_good(store, found_runs(store, runs), as_json=as_json)


def delete_for_good(store: RunStore, records: Sequence[KeptRecord], *, as_json: bool) -> None:
    """Delete all of them, or where one is being trained none, and say so."""
    write = line_writer(sys.stdout)
    ids = [record.id for record in records]
    store.deleter.delete(ids)
    store.deleter.purge(ids)
    for record in records:
        if as_json:
            write(json.dumps({"deleted": record.id, "name": record.name}))
        else:
            write(visible(f"Deleted {record.name} ({record.id})."))


@contextmanager
def lost_if_reader_left(output: Path) -> Iterator[None]:
    """Raises OutputLost where `output` is standard output, and nobody reads it any more."""
    try:
        yield
    except ExportError as error:
        if is_stdout(output) and isinstance(error.__cause__, BrokenPipeError):
            raise OutputLost from error
        raise
