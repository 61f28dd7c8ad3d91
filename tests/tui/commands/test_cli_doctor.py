"""`mnist-tui doctor`: what is found is scripted here; `test_diagnosis.py` finds it."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnist_core.backend.backend import Backend
from mnist_core.backend.diagnosis import Blas, Data, Diagnosis, Folder, Kernels, Machine
from mnist_tui.cli import run
from mnist_tui.commands.doctor import Finding, TerminalFeatures, report
from mnist_tui.runtime.output import EXIT_USAGE

MNIST = Data("mnist", Path("/cache/datasets/mnist"), here=True, problem="")
KMNIST = Data("kmnist", Path("/cache/datasets/kmnist"), here=False, problem="")
GOOD = Diagnosis(
    versions={"python": "3.11.7", "mlx": "0.32.4"},
    machine=Machine("Linux 6.1 x86_64", 8, 8, 16_000_000_000),
    backend=Backend("cpu", "a CPU", "OpenBLAS 0.3.34", 2, "0.32.4", gflops=170.0),
    blas=Blas("OpenBLAS 0.3.34", Path("/cache/blas/lib.so"), 2, 177.4, 180.2, advice=""),
    kernels=Kernels("g++ 12.2.0", Path("/cache/kernels"), 0.004, advice=""),
    data=MNIST,
    downloads={"mnist": MNIST, "kmnist": KMNIST},
    folders={"home": Folder(Path("/data"), exists=False, writable=True)},
    problems=(),
)
WITHOUT_MLX = replace(
    GOOD, backend=None, blas=None, kernels=None, problems=("MLX has no back end here. Install it.",)
)
TERMINAL = TerminalFeatures(True, 120, 40, "xterm-256color", "truecolor", "truecolor", "utf-8")


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, tuple[Any, ...]]]:
    """Runs `mnist-tui doctor` on a finding; the exit code, and what was asked for."""

    def start(found: Diagnosis, *arguments: str) -> tuple[int, tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        def diagnose(*arguments: Any) -> Diagnosis:
            asked.append(arguments)
            return found

        monkeypatch.setattr("mnist_core.backend.diagnosis.diagnose", diagnose)
        return run(["doctor", *arguments]), asked[0]

    return start


def findings_by_topic(
    found: Diagnosis, terminal: TerminalFeatures = TERMINAL
) -> dict[str, Finding]:
    return {finding.topic: finding for finding in report(found, terminal)}


def test_each_finding_has_a_sign_a_word_and_its_figures(
    doctor: Callable[..., tuple[int, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = doctor(GOOD)

    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓ ok       versions   Python 3.11.7, MLX 0.32.4"
    assert lines[1] == "✓ ok       machine    Linux 6.1 x86_64, 8 cores, 16.0 GB of memory"
    assert "✓ ok       device     cpu, a CPU" in lines
    blas = lines.index(
        "✓ ok       BLAS       OpenBLAS 0.3.34, 177 GFLOP/s with 2 threads; NumPy 180"
    )
    assert lines[blas + 1] == " " * 22 + "/cache/blas/lib.so"
    assert lines[-1] == "Training works here."
    assert all(line[:2].strip() in ("", "✓", "✗", "▲") for line in lines[:-1])
    assert "\x1b" not in "".join(lines)


def test_what_prevents_training_is_the_last_line_and_the_exit_code(
    doctor: Callable[..., tuple[int, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = doctor(WITHOUT_MLX)

    assert code == 1
    lines = capsys.readouterr().out.splitlines()
    assert "✗ missing  device     none that MLX can use" in lines
    assert lines[-1] == "MLX has no back end here. Install it."


def test_pixels_are_offered_where_the_terminal_may_show_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def advice(terminal: TerminalFeatures) -> str:
        (finding,) = (found for found in report(GOOD, terminal) if found.topic == "terminal")
        assert finding.status == "ok"
        return " ".join(finding.more)

    monkeypatch.setattr("mnist_tui.commands.doctor.has_package", lambda: False)
    assert "To draw digits in pixels: " in advice(replace(TERMINAL, images=True))
    assert advice(TERMINAL) == ""
    monkeypatch.setattr("mnist_tui.commands.doctor.has_package", lambda: True)
    assert advice(replace(TERMINAL, images=True)) == ""


def test_json_is_one_object_with_facts_and_checks(
    doctor: Callable[..., tuple[int, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    doctor(GOOD, "--json")
    good = json.loads(capsys.readouterr().out)
    doctor(WITHOUT_MLX, "--json")
    without = json.loads(capsys.readouterr().out)

    assert good["works"]
    assert good["blas"]["library"] == "/cache/blas/lib.so"
    assert good["blas"]["gflops"] == 177.4
    assert good["backend"]["device"] == "cpu"
    assert good["terminal"]["is_terminal"] is False
    assert good["checks"]["BLAS"] == "ok"
    assert not without["works"]
    assert without["blas"] is None
    assert without["problems"] == ["MLX has no back end here. Install it."]


def test_the_flags_reach_the_diagnosis(
    doctor: Callable[..., tuple[int, Any]], tmp_path: Path
) -> None:
    machine = ["--data", "kmnist", "--device", "cpu", "--threads", "3", "--home", str(tmp_path)]
    _, (data, _cache, folders, _packages, device, threads) = doctor(GOOD, *machine)

    assert (data, device, threads) == ("kmnist", "cpu", 3)
    assert folders["home"] == folders["log"] == tmp_path


def test_data_without_a_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--data", ""]) == EXIT_USAGE
    assert "--data needs the name" in capsys.readouterr().err


def test_text_from_outside_cannot_command_the_terminal(
    doctor: Callable[..., tuple[int, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Data("\x1b[31m", Path("\x1b[2J"), here=True, problem="")
    doctor(replace(GOOD, data=folder, problems=("No \x1b[0m.",)))

    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert "␛[31m: here" in output


def test_a_terminal_gets_colours_and_lines_that_fit(
    doctor: Callable[..., tuple[int, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class TerminalStream(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    stream = TerminalStream()
    monkeypatch.setattr(sys, "stdout", stream)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "60", "LINES": "20"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    slow = replace(GOOD.blas, advice="[red]Slow " + "word " * 30) if GOOD.blas else None
    doctor(replace(GOOD, blas=slow))

    drawn = stream.getvalue()
    assert "\x1b[32m✓ ok" in drawn
    assert "\x1b[33m▲ slow" in drawn
    assert "[red]Slow" in drawn
    assert "The app needs 80x24 characters." in drawn
    plain = [line for line in drawn.splitlines() if "\x1b" not in line]
    assert max(map(len, plain)) <= 60


def test_signs_are_ascii_where_the_output_is(
    doctor: Callable[..., tuple[int, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    doctor(WITHOUT_MLX)
    lines = written.getvalue().decode("ascii").splitlines()

    assert "+ ok       machine    Linux 6.1 x86_64, 8 cores, 16.0 GB of memory" in lines
    assert "x missing  device     none that MLX can use" in lines
    assert " " * 22 + "Set LANG to a UTF-8 locale, such as C.UTF-8, for the curves." in lines


@pytest.mark.parametrize(
    ("change", "topic", "status", "words"),
    [
        ({"versions": {"mlx": None}}, "versions", "missing", "MLX (not installed)"),
        ({"machine": Machine("Linux", 8, 2, 0)}, "machine", "ok", "2 of 8 cores"),
        ({"data": KMNIST}, "data", "missing", "kmnist: not downloaded yet"),
        ({"data": Data("/x", Path("/x"), False, "Bad.")}, "data", "missing", "/x: not usable"),
        ({"data": Data("synthetic", None, True, "")}, "data", "ok", "drawn here"),
        ({"downloads": {"kmnist": KMNIST}}, "downloads", "ok", "none yet"),
        ({"kernels": Kernels("", None, None, "Install g++.")}, "kernels", "missing", "no g++"),
        ({"kernels": Kernels("g++ 1", None, None, "It failed.")}, "kernels", "slow", "g++ 1"),
        (
            {"folders": {"cache": Folder(Path("/c"), exists=True, writable=False)}},
            "cache",
            "missing",
            "/c cannot be written",
        ),
    ],
)
def test_what_is_not_as_it_should_be_is_told(
    change: dict[str, Any], topic: str, status: str, words: str
) -> None:
    line = findings_by_topic(replace(GOOD, **change))[topic]

    assert line.status == status
    assert words in line.text


def test_what_is_doubtful_about_the_data_is_listed() -> None:
    data = Data("/x", Path("/x"), True, "", ("All is of one class.", "All is known."))
    line = findings_by_topic(replace(GOOD, data=data))["data"]

    assert line.status == "ok"
    assert line.more == ("All is of one class.", "All is known.")


def test_a_slow_blas_says_what_to_do() -> None:
    assert GOOD.blas is not None
    line = findings_by_topic(replace(GOOD, blas=replace(GOOD.blas, advice="Install it.")))["BLAS"]

    assert line.status == "slow"
    assert line.more == ("/cache/blas/lib.so", "Install it.")


@pytest.mark.parametrize(
    ("terminal", "words"),
    [
        (replace(TERMINAL, is_terminal=False), "The output goes to no terminal"),
        (replace(TERMINAL, columns=79), "The app needs 80x24 characters."),
        (replace(TERMINAL, colours=""), "Set TERM to xterm-256color"),
    ],
)
def test_a_terminal_that_lacks_something_says_what_to_do(
    terminal: TerminalFeatures, words: str
) -> None:
    line = findings_by_topic(GOOD, terminal)["terminal"]

    assert line.status == "missing"
    assert line.more[0].startswith(words)
