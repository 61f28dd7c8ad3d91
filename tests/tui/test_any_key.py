"""No key at any time, on any screen, in any order, crashes the app."""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from helpers.hasty_keyboard import Keyboard
from helpers.random_input import LARGEST, RandomInput, Resized, Typed, code
from helpers.recordings import points, put_recording
from helpers.restless_runs import PlannedError, RestlessRuns
from helpers.scripted import ScriptedLoader, digits
from helpers.scripted_races import race_story
from helpers.scripted_sweep_process import ScriptedProcess, restless
from helpers.stored_runs import LiveRun, put_run
from mnist_core.benchmark.race import Race, RaceProgress
from mnist_core.benchmark.runner import RaceRun, Task
from mnist_core.data.loader import (
    DatasetEvent,
    DatasetFailed,
    DatasetLoaded,
    DatasetNotOffered,
    DatasetOffered,
    DatasetProgressed,
)
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunStore
from mnist_tui.app import MnistApp
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.ui.dialogs import Question
from mnist_tui.ui.sizes import TooSmall

SIZE = (120, 40)
BURST = 25
"""Inputs between two looks at whether all is well."""
PATIENCE = 300.0
"""Seconds for an answer, which never takes that long unless something hangs."""
STEPS_BACK = 12
"""Escapes that lead out of everything that can be open."""


def data_stories() -> list[list[DatasetEvent]]:
    """How getting the data may go."""
    data = digits()
    failed = DatasetFailed("There are no data [/] here.", "PlannedError")
    return [
        [DatasetLoaded(data, None)],
        [DatasetProgressed("Downloading", 10, 100), DatasetLoaded(data, "Not [/] real.")],
        [DatasetLoaded(data, "Synthetic."), DatasetOffered(digits(name="another"))],
        [DatasetLoaded(data, "Synthetic."), DatasetNotOffered("No network.")],
        [failed],
        [],
    ]


def races(task: Task, race: Race) -> RaceRun:
    """Races that take a moment; one of three rounds fails."""

    def events() -> Generator[RaceProgress, None, None]:
        for event in race_story(race):
            time.sleep(0.02)
            yield event
            if race.rounds == 3:
                raise PlannedError("An engine [/] gave up.")

    return RaceRun(lambda _group: events())


def sweeps() -> Callable[[Sequence[str]], ScriptedProcess]:
    """Sweeps that complete, go on, fail or say nothing, one after the other."""
    stories = restless()

    def start(words: Sequence[str]) -> ScriptedProcess:
        process = ScriptedProcess(tuple(words))
        process.tell(*next(stories))
        return process

    return start


def fill_store(home: Path) -> None:
    """Runs of all kinds, with names that are markup elsewhere."""
    put_run(home, "aa", "run 1", accuracies=(0.1, 0.5, 0.9))
    put_run(home, "run1", "a trial", accuracies=(0.1, 0.5))
    (home / "sweeps").mkdir()
    (home / "sweeps" / "old.journal").touch()
    put_run(home, "ab", "[/] [red]x\x1b[2J", note="[/]", tags=("[b]", "漢字"), state="diverged")
    put_run(home, "ac", "漢" * 60, accuracies=(), state="interrupted", rate=None)
    put_run(home, "ad", "nan", accuracies=(0.1, 0.2), validation=(0.1, 0.2),
            learning_rate=1e-9, state="failed")  # fmt: skip
    names = ("train/loss", "val/loss", *(f"[/]\x1b{k}" for k in range(40)))
    curves = {name: [1.0, float("nan")] for name in names}
    put_recording(home, "[/] 漢", [points(curves)], started=4e9)
    run = LiveRun(home, "done", epochs=2)
    run.train_epoch(0.8)
    run.train_epoch(0.9)
    run.end()


class Laboratory:
    """The app in a folder, opened again whenever a key has closed it."""

    def __init__(self, folder: Path, inputs: RandomInput) -> None:
        self._folder = folder
        self._inputs = inputs
        self._opened = 0
        self.problems: list[str] = []
        """What went wrong out of sight of the app."""
        fill_store(folder / "home")

    async def take(self, count: int) -> None:
        """Give it `count` inputs.

        Raises:
            Exception: whatever crashed the app.
        """
        left = count
        while left > 0:
            left -= await self._one_session(left)

    async def _one_session(self, most: int) -> int:
        """Open the app, and give it inputs until it is closed; how many."""
        log = self._folder / "log"
        store = RunStore(self._folder / "home")
        session = Session(
            RestlessRuns(self._inputs.seed + self._opened),
            DataSource(self._loader()),
            self._take_log,
            store,
        )
        hyperparameters = make_hyperparameters({"epochs": 6, "batch_size": 4})
        app = MnistApp(
            session, None, hyperparameters, "mlx-docs", log, store, races,
            make_sweep=sweeps(), first_launch=self._opened % 2 == 0,
        )  # fmt: skip
        self._opened += 1
        taken = 0
        try:
            async with app.run_test(size=SIZE, tooltips=True, notifications=True) as pilot:
                keyboard = Keyboard(app)
                while taken < most and app.is_running:
                    taken += await self._burst(keyboard, min(BURST, most - taken))
                    await self._look(app, pilot)
                    if app.is_running and (taken // BURST) % 8 == 0:
                        await self._back_to_train(app, pilot, keyboard)
                app.exit()
                async with asyncio.timeout(PATIENCE):
                    while app.is_running:
                        await asyncio.sleep(0.01)
        finally:
            app.screens.close_sweep()
            app.screens.close_race()
            app.screens.purge_deleted()
            session.close()
        assert app.return_code in (0, None)
        assert not log.exists(), log.read_text()
        return taken

    async def _burst(self, keyboard: Keyboard, count: int) -> int:
        taken = 0
        while taken < count:
            for each in self._inputs.take():
                taken += 1
                await keyboard.give(each)
        return taken

    async def _look(self, app: MnistApp, pilot: Pilot[None]) -> None:
        """The app has taken everything in, still answers, and its screens lie as they may."""
        if not app.is_running:
            return
        async with asyncio.timeout(PATIENCE):
            await pilot.pause()
        if not app.is_running:
            return
        stack = app.screen_stack
        assert stack[0] is app._train_screen
        assert len(stack) == len({id(screen) for screen in stack}), stack
        assert sum(isinstance(screen, TooSmall) for screen in stack) <= 1, stack
        assert sum(isinstance(screen, Question) for screen in stack) <= 1, stack
        assert sum(not screen.is_modal for screen in stack) <= 3, stack
        assert all(screen.is_attached for screen in stack), stack
        assert self.problems == []

    async def _back_to_train(self, app: MnistApp, pilot: Pilot[None], keyboard: Keyboard) -> None:
        """In a terminal with room, escapes and 1 lead to the train screen from everywhere."""
        await keyboard.give(Resized(*SIZE))
        for _ in range(STEPS_BACK):
            await keyboard.give(Typed(code("escape")))
            await pilot.pause()
        await keyboard.give(Typed("1"))
        await keyboard.give(Typed(code("escape")))  # it may have one of its panes maximised
        text = ""
        for _ in range(200):
            if not app.is_running:
                return
            strips = app.screen._compositor.render_strips()
            text = "\n".join(strip.text for strip in strips)
            if app.screen is app._train_screen and "Learning rate" in text and "Help" in text:
                break
            if app.screen.is_modal:
                # A run that waits for a decision asks as soon as its screen is back.
                await keyboard.give(Typed(code("escape")))
            await pilot.pause(0.02)
        else:
            pytest.fail(f"the train screen is not back: {app.screen_stack}\n{text}")
        assert app.screen_stack == [app._train_screen]

    def _loader(self) -> Callable[[], ScriptedLoader]:
        stories = data_stories()
        calls = self._opened

        def make() -> ScriptedLoader:
            nonlocal calls
            calls += 1
            # Every other time there are data at once.
            return ScriptedLoader(
                *(stories[calls // 2 % len(stories)] if calls % 2 else stories[0])
            )

        return make

    def _take_log(self, text: str) -> str:
        if "PlannedError" not in text:
            self.problems.append(text)
        return "It is [/] logged."


async def survive(folder: Path, seed: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the app `count` inputs; fails with all that is needed to see it again."""
    inputs = RandomInput(seed, SIZE)
    lab = Laboratory(folder, inputs)

    def on_thread_error(args: threading.ExceptHookArgs) -> None:
        lab.problems.append("".join(traceback.format_exception(args.exc_value)))

    def on_loop_error(_loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        details = "".join(traceback.format_exception(error)) if error else ""
        lab.problems.append(f"{context['message']} {details}")

    monkeypatch.setattr(threading, "excepthook", on_thread_error)
    asyncio.get_running_loop().set_exception_handler(on_loop_error)
    try:
        await lab.take(count)
        assert lab.problems == []
    except Exception:  # noqa: BLE001 - whatever it is, it is told with what led to it
        pytest.fail(f"{inputs.told()}\n{traceback.format_exc()}", pytrace=False)


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 20))]
)
async def test_no_input_crashes_the_app(
    tmp_path: Path,
    seed: int,
    repeats: Callable[[int, int], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await survive(tmp_path, seed, repeats(150, 1000), monkeypatch)


def test_the_same_seed_gives_the_same_input() -> None:
    first, again, other = RandomInput(3), RandomInput(3), RandomInput(4)
    taken = [first.take() for _ in range(500)]
    assert taken == [again.take() for _ in range(500)]
    assert taken != [other.take() for _ in range(500)]
    sizes = [each for some in taken for each in some if isinstance(each, Resized)]
    assert all((each.columns, each.rows) <= LARGEST for each in sizes)
    assert len(sizes) > 2
