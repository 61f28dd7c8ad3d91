"""How weights, gradients and activations are distributed, epoch by epoch, over the network."""

import math
from itertools import groupby
from typing import ClassVar

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.strip import Strip

from mnist_core.network.distributions import EXAMPLES, KINDS
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.network.heat_map import HeatMap, character, heat_map
from mnist_tui.network.network_source import NetworkSource
from mnist_tui.text.numbers import count
from mnist_tui.text.styled_text import Tone, flow
from mnist_tui.text.visible_text import in_middle, padded, shorten, visible
from mnist_tui.ui.dialogs import Dialog
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.weight_picture import Palette, palette_on

_LABEL_CELLS = 10
_OTHER_LINES = 5
"""The cursor above and below, the epochs, and two lines of figures."""
_POLL_INTERVAL = 0.5
"""Seconds between two looks at whether there is another epoch."""
_LEVELS, _FAINTEST = 31, 0.1
NONE_KEPT = "This run has none, since it was trained by an older version of mnist-tui."
_NOT_YET = "They appear here with the first epoch."
_MEANT = {
    "weights": "after the epoch",
    "gradients": "of the epoch's last batch, at the weights after it",
    "activations": f"of the first {EXAMPLES} test samples",
}
"""What is counted of each kind."""


def facts(epoch: int, row: np.void | None) -> list[str]:
    """The figures of an epoch, in their order."""
    found = [f"epoch {epoch}"]
    if row is None:
        return [*found, "not counted"]
    number = int(row["counts"].sum())
    if number:
        mean = float(row["sum"]) / number
        deviation = math.sqrt(max(0.0, float(row["squares"]) / number - mean * mean))
        ends = f"from {float(row['least']):.4g} to {float(row['greatest']):.4g}"
        found += [
            f"{count(number, 'value')} {ends}", f"mean {mean:.4g}", f"deviation {deviation:.4g}"
        ]  # fmt: skip
    if row["not_finite"]:
        found.append(f"{count(int(row['not_finite']))} not finite")
    return found


class DistributionsMap(DrawnWidget):
    """Draws one array over the epochs; moved by the dialog."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"distributions--quiet"}
    DEFAULT_CSS = """
    DistributionsMap {
        width: 1fr;
        height: 1fr;
        & > .distributions--quiet { color: $text-muted; }
    }
    """

    def __init__(self, source: NetworkSource) -> None:
        super().__init__()
        self._source = source
        self.name_shown = ""
        """Which array; empty: the first."""
        self._made: tuple[object, HeatMap] | None = None
        """The map that was drawn last, and what it is of."""

    @property
    def names(self) -> list[str]:
        """Those of the run on show, by kind and then in the order of the layers."""
        progress = self._source.progress
        found = progress.distributions.values() if progress is not None else ()
        names = dict.fromkeys(name for each in found for name in each.names)
        return sorted(names, key=lambda name: KINDS.index(name.partition("/")[0]))

    def draw(self) -> list[Strip]:
        width, height = self.size
        base, progress = self.rich_style, self._source.progress
        quiet = base + Style(color=self.get_component_rich_style("distributions--quiet").color)
        if progress is None or not progress.distributions:
            evaluated = progress is not None and len(progress.test_loss) > 0
            words = NONE_KEPT if evaluated else _NOT_YET
            lines = [
                [Segment(in_middle(words, min(width - 4, 70), width, height, y), quiet)]
                for y in range(height)
            ]
        else:
            lines = self._lines(progress, width, height, quiet)
        return [Strip(line).apply_style(base).adjust_cell_length(width, base) for line in lines]

    def _lines(
        self, progress: RunProgress, width: int, height: int, quiet: Style
    ) -> list[list[Segment]]:
        found = {
            epoch: row
            for epoch, each in progress.distributions.items()
            if (row := each.get(self.name_shown)) is not None
        }
        epochs = range(min(progress.distributions), progress.evaluated_epoch + 1)
        room = max(1, width - _LABEL_CELLS - 1)
        drawn = self._map(progress, found, epochs, room, max(1, height - _OTHER_LINES))
        cursor = self._source.cursor_epoch
        column = drawn.column_of(cursor)
        palette = None if self.app.no_color else palette_on(self.background_colors[1])
        labels = self._labels(drawn)
        lines = [[Segment(_marked("v", drawn, column))]]
        for place, amounts in enumerate(drawn.amounts.tolist()):
            label = padded(labels.get(place, ""), _LABEL_CELLS, right=True) + " "
            lines.append([Segment(label, quiet), *_cells(amounts, drawn.cells, palette)])
        lines.append([Segment(_marked("^", drawn, column))])
        lines.append([Segment(_epochs_line(drawn, cursor, room), quiet)])
        shown = progress.evaluated_epoch if cursor is None else cursor
        figures = flow([(part, Tone.PLAIN) for part in facts(shown, found.get(shown))], width)
        lines += [[Segment(part) for part, _ in line] for line in figures[:2]]
        return lines[:height]

    def _map(
        self, progress: RunProgress, found: dict[int, np.void], epochs: range, *size: int
    ) -> HeatMap:
        """The map, which is made anew where there is another: of a thousand epochs in 80 ms."""
        # A run that went back, and has come as far again, has another last epoch.
        last = progress.distributions[max(progress.distributions)]
        key = (progress, self.name_shown, epochs, last, size)
        if self._made is None or self._made[0] != key:
            self._made = key, heat_map(found, epochs, *size)
        return self._made[1]

    def _labels(self, drawn: HeatMap) -> dict[int, str]:
        """By row: the ends of the axis, and 0 where it is between them."""
        rows = len(drawn.amounts)
        labels = {0: f"{drawn.high:.3g}", rows - 1: f"{drawn.low:.3g}"}
        zero = drawn.row_of(0.0)
        if drawn.low < 0 < drawn.high and 0 < zero < rows - 1:
            labels[zero] = "0"
        return labels


def _cells(amounts: list[float], cells: int, palette: Palette | None) -> list[Segment]:
    """A row: colours from what is behind to the palette's positive end, or characters."""
    if palette is None:
        return [Segment("".join(character(amount) * cells for amount in amounts))]
    runs = groupby(math.ceil(amount * _LEVELS - 1e-9) for amount in amounts)
    lengths = [(_strength(level), cells * len(list(run))) for level, run in runs]
    return [
        Segment(" " * length, Style(bgcolor=palette.color(strength).rich_color))
        for strength, length in lengths
    ]


def _strength(level: int) -> float:
    """Of a colour: nothing at 0, and from the next level on what can be told from that."""
    return _FAINTEST + (1 - _FAINTEST) * level / _LEVELS if level else 0.0


def _marked(mark: str, drawn: HeatMap, column: int | None) -> str:
    """A mark above or below the column of the cursor."""
    if column is None:
        return ""
    return " " * (_LABEL_CELLS + 1 + column * drawn.cells + (drawn.cells - 1) // 2) + mark


def _epochs_line(drawn: HeatMap, cursor: int | None, room: int) -> str:
    """The first epoch, that of the cursor and the last one, each below its column."""
    line = " " * (room + _LABEL_CELLS + 1)
    last = len(drawn.epochs) - 1
    for epoch, place in (
        (drawn.epochs[0].start, 0),
        (drawn.epochs[-1][-1], last),
        (cursor, drawn.column_of(cursor)),
    ):
        if epoch is None or place is None:
            continue
        text = str(epoch)
        start = _LABEL_CELLS + 1 + place * drawn.cells + (drawn.cells - 1) // 2
        start = min(start, len(line) - len(text))
        around = line[max(0, start - 1) : start + len(text) + 1]
        if around.strip() and epoch != cursor:
            continue
        line = line[:start] + text + line[start + len(text) :]
    return padded("epoch", _LABEL_CELLS, right=True) + line[_LABEL_CELLS:]


class DistributionsDialog(Dialog[None]):
    """Shows one array of the run on show, live, and leads to the others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,D,q", "dismiss(None)", "Close"),
        Binding("left_square_bracket,left,h", "move_epoch(-1)", "Epoch before"),
        Binding("right_square_bracket,right,l", "move_epoch(1)", "Epoch after"),
        Binding("n,down,j", "step(1)", "Next array"),
        Binding("N,up,k", "step(-1)", "Array before"),
        Binding("tab", "next_kind", "Next kind"),
    ]
    DEFAULT_CSS = """
    DistributionsDialog {
        align: center middle;
        & > Vertical {
            width: 100%; height: 100%; padding: 0 1;
            border: round $primary; background: $surface;
        }
    }
    """

    def __init__(self, source: NetworkSource) -> None:
        super().__init__()
        self._source = source
        self._shown: object = None

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_subtitle = Content("up, down arrays, tab kinds, [ ] epochs, esc closes")
            yield DistributionsMap(self._source)

    def on_mount(self) -> None:
        self.set_interval(_POLL_INTERVAL, self._poll)
        self._poll()

    def _poll(self) -> None:
        """Draw what the run has told since the last look."""
        progress = self._source.progress
        known = tuple(progress.distributions) if progress is not None else ()
        last = progress.distributions[known[-1]] if progress is not None and known else None
        now = (progress, progress.name if progress else "", known, last, self._source.cursor_epoch)
        if now != self._shown:
            self._shown = now
            self._draw()

    def _draw(self) -> None:
        shown, progress = self.query_one(DistributionsMap), self._source.progress
        names = shown.names
        if shown.name_shown not in names:
            shown.name_shown = names[0] if names else ""
        kind, _, array = shown.name_shown.partition("/")
        what = f"{kind.capitalize()} {array}, {_MEANT[kind]}" if kind else "Distributions"
        run = progress.name if progress is not None else ""
        title = " · ".join(filter(None, (what, run)))
        box = self.query_one(Vertical)
        box.border_title = Content(shorten(visible(title), max(1, self.size.width - 6)))
        shown.redraw()

    def on_resize(self) -> None:
        self._draw()

    def action_move_epoch(self, by: int) -> None:
        self._source.move_cursor(by)
        self._poll()

    def action_step(self, by: int) -> None:
        shown = self.query_one(DistributionsMap)
        names = shown.names
        if names:
            place = (names.index(shown.name_shown) + by) % len(names)
            shown.name_shown = names[place]
            self._draw()

    def action_next_kind(self) -> None:
        """Go to the first array of the next kind."""
        shown = self.query_one(DistributionsMap)
        kinds = {name.partition("/")[0]: name for name in reversed(shown.names)}
        if kinds:
            order = [kind for kind in KINDS if kind in kinds]
            place = order.index(shown.name_shown.partition("/")[0]) + 1
            shown.name_shown = kinds[order[place % len(order)]]
            self._draw()
