"""The sweeps screen with scripted sweeps: asking, watching, stopping, opening, resuming."""

from pathlib import Path

import pytest

from helpers.app_harness import AppHarness, opened
from helpers.hasty_keyboard import Keyboard
from helpers.random_input import Typed
from helpers.scripted_sweep_process import (
    COMMAND,
    begun,
    completed,
    rest,
    started,
    under_way,
    value,
)
from helpers.stored_runs import put_run
from mnist_core.sweep.events import SweepFailed, SweepStopped
from mnist_tui.lab.state import State
from mnist_tui.sweeps.sweep_form import SweepForm
from mnist_tui.sweeps.sweep_screen import SweepsScreen
from mnist_tui.sweeps.trials_table import TrialsTable
from mnist_tui.ui.dialogs import CommandScreen, LineInput, Question


def screen(lab: AppHarness) -> SweepsScreen:
    assert isinstance(lab.app.screen, SweepsScreen)
    return lab.app.screen


def table(lab: AppHarness) -> TrialsTable:
    return screen(lab).query_one(TrialsTable)


async def start(lab: AppHarness) -> None:
    await lab.press("5", "r")
    await lab.until(lambda: bool(lab.sweeps.made))


async def watch(lab: AppHarness) -> None:
    """Start a sweep, and let two trials complete."""
    lab.sweeps.story = under_way()
    await start(lab)
    await lab.until(lambda: "3/6 finished" in lab.text())


def keep_study(folder: Path, name: str = "sweep-1") -> None:
    (folder / "home" / "sweeps").mkdir(parents=True)
    (folder / "home" / "sweeps" / f"{name}.journal").touch()


async def test_an_earlier_study_is_gone_on_with(tmp_path: Path) -> None:
    keep_study(tmp_path, "old-one")
    async with opened(tmp_path) as lab:
        await lab.press("5", "h")
        assert "old-one" in lab.text()
        await lab.press("enter")
        await lab.until(lambda: bool(lab.sweeps.made))
        assert lab.sweeps.latest.words[:2] == ("--resume", "old-one")


async def test_keys_that_come_in_one_piece_all_count(tmp_path: Path) -> None:
    keep_study(tmp_path, "old-one")
    async with opened(tmp_path) as lab:
        await Keyboard(lab.app).give(Typed("5h\r"))
        await lab.until(lambda: bool(lab.sweeps.made))


async def test_before_the_first_sweep_the_screen_says_what_one_is(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.press("5")
        text = lab.text()
        assert "A sweep trains many runs" in text
        assert "Press r to begin the one in the form, e to change it" in text.replace("│", "")
        assert "next: hidden layers, learning rate; 2 epochs each on scripted" in text
        assert "0.01:1:log" in text, "about the rate of the recipe"
        for gone in ("Stop", "Resume", "Open", "Fork", "Earlier"):
            assert gone not in lab.footer()


async def test_a_sweep_starts_from_both_forms_as_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await start(lab)
        words = lab.sweeps.latest.words
        assert words[:4] == (
            "--sample", "hidden_sizes=32|64|128", "--sample", "learning_rate=0.01:1:log",
        )  # fmt: skip
        text = " ".join(words)
        assert "--sampler tpe --pruner median --metric accuracy --rank-on validation" in text
        assert "--preset mlx-docs --epochs 2" in text
        assert words[-2:] == ("--home", str(tmp_path / "home"))
        assert "loading" in lab.text()
        assert lab.session.hold


async def test_trials_come_in_and_are_ranked(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await watch(lab)
        text = lab.text()
        assert "sweep-1  3/6 finished · best 0.9500 ± 0.0012 (trial 1)" in text
        assert "2 running · 1 failed · 1 pruned" in text
        ranked = [line.split("│")[-2].split()[:3] for line in text.splitlines() if "│" in line]
        assert ["1", "1", "0.9500"] in ranked
        assert ["2", "0", "0.8300"] in ranked
        assert ["●", "4", "0.8000"] in ranked
        assert ["⊖", "2", "0.4000"] in ranked
        assert "on far [/]" in text, "where another machine trains"
        assert "Its process ended with signal 9." in text
        assert "How much each decides, of 4 completed trials" in text
        assert "lr     ████" in text
        lab.sweeps.latest.tell(*rest())
        await lab.until(lambda: "✓ completed" in lab.text())
        assert lab.sweeps.latest.asked == ["close"]
        assert not lab.session.hold


async def test_a_wrong_range_is_refused_under_its_field(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.press("5", "e")
        screen(lab).query_one(SweepForm).focus_field("dropout")
        await lab.press(*"0:2")
        await lab.pilot.pause()
        form = screen(lab).query_one(SweepForm)
        assert "from 0 to below 1" in form.draft.problems["dropout"]
        problem = form.draft.problems["dropout"]
        assert problem[:20] in lab.text(), "it stands under the field"
        await lab.press("ctrl+r")
        assert "cannot be used yet" in lab.said()
        assert not lab.sweeps.made
        await lab.press("backspace", *"0.5:log")
        await lab.until(lambda: "no logarithm" in form.draft.problems.get("dropout", ""))
        await lab.press(*["backspace"] * 4)
        await lab.press("enter")
        await lab.until(lambda: bool(lab.sweeps.made))
        assert "dropout=0:0.5" in lab.sweeps.latest.words


async def test_fields_keep_every_letter(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.press("5", "e", "end", *"|q5rsdhx?")
        form = screen(lab).query_one(SweepForm)
        assert form.texts["hidden_sizes"] == "32|64|128|q5rsdhx?"
        await lab.press("escape")
        assert isinstance(lab.focused(), TrialsTable)


async def test_a_list_in_the_train_form_is_no_recipe_to_start_from(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.press("e", "end", *", 0.3", "escape", "5", "r")
        assert "starts from one recipe" in lab.said()
        assert not lab.sweeps.made


async def test_no_run_and_no_race_begin_while_a_sweep_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await start(lab)
        await lab.press("1", "r")
        assert "A sweep is under way, and needs the machine. Press 5, then s" in lab.said()
        assert lab.session.state is State.IDLE
        await lab.press("4", "r")
        assert lab.said().count("A sweep is under way") == 2


async def test_no_sweep_begins_while_a_run_trains(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.runs.gate.clear()
        await lab.press("r")
        await lab.until_state(State.RUNNING)
        await lab.press("5", "r")
        assert "A run is training" in lab.said()
        assert not lab.sweeps.made


async def test_stop_lets_trials_end_and_again_ends_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await watch(lab)
        await lab.press("s")
        await lab.until(lambda: "stopping" in lab.text())
        assert "s again ends those that run at once" in lab.text()
        assert lab.sweeps.latest.asked == ["stop"]
        await lab.press("s")
        await lab.until(lambda: "stopped" in lab.text())
        assert lab.sweeps.latest.asked == ["stop", "cut", "close"]
        assert not lab.session.hold
        await lab.press("R")
        await lab.until(lambda: len(lab.sweeps.made) == 2)
        assert lab.sweeps.latest.words[:2] == ("--resume", "sweep-1")


async def test_a_finished_study_gets_more_trials(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.sweeps.story = [*under_way(), *rest()]
        await start(lab)
        await lab.until(lambda: "✓ completed" in lab.text())
        await lab.press("R")
        assert isinstance(lab.app.screen, LineInput)
        assert "sweep-1 is finished. How many trials is it to have?" in lab.text()
        await lab.press("enter")
        await lab.until(lambda: len(lab.sweeps.made) == 2)
        assert lab.sweeps.latest.words[:4] == ("--resume", "sweep-1", "--trials", "16")


async def test_the_best_trial_is_forked_shown_as_a_command_and_opened(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        put_run(tmp_path / "home", "run1", "run 7", learning_rate=0.5, epochs=2)
        await watch(lab)
        await lab.press("Y")
        await lab.until(lambda: isinstance(lab.app.screen, CommandScreen))
        assert "--learning-rate 0.5" in lab.text().replace("\n", " ")
        await lab.press("escape", "enter")
        assert "Start again with --data" in lab.said(), "these are not the data of that run"
        await lab.press("f")
        await lab.until(lambda: lab.app.screen is lab.app._train_screen)
        assert "The form has the values of run 7" in lab.said()
        assert [each.learning_rate for each in lab.app._train_screen.steering.recipes] == [0.5]


async def test_the_cursor_follows_the_best_until_it_is_moved(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.sweeps.story = [started(), *completed(0), *completed(2)]
        await start(lab)
        await lab.until(lambda: "2/6" in lab.text())
        trial = table(lab).trial
        assert trial is not None
        assert trial.number == 2
        lab.sweeps.latest.tell(*completed(1))
        await lab.until(lambda: "3/6" in lab.text())
        trial = table(lab).trial
        assert trial is not None
        assert (trial.number, trial.value) == (1, value(1))
        await lab.press("j")
        lab.sweeps.latest.tell(*completed(4))
        await lab.until(lambda: "4/6" in lab.text())
        trial = table(lab).trial
        assert trial is not None
        assert trial.number == 2, "it stays on its trial"


async def test_the_run_of_another_machine_is_not_here(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.sweeps.story = [started(), begun(0, "far")]
        await start(lab)
        await lab.until(lambda: "on far" in lab.text())
        await lab.press("enter")
        assert "Trial 0 was trained on far" in lab.said()


async def test_a_sweep_that_fails_says_why(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await start(lab)
        lab.sweeps.latest.tell(started(), SweepFailed("The study [/] cannot be used."))
        await lab.until(lambda: "failed" in lab.text())
        assert "The study [/] cannot be used." in lab.text()
        assert not lab.session.hold
        await lab.press("r")
        await lab.until(lambda: len(lab.sweeps.made) == 2)
        lab.sweeps.latest.die("Loading\n--sample: it is refused.")
        await lab.until(lambda: "it is refused" in lab.text())


async def test_without_optuna_the_screen_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.sweep.storage.find_spec", lambda _name: None)
    async with opened(tmp_path, (160, 40)) as lab:
        await lab.press("5")
        assert "A sweep needs the extra sweep, which is not installed. To install" in lab.text()
        await lab.press("r")
        assert "needs the extra sweep" in lab.said()
        assert not lab.sweeps.made


async def test_charts_take_turns_and_parameters_too(tmp_path: Path) -> None:
    async with opened(tmp_path, (80, 24)) as lab:
        await watch(lab)
        assert "Best so far" in lab.text()
        await lab.press("x")
        assert "Against Learning rate" in lab.text()
        await lab.press("x")
        assert "Against Hidden layers" in lab.text()
        assert "1: 32  2: 64,64" in lab.text()
        await lab.press("c")
        assert "Parallel coordinates" in lab.text()
        await lab.press("c")
        assert "How much each decides" in lab.text()
        await lab.press("c")
        assert "Best so far" in lab.text()


async def test_quitting_asks_and_ends_the_sweep(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await watch(lab)
        await lab.press("q")
        await lab.until(lambda: isinstance(lab.app.screen, Question))
        assert "A sweep is under way. Stop it, keep what it learned" in lab.text()
        await lab.press("enter")
        await lab.until(lambda: not lab.app.is_running)
        lab.app.screens.close_sweep()
        assert lab.sweeps.latest.asked == ["close"]


async def test_a_stopped_sweep_keeps_the_command_of_its_best_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await watch(lab)
        lab.sweeps.latest.tell(SweepStopped("sweep-1", 2, 1, 1, None, 5.0))
        await lab.until(lambda: "stopped" in lab.text())
        assert lab.app.screens.sweep is not None
        assert lab.app.screens.sweep.command == COMMAND
