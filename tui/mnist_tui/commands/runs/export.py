"""`mnist-tui runs export`."""

import sys
from pathlib import Path

from mnist_core.export import Format
from mnist_core.export.export import export_run
from mnist_core.store import RunStore
from mnist_tui.commands.runs.with_store import stored_runs, with_store
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.visible_text import visible


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
