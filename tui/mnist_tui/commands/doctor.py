"""`mnist-tui doctor`: what this machine and this installation offer, and what to do about it."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_core.shell_commands import install_command, own_command
from mnist_tui.commands.flags import MachineFlags, data_source, log_in_home, run_folder, switch
from mnist_tui.runtime.graphics import has_package, may_show_images
from mnist_tui.runtime.output import EXIT_DONE, EXIT_FAILED, WriteLine, line_writer
from mnist_tui.text.visible_text import visible

if TYPE_CHECKING:
    from mnist_core.backend.diagnosis import Data, Diagnosis, Folder

Status = Literal["ok", "slow", "missing"]

_SIGNS: Mapping[Status, str] = {"ok": "✓", "slow": "▲", "missing": "✗"}
_ASCII_SIGNS: Mapping[Status, str] = {"ok": "+", "slow": "!", "missing": "x"}
_STYLES: Mapping[Status, str] = {"ok": "green", "slow": "yellow", "missing": "yellow"}

_NAMES = {"python": "Python", "mlx": "MLX", "numpy": "NumPy", "textual": "Textual"}
"""Names that are written otherwise than the package's."""

_COLOURS: Mapping[str, str] = {
    "truecolor": "16 million colours",
    "256": "256 colours",
    "standard": "16 colours",
}

_SMALLEST = (80, 24)
"""Columns and rows that the app needs."""

_PACKAGES = ("mnist-tui", "mlx", "numpy", "textual", "plotext")


@dataclass(frozen=True, slots=True)
class TerminalFeatures:
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
    images: bool = False
    """Whether it may show images, as the environment says."""

    @property
    def is_utf8(self) -> bool:
        return self.encoding.lower().replace("-", "") == "utf8"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; may hold text from outside."""

    topic: str
    status: Status
    text: str
    more: tuple[str, ...] = ()
    """Where it is, or what to do."""


def doctor(
    machine: MachineFlags | None = None,
    *,
    json: Annotated[bool, switch("Write one JSON object.")] = False,
) -> int:
    """Say what this machine offers for training, how fast it is, and what to do about it.

    Ends with 0 when training can work, 1 when it cannot, 2 for wrong usage.
    """
    flags = machine or MachineFlags()
    source = data_source(flags.data)
    log_file = log_in_home(flags.home)
    from mnist_core.backend.diagnosis import diagnose
    from mnist_core.data.registry import default_cache_folder

    cache = default_cache_folder()
    folders = {"home": run_folder(flags.home), "cache": cache.parent, "log": log_file.parent}
    diagnosis = diagnose(source, cache, folders, _PACKAGES, flags.device, flags.threads)
    terminal = terminal_of(sys.stdout)
    findings = list(report(diagnosis, terminal))
    write = line_writer(sys.stdout)
    if json:
        write(to_json(diagnosis, terminal, findings))
    else:
        _print(findings, diagnosis.problems, terminal, write)
    return EXIT_FAILED if diagnosis.problems else EXIT_DONE


def report(diagnosis: "Diagnosis", terminal: TerminalFeatures) -> Iterator[Finding]:
    """What is told to people, in the order in which it is read."""
    yield _versions_finding(diagnosis)
    machine = diagnosis.machine
    cores = f"{machine.usable_cores} of {machine.cores} cores"
    if machine.usable_cores == machine.cores:
        cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    yield Finding(
        "machine", "ok", f"{machine.system}, {cores}, {machine.memory_bytes / 1e9:.1f} GB of memory"
    )
    yield from _computing_findings(diagnosis)
    yield _data_finding(diagnosis.data)
    yield _downloads_finding(diagnosis)
    yield _terminal_finding(terminal)
    for name, folder in diagnosis.folders.items():
        yield _folder_finding(name, folder)


def _versions_finding(diagnosis: "Diagnosis") -> Finding:
    versions = diagnosis.versions
    texts = [
        f"{_NAMES.get(name, name)} {version or '(not installed)'}"
        for name, version in versions.items()
    ]
    return Finding("versions", "ok" if all(versions.values()) else "missing", ", ".join(texts))


def _computing_findings(diagnosis: "Diagnosis") -> Iterator[Finding]:
    backend, blas, kernels = diagnosis.backend, diagnosis.blas, diagnosis.kernels
    if backend is None or blas is None:
        yield Finding("device", "missing", "none that MLX can use")
        return
    yield Finding("device", "ok", f"{backend.device}, {backend.device_name}")
    threads = "1 thread" if blas.threads == 1 else f"{blas.threads} threads"
    speed = f"{blas.gflops:.0f} GFLOP/s" + (f" with {threads}" if backend.device == "cpu" else "")
    yield Finding(
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
        yield Finding(
            "kernels", status, text, tuple(map(str, filter(None, (kernels.folder, kernels.advice))))
        )


def _data_finding(data: "Data") -> Finding:
    if data.problem:
        return Finding("data", "missing", f"{data.source}: not usable")
    if data.folder is None:
        return Finding("data", "ok", f"{data.source}: drawn here, no download needed")
    if data.here:
        where = str(data.folder)
        more = (where,) if where != data.source else ()
        return Finding("data", "ok", f"{data.source}: here", (*more, *data.doubts))
    return Finding(
        "data",
        "missing",
        f"{data.source}: not downloaded yet; the first run does it",
        (f"Beforehand: {own_command('data', 'fetch', data.source)}",),
    )


def _downloads_finding(diagnosis: "Diagnosis") -> Finding:
    here = [name for name, data in diagnosis.downloads.items() if data.here]
    folders = {str(data.folder.parent) for data in diagnosis.downloads.values() if data.folder}
    return Finding("downloads", "ok", ", ".join(here) or "none yet", tuple(sorted(folders)))


def _terminal_finding(terminal: TerminalFeatures) -> Finding:
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
    status: Status = "missing" if missing else "ok"
    if terminal.images and not has_package():
        missing.append(f"To draw digits in pixels: {install_command('pixels')}")
    return Finding("terminal", status, ", ".join(texts), tuple(missing))


def _folder_finding(name: str, folder: "Folder") -> Finding:
    if not folder.writable:
        advice = "Give write access there, or choose another folder with --home."
        if name == "cache":
            advice = "Give write access there, or set XDG_CACHE_HOME to another folder."
        return Finding(name, "missing", f"{folder.path} cannot be written", (advice,))
    return Finding(name, "ok", f"{folder.path}" + ("" if folder.exists else " (not made yet)"))


def terminal_of(stream: TextIO) -> TerminalFeatures:
    """What `stream` writes to, as the environment and the system tell."""
    is_terminal = stream.isatty()
    columns, rows = shutil.get_terminal_size() if is_terminal else (0, 0)
    return TerminalFeatures(
        is_terminal=is_terminal,
        columns=columns,
        rows=rows,
        term=os.environ.get("TERM", ""),
        colorterm=os.environ.get("COLORTERM", ""),
        colours=Console(force_terminal=True, file=stream).color_system or "",
        encoding=stream.encoding,
        images=is_terminal and may_show_images(os.environ),
    )


def _print(
    findings: list[Finding], problems: tuple[str, ...], terminal: TerminalFeatures, write: WriteLine
) -> None:
    signs = _SIGNS if terminal.is_utf8 else _ASCII_SIGNS
    ends = [visible(problem) for problem in problems] or ["Training works here."]
    if terminal.is_terminal and terminal.term not in ("dumb", "unknown"):
        console = Console(file=sys.stdout, highlight=False)
        with console.capture() as capture:
            console.print(_table(findings, signs), "", *map(Text, ends), sep="\n", end="")
        for drawn in capture.get().splitlines():
            write(drawn.rstrip())
        return
    for finding in findings:
        status = f"{signs[finding.status]} {finding.status:<7}"
        write(f"{status}  {finding.topic:<9}  {visible(finding.text)}")
        for more in finding.more:
            write(f"{'':22}{visible(more)}")
    for end in ends:
        write(end)


def _table(findings: list[Finding], signs: Mapping[Status, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        text = Text(visible(finding.text))
        for more in finding.more:
            text.append(f"\n{visible(more)}", "dim" if finding.status == "ok" else "")
        word = Text(f"{signs[finding.status]} {finding.status}", _STYLES[finding.status])
        table.add_row(word, Text(finding.topic, "bold"), text)
    return table


def to_json(diagnosis: "Diagnosis", terminal: TerminalFeatures, findings: list[Finding]) -> str:
    """Everything as one JSON object; `checks` has the status of each line by its topic."""
    facts = {
        "works": not diagnosis.problems,
        **asdict(diagnosis),
        "terminal": asdict(terminal),
        "checks": {finding.topic: finding.status for finding in findings},
    }
    return json.dumps(facts, default=str, allow_nan=False)
