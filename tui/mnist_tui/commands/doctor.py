"""`mnist-tui doctor`: what this machine and this installation offer, and what to do about it."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_core.backend.diagnosis import Data, Diagnosis, Folder, diagnose
from mnist_core.data.registry import default_cache_folder
from mnist_tui.commands.headless import EXIT_DONE, EXIT_FAILED
from mnist_tui.runtime.launch_options import Device
from mnist_tui.runtime.output import WriteLine, line_writer
from mnist_tui.text.visible_text import visible

Status = Literal["ok", "slow", "missing"]

_NAMES = {"python": "Python", "mlx": "MLX", "numpy": "NumPy", "textual": "Textual"}
"""Names that are written otherwise than the package's."""

_COLOURS: Mapping[str, str] = {
    "truecolor": "16 million colours",
    "256": "256 colours",
    "standard": "16 colours",
}

_SMALLEST = (80, 24)
"""Columns and rows that the app needs."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the output goes, and what it can show."""

    is_terminal: bool
    columns: int
    """0 where it is no terminal, as for the rows."""
    rows: int
    term: str
    colorterm: str
    colours: str
    """truecolor, 256 or standard; empty for none."""
    encoding: str

    @property
    def is_utf8(self) -> bool:
        return self.encoding.lower().replace("-", "") == "utf8"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at; may hold text from outside."""

    topic: str
    status: Status
    text: str
    more: tuple[str, ...] = ()
    """Where it is, or what to do."""


def report(diagnosis: Diagnosis, terminal: Terminal) -> Iterator[Line]:
    """The lines for people, in the order in which they are read."""
    yield _versions_line(diagnosis)
    machine = diagnosis.machine
    cores = f"{machine.usable_cores} of {machine.cores} cores"
    if machine.usable_cores == machine.cores:
        cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    yield Line(
        "machine", "ok", f"{machine.system}, {cores}, {machine.memory_bytes / 1e9:.1f} GB of memory"
    )
    yield from _computing_lines(diagnosis)
    yield _data_line(diagnosis.data)
    yield _downloads_line(diagnosis)
    yield _terminal_line(terminal)
    for name, folder in diagnosis.folders.items():
        yield _folder_line(name, folder)


def _versions_line(diagnosis: Diagnosis) -> Line:
    versions = diagnosis.versions
    texts = [
        f"{_NAMES.get(name, name)} {version or '(not installed)'}"
        for name, version in versions.items()
    ]
    return Line("versions", "ok" if all(versions.values()) else "missing", ", ".join(texts))


def _computing_lines(diagnosis: Diagnosis) -> Iterator[Line]:
    backend, blas, kernels = diagnosis.backend, diagnosis.blas, diagnosis.kernels
    if backend is None or blas is None:
        yield Line("device", "missing", "none that MLX can use")
        return
    yield Line("device", "ok", f"{backend.device}, {backend.device_name}")
    threads = "1 thread" if blas.threads == 1 else f"{blas.threads} threads"
    speed = f"{blas.gflops:.0f} GFLOP/s" + (f" with {threads}" if backend.device == "cpu" else "")
    yield Line(
        "BLAS",
        "slow" if blas.advice else "ok",
        f"{blas.name}, {speed}; NumPy {blas.numpy_gflops:.0f}",
        tuple(map(str, filter(None, (blas.library, blas.advice)))),
    )
    if kernels is not None:
        text = kernels.compiler or "no g++"
        if kernels.seconds is not None:
            text += f", a kernel ready in {kernels.seconds * 1000:.0f} ms"
        status: Status = "ok"
        if kernels.advice:
            status = "slow" if kernels.compiler else "missing"
        yield Line(
            "kernels", status, text, tuple(map(str, filter(None, (kernels.folder, kernels.advice))))
        )


def _data_line(data: Data) -> Line:
    if data.problem:
        return Line("data", "missing", f"{data.source}: not usable")
    if data.folder is None:
        return Line("data", "ok", f"{data.source}: drawn here, no download needed")
    if data.here:
        where = str(data.folder)
        return Line("data", "ok", f"{data.source}: here", (where,) if where != data.source else ())
    return Line(
        "data",
        "missing",
        f"{data.source}: not downloaded yet; the first run does it",
        (f"Beforehand: mnist-tui data fetch {data.source}",),
    )


def _downloads_line(diagnosis: Diagnosis) -> Line:
    here = [name for name, data in diagnosis.downloads.items() if data.here]
    folders = {str(data.folder.parent) for data in diagnosis.downloads.values() if data.folder}
    return Line("downloads", "ok", ", ".join(here) or "none yet", tuple(sorted(folders)))


def _terminal_line(terminal: Terminal) -> Line:
    texts = [f"TERM {terminal.term or 'not set'}"]
    if terminal.colorterm:
        texts.append(f"COLORTERM {terminal.colorterm}")
    texts += [_COLOURS.get(terminal.colours, "no colours"), terminal.encoding]
    missing = []
    if not terminal.is_terminal:
        missing.append("The output goes to no terminal: there mnist-tui trains without the app.")
    else:
        texts.insert(0, f"{terminal.columns}x{terminal.rows}")
        if terminal.columns < _SMALLEST[0] or terminal.rows < _SMALLEST[1]:
            missing.append(f"The app needs {_SMALLEST[0]}x{_SMALLEST[1]} characters.")
        if terminal.colours not in ("truecolor", "256"):
            missing.append("Set TERM to xterm-256color or better for the right colours.")
    if not terminal.is_utf8:
        missing.append("Set LANG to a UTF-8 locale, such as C.UTF-8, for the curves.")
    return Line("terminal", "missing" if missing else "ok", ", ".join(texts), tuple(missing))


def _folder_line(name: str, folder: Folder) -> Line:
    if not folder.writable:
        advice = "Give write access there, or choose another folder with --home."
        if name == "cache":
            advice = "Give write access there, or set XDG_CACHE_HOME to another folder."
        return Line(name, "missing", f"{folder.path} cannot be written", (advice,))
    return Line(name, "ok", f"{folder.path}" + ("" if folder.exists else " (not made yet)"))


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
