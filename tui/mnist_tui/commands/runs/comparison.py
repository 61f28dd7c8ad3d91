"""`mnist-tui runs plot`: stored runs laid over each other, in one chart for each metric."""

import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.segment import Segment, Segments

from mnist_core.export.export import not_written
from mnist_core.store import KeptRecord, RunRecord, RunStore, StoreError
from mnist_core.store.files import is_stdout, write_output
from mnist_tui.charts.ascii_signs import in_ascii
from mnist_tui.charts.view import View
from mnist_tui.commands.flags import UsageError
from mnist_tui.commands.runs.drawing import LOWEST, SIZE, Drawn, chart_lines, legend, look_of
from mnist_tui.commands.runs.recordings_drawn import recordings_drawing
from mnist_tui.commands.runs.show_runs import score_text
from mnist_tui.commands.runs.with_store import found_runs, lost_if_reader_left, with_store
from mnist_tui.lab.overlay import Overlay, RunCurves
from mnist_tui.lab.recipe_text import short_difference, values
from mnist_tui.lab.run_plots import (
    METRIC_TITLES,
    Metric,
    metrics_of,
    overlay_plot,
)
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.visible_text import visible


@with_store
def plot_runs(
    store: RunStore,
    runs: Sequence[str],
    metric: str | None,
    *,
    log: bool,
    mean: bool,
    svg: Path | None,
) -> None:
    """Print the curves of these runs, or recordings, in one chart a metric; save them as `svg`.

    On a terminal the chart is in colour and fills it; elsewhere it is plain text. It is drawn in
    ASCII where standard output has no braille. A picture that
    goes to standard output has it to itself.

    Raises:
        UsageError: runs have no such metric.
    """
    draw = _drawing(store, found_runs(store, runs), metric, log=log, mean=mean)
    has_stdout_to_itself = svg is not None and is_stdout(svg)
    if not has_stdout_to_itself:
        _print_comparison(draw)
    if svg is not None:
        with lost_if_reader_left(svg):
            _save(draw(*SIZE), svg)
        if not has_stdout_to_itself:
            line_writer(sys.stderr)(visible(f"The chart is in {svg}."))


def _drawing(
    store: RunStore, records: Sequence[KeptRecord], metric: str | None, *, log: bool, mean: bool
) -> Callable[[int, int], Drawn]:
    """What draws all of them in so many columns and rows."""
    runs = [record for record in records if isinstance(record, RunRecord)]
    recordings = [record for record in records if not isinstance(record, RunRecord)]
    if runs and recordings:
        raise StoreError(
            f"{runs[0].name} is a run and {recordings[0].name} a recording: they share no chart. "
            "Name runs, or recordings."
        )
    if recordings:
        return recordings_drawing(store, recordings, metric, log=log)
    if metric not in (None, "loss", "accuracy"):
        raise UsageError(f"{metric!r} for --metric is neither loss nor accuracy, as runs have.")
    overlays = read_overlays(store, runs)
    # With other batch sizes a step is not the same amount of training.
    lengths = {overlay.curves.record.recipe.epoch_steps for overlay in overlays}
    view = View(axis="step" if len(lengths) == 1 else "epoch", log=log, mean_of_seeds=mean)
    metrics: Sequence[Metric] = metrics_of(view)
    if metric is not None:
        metrics = metrics[:1] if metric == "loss" else metrics[1:]
    return lambda width, height: draw_comparison(overlays, metrics, width, height, view)


def _print_comparison(draw: Callable[[int, int], Drawn]) -> None:
    write = line_writer(sys.stdout)
    is_terminal = sys.stdout.isatty()
    width, height = _terminal_size() if is_terminal else SIZE
    drawn = draw(width, height)
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
        overlays.append(Overlay(curves, short_difference(found, shared), look_of(index)))
    return overlays


def draw_comparison(
    overlays: Sequence[Overlay], metrics: Sequence[Metric], width: int, height: int, view: View
) -> Drawn:
    """A legend, and under it a chart for each metric.

    They fill `width` x `height` cells, or more lines where `height` has no room for all runs.
    """
    said = [
        (visible(record.name), f"best {score_text(record.best)}", visible(overlay.label))
        for overlay in overlays
        for record in (overlay.curves.record,)
    ]
    lines = [*legend(said, [overlay.look for overlay in overlays], width), [Segment("")]]
    room = height - len(lines)
    for index, metric in enumerate(metrics):
        rows = max(LOWEST, room // (len(metrics) - index))
        room -= rows
        plot = overlay_plot(metric, overlays, view)
        lines += chart_lines(plot, METRIC_TITLES[metric].lower(), width, rows)
    return lines
