"""`mnist-tui runs plot`."""

import io
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.segment import Segment, Segments

from mnist_core.export import ExportError
from mnist_core.store import RunStore
from mnist_core.store.files import write_whole
from mnist_tui.commands.runs.comparison import Drawn, draw_comparison, read_overlays
from mnist_tui.commands.runs.with_store import stored_runs, with_store
from mnist_tui.lab.run_plots import Metric
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.visible_text import visible

SIZE = (100, 30)
"""Columns and rows of a picture, and of what is printed where there is no terminal."""


def plot_runs(
    home: Path,
    runs: Sequence[str],
    metric: Metric | None = None,
    *,
    log: bool = False,
    svg: Path | None = None,
) -> int:
    """Print the curves of these runs in one chart a metric, and save them as `svg`; the exit code.

    On a terminal the chart is in colour and fills it; elsewhere it is plain text.
    """
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    metrics: Sequence[Metric] = ("loss", "accuracy") if metric is None else (metric,)
    is_screen = sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")

    def work(store: RunStore) -> None:
        overlays = read_overlays(store, stored_runs(store, runs))
        width, height = _terminal_size() if sys.stdout.isatty() else SIZE
        drawn = draw_comparison(overlays, metrics, width, height, log=log)
        for line in _in_color(drawn, width) if is_screen else _plain(drawn):
            write(line)
        if svg is not None:
            _save(draw_comparison(overlays, metrics, *SIZE, log=log), svg)
            write_error(visible(f"The chart is in {svg}."))

    return with_store(home, work)


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
        write_whole(path, picture.encode())
    except OSError as error:
        raise ExportError(f"{path} could not be written: {error.strerror}.") from error
