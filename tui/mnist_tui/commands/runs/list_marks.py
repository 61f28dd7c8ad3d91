"""`mnist-tui runs marks`."""

import csv
import io
import json
import sys
from dataclasses import asdict
from pathlib import Path

from mnist_core.export.escapes import csv_cell
from mnist_core.export.export import not_written
from mnist_core.store import RunStore
from mnist_core.store.files import is_stdout, output_name, write_output
from mnist_core.store.sample_marks import SampleMark
from mnist_tui.commands.runs.with_store import lost_if_reader_left, stored_runs, with_store
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import in_columns, visible

COLUMNS = ("index", "label", "guess", "note", "samples")


@with_store
def list_marks(store: RunStore, run: str, output: Path | None, *, as_json: bool) -> None:
    """Print the marked samples of a run, or write them to `output` as CSV."""
    (record,) = stored_runs(store, [run])
    marks = store.sample_marks.of(record.id)
    write = line_writer(sys.stdout)
    if as_json:
        for mark in marks:
            write(json.dumps(asdict(mark)))
        return
    about = f"{count(len(marks), 'marked sample')} of {record.name} ({record.id})"
    if output is not None:
        with lost_if_reader_left(output):
            try:
                write_output(output, to_csv(marks))
            except OSError as error:
                raise not_written(output, error) from error
        tell = line_writer(sys.stderr if is_stdout(output) else sys.stdout)
        tell(visible(f"{output_name(output)}: {about}"))
        return
    write(visible(about))
    if marks:
        write("")
        rows = [tuple(map(visible, _row(mark))) for mark in marks]
        for line in in_columns([COLUMNS, *rows], numbers=(0,)):
            write(line)


def to_csv(marks: list[SampleMark]) -> bytes:
    """A header and a row for each mark; text that a spreadsheet would compute begins with '."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(tuple(map(csv_cell, _row(mark))) for mark in marks)
    return text.getvalue().encode()


def _row(mark: SampleMark) -> tuple[str, ...]:
    return str(mark.index), mark.label, mark.guess, mark.note, mark.samples
