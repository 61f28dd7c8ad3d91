"""The race screen with scripted races: choosing, watching, stopping, keeping, opening."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events

from helpers.app_harness import opened
from helpers.lab import SIZES
from helpers.scripted import ScriptedLoader, digits, loaded
from helpers.scripted_races import RaceApp, RaceLab, ScriptedRaces, scored
from mnist_core.benchmark.kept_race import kept_races
from mnist_core.benchmark.network_task import NetworkTask
from mnist_core.benchmark.race import Race
from mnist_core.benchmark.regression_task import RegressionTask
from mnist_core.benchmark.worker import EngineError
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RaceState, StoreError
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.race.race_form import EntrantPicker, RaceForm
from mnist_tui.race.race_results import race_plot, table
from mnist_tui.race.race_screen import KeptRaces
from mnist_tui.race.race_session import RaceStage
from mnist_tui.ui.form_fields import Choice

OpenLab = Callable[..., AbstractAsyncContextManager[RaceLab]]


@pytest.fixture
def open_lab(tmp_path: Path) -> OpenLab:
    @asynccontextmanager
    async def open_it(
        size: tuple[int, int] = (120, 40), loader: ScriptedLoader | None = None
    ) -> AsyncIterator[RaceLab]:
        app = RaceApp(tmp_path, loader)
        async with app.run_test(size=size) as pilot:
            lab = RaceLab(app, pilot)
            await pilot.pause()
            try:
                yield lab
            finally:
                app.races.gate.set()
                app.runs.gate.set()
                app.race_session.close()
                app.session.close()

    return open_it


def legend(lab: RaceLab) -> list[str]:
    return [curve.label for curve in lab.app.race_screen.query_one(Chart).plot.curves]


async def test_before_the_first_race_the_screen_says_what_will_be_there(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        text = lab.text()
        assert "Choose who races, and press r" in text
        assert "How fast each is" in text
        assert "Races are kept here" in text
        assert "mlx-docs on scripted" in text, "which data are used"
        for gone in ("Stop", "Earlier", "Delete", "X axis"):
            assert gone not in lab.footer()


async def test_a_race_is_watched_kept_and_told_apart(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        lab.races.gate.clear()
        await lab.press("r")
        await lab.until(lambda: "numpy · round 1 of 5" in lab.text())
        assert "racing" in lab.text()
        assert "█▎           10 %  for 0:00" in lab.text(), "one turn of ten is done"
        await lab.until(lambda: "for 0:01" in lab.text())
        assert "Stop" in lab.footer()
        assert "Start" not in lab.footer()
        lab.races.gate.set()
        await lab.until(lambda: lab.race_session.stage is RaceStage.COMPLETED)
        assert legend(lab) == ["mlx", "numpy"]
        curves = lab.app.race_screen.query_one(Chart).plot.curves
        assert len({(curve.marker, curve.line) for curve in curves}) == len(curves)
        text = lab.text()
        assert "0.500" in text, "seconds an epoch"
        assert "2.00 to 2.00" in text, "numpy takes twice as long"
        assert "98.00 %" in text
        assert "784-32-32-10 on scripted" in text
        (record,) = lab.app.store.races.all()
        assert record.state is RaceState.COMPLETED
        task, _race = lab.races.made[0]
        assert isinstance(task, NetworkTask)
        assert task.problem.dataset is lab.app.session.data.dataset


async def test_the_task_decides_who_can_take_part(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        await lab.press("e", "right")
        form = lab.app.race_screen.query_one(RaceForm)
        assert form.task_name == "linear"
        assert "linear regression on examples drawn here" in lab.text()
        form.query_one(EntrantPicker).focus()
        await lab.press("space", "down", "space")
        assert form.entrants[:2] == ("mlx-like", "mlx-published")
        await lab.race("r")
        task, race = lab.races.made[0]
        assert (race.entrants, race.baseline) == (form.entrants, "numpy-float64")
        assert isinstance(task, RegressionTask), "it needs no data set"
        assert "it/s" in lab.text()
        assert "3 858" not in lab.text(), "that was published for the other regression"


async def test_the_tooltip_is_of_an_entrant_of_the_task(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        picker = lab.app.race_screen.query_one(EntrantPicker)
        picker.focus()
        await lab.press("down")
        assert str(picker.tooltip).startswith("mlx-stock: ")
        await lab.press("e", "right")
        assert str(picker.tooltip).startswith("mlx-fast: ")


async def test_a_race_that_starts_right_behind_another_task_is_of_that_task(
    open_lab: OpenLab,
) -> None:
    async with open_lab() as lab:
        task = lab.app.race_screen.query_one(".task Choice", Choice)
        task.action_step(1)
        lab.app.race_screen.action_start_race()
        await lab.until(lambda: lab.race_session.end is not None and not lab.race_session.is_racing)
        [(_, race)] = lab.races.made
        assert race.task == task.value != "mlp"
        assert race.entrants == lab.app.race_screen.query_one(EntrantPicker).chosen


async def test_entrants_that_cannot_run_say_why(
    open_lab: OpenLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_tui.race.entrants.is_importable", lambda name: name == "numpy")
    async with open_lab() as lab:
        await lab.press("e", "right", "left")
        picker = lab.app.race_screen.query_one(EntrantPicker)
        assert "mlx not installed" in lab.text()
        picker.focus()
        await lab.press("space")
        assert picker.chosen == ("numpy",)


async def test_nobody_cannot_race(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        picker = lab.app.race_screen.query_one(EntrantPicker)
        picker.focus()
        for _ in range(5):
            if picker.pointed.name in picker.chosen:
                await lab.press("space")
            await lab.press("down")
        await lab.press("r")
        assert "Nobody takes part" in lab.said()
        assert not lab.races.made


async def test_a_stopped_race_keeps_what_it_measured(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        lab.races.gate.clear()
        await lab.press("r")
        await lab.until(lambda: bool(lab.race_session.score and lab.race_session.score.laps))
        await lab.press("s")
        assert lab.race_session.stage is RaceStage.STOPPING
        lab.races.gate.set()
        await lab.until(lambda: lab.race_session.stage is RaceStage.STOPPED)
        (record,) = lab.app.store.races.all()
        assert record.state is RaceState.STOPPED
        assert [len(kept.score.laps) for kept in kept_races([record])] == [1]
        assert "stopped" in lab.text()


async def test_a_failure_is_a_sentence_that_stays(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        lab.races.fail_with = EngineError("mlx", "There is no [/] memory \x1b[31m.", "details")
        await lab.race("r")
        assert lab.race_session.stage is RaceStage.FAILED
        assert (
            "The engine mlx failed. There is no [/] memory ␛[31m. It is in the log." in lab.text()
        )
        (record,) = lab.app.store.races.all()
        assert record.failure == "The engine mlx failed. There is no [/] memory \x1b[31m."


async def test_earlier_races_are_opened_deleted_and_brought_back(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        await lab.race("r")
        await lab.press("e", "right")
        await lab.race("ctrl+r")
        assert [kept.score.race.task for kept in lab.race_session.kept] == ["linear", "mlp"]
        await lab.press("h", "down", "enter")
        assert lab.race_session.score is not None
        assert lab.race_session.score.race.task == "mlp"
        assert "s/epoch" in lab.text()
        await lab.press("h", "D")
        assert [kept.score.race.task for kept in lab.race_session.kept] == ["linear"]
        assert lab.race_session.score is None, "what was shown is gone"
        assert [record.race for record in lab.app.store.races.all()] == [
            lab.race_session.kept[0].record.race
        ]
        deleted = lab.race_session.deleted[-1]
        await lab.press("u")
        assert [kept.score.race.task for kept in lab.race_session.kept] == ["linear", "mlp"]
        assert lab.app.race_screen.query_one(KeptRaces).pointed == deleted.record.id
        assert not lab.race_session.deleted
        await lab.press("u")
        assert len(lab.app.store.races.all()) == 2, "there is nothing left to undo"


async def test_a_late_click_or_enter_opens_the_race_that_it_was_on(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        await lab.race("r")
        await lab.press("e", "right")
        await lab.race("ctrl+r")
        linear, mlp = lab.race_session.kept
        lines = lab.app.race_screen.query_one(KeptRaces)

        def click_on_the_second() -> None:
            x, y = lines.content_region.x + 5, lines.content_region.y + 1
            style = lab.app.screen.get_style_at(x, y)
            assert style.meta["option"] == 1
            click = events.Click(lines, x, y, 0, 0, 1, False, False, False, x, y, style)
            click.stop()  # the screen would take it for one more
            lines.post_message(click)

        for ask in (click_on_the_second, lines.action_select):
            lab.race_session.open(linear.record.id)
            lines.show([linear, mlp], "")
            lines.focus()
            lines.highlighted = 1
            await lab.pilot.pause()
            ask()
            lines.show([mlp, linear], "")
            await lab.pilot.pause()
            assert lab.race_session.shown is mlp
        lines.show([linear, mlp], "")
        await lab.pilot.pause()
        click_on_the_second()
        lab.race_session.open(linear.record.id)
        lines.show([linear], "")
        await lab.pilot.pause()
        assert lab.race_session.shown is linear, "the other one is no longer listed"


async def test_races_of_the_store_are_there_after_a_restart(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        await lab.race("r")
    async with open_lab() as lab:
        await lab.press("h", "enter")
        assert "0.500" in lab.text()
        assert legend(lab)[0] == "mlx"


async def test_no_race_starts_while_a_run_trains(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        session = lab.app.session
        lab.app.runs.gate.clear()
        session.train(make_hyperparameters({"epochs": 2}))
        await lab.until(lambda: session.tick() and session.state is State.RUNNING)
        await lab.press("r")
        assert "would distort the race" in lab.said()
        assert not lab.races.made
        assert session.run is not None
        session.run.pause()
        lab.app.runs.gate.set()
        await lab.until(lambda: session.state is State.PAUSED)
        await lab.race("r")
        assert len(lab.races.made) == 1


async def test_a_run_that_starts_all_the_same_stops_the_race(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        lab.races.gate.clear()
        await lab.press("r")
        await lab.until(lambda: lab.race_session.is_racing)
        with pytest.raises(StoreError, match="A race is under way"):
            lab.app.session.resume_stored("any")
        lab.app.runs.gate.clear()
        lab.app.session.train(make_hyperparameters({"epochs": 2}))
        await lab.until(lambda: lab.race_session.stage is RaceStage.STOPPING)
        lab.races.gate.set()
        await lab.until(lambda: lab.race_session.stage is RaceStage.STOPPED)
        assert "stopped, since a run began" in lab.text()


async def test_a_network_needs_data(open_lab: OpenLab) -> None:
    async with open_lab(loader=ScriptedLoader()) as lab:
        assert "waiting for the data" in lab.text()
        await lab.press("r")
        assert "There are no data" in lab.said()
        await lab.press("e", "right")
        await lab.race("ctrl+r")
        assert lab.race_session.stage is RaceStage.COMPLETED


async def test_a_click_ticks_and_reads_the_chart_out(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        picker = lab.app.race_screen.query_one(EntrantPicker)
        await lab.pilot.click(EntrantPicker, offset=(5, 1))
        assert "mlx-stock" in picker.chosen
        await lab.race("r")
        await lab.pilot.click("#race-chart", offset=(40, 10))
        await lab.pilot.pause()
        chart = lab.app.race_screen.query_one(Chart)
        assert chart.cursor is not None
        await lab.press("escape")
        assert chart.cursor is None
        await lab.press("x")
        assert chart.plot.x.title == "seconds, log"


@pytest.mark.parametrize("size", SIZES[1:])
async def test_everything_is_there_at_every_size(open_lab: OpenLab, size: tuple[int, int]) -> None:
    async with open_lab(size) as lab:
        await lab.press("e", "right", "escape")
        await lab.race("r")
        lines = lab.text().splitlines()
        (row,) = [line for line in lines if "mlx-published" in line and "0.50 to 0.50" not in line
                  and "to" in line]  # fmt: skip
        assert "5 000 to 5 000" in row
        assert any("Start" in line for line in lines)
        await lab.press("h")
        assert lab.app.race_screen.query_one(KeptRaces).region.height > 2
        assert "✓ linear" in lab.text()


async def test_names_from_outside_are_drawn_as_they_are(open_lab: OpenLab) -> None:
    async with open_lab(loader=loaded(digits(name="[/]\x1b[31mred"))) as lab:
        assert "[/]␛[31mred" in lab.text()
        await lab.race("r")
        assert "on [/]␛[31mred" in lab.text()


async def test_the_key_4_and_leaving_the_app(tmp_path: Path) -> None:
    races = ScriptedRaces()
    async with opened(tmp_path) as bench:
        bench.app.screens._make_race = races
        races.gate.clear()
        await bench.pilot.press("4")
        await bench.pilot.press("r")
        await bench.until(lambda: "racing" in bench.text())
        await bench.pilot.press("1")
        await bench.pilot.pause()
        await bench.pilot.press("r")
        await bench.pilot.pause()
        said = "".join(note.message for note in bench.app._notifications)
        assert "A race is under way" in said
        assert bench.session.state is State.IDLE
        race_session = bench.app.screens.race
        assert race_session is not None
        race_session.stop()
        races.gate.set()
        bench.app.screens.close_race()
        assert bench.session.hold is None
        (record,) = bench.store.races.all()
        assert record.state is RaceState.STOPPED


def test_a_race_of_nobody_known_is_drawn() -> None:
    """One that another version kept may have entrants that this one has not."""
    race = Race("linear", ("fortran", "numpy-float64"), "numpy-float64", 1, 1, 1000, 1000,
                      (100, 1))  # fmt: skip
    score = scored(race)
    assert [curve.label for curve in race_plot(score, log_time=True).curves] == list(race.entrants)
    assert "○ fortran" in table(score, 100).plain
    assert all(len(line) <= 40 for line in table(score, 40).plain.splitlines())


def test_published_paces_stand_beside_an_epoch_of_as_many_examples() -> None:
    entrants = ("mlx", "torch")
    race = Race("mlp", entrants, "mlx", 1, 1, 60_000, 10_000, (784, 10), "mlx-wide", "mnist")
    lines = table(scored(race), 120).plain.splitlines()
    assert "on an M1" in lines[0]
    assert lines[1].endswith("0.21")
    assert lines[2].endswith("0.39")
    fewer = table(scored(replace(race, train_examples=12_000)), 120).plain
    assert "on an M1" not in fewer
    assert "0.21" not in fewer


async def test_the_chart_is_zoomed_and_panned_like_others(open_lab: OpenLab) -> None:
    async with open_lab() as lab:
        await lab.race("r")
        chart = lab.app.race_screen.query_one(Chart)

        def window() -> tuple[float, float]:
            shown = chart.plot.x.window
            assert shown is not None
            return shown

        assert chart.plot.x.window is None
        await lab.press("plus", "right")
        low, high = window()
        assert "zoomed" in lab.text()
        await lab.press("left")
        assert window()[0] < low
        assert window()[1] - window()[0] == pytest.approx(high - low)
        await lab.press("h")
        assert isinstance(lab.focused(), KeptRaces), "h leads to earlier races, zoomed or not"
        await lab.press("escape", "0")
        assert chart.plot.x.window is None
        await lab.press("plus")
        await lab.race("r")
        assert chart.plot.x.window is None, "another race is shown whole"
        await lab.press("z")
        assert chart.region.height > 30
        await lab.press("escape")
        assert chart.region.height < 30
        await lab.press("plus", "x")
        assert chart.plot.x.window is None, "a window on one axis is none on the other"
