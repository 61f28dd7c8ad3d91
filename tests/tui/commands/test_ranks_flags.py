"""The flags of ranks, and what rank 0 tells the others."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mnist_core.distributed.errors import RanksError
from mnist_core.events import GuardState, TrainingState
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.cli import run
from mnist_tui.commands.ranks import RanksWork, Team


@pytest.mark.parametrize("flags", [("--backend", "ring"), ("--rank-timeout", "3")])
def test_flags_of_ranks_need_ranks(
    flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", *flags]) == 2
    assert f"{flags[0]} is for several ranks; say --ranks too." in capsys.readouterr().err


def test_a_rank_that_was_not_told_so_does_not_train_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "1")

    assert run(["train"]) == 2
    assert "OMPI_COMM_WORLD_RANK says that this is one of several" in capsys.readouterr().err


def test_mpi_that_is_not_there_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mnist_core.distributed.environment.find_mpi", lambda: None)

    assert run(["train", "--ranks", "2", "--backend", "mpi"]) == 1
    assert "There is no Open MPI here." in capsys.readouterr().err


def test_the_others_hear_all_that_rank_0_tells() -> None:
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    state = TrainingState((weights, weights[0]), (weights + 1, weights[1]), step=7, loss_sum=0.1)
    healthy = replace(state, step=3, guard=None)
    told = RanksWork(
        data="digits",
        transpose=True,
        recipes=[make_hyperparameters({"seed": seed, "hidden_sizes": "3"}) for seed in (1, 2)],
        threads=None,
        streams=1,
        on_divergence="halve",
        until_epoch=4,
        changes=(Change(3, "learning_rate", 0.1), Change(5, "batch_size", 32)),
        state=replace(state, guard=GuardState(first_loss=2.3, healthy=healthy)),
    )
    heard = RanksWork.from_bytes(*told.to_bytes())

    assert replace(heard, state=None) == replace(told, state=None)
    assert heard.state is not None
    assert heard.state.guard is not None
    assert heard.state.guard.healthy is not None
    assert (heard.state.step, heard.state.loss_sum, heard.state.guard.healthy.step) == (7, 0.1, 3)
    for ours, theirs in zip(heard.state.parameters, state.parameters, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert RanksWork.from_bytes(*replace(told, state=None).to_bytes()).state is None


class _Compares:
    """A group in which these ranks have other data."""

    def __init__(self, others: list[int]) -> None:
        self.compare: Callable[[str], list[int]] = lambda _name: others


def test_ranks_with_other_data_are_named() -> None:
    Team(_Compares([]), None).compare_data("data")  # type: ignore[arg-type]

    with pytest.raises(RanksError, match=r"Rank 1, 3 has other data than rank 0\. Give all"):
        Team(_Compares([1, 3]), None).compare_data("data")  # type: ignore[arg-type]
