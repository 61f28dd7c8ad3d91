"""The races that were kept, the latest first."""

import time
from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mnist_core.store import RaceRecord
from mnist_tui.race.race_text import title
from mnist_tui.text.numbers import ago
from mnist_tui.text.state_signs import STATE_SIGNS


class KeptRaces(OptionList):
    """A line for each race; Enter or a click opens it."""

    def show(self, records: Sequence[RaceRecord], shown: str) -> None:
        """List `records`; the one whose id is `shown` is marked as open."""
        before = self.pointed
        now = time.time()
        self.clear_options()
        if not records:
            self.add_option(
                Option(Content.styled("Races are kept here.", "$foreground 60%"), disabled=True)
            )
            return
        self.add_options(
            [Option(race_line(record, record.id == shown, now), id=record.id) for record in records]
        )
        ids = [record.id for record in records]
        wanted = before if self.has_focus or shown not in ids else shown
        self.highlighted = ids.index(wanted) if wanted in ids else 0

    @property
    def pointed(self) -> str:
        """The id of the race under the cursor; empty: there is none."""
        option = self.highlighted_option
        return option.id or "" if option is not None else ""


def race_line(record: RaceRecord, is_open: bool, now: float) -> Content:
    """How it ended, what was raced, and when."""
    sign, tone = STATE_SIGNS[record.state]
    return Content.assemble(
        ("▸" if is_open else " ", "bold $text-accent"),
        (sign, f"${tone}"),
        f" {title(record.contest):<14}"[:15],
        (f"  {ago(record.ended, now)}", "$foreground 60%"),
    )
