"""`mnist-tui runs export`."""

import sys
from pathlib import Path

from mnist_core.export import Format
from mnist_core.export.export import export_run
from mnist_core.store import RecordingRecord, RunStore
from mnist_core.store.files import is_stdout, output_name
from mnist_tui.commands.runs.recordings import export_curves
from mnist_tui.commands.runs.with_store import found_runs, lost_if_reader_left, with_store
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.visible_text import visible


@with_store
def export(store: RunStore, run: str, form: Format, output: Path, *, best: bool) -> None:
    """Write a run to `output` and say what was written."""
    (record,) = found_runs(store, [run])
    if isinstance(record, RecordingRecord):
        export_curves(store, record, form, output)
        return
    with lost_if_reader_left(output):
        exported = export_run(store, record, form, output, best=best)
    if exported.notice:
        line_writer(sys.stderr)(visible(exported.notice))
    sentence = f"{output_name(output)}: {exported.what} of {record.name} ({record.id})"
    line_writer(sys.stderr if is_stdout(output) else sys.stdout)(visible(sentence))
