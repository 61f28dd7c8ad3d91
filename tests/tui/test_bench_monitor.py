"""The parts of the monitor benchmark: reading a terminal, figures, and the in-process measures."""

import asyncio
import sys
from inspect import isawaitable

import pytest

from mnist_tui.bench.in_process import event_seconds, redraw_seconds
from mnist_tui.bench.monitor import Measured
from mnist_tui.bench.monitor_text import FIGURES, summarize, table_lines
from mnist_tui.bench.output import Output
from mnist_tui.bench.terminal import NotShownError, Terminal


def test_output_is_text_with_the_time_of_each_part() -> None:
    output = Output()
    output.feed(b"\x1b[1;31mLearning\x1b[0m ra", 1.0)
    output.feed(b"te\x1b[5;", 2.0)
    output.feed(b"7H0.1\x1b]0;title\x07!", 3.0)
    assert output.text == "Learning rate\n0.1!"
    assert output.time_at(output.text.index("rate")) == 1.0
    assert output.time_at(output.text.index("rate") + 3) == 2.0
    assert output.time_at(output.text.index("!")) == 3.0


def test_a_program_on_a_terminal_is_waited_for_and_typed_to() -> None:
    code = "print('name?'); print('hello ' + input()); print(__import__('os').isatty(1))"
    with Terminal([sys.executable, "-c", code]) as terminal:
        asked = terminal.wait_for(r"name\?", timeout=30)
        terminal.send("ada\r")
        greeted = terminal.wait_for("hello ada", timeout=30)
        terminal.wait_for("True", timeout=30)
        assert terminal.started < terminal.time_of(asked) <= terminal.time_of(greeted)
        with pytest.raises(NotShownError, match="nothing like it"):
            terminal.wait_for("nothing like it", timeout=30)


def test_figures_are_summed_up_beside_their_bars() -> None:
    values = [("first_frame", 0.5), ("first_frame", 0.9), ("first_frame", 0.7), ("event", 2e-5)]
    summary = summarize([Measured(1, name, value) for name, value in values])
    assert [figure.name for figure, _ in summary] == ["first_frame", "event"]
    head, frame, event = table_lines(summary)
    assert "median" in head
    assert "0.700 s" in frame
    assert frame.endswith("<= 0.8 s     met")
    assert event.endswith("missed")


def test_every_figure_has_its_own_name() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)


def test_the_in_process_measures_do_their_work() -> None:
    assert event_seconds(200) > 0
    made = redraw_seconds(1_000, 3)
    seconds = asyncio.run(made) if isawaitable(made) else made
    assert len(seconds) == 3
    assert all(second > 0 for second in seconds)
