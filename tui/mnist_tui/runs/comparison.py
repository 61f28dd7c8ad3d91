"""The text beside the curves: what sets two runs apart, and what people wrote on one."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from mnist_core.store import RunRecord, RunState
from mnist_tui.plain_text import visible
from mnist_tui.runs.differences import differences

_NARROW = 30
"""Cells below which the three columns would be too short to read: labels get lines of their own."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run, and the one it is compared with."""

    record: RunRecord
    other: RunRecord | None
    why: str
    """Why that one: pinned, marked or earlier."""

    @property
    def title(self) -> str:
        """What is shown, as plain text for the border."""
        if self.other is None:
            return visible(self.record.name)
        return visible(f"{self.record.name} and {self.other.name} ({self.why})")


@dataclass(frozen=True, slots=True)
class ComparisonText:
    """What differs, then note, tags and the rest that the table of runs has no room for."""

    comparison: Comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _page(self.comparison.record, self.comparison.other, options.max_width)


def _page(record: RunRecord, other: RunRecord | None, width: int) -> Table:
    page = Table.grid(expand=True)
    page.add_column(overflow="fold")
    if other is None:
        page.add_row(Text("Pin a run with P, or mark one, to see what differs.", style="dim"))
    else:
        page.add_row(_differences(record, other, width))
    page.add_row("")
    for label, text in _facts(record):
        line = Text(f"{label}  ", style="dim")
        page.add_row(line.append(visible(text), style="not dim"))
    return page


def _differences(record: RunRecord, other: RunRecord, width: int) -> Table | Text:
    found = differences(record, other)
    if not found:
        return Text(f"The same hyperparameters as {visible(other.name)}.", style="dim")
    table = Table.grid(padding=(0, 1), expand=True)
    if width < _NARROW:
        table.add_column(overflow="fold")
        for one in found:
            text = Text(f"{one.label} ", style="dim").append(
                visible(one.ours), style="not dim bold"
            )
            table.add_row(text.append(f" / {visible(one.theirs)}", style="not dim"))
        return table
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    table.add_column(overflow="fold", ratio=1)
    head = [Text(visible(run.name), style="underline", overflow="ellipsis", no_wrap=True)
            for run in (record, other)]  # fmt: skip
    table.add_row("", *head)
    for one in found:
        ours, theirs = Text(visible(one.ours), style="bold"), Text(visible(one.theirs))
        table.add_row(Text(one.label, style="dim"), ours, theirs)
    return table


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    facts = [
        ("Note", record.note),
        ("Tags", ", ".join(record.tags)),
        ("Failed", record.failure),
        ("Best", f"in epoch {record.best_epoch}" if record.best and record.best_epoch else ""),
        ("Data", record.dataset),
        ("Id", record.id),
    ]
    if record.state.is_live:
        facts.append(("Trained", f"by process {record.pid} on {record.host}"))
    elif record.state is RunState.INTERRUPTED:
        facts.append(("Was trained", f"by process {record.pid} on {record.host}"))
    return [(label, text) for label, text in facts if text]
