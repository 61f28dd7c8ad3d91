"""`mnist-tui doctor`: what this machine and this installation offer, and what to do about it."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_core.datasets import default_cache_folder
from mnist_core.diagnosis import Diagnosis, diagnose
from mnist_tui.diagnosis_lines import Line, Status, Terminal, report
from mnist_tui.headless import EXIT_DONE, EXIT_FAILED
from mnist_tui.launch import Device
from mnist_tui.output import WriteLine, line_writer
from mnist_tui.plain_text import visible

_PACKAGES = ("mnist-tui", "mlx", "numpy", "textual", "plotext")

_SIGNS: Mapping[Status, str] = {"ok": "✓", "slow": "▲", "missing": "✗"}
_ASCII_SIGNS: Mapping[Status, str] = {"ok": "+", "slow": "!", "missing": "x"}
_STYLES: Mapping[Status, str] = {"ok": "green", "slow": "yellow", "missing": "yellow"}


def doctor(
    data: str | None,
    home: Path,
    log_file: Path,
    device: Device = "auto",
    threads: int | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Look at everything and print it; 0 when training can work, 1 when it cannot."""
    cache = default_cache_folder()
    folders = {"home": home, "cache": cache.parent, "log": log_file.parent}
    diagnosis = diagnose(data, cache, folders, _PACKAGES, device, threads)
    terminal = terminal_of(sys.stdout)
    lines = list(report(diagnosis, terminal))
    write = line_writer(sys.stdout)
    if as_json:
        write(to_json(diagnosis, terminal, lines))
    else:
        _print(lines, diagnosis.problems, terminal, write)
    return EXIT_FAILED if diagnosis.problems else EXIT_DONE


def terminal_of(stream: TextIO) -> Terminal:
    """What `stream` writes to, as the environment and the system tell."""
    is_terminal = stream.isatty()
    columns, rows = shutil.get_terminal_size() if is_terminal else (0, 0)
    return Terminal(
        is_terminal=is_terminal,
        columns=columns,
        rows=rows,
        term=os.environ.get("TERM", ""),
        colorterm=os.environ.get("COLORTERM", ""),
        colours=Console(force_terminal=True, file=stream).color_system or "",
        encoding=stream.encoding,
    )


def _print(
    lines: list[Line], problems: tuple[str, ...], terminal: Terminal, write: WriteLine
) -> None:
    signs = _SIGNS if terminal.is_utf8 else _ASCII_SIGNS
    ends = [visible(problem) for problem in problems] or ["Training works here."]
    if terminal.is_terminal and terminal.term not in ("dumb", "unknown"):
        console = Console(file=sys.stdout, highlight=False)
        with console.capture() as capture:
            console.print(_table(lines, signs), "", *map(Text, ends), sep="\n", end="")
        for drawn in capture.get().splitlines():
            write(drawn.rstrip())
        return
    for line in lines:
        write(f"{signs[line.status]} {line.status:<7}  {line.topic:<9}  {visible(line.text)}")
        for more in line.more:
            write(f"{'':22}{visible(more)}")
    for end in ends:
        write(end)


def _table(lines: list[Line], signs: Mapping[Status, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        text = Text(visible(line.text))
        for more in line.more:
            text.append(f"\n{visible(more)}", "dim" if line.status == "ok" else "")
        word = Text(f"{signs[line.status]} {line.status}", _STYLES[line.status])
        table.add_row(word, Text(line.topic, "bold"), text)
    return table


def to_json(diagnosis: Diagnosis, terminal: Terminal, lines: list[Line]) -> str:
    """Everything as one JSON object; `checks` has the status of each line by its topic."""
    facts = {
        "works": not diagnosis.problems,
        **asdict(diagnosis),
        "terminal": asdict(terminal),
        "checks": {line.topic: line.status for line in lines},
    }
    return json.dumps(facts, default=str, allow_nan=False)
