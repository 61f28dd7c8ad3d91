"""The parts of the monitor benchmark: reading a terminal, figures, and the in-process measures."""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from inspect import isawaitable
from pathlib import Path

import pytest

from helpers.app_harness import opened
from helpers.scripted import ScriptedRuns
from mnist_core.network.parameters import initial_parameters
from mnist_core.store import RunStore
from mnist_tui.bench import app_processes, monitor_report
from mnist_tui.bench.app_processes import AppOnTerminal
from mnist_tui.bench.monitor import (
    Monitored,
    MonitorValue,
    event_seconds,
    record_seconds,
    redraw_seconds,
    training_speed,
)
from mnist_tui.bench.monitor_report import METRICS, summarize, table_lines
from mnist_tui.bench.pseudo_terminal import NotShownError, PseudoTerminal, TerminalText
from mnist_tui.cli import run
from mnist_tui.lab.state import State
from mnist_tui.runtime.output import EXIT_FAILED, EXIT_USAGE

FLAGS = ["bench", "--task", "monitor"]
Measure = Callable[[Monitored, int], Iterator[MonitorValue]]

# Draws frames as the app does, one a line of input, so that a test decides how far apart they are.
PLAYED_APP = """\
import sys
for frame in sys.argv[1:]:
    input()
    print(f"\\x1b[2;1H\\x1b[1m {frame}\\x1b[0m", flush=True)
"""


def test_output_is_text_with_the_time_of_each_part() -> None:
    output = TerminalText()
    output.feed(b"\x1b[1;31mLearning\x1b[0m ra", 1.0)
    output.feed(b"te\x1b[5;", 2.0)
    output.feed(b"7H0.1\x1b]0;title\x07!", 3.0)
    assert output.text == "Learning rate\n0.1!"
    assert output.time_at(output.text.index("rate")) == 1.0
    assert output.time_at(output.text.index("rate") + 3) == 2.0
    assert output.time_at(output.text.index("!")) == 3.0


def test_a_program_on_a_terminal_is_waited_for_and_typed_to() -> None:
    code = "print('name?'); print('hello ' + input()); print(__import__('os').isatty(1))"
    with PseudoTerminal([sys.executable, "-c", code]) as terminal:
        asked = terminal.wait_for(r"name\?", timeout=300)
        terminal.send("ada\r")
        greeted = terminal.wait_for("hello ada", timeout=300)
        terminal.wait_for("True", timeout=300)
        assert terminal.started < terminal.time_of(asked) <= terminal.time_of(greeted)
        with pytest.raises(NotShownError, match="nothing like it"):
            terminal.wait_for("nothing like it", timeout=300)


def test_figures_are_summed_up_beside_their_bars() -> None:
    values = [("first_frame", 0.5), ("first_frame", 0.9), ("first_frame", 0.7), ("event", 2e-5)]
    summary = summarize([MonitorValue(1, name, value) for name, value in values])
    assert [metric.name for metric, _ in summary] == ["first_frame", "event"]
    head, frame, event = table_lines(summary)
    assert "median" in head
    assert "0.700 s" in frame
    assert frame.endswith("<= 0.8 s     met")
    assert event.endswith("missed")


def test_every_figure_has_its_own_name() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_the_in_process_measures_do_their_work(tmp_path: Path) -> None:
    assert event_seconds(200) > 0
    assert len(record_seconds(tmp_path, 50)) == 50
    with closing(RunStore(tmp_path)) as store:
        (recorded,) = store.recordings.all()
        assert recorded.rows == 50
    made = redraw_seconds(1_000, 3)
    seconds = asyncio.run(made) if isawaitable(made) else made
    assert len(seconds) == 3
    assert all(second > 0 for second in seconds)


async def test_what_is_looked_for_is_what_the_app_shows(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        assert re.search(app_processes._READY, lab.text())
        assert app_processes._FIRST_FRAME in lab.text()
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until(lambda: lab.session.progress is not None
                        and lab.session.progress.epoch is not None
                        and lab.session.progress.epoch.epoch == 1
                        and bool(lab.session.progress.name))  # fmt: skip
        await lab.until(lambda: app_processes._STEP.search(lab.text()) is not None)
        assert re.search(app_processes._FIRST_BATCH, lab.text())
        assert not re.search(app_processes._ENDED, lab.text())
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: re.search(app_processes._ENDED, lab.text()) is not None)


async def test_what_is_looked_for_on_the_network_screen_is_what_it_shows(tmp_path: Path) -> None:
    runs = ScriptedRuns(weights=lambda epoch: initial_parameters((784, 32, 32, 10), epoch))
    async with opened(tmp_path, size=(140, 40), runs=runs) as lab:
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until(lambda: lab.session.progress is not None
                        and lab.session.progress.epoch is not None
                        and lab.session.progress.epoch.epoch == 1)  # fmt: skip
        await lab.pilot.press("6")
        await lab.until(lambda: re.search(app_processes._PICTURES, lab.text()) is not None)
        first = re.search(app_processes._UNIT, lab.text())
        assert first is not None
        assert not re.search(app_processes._WATCHED, lab.text())
        await lab.pilot.press("right")
        second = re.search(app_processes._UNIT, lab.text())
        assert second is not None
        assert first["unit"] != second["unit"]
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: "· after epoch 2" in lab.text())
        found = re.search(app_processes._WATCHED, lab.text())
        assert found is not None
        assert found[0].startswith("· after")


def played_network(*units: int) -> list[str]:
    return [f"╭─ Unit {unit} · run 1 · epoch 3, training" for unit in units]


def test_a_move_is_over_once_another_unit_is_told_of() -> None:
    first, *others = played_network(5, 5, 31, 7)
    with play(first, others[0], others[1], others[2]) as terminal:
        terminal.send("\r")
        terminal.wait_for(first, timeout=300)
        # Each key is followed by the line that the player waits for.
        sent = terminal.send

        def send(keys: str) -> float:
            return sent(keys + "\r")

        terminal.send = send  # type: ignore[method-assign]
        terminal.send("")
        latencies = AppOnTerminal(terminal).move_in_network(2)
    assert len(latencies) == 2
    assert min(latencies) > 0


def test_a_run_that_does_not_complete_under_the_network_screen_is_a_sentence() -> None:
    with play("Unit 5 · run 1 · epoch 3, paused") as terminal:
        terminal.send("\r")
        with pytest.raises(NotShownError, match="did not complete"):
            AppOnTerminal(terminal).watch_network_to_the_end()


async def test_the_speed_of_the_last_run_is_that_of_its_epochs_after_the_first(
    tmp_path: Path,
) -> None:
    with pytest.raises(NotShownError, match="no two epochs"):
        training_speed(tmp_path / "home")
    async with opened(tmp_path) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        run = lab.store.latest()
        assert run is not None
        first, last = lab.store.epochs(run.id, after=0)
    expected = (last.step - first.step) / (last.run_seconds - first.run_seconds)
    assert training_speed(tmp_path / "home") == pytest.approx(expected)


def play(*frames: str) -> PseudoTerminal:
    return PseudoTerminal([sys.executable, "-c", PLAYED_APP, *frames])


def status(epoch: int, batch: int) -> str:
    return f"● running    run 1  epoch {epoch}/3  ███▌   31 %  batch {batch}/100  462k ex/s"


def test_speed_is_that_between_the_first_and_the_last_frame_after_epoch_1() -> None:
    frames = [
        status(1, 50),
        status(1, 100),
        status(2, 40),
        status(3, 90),
        "completed  run 1  epoch 3/3",
    ]
    with play(*frames) as terminal:
        times = []
        for frame in frames:
            terminal.send("\r")
            times.append(terminal.time_of(terminal.wait_for(frame, timeout=300)))
        speed = AppOnTerminal(terminal).train_to_the_end()
    assert speed == pytest.approx((290 - 100) / (times[3] - times[1]))


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        (["diverged  run 1  epoch 1/3"], "ended as diverged"),
        ([status(2, 1), "completed  run 1  epoch 3/3"], "before two frames"),
    ],
)
def test_a_run_that_cannot_be_timed_is_a_sentence(frames: list[str], sentence: str) -> None:
    with play(*frames) as terminal:
        for _ in frames:
            terminal.send("\r")
        with pytest.raises(NotShownError, match=sentence):
            AppOnTerminal(terminal).train_to_the_end()


@pytest.fixture
def measured_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Measure], None]:
    def use(measure: Measure) -> None:
        monkeypatch.setattr(monitor_report, "measure", measure)

    return use


def frames_of_rounds(_monitored: Monitored, rounds: int) -> Iterator[MonitorValue]:
    for number in range(1, rounds + 1):
        yield MonitorValue(number, "first_frame", number / 10)


def test_json_has_an_object_a_value_and_one_for_all(
    measured_by: Callable[[Measure], None], capsys: pytest.CaptureFixture[str]
) -> None:
    measured_by(frames_of_rounds)
    code = run([*FLAGS, "--rounds", "3", "--threads", "2", "--preset", "mlx-wide", "--json"])
    assert code == 0
    *values, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(value["round"], value["figure"], value["value"]) for value in values] == [
        (1, "first_frame", 0.1),
        (2, "first_frame", 0.2),
        (3, "first_frame", 0.3),
    ]
    assert {value["event"] for value in values} == {"figure_measured"}
    assert summary["event"] == "monitor_completed"
    assert (summary["recipe"], summary["threads"], summary["rounds"]) == ("mlx-wide", 2, 3)
    (figure,) = summary["figures"]
    assert figure["figure"] == "first_frame"
    assert [figure[name] for name in ("lower", "median", "upper")] == pytest.approx(
        [0.15, 0.2, 0.25]
    )
    assert (figure["at_most"], figure["at_least"], figure["met"]) == (0.8, None, True)


def test_people_get_a_table_and_progress_beside_it(
    measured_by: Callable[[Measure], None], capsys: pytest.CaptureFixture[str]
) -> None:
    measured_by(frames_of_rounds)
    assert run([*FLAGS, "--rounds", "2", "--threads", "1"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("mlx-docs, 1 thread, 2 rounds, in a terminal of 140x40\n")
    assert "start to first frame" in out
    assert err.splitlines() == ["round 1 of 2 is measured", "round 2 of 2 is measured"]


def test_what_the_app_did_not_show_ends_the_benchmark(
    measured_by: Callable[[Measure], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(_monitored: Monitored, _rounds: int) -> Iterator[MonitorValue]:
        yield MonitorValue(1, "first_frame", 0.5)
        raise NotShownError("It did not show 'idle' in 60 seconds.")

    measured_by(measure)
    assert run(FLAGS) == EXIT_FAILED
    assert "could not go on. It did not show 'idle' in 60 seconds." in capsys.readouterr().err


def test_the_monitor_watches_one_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*FLAGS, "--preset", "mlx-docs,mlx-wide"]) == EXIT_USAGE
    assert "one --preset" in capsys.readouterr().err
