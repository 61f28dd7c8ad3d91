"""The train screen with a scripted run: keys, dialogs, what is shown when."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input, Static

from helpers.app_harness import TWO_EPOCHS, AppHarness, opened
from helpers.counting import count_calls
from helpers.lab import RACE
from helpers.read_out import read_out
from helpers.scripted import ScriptedLoader, digits, loaded
from mnist_core.data.loader import DatasetFailed, DatasetOffered, DatasetProgressed
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.train.sample_grid import SampleGrid
from mnist_tui.train.train_screen import TICKS_PER_SECOND, TrainScreen
from mnist_tui.ui.dialogs import Question
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.help_screen import HelpScreen
from mnist_tui.ui.status_line import StatusLine

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]
ESCAPE = "\x1b[31m"


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    return partial(opened, tmp_path)


async def hold_after_first_epoch(bench: AppHarness) -> None:
    bench.runs.gate.clear()
    await bench.pilot.press("r")
    await bench.until(
        lambda: (
            bench.session.progress is not None
            and bench.session.progress.epoch is not None
            and bench.session.progress.epoch.epoch == 1
        )
    )


async def test_a_run_moves_charts_grid_and_status(bench: OpenBench) -> None:
    async with bench() as lab:
        assert "Learning rate" in lab.text()
        assert "idle" in lab.text()
        assert "Press r to train" in lab.text()
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert "completed" in lab.text()
        assert "epoch 2/2" in lab.text()
        assert "●" in lab.text()
        assert "✗" in lab.text(), "wrong samples carry a sign, not only a colour"
        assert "right" in str(lab.app.screen.query_one(SampleGrid).border_title)


async def test_keys_are_shown_only_when_they_work(bench: OpenBench) -> None:
    async with bench() as lab:
        assert "Pause" not in lab.footer()
        assert "Stop" not in lab.footer()
        assert "Epoch" not in lab.footer()
        await hold_after_first_epoch(lab)
        assert "Pause" in lab.footer()
        assert "Stop" in lab.footer()
        await lab.pilot.press("p")
        lab.runs.gate.set()
        await lab.until_state(State.PAUSED)
        assert "Resume" in lab.footer()
        assert "Pause" not in lab.footer()
        assert "Epoch" in lab.footer()
        await lab.pilot.press("p")
        await lab.until_state(State.COMPLETED)


async def test_stop_keeps_the_run(bench: OpenBench) -> None:
    async with bench() as lab:
        await hold_after_first_epoch(lab)
        await lab.pilot.press("s")
        lab.runs.gate.set()
        await lab.until_state(State.STOPPED)
        assert "stopped" in lab.text()
        assert lab.session.progress is not None
        assert len(lab.session.progress.train_loss) >= 4


async def test_restart_asks_once_and_keeps_a_ghost(bench: OpenBench) -> None:
    async with bench() as lab:
        await hold_after_first_epoch(lab)
        await lab.pilot.press("r")
        assert isinstance(lab.app.screen, Question)
        await lab.pilot.press("escape")
        assert lab.state() is State.RUNNING
        await lab.pilot.press("r", "enter")
        assert lab.state() is State.STOPPING
        assert "stopping" in lab.text()
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        assert len(lab.runs.made) == 2
        assert "before: same values · test" in lab.text()


async def test_edited_values_are_trained_with(bench: OpenBench) -> None:
    async with bench() as lab:
        form = lab.app.screen.query_one(HyperparameterForm)
        form.focus_field("learning_rate")
        await lab.pilot.pause()
        field = lab.app.focused
        assert isinstance(field, Input)
        field.value = ""
        await lab.pilot.press("0", ".", "5")
        await lab.pilot.press("enter")
        await lab.until_state(State.COMPLETED)
        assert lab.runs.made[0].learning_rate == 0.5
        await lab.until(lambda: isinstance(lab.app.focused, Chart))
        await lab.pilot.press("2")
        assert not isinstance(lab.app.screen, TrainScreen)


async def test_letters_are_text_in_a_field_but_ctrl_r_runs(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.app.screen.query_one(HyperparameterForm).focus_field("hidden_sizes")
        await lab.pilot.press("end", "r")
        assert lab.runs.made == []
        await lab.pilot.press("ctrl+r")
        assert lab.runs.made == [], "a refused value keeps the run from starting"
        await lab.pilot.press("backspace", "ctrl+r")
        await lab.until_state(State.COMPLETED)
        assert len(lab.runs.made) == 1


async def test_escape_leaves_the_form_for_the_charts(bench: OpenBench) -> None:
    async with bench() as lab:
        assert isinstance(lab.app.focused, Chart)
        await lab.pilot.press("e")
        assert not isinstance(lab.app.focused, Chart)
        await lab.pilot.press("escape")
        assert isinstance(lab.app.focused, Chart)


async def test_a_bad_value_is_refused_with_the_field_in_focus(bench: OpenBench) -> None:
    async with bench() as lab:
        form = lab.app.screen.query_one(HyperparameterForm)
        form.focus_field("dropout")
        await lab.pilot.press("end", "9", "9", "escape", "r")
        assert lab.runs.made == []
        assert "dropout" in form.problems
        assert isinstance(lab.app.focused, Input)


async def test_quitting_while_training_asks_then_stops_and_keeps(
    bench: OpenBench,
) -> None:
    async with bench() as lab:
        await hold_after_first_epoch(lab)
        await lab.pilot.press("q")
        assert isinstance(lab.app.screen, Question)
        await lab.pilot.press("ctrl+q")
        assert len(lab.app.screen_stack) == 2, "a second question must not pile up"
        await lab.pilot.press("escape")
        assert lab.state() is State.RUNNING
        await lab.pilot.press("ctrl+q", "enter")
        lab.runs.gate.set()
        await lab.until(lambda: not lab.app.is_running)
        assert lab.app.return_code == 0
        assert lab.state() is State.STOPPED


async def test_quitting_when_idle_needs_no_question(bench: OpenBench) -> None:
    async with bench() as lab:
        await lab.pilot.press("q")
        await lab.until(lambda: not lab.app.is_running)
        assert lab.app.return_code == 0


async def test_it_says_what_else_has_the_machine(bench: OpenBench) -> None:
    async with bench() as lab:
        assert "A race is under way" not in lab.text()
        lab.session.hold = RACE
        await lab.until(lambda: "A race is under way." in lab.text())
        await lab.pilot.press("5")
        await lab.until(lambda: "○ idle A race is" in " ".join(lab.text().split()))


async def test_quitting_asks_whether_to_stop_a_race(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.session.hold = RACE
        await lab.pilot.press("q")
        assert "A race is under way. Stop it, keep what it measured, and" in lab.text()
        await lab.pilot.press("escape", "q", "enter")
        await lab.until(lambda: not lab.app.is_running)
        assert lab.app.return_code == 0


async def test_one_more_epoch_after_the_end(bench: OpenBench) -> None:
    async with bench() as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("full_stop")
        await lab.until(lambda: "epoch 3/3" in lab.text() and lab.session.state is State.COMPLETED)


async def test_the_cursor_reads_both_charts_at_one_place(bench: OpenBench) -> None:
    async with bench() as lab:
        await lab.pilot.press("right_square_bracket")
        charts = list(lab.app.screen.query("#loss, #accuracy").results(Chart))
        assert [chart.cursor for chart in charts] == [None, None], "nothing to read yet"
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("left_square_bracket")
        assert [chart.cursor for chart in charts] == [4.0, 4.0]
        assert read_out(charts[0])["test"] == (4.0, 1.0)
        assert "step 4" in lab.text()
        await lab.pilot.press("left_square_bracket", "left_square_bracket")
        assert charts[1].cursor == 0.0
        await lab.pilot.press("right_square_bracket")
        assert charts[1].cursor == 4.0
        await lab.pilot.click("#accuracy", offset=(20, 8))
        assert charts[0].cursor == charts[1].cursor not in (None, 4.0)
        await lab.pilot.press("escape")
        assert [chart.cursor for chart in charts] == [None, None]
        assert "step 4" not in lab.text()


async def test_the_palette_offers_what_works_now_and_does_it(bench: OpenBench) -> None:
    async with bench() as lab:
        commands = {
            command.title.split("  ")[0]: command.callback
            for command in lab.app.get_system_commands(lab.app.screen)
        }
        assert {"Run", "Edit", "Help", "Theme"} <= set(commands)
        assert not {"Stop", "Pause", "Palette"} & set(commands)
        await commands["Run"]()
        await lab.until_state(State.COMPLETED)


async def test_hasty_keys_do_not_crash_the_palette(bench: OpenBench) -> None:
    async with bench() as lab:
        for keys in (("ctrl+p", "pagedown"), ("ctrl+p", "y", "enter", "enter")):
            for key in keys:
                lab.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await lab.pilot.pause(0.3)
        assert lab.app.is_running
        assert lab.app.return_code is None


async def test_help_lists_every_key_and_hyperparameter(bench: OpenBench) -> None:
    async with bench(size=(120, 200)) as lab:
        await lab.pilot.press("question_mark")
        assert isinstance(lab.app.screen, HelpScreen)
        text = lab.text()
        for word in ("ctrl+r", "Pause", "Label smoothing", "mlx-raw-pixels"):
            assert word in text
        await lab.pilot.press("escape")
        assert not isinstance(lab.app.screen, HelpScreen)


async def test_a_failed_run_says_why_without_a_traceback(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.runs.fail_with = ValueError("Validation asks for too much. Choose a smaller number.")
        await lab.pilot.press("r")
        await lab.until_state(State.FAILED)
        assert "Choose a smaller number." in lab.text()
        assert "Traceback" not in lab.text()


async def test_data_that_cannot_be_had_are_told_and_retried(bench: OpenBench) -> None:
    begun = DatasetProgressed("Loading /nowhere", 0, None)
    failed = ScriptedLoader(begun, DatasetFailed("/nowhere is not a folder.", "Traceback"))
    async with bench(loader=failed) as lab:
        await lab.until_state(State.FAILED)
        assert "Loading /nowhere" not in lab.text(), "it is over"
        assert "/nowhere is not a folder. Press r to try again." in lab.text()
        lab.loader = loaded()
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)


async def test_loading_shows_its_progress(bench: OpenBench) -> None:
    half_way = DatasetProgressed("Downloading train-images", 5_000_000, 9_900_000)
    async with bench(loader=ScriptedLoader(half_way)) as lab:
        await lab.until(lambda: "Downloading train-images  5.0 of 9.9 MB" in lab.text())
        assert "loading" in lab.text()


async def test_synthetic_digits_are_announced_and_better_data_offered(
    bench: OpenBench,
) -> None:
    async with bench(loader=loaded(reason="These digits are synthetic: no network.")) as lab:
        assert "These digits are synthetic: no network." in lab.text()
        lab.loader.events.append(DatasetOffered(digits(name="mnist")))
        await lab.until(lambda: "Press u to use it" in lab.text())
        await lab.pilot.press("u")
        assert lab.session.data.dataset is not None
        assert lab.session.data.dataset.name == "mnist"
        assert "synthetic" not in lab.text()


async def test_data_that_only_stand_in_can_be_asked_for_again(bench: OpenBench) -> None:
    async with bench(loader=loaded(reason="These digits are synthetic: no network.")) as lab:
        assert "Retry data" in lab.footer()
        lab.loader = loaded(digits(name="mnist"))
        await lab.pilot.press("u")
        data = lab.session.data
        await lab.until(lambda: data.dataset is not None and "mnist" in data.dataset.name)
        assert "synthetic" not in lab.text()
        assert "Retry data" not in lab.footer()


async def test_what_is_doubtful_about_the_data_stays_beside_the_figures(bench: OpenBench) -> None:
    odd = replace(digits(), doubts=("All is of one class, “[/]”.", f"All is {ESCAPE}known."))
    async with bench(loader=loaded(odd, reason="These digits stand in."), size=(80, 24)) as lab:
        told = [line.strip() for line in lab.text().splitlines()]
        first = told.index("These digits stand in.")
        assert told[first + 1 : first + 3] == [
            "All is of one class, “[/]”.",
            "All is ␛[31mknown.",
        ]
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert "All is of one class" in lab.text()
        assert "These digits stand in." not in lab.text()


async def test_what_is_doubtful_about_the_validation_set_stands_beside_its_run(
    bench: OpenBench,
) -> None:
    told = "Validation holds out one class alone, “9”"
    data = digits()
    data.train.labels[-2:] = 9
    recipe = Hyperparameters(validation=2)
    async with bench(loader=loaded(data), hyperparameters=recipe) as lab:
        assert told not in lab.text()
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert told in lab.text()


async def test_names_from_outside_are_drawn_as_they_are(bench: OpenBench) -> None:
    names = ("[/]", "[red]x", f"{ESCAPE}esc", "3", "4")
    async with bench(loader=loaded(digits(names, name=f"[/]{ESCAPE}")), size=(200, 60)) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        text = lab.text()
        for shown in ("[/]", "[red]x", "␛[31mesc"):
            assert shown in text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    "size", [(80, 24), pytest.param((120, 40), marks=pytest.mark.soak), (200, 60), (60, 20)]
)
async def test_any_size_shows_state_and_epoch(bench: OpenBench, size: tuple[int, int]) -> None:
    async with bench(size=size) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        status = lab.app.screen.query_one(StatusLine)
        assert "completed" in status.render().plain
        assert "epoch 2/2" in status.render().plain


async def test_resizing_while_training_changes_nothing_but_the_layout(
    bench: OpenBench,
) -> None:
    async with bench() as lab:
        await hold_after_first_epoch(lab)
        for size in ((80, 24), (30, 8), (200, 60), (1, 1), (120, 40)):
            await lab.pilot.resize_terminal(*size)
            await lab.pilot.pause()
        assert lab.state() is State.RUNNING
        assert lab.app.screen.query_one("#charts").size.width > 20


async def test_an_unchanged_screen_is_not_redrawn(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = count_calls(monkeypatch, Chart, "_draw")
    async with bench() as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        chart = lab.app.screen.query_one("#loss", Chart)
        drawn = drawings[chart]
        screen = lab.app.screen
        assert isinstance(screen, TrainScreen)
        for _ in range(5):
            screen._tick()
            await lab.pilot.pause()
        assert drawings[chart] == drawn


async def test_what_an_epoch_has_shown_is_drawn_everywhere_at_once(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench() as lab:
        await hold_after_first_epoch(lab)
        screen = lab.app.screen
        assert isinstance(screen, TrainScreen)
        monkeypatch.setattr(lab.session, "tick", lambda: True)
        for _ in range(TICKS_PER_SECOND):
            screen._tick()
        # The next but one comes too soon after that to be read.
        for epoch, wanted in ((2, 1), (2, 0), (3, 0)):
            monkeypatch.setattr(screen, "_evaluated_epoch", partial(int, epoch))
            redraws = count_calls(monkeypatch, TrainScreen, "redraw")
            screen._tick()
            assert redraws[screen] == wanted
        monkeypatch.undo()
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)


async def test_values_that_a_run_is_trained_with_are_no_edit_any_more(bench: OpenBench) -> None:
    async with bench() as lab:
        form = lab.app.screen.query_one(HyperparameterForm)
        await lab.pilot.press("e", "home", "7")
        assert form.edited == ["learning_rate"]
        await lab.pilot.press("enter")
        await lab.until_state(State.COMPLETED)
        assert form.edited == []


async def test_charts_and_digits_are_drawn_in_turn_while_a_run_goes_on(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at once, ten times a second, would hold training up."""
    async with bench() as lab:
        await hold_after_first_epoch(lab)
        screen = lab.app.screen
        assert isinstance(screen, TrainScreen)
        monkeypatch.setattr(lab.session, "tick", lambda: True)
        charts = count_calls(monkeypatch, TrainScreen, "draw_charts")
        digits = count_calls(monkeypatch, TrainScreen, "_draw_samples")
        drawn = []
        for _ in range(12):
            before = charts[screen], digits[screen]
            screen._tick()
            drawn.append((charts[screen] - before[0], digits[screen] - before[1]))
        assert (charts[screen], digits[screen]) == (6, 2)
        assert (1, 1) not in drawn
        monkeypatch.undo()
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)


async def test_the_footer_and_notice_are_drawn(bench: OpenBench) -> None:
    async with bench() as lab:
        assert lab.app.screen.query_one(KeyFooter).region.height == 1
        assert not lab.app.screen.query_one("#notice", Static).display


async def test_a_defect_becomes_a_sentence_and_a_log_entry(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lab = AppHarness(loaded(), TWO_EPOCHS, log)

    async def divide_by_zero() -> None:
        async with lab.app.run_test() as pilot:
            lab.app.call_later(lambda: 1 / 0)
            await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        await divide_by_zero()
    assert lab.app.return_code == 1
    assert "ZeroDivisionError" in log.read_text()
    lab.session.close()
