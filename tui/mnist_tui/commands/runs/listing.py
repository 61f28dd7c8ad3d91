"""`mnist-tui runs list`."""

import json
import shutil
import sys
from pathlib import Path

from mnist_core.store import RunRecord, RunStore
from mnist_tui.commands.runs.run_text import local_time, run_to_json, score
from mnist_tui.commands.runs.with_store import no_runs, with_store
from mnist_tui.lab.differences import short_difference, usual_values, values
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.table import in_columns
from mnist_tui.text.visible_text import visible

_HEADER = ("id", "name", "state", "epochs", "best", "started", "differs in")


def list_runs(home: Path, *, as_json: bool = False) -> int:
    """Print a line for each run in `home`, the latest first; the exit code.

    A folder without runs is left as it is, and that there are none is said on stderr.
    """
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)

    def work(store: RunStore) -> None:
        records = store.runs() if store.exists else []
        if not records:
            write_error(visible(no_runs(store)))
        elif as_json:
            for record in records:
                write(json.dumps(run_to_json(record), allow_nan=False))
        else:
            usual = usual_values(records)
            rows = [_row(record, short_difference(values(record), usual)) for record in records]
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            for line in in_columns([_HEADER, *rows], width=width):
                write(line)

    return with_store(home, work)


def _row(record: RunRecord, differs: str) -> tuple[str, ...]:
    return (
        record.id,
        visible(record.name),
        record.state.value,
        f"{record.epoch}/{record.epochs}",
        score(record.best),
        local_time(record.started),
        visible(differs),
    )
