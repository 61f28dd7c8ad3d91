"""A trial that is really trained: its runs in the store, and how it ends."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.scripted_sweeps import plan
from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.early_stopping import StopRule
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunRecord, RunState, RunStore
from mnist_core.store.records import TrialPlace
from mnist_core.sweep.plan import SweepPlan, with_validation
from mnist_core.sweep.trial import EpochMeasured, TrialEnded, TrialJob, train_trial

pytestmark = pytest.mark.usefixtures("uncompiled")

BASE = Hyperparameters(hidden_sizes=(4,), epochs=2, batch_size=16, validation=20)
TRAINED = plan(base=BASE, seeds=2)
Trained = tuple[TrialEnded, list[EpochMeasured], list[RunRecord]]


@pytest.fixture
def trained(tiny: Dataset, tmp_path: Path) -> Callable[..., Trained]:
    """Trains a trial: how it ended, what was measured, and its runs in their order."""

    def train(
        of: SweepPlan = TRAINED,
        *,
        is_pruned: Callable[[EpochMeasured], bool] = lambda _: False,
        is_left: Callable[[], bool] = lambda: False,
        **values: object,
    ) -> Trained:
        recipes = tuple(
            of.base.model_copy(update={"seed": seed, **values}) for seed in range(of.seeds)
        )
        job = TrialJob(TrialPlace("one", 3), of, recipes, ("run-a", "run-b")[: of.seeds])
        measured: list[EpochMeasured] = []

        def asked(each: EpochMeasured) -> bool:
            measured.append(each)
            return is_pruned(each)

        store = RunStore(tmp_path / "home")
        end = train_trial(job, tiny, configure("cpu", 1), store, asked, is_left)
        return end, measured, store.runs()[::-1]

    return train


def test_a_trial_is_a_run_a_seed(trained: Callable[..., Trained]) -> None:
    end, measured, runs = trained()
    assert [(run.id, run.study, run.trial, run.state) for run in runs] == [
        ("run-a", "one", 3, RunState.COMPLETED),
        ("run-b", "one", 3, RunState.COMPLETED),
    ]
    assert end == TrialEnded("completed", tuple(run.validation_accuracy or -1 for run in runs))
    assert [(each.run, each.epoch) for each in measured] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    one, other = (run.hyperparameters for run in runs)
    assert (one, other.seed) == (other.model_copy(update={"seed": 0}), 1)


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
@pytest.mark.parametrize("rank_on", ["validation", "test"])
def test_the_value_is_what_ranks_after_the_last_epoch(
    trained: Callable[..., Trained], metric: str, rank_on: str
) -> None:
    ranked = plan(base=BASE, metric=metric, rank_on=rank_on)
    end, measured, (run,) = trained(ranked)
    assert end.values == (measured[-1].value,)
    assert end.values == (getattr(run, f"{rank_on}_{metric}"),)


def test_a_pruned_run_is_kept_and_can_be_gone_on_with(
    trained: Callable[..., Trained], tmp_path: Path
) -> None:
    end, measured, (run,) = trained(is_pruned=lambda each: each.epoch == 1)
    assert end == TrialEnded("pruned")
    assert len(measured) == 1
    assert (run.state, run.epoch, run.failure) == (RunState.PRUNED, 1, "")
    store = RunStore(tmp_path / "home")
    assert store.resume_point(run.id).epoch == 1
    assert store.answers(run.id, 1) is not None


def test_a_trial_that_a_rule_ends_has_its_last_value(trained: Callable[..., Trained]) -> None:
    of = plan(base=BASE.model_copy(update={"epochs": 9}))
    end, measured, (run,) = trained(of, patience=1, learning_rate=1e-9)
    assert end == TrialEnded("completed", (measured[-1].value,))
    assert [each.epoch for each in measured] == [1]
    assert (run.state, run.stopped_by) == (RunState.COMPLETED, StopRule.PATIENCE)


def test_a_trial_that_is_left_is_stopped_and_kept(trained: Callable[..., Trained]) -> None:
    end, _measured, (run,) = trained(is_left=lambda: True)
    assert end == TrialEnded("stopped")
    assert run.state is RunState.STOPPED


def test_a_run_that_diverges_is_the_worst(trained: Callable[..., Trained]) -> None:
    one = plan(base=BASE.model_copy(update={"pixel_scaling": "none"}), metric="loss")
    end, _measured, (run,) = trained(one, learning_rate=100.0)
    assert end == TrialEnded("completed", (float("inf"),))
    assert run.state is RunState.DIVERGED
    assert replace(one, metric="accuracy").worst == 0.0


def test_a_trial_that_fails_says_why(trained: Callable[..., Trained]) -> None:
    end, _measured, runs = trained(validation=70)
    assert end.how == "failed"
    assert end.message.startswith("Validation asks for 70 of the training examples")
    assert "ValueError" in end.traceback
    assert runs == []


def test_a_sweep_holds_out_a_sixth_of_few_samples(tiny: Dataset) -> None:
    assert with_validation(Hyperparameters(), tiny).validation == 70 // 6
    assert with_validation(Hyperparameters(validation=5), tiny).validation == 5
    with pytest.raises(ValueError, match="Choose a smaller number"):
        with_validation(Hyperparameters(validation=70), tiny)
