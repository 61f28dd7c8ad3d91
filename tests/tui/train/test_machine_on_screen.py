"""The line on the machine, and the words beside the speed, on the train screen."""

from pathlib import Path

import pytest

from helpers.app_harness import AppHarness, opened
from mnist_tui.lab.state import State
from mnist_tui.ui.status_line import StatusLine


def look(lab: AppHarness, times: int = 1) -> None:
    """As the timer has it, once a second."""
    for _ in range(times):
        lab.app._train_screen._look_at_machine()


async def running(lab: AppHarness) -> None:
    lab.runs.gate.clear()
    await lab.pilot.press("r")
    await lab.until_state(State.RUNNING)
    await lab.until(lambda: "ex/s" in lab.text())


async def test_a_key_opens_the_line_and_closes_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        assert lab.app.query_one(StatusLine).size.height == 2
        lab.machine.own, lab.machine.others = 0.5, 1.0
        await lab.pilot.press("m")
        look(lab)
        await lab.pilot.pause()
        assert lab.app.query_one(StatusLine).size.height == 3
        assert "CPU 75 % of 2 cores: 25 % this process, 50 % others" in lab.text()
        assert "memory 412 MB this process, 3.1 GB of 7.8 GB in all" in lab.text()
        await lab.pilot.press("m")
        await lab.pilot.pause()
        assert "CPU 75 %" not in lab.text()
        assert lab.app.query_one(StatusLine).size.height == 2


async def test_the_line_is_there_again_at_the_next_start(tmp_path: Path) -> None:
    for shown, keys in ((False, ["m"]), (True, []), (True, ["m"]), (False, [])):
        async with opened(tmp_path) as lab:
            assert lab.app.query_one(StatusLine).has_class("-machine") is shown
            await lab.pilot.press(*keys)


async def test_a_choice_that_cannot_be_kept_is_said_and_holds(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        (tmp_path / "machine-line").mkdir()
        await lab.pilot.press("m")
        (told,) = lab.app._notifications
        assert told.message.startswith("The choice cannot be kept in ")
        assert lab.app.query_one(StatusLine).has_class("-machine")


async def test_a_busy_machine_is_told_of_beside_the_speed_of_a_run(tmp_path: Path) -> None:
    async with opened(tmp_path, size=(160, 40)) as lab:
        await running(lab)
        lab.machine.others = 1.5
        look(lab, 4)
        await lab.pilot.pause()
        assert " ex/s  machine busy" in lab.text()
        lab.machine.others = 0.2
        look(lab, 5)
        await lab.pilot.pause()
        assert "machine busy" not in lab.text()
        lab.machine.others = 1.5
        look(lab, 4)
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        assert "machine busy" not in lab.text()


async def test_what_cannot_be_read_is_a_sentence_on_the_line(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.machine.hidden = "The system does not say how busy it is: [Errno 13] /proc/[stat]"
        await lab.pilot.press("m")
        await lab.pilot.pause()
        assert lab.machine.hidden in lab.text()
        await running(lab)
        look(lab)
        assert lab.session.state is State.RUNNING


async def test_nothing_is_asked_while_nobody_looks_and_nothing_trains(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        look(lab, 3)
        assert lab.machine.readings == 0
        await running(lab)
        look(lab, 2)
        during = lab.machine.readings
        assert during >= 2
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        during = lab.machine.readings
        look(lab, 3)
        assert lab.machine.readings == during


@pytest.mark.parametrize("width", [80, 120])
async def test_the_line_takes_one_row_of_the_screen_at_any_width(
    tmp_path: Path, width: int
) -> None:
    async with opened(tmp_path, size=(width, 24)) as lab:
        await lab.pilot.press("m")
        look(lab, 2)
        await lab.pilot.pause()
        row = lab.text().splitlines()[2]
        assert row.startswith(" CPU 0 % of 2 cores: 0 % ")
        assert "…" not in row
