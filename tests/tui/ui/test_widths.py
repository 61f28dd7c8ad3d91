"""The width of the terminal decides how screens are laid out, from their first frame on."""

from pathlib import Path

import pytest
from textual.app import ComposeResult

from helpers.app_harness import opened
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.network.network_screen import NetworkScreen
from mnist_tui.race.race_screen import RaceScreen
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.sweeps.sweep_screen import SweepsScreen
from mnist_tui.train.train_screen import TrainScreen
from mnist_tui.ui.sizes import width_class

AnyScreen = TrainScreen | MistakesScreen | RunsScreen | RaceScreen | SweepsScreen | NetworkScreen


@pytest.mark.parametrize(
    ("columns", "name"),
    [(60, "-narrow"), (99, "-narrow"), (100, "-normal"), (159, "-normal"), (160, "-wide")],
)
def test_each_width_has_its_class(columns: int, name: str) -> None:
    assert width_class(columns) == name


@pytest.mark.parametrize(
    ("screen", "key"),
    [
        (TrainScreen, ""),
        (MistakesScreen, "2"),
        (RunsScreen, "3"),
        (RaceScreen, "4"),
        (SweepsScreen, "5"),
        (NetworkScreen, "6"),
    ],
)
async def test_a_screen_is_laid_out_for_its_width_before_it_is_drawn(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    screen: type[AnyScreen],
    key: str,
) -> None:
    classes: list[frozenset[str]] = []
    compose = screen.compose

    def noted(
        made: AnyScreen,
    ) -> ComposeResult:
        classes.append(made.classes)
        yield from compose(made)  # type: ignore[arg-type]

    monkeypatch.setattr(screen, "compose", noted)
    async with opened(tmp_path, (80, 24)) as lab:
        if key:
            await lab.pilot.press(key)
        await lab.until(lambda: isinstance(lab.app.screen, screen))
        assert [name for name in classes[0] if name in ("-narrow", "-normal", "-wide")] == [
            "-narrow"
        ]
        await lab.pilot.resize_terminal(120, 40)
        await lab.until(lambda: lab.app.screen.has_class("-normal"))
        assert not lab.app.screen.has_class("-narrow")
