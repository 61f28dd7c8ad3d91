"""The soak's table: what each part did how often, what was lost, and what cannot be run here."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

_FOLDER = Path(__file__).parent
_KEY = "tally"

Tally = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Row:
    """What one test of the soak came to."""

    part: str
    """The folder that it lies in; a name for `PART`."""
    what: str
    """What was done, such as "kills between two epochs"."""
    count: int | None
    losses: int | None
    seconds: float
    outcome: str
    """`passed` or `failed`, or why it could not be run here."""


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """`tally(what, count, losses)` tells the table what was done, how often, and what was lost.

    Nothing done fails, and so does anything lost.
    """

    def tell(what: str, count: int, losses: int = 0) -> None:
        record_property(_KEY, (what, count, losses))
        assert count > 0, f"{what}: nothing was done"
        assert losses == 0, f"{what}: {losses} of {count} lost something"

    return tell


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table after a soak, and write it as JSON where that was asked for."""
    if not config.getoption("--soak"):
        return
    reports = [
        report
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    rows = [row for report in reports if (row := _row(report)) is not None]
    table = Table("part", "what", "count", "losses", "seconds", "outcome", box=None)
    for row in sorted(rows, key=lambda row: (row.part, row.what)):
        count, losses = ("" if n is None else f"{n:,}" for n in (row.count, row.losses))
        table.add_row(row.part, row.what, count, losses, str(row.seconds), row.outcome)
    terminalreporter.section("soak")
    Console(file=terminalreporter._tw._file, width=120).print(table)
    target = config.getoption("--soak-json")
    if target:
        Path(target).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def _row(report: pytest.TestReport) -> Row | None:
    """That of a test of the soak; of its set-up only where that failed or left it out."""
    file, _, name = report.nodeid.partition("::")
    path = Path(file)
    if path.parts[:2] != ("tests", _FOLDER.name) or (report.when != "call" and report.passed):
        return None
    told = dict(report.user_properties).get(_KEY)
    what, count, losses = told if isinstance(told, tuple) else (name, None, None)
    outcome = str(report.outcome)
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        outcome = str(reason).replace("Skipped: ", "not run: ")
    return Row(path.parts[2], what, count, losses, round(report.duration, 1), outcome)
