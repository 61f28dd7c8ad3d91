"""Where the commands meet the store: what it refuses becomes a sentence.

With `mnist-tui runs delete` and `export`, which hardly do more.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mnist_core.export import ExportError, Format
from mnist_core.export.export import export_run
from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_tui.runtime.output import EXIT_DONE, EXIT_FAILED, line_writer
from mnist_tui.text.visible_text import visible


def with_store(home: Path, work: Callable[[RunStore], None]) -> int:
    """Do `work` with the runs in `home`; the exit code. What it cannot do is said on stderr."""
    write_error = line_writer(sys.stderr)
    store = RunStore(home)
    try:
        work(store)
    except (StoreError, ExportError) as error:
        write_error(visible(str(error)))
        return EXIT_FAILED
    except OSError as error:
        write_error(visible(f"{home} cannot be read: {error.strerror or error}."))
        return EXIT_FAILED
    finally:
        # Of a folder that is only read, it tells that new runs are not kept: none is made here.
        if store.notice and not store.read_only:
            write_error(visible(store.notice))
        store.close()
    return EXIT_DONE


def stored_runs(store: RunStore, names: Sequence[str]) -> list[RunRecord]:
    """The runs of these ids or names, each once.

    Raises:
        StoreError: there is none of a name, or several.
    """
    if not store.exists:
        raise StoreError(no_runs(store))
    return list({record.id: record for record in map(store.run, names)}.values())


def no_runs(store: RunStore) -> str:
    """That there are none, and what to do, as a sentence."""
    return (
        f"There are no runs in {store.home} yet. mnist-tui train makes one; --home chooses "
        "another folder."
    )


def delete_runs(home: Path, runs: Sequence[str], *, as_json: bool = False) -> int:
    """Delete these runs for good, all or none, and say so; the exit code."""
    write = line_writer(sys.stdout)

    def work(store: RunStore) -> None:
        records = stored_runs(store, runs)
        ids = [record.id for record in records]
        store.delete(ids)
        store.purge(ids)
        for record in records:
            if as_json:
                write(json.dumps({"deleted": record.id, "name": record.name}))
            else:
                write(visible(f"Deleted {record.name} ({record.id})."))

    return with_store(home, work)


def export(home: Path, run: str, form: Format, output: Path, *, best: bool = False) -> int:
    """Write a run to `output` and say what was written; the exit code."""
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)

    def work(store: RunStore) -> None:
        (record,) = stored_runs(store, [run])
        exported = export_run(store, record, form, output, best=best)
        if exported.notice:
            write_error(visible(exported.notice))
        write(visible(f"{output}: {exported.what} of {record.name} ({record.id})"))

    return with_store(home, work)
