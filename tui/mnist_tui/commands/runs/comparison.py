"""`mnist-tui runs plot`: stored runs laid over each other, in one chart for each metric."""

import io
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from mnist_core.export.export import not_written
from mnist_core.store import RunRecord, RunStore
from mnist_core.store.files import is_stdout, write_output
from mnist_tui.charts.ascii_signs import in_ascii
from mnist_tui.charts.plot import Ink, LineStyle, Plot
from mnist_tui.charts.renderer import PlotRenderer
from mnist_tui.charts.view import View
from mnist_tui.commands.runs.show_runs import score_text
from mnist_tui.commands.runs.with_store import lost_if_reader_left, stored_runs, with_store
from mnist_tui.lab.overlay import LOOKS, Look, Overlay, RunCurves
from mnist_tui.lab.recipe_text import short_difference, values
from mnist_tui.lab.run_plots import (
    METRIC_TITLES,
    Metric,
    is_training,
    metrics_of,
    overlay_plot,
)
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.visible_text import in_columns, shorten, visible

_DIM = Style(dim=True)
_INKS = {
    Ink.PLAIN: Style(),
    Ink.AXIS: _DIM,
    Ink.LABEL: Style(),
    Ink.BOUNDARY: _DIM,
    Ink.CURSOR: Style(),
    Ink.GAP: Style(color="red"),
    Ink.ANNOTATION: Style(),
}
_LOWEST = 8
"""Lines that a chart takes, however low the terminal is."""

Drawn = list[list[Segment]]
"""Lines from top to bottom, without line ends."""

SIZE = (100, 30)
"""Columns and rows of a picture, and of what is printed where there is no terminal."""


@with_store
def plot_runs(
    store: RunStore,
    runs: Sequence[str],
    metric: Metric | None,
    *,
    log: bool,
    mean: bool,
    svg: Path | None,
) -> None:
    """Print the curves of these runs in one chart a metric, and save them as `svg`.

    On a terminal the chart is in colour and fills it; elsewhere it is plain text. It is drawn in
    ASCII where standard output has no braille. A picture that
    goes to standard output has it to itself.
    """
    overlays = read_overlays(store, stored_runs(store, runs))
    # With other batch sizes a step is not the same amount of training.
    lengths = {overlay.curves.record.recipe.epoch_steps for overlay in overlays}
    view = View(axis="step" if len(lengths) == 1 else "epoch", log=log, mean_of_seeds=mean)
    metrics: Sequence[Metric] = metrics_of(view)
    if metric is not None:
        metrics = metrics[:1] if metric == "loss" else metrics[1:]
    has_stdout_to_itself = svg is not None and is_stdout(svg)
    if not has_stdout_to_itself:
        _print_comparison(overlays, metrics, view)
    if svg is not None:
        with lost_if_reader_left(svg):
            _save(draw_comparison(overlays, metrics, *SIZE, view), svg)
        if not has_stdout_to_itself:
            line_writer(sys.stderr)(visible(f"The chart is in {svg}."))


def _print_comparison(overlays: Sequence[Overlay], metrics: Sequence[Metric], view: View) -> None:
    write = line_writer(sys.stdout)
    is_terminal = sys.stdout.isatty()
    width, height = _terminal_size() if is_terminal else SIZE
    drawn = draw_comparison(overlays, metrics, width, height, view)
    if not _takes_braille(sys.stdout.encoding):
        drawn = [[segment._replace(text=in_ascii(segment.text)) for segment in line]
                 for line in drawn]  # fmt: skip
    in_color = is_terminal and os.environ.get("TERM") not in ("dumb", "unknown")
    for line in _in_color(drawn, width) if in_color else _plain(drawn):
        write(line)


def _takes_braille(encoding: str | None) -> bool:
    """Whether a stream of this encoding can say what charts are drawn with; None: it is text."""
    try:
        "⣿━┤◆".encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _terminal_size() -> tuple[int, int]:
    columns, rows = shutil.get_terminal_size()
    # The prompt comes after it.
    return columns, rows - 1


def _plain(drawn: Drawn) -> list[str]:
    return ["".join(segment.text for segment in line).rstrip() for line in drawn]


def _in_color(drawn: Drawn, width: int) -> list[str]:
    console = Console(file=sys.stdout, width=width)
    with console.capture() as capture:
        _print(drawn, console)
    return capture.get().splitlines()


def _print(drawn: Drawn, console: Console) -> None:
    for line in drawn:
        console.print(Segments([*line, Segment.line()]), end="")


def _save(drawn: Drawn, path: Path) -> None:
    """Write the lines as an SVG picture of a terminal.

    Raises:
        ExportError: it could not be written.
    """
    console = Console(
        file=io.StringIO(), record=True, width=SIZE[0], force_terminal=True, no_color=False,
        color_system="truecolor",
    )  # fmt: skip
    _print(drawn, console)
    picture = console.export_svg(title="mnist-tui runs plot")
    # A picture may not fetch fonts, and need not: any monospaced one will do.
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    try:
        write_output(path, picture.encode())
    except OSError as error:
        raise not_written(path, error) from error


def read_overlays(store: RunStore, records: Sequence[RunRecord]) -> list[Overlay]:
    """The runs with their curves, each with a look of its own and, as label, its values that not
    all of them share.
    """
    every = [values(record) for record in records]
    shared = {
        name: value
        for name, value in every[0].items()
        if all(found[name] == value for found in every)
    }
    overlays = []
    for index, (record, found) in enumerate(zip(records, every, strict=True)):
        curves = RunCurves(record)
        curves.update(store, record)
        overlays.append(Overlay(curves, short_difference(found, shared), _look(index)))
    return overlays


def _look(index: int) -> Look:
    turn, place = divmod(index, len(LOOKS))
    # Where the colours begin again, the signs are others.
    return replace(LOOKS[place], sign=LOOKS[(place + turn) % len(LOOKS)].sign)


def draw_comparison(
    overlays: Sequence[Overlay], metrics: Sequence[Metric], width: int, height: int, view: View
) -> Drawn:
    """A legend, and under it a chart for each metric.

    They fill `width` x `height` cells, or more lines where `height` has no room for all runs.
    """
    lines = [*_legend(overlays, width), [Segment("")]]
    room = height - len(lines)
    for index, metric in enumerate(metrics):
        rows = max(_LOWEST, room // (len(metrics) - index))
        room -= rows
        plot = overlay_plot(metric, overlays, view)
        lines += _chart(plot, METRIC_TITLES[metric].lower(), width, rows)
    return lines


def _legend(overlays: Sequence[Overlay], width: int) -> Iterator[list[Segment]]:
    rows = [
        (visible(record.name), f"best {score_text(record.best)}", visible(overlay.label))
        for overlay in overlays
        for record in (overlay.curves.record,)
    ]
    for overlay, text in zip(overlays, in_columns(rows), strict=True):
        sign = Segment(f"━{overlay.look.sign}", Style(color=overlay.look.color))
        yield [sign, Segment(shorten(f" {text}", width - 2))]


def _chart(plot: Plot, title: str, width: int, height: int) -> Iterator[list[Segment]]:
    # The legend above says more than the chart's own, whose line goes to the title.
    curves = [replace(curve, label="") for curve in plot.curves]
    plot = replace(plot, curves=curves, empty="These runs have no figures yet.")
    picture = PlotRenderer().render(plot, width, height)
    styles = [*_INKS.values(), *(Style(color=curve.color, dim=curve.dim) for curve in curves)]
    notes = {
        "dotted: training, smoothed": any(map(is_training, curves)),
        "dashed: one deviation over seeds": any(
            curve.dim and curve.line is LineStyle.DASHED for curve in curves
        ),
    }
    note = "; ".join(words for words, said in notes.items() if said)
    yield [Segment(title, Style(bold=True)), Segment(f"  {note}".rstrip(), _DIM)]
    for y in range(1, len(picture.header) + len(picture.codes)):
        yield picture.row(y, styles)
