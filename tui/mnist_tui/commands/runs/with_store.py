"""Where the commands meet the store: what it refuses becomes a sentence."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mnist_core.export import ExportError
from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_tui.commands.headless import EXIT_DONE, EXIT_FAILED
from mnist_tui.runtime.output import line_writer
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
