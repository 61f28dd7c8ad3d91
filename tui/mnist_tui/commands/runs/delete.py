"""`mnist-tui runs delete`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mnist_core.store import RunStore
from mnist_tui.commands.runs.with_store import stored_runs, with_store
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.visible_text import visible


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
