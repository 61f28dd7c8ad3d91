"""On a narrow screen the form is a line until it is edited."""

from pathlib import Path

import pytest

from helpers.app_harness import AppHarness, opened
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.lab.state import State
from mnist_tui.train.folded_form import FoldedForm
from mnist_tui.train.form_values import summary_of
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.train.run_charts import RunCharts


def shown(lab: AppHarness) -> str:
    """What the line says; empty where it is not there."""
    folded = lab.app.screen.query_one(FoldedForm)
    return " ".join(folded.render().plain.split()) if folded.region else ""


def trained(lab: AppHarness) -> Hyperparameters:
    """What the run was trained with."""
    assert lab.session.progress is not None
    return lab.session.progress.hyperparameters


async def test_a_line_says_what_a_run_would_be_trained_with(tmp_path: Path) -> None:
    async with opened(tmp_path, (80, 24)) as lab:
        form = lab.app.screen.query_one(HyperparameterForm)
        assert not form.region
        assert shown(lab) == (
            "Form: Learning rate 0.1 · sgd · batch 256 · 32, 32 relu · 2 epochs e edits"
        )
        await lab.press("e", *"0.05")
        assert form.region.width >= 28
        assert lab.app.screen.query_one(RunCharts).region.width >= 48, "curves are seen beside it"
        assert not shown(lab)
        await lab.press("escape")
        assert not form.region
        assert shown(lab).startswith("Form: Learning rate 0.05* · sgd")
        await lab.press("r")
        await lab.until_state(State.COMPLETED)
        assert trained(lab).learning_rate == 0.05
        await lab.pilot.click(FoldedForm)
        await lab.pilot.pause()
        assert form.has_focus_within


@pytest.mark.parametrize("wide", [(100, 30), (200, 60)])
async def test_where_there_is_room_the_form_stays(tmp_path: Path, wide: tuple[int, int]) -> None:
    async with opened(tmp_path, (80, 24)) as lab:
        await lab.press("e")
        form = lab.app.screen.query_one(HyperparameterForm)
        await lab.pilot.resize_terminal(*wide)
        await lab.press("escape")
        assert form.region
        assert not shown(lab)
        await lab.pilot.resize_terminal(80, 24)
        await lab.pilot.pause()
        assert not form.region
        assert shown(lab)


def test_more_is_said_of_what_is_unusual() -> None:
    texts = {
        "learning_rate": "0.01*", "optimizer": "adam", "batch_size": "32", "hidden_sizes": "",
        "activation": "relu", "epochs": "5", "dropout": "0.2", "weight_decay": "0.001",
    }  # fmt: skip
    assert summary_of(texts, ["learning_rate", "dropout", "weight_decay"]) == (
        "Learning rate 0.01* · adam · batch 32 · relu · 5 epochs · dropout 0.2 · wd 0.001"
    )
