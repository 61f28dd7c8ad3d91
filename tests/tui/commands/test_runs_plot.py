"""`mnist-tui runs plot`: stored runs in one chart."""

import io
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from helpers.stored_runs import put_run
from mnist_core.store import RunStore
from mnist_tui.cli import run

Answer = tuple[int, str, str]


def test_a_plot_compares_runs_as_plain_text(home: Path, ask: Callable[..., Answer]) -> None:
    code, out, err = ask("plot", "aaaa0001", "run 2", "aaaa0002")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert len(lines) == 30
    assert max(map(len, lines)) == 100
    assert "\x1b" not in out
    assert lines[0].startswith("━◆ run 1  best 90.00 % test")
    assert lines[0].endswith("lr 0.1")
    assert lines[1].startswith("━▲ run 2  best 85.00 % validation")
    assert lines[1].endswith("lr 0.3")
    titles = [line.split()[0] for line in lines if line.strip()[:1].isalpha()]
    assert titles == ["loss", "step", "accuracy", "step"]
    chart = "\n".join(lines[3:])
    assert "◆" in chart
    assert "▲" in chart
    assert "step" in chart


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_plot_fills_the_terminal_but_for_the_prompt(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TERM": "xterm", "COLORTERM": "truecolor", "COLUMNS": "70"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LINES", "40")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert run(["runs", "plot", "run 1", "run 2", "--home", str(home)]) == 0
    colored = terminal.getvalue()
    assert "\x1b[38;2;209;107;165m━◆" in colored
    lines = re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines()
    assert len(lines) == 39
    assert max(map(len, lines)) == 70
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    run(["runs", "plot", "run 1", "run 2", "--home", str(home)])
    assert terminal.getvalue().splitlines() == [line.rstrip() for line in lines]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("in_color", [False, True])
def test_a_plot_is_drawn_in_ascii_where_there_is_no_braille(
    home: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, in_color: bool
) -> None:
    def plot(encoding: str) -> list[str]:
        stream = io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace")
        monkeypatch.setattr(stream, "isatty", lambda: in_color, raising=False)
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(["runs", "plot", "run 1", "run 2", "--log", "--home", str(home)]) == 0
        stream.seek(0)
        return re.sub(r"\x1b\[[0-9;]*m", "", stream.read()).splitlines()

    monkeypatch.setenv("TERM", "xterm")
    drawn, elsewhere = plot(encoding), plot("utf-8")
    assert all(map(str.isascii, drawn))
    assert not any("\\u" in line for line in drawn), "signs that were escaped"
    assert drawn[0].startswith("=o run 1  best 90.00 % test")
    # No sign has moved.
    assert [len(line.rstrip()) for line in drawn] == [len(line.rstrip()) for line in elsewhere]
    assert sum(sign in "-_.'\"|" for line in drawn[3:] for sign in line) > 100


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_one_metric_has_all_the_room(home: Path, ask: Callable[..., Answer], metric: str) -> None:
    _, out, _ = ask("plot", "run 1", "--metric", metric)
    lines = out.splitlines()
    assert len(lines) == 30
    titles = [line.split()[0] for line in lines if line.strip()[:1].isalpha()]
    assert titles == [metric, "step"]
    assert ("90%┤" in out) == (metric == "accuracy")


def test_losses_and_errors_are_drawn_on_a_log_scale(home: Path, ask: Callable[..., Answer]) -> None:
    _, linear, _ = ask("plot", "run 1", "--metric", "loss")
    _, log, _ = ask("plot", "run 1", "--metric", "loss", "--log")
    assert linear != log
    _, errors, _ = ask("plot", "run 1", "--metric", "accuracy", "--log")
    assert "error rate" in errors
    assert "10%┤" in errors
    _, both, _ = ask("plot", "run 1", "--log")
    assert "error rate" in both
    assert "loss" in both


def test_runs_with_other_batches_are_compared_by_epoch(
    home: Path, ask: Callable[..., Answer]
) -> None:
    put_run(home, "cccc0004", "long", steps=40, batch_size=32)
    _, out, _ = ask("plot", "run 1", "long")
    titles = [line.split()[0] for line in out.splitlines() if line.startswith(("epoch", "step"))]
    assert titles == ["epoch", "epoch"]


def test_more_runs_than_colours_and_lines(home: Path, ask: Callable[..., Answer]) -> None:
    ids = [f"dddd{index:04}" for index in range(30)]
    for index, run_id in enumerate(ids):
        put_run(home, run_id, run_id, seed=index)
    code, out, _ = ask("plot", *ids)
    lines = out.splitlines()
    assert code == 0
    assert all(run_id in lines[index] for index, run_id in enumerate(ids))
    assert lines[0][:2] != lines[6][:2]


def test_a_run_without_a_finite_figure_is_drawn(ask: Callable[..., Answer], tmp_path: Path) -> None:
    nan = float("nan")
    home = tmp_path / "home"
    put_run(home, "aaaa0001", "lost", accuracies=(0.1, 0.1))
    put_run(home, "aaaa0002", "new", accuracies=(), epochs=3)
    with closing(RunStore(home)) as store:
        batches = store.batches("aaaa0001").copy()
    batches["loss"] = nan
    with closing(sqlite3.connect(home / "runs.db")) as database, database:
        database.execute("UPDATE batches SET data = ?", (batches.tobytes(),))
        database.execute("UPDATE epochs SET test_loss = NULL, train_loss = NULL")
    code, out, err = ask("plot", "lost", "new")
    assert (code, err) == (0, "")
    assert "\N{MULTIPLICATION SIGN}" in out
    assert "lost" in out
    code, out, _ = ask("plot", "new")
    assert code == 0
    assert "These runs have no figures yet." in out
    assert len(out.splitlines()) == 30
    for arguments in (["show", "lost"], ["show", "lost", "--json"], ["list", "--json"]):
        assert ask(*arguments)[0] == 0


def test_the_picture_is_svg_that_fetches_nothing(
    home: Path, ask: Callable[..., Answer], tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "runs.svg"
    code, _, err = ask("plot", "run 1", "run 2", "--svg", str(path))
    assert (code, err) == (0, f"The chart is in {path}.\n")
    picture = path.read_text(encoding="utf-8")
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert "@font-face" not in picture
    assert "url(http" not in picture
    assert "#d16ba5" in picture
    assert "#1fa39a" in picture
    assert "accuracy" in picture


def test_a_picture_that_cannot_be_written_is_a_sentence(
    home: Path, ask: Callable[..., Answer], tmp_path: Path
) -> None:
    code, out, err = ask("plot", "run 1", "--svg", str(tmp_path))
    assert code == 1
    assert "run 1" in out
    assert err == f"{tmp_path} could not be written: Is a directory.\n"
