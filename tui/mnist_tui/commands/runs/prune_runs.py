"""`mnist-tui runs prune`: many runs deleted at once, and shown before."""

import json
import sys
from collections.abc import Sequence

from mnist_core.shell_commands import own_command
from mnist_core.store import RunRecord, RunStore
from mnist_core.user_folders import home_flag
from mnist_tui.commands.runs.show_runs import matching_rows, write_table
from mnist_tui.commands.runs.with_store import delete_for_good, with_store
from mnist_tui.runs.columns import RunRow, sort_rows, sorting_by
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible


@with_store
def prune_runs(
    store: RunStore, text: str, keep_best: int | None, *, delete: bool, as_json: bool
) -> None:
    """Delete the runs that the filter `text` asks for, but for the `keep_best` best of them and
    those that are being trained; unless `delete`, only tell which these are.

    Raises:
        UsageError: a term of the filter is not understood.
    """
    found = matching_rows(store, text)
    rows = expendable(found, keep_best)
    if delete:
        delete_for_good(store, [row.record for row in rows], as_json=as_json)
        return
    write_note = line_writer(sys.stderr)
    if as_json:
        write = line_writer(sys.stdout)
        for row in rows:
            write(json.dumps({"would_delete": row.record.id, "name": row.record.name}))
    elif rows:
        write_table(rows)
        wanted = ["--filter", text] if text else []
        wanted += [] if keep_best is None else ["--keep-best", str(keep_best)]
        again = own_command("runs", "prune", *wanted, "--delete", *home_flag(store.home))
        write_note(f"{count(len(rows), 'run')} would go. This deletes for good:")
        write_note(visible(again))
    elif found:
        write_note(f"All of {count(len(found), 'run')} would stay.")


def expendable(rows: Sequence[RunRow], keep_best: int | None) -> list[RunRow]:
    """Those that may go, in the order of `rows`: none that is being trained or recorded.

    With `keep_best` so many stay; one without an accuracy is worse than any with one. Recordings
    have none that ranks them, so that all of them stay then.
    """
    ended = [row for row in rows if not row.record.state.is_live]
    if keep_best is None:
        return ended
    runs = [row for row in ended if isinstance(row.record, RunRecord)]
    worse = {row.record.id for row in sort_rows(runs, sorting_by("best"))[keep_best:]}
    return [row for row in ended if row.record.id in worse]
