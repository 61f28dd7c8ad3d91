"""The share of a rank, and its step as MLX compiles it."""

import numpy as np
import pytest

from mnist_core.backend.mlx import mx
from mnist_core.data.dataset import Dataset
from mnist_core.network.parameters import initial_parameters, layer_sizes
from mnist_core.network.rank_learner import RankLearner, Share
from mnist_core.recipe.hyperparameters import make_hyperparameters


class Twice:
    """The sums of two ranks of which the other one always adds the same as this one."""

    rank, size = 0, 2

    def __init__(self) -> None:
        self.count = 0

    def sum(self, part: mx.array) -> mx.array:
        self.count += 1
        return part * 2


def learner(dataset: Dataset, rounds: Twice, *, compiled: bool) -> RankLearner:
    recipe = make_hyperparameters({"hidden_sizes": "4", "batch_size": 16})
    made = RankLearner(recipe, dataset, dataset.train, rounds, compiled=compiled)
    made.load(initial_parameters(layer_sizes(30, (4,), 4), 0), None)
    return made


@pytest.mark.parametrize("examples", [1, 2, 3, 7, 255, 256])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_shares_are_the_batch_and_hardly_differ(examples: int, size: int) -> None:
    rows = np.arange(1000, 1000 + examples, dtype=np.int32)
    shares = [Share.of(rows, rank, size) for rank in range(size)]
    real = [share for share in shares if share.counts]

    np.testing.assert_array_equal(np.concatenate([share.rows for share in real]), rows)
    assert all(rows[share.start] == share.rows[0] for share in real)
    assert all(len(share.rows) == 1 for share in shares if not share.counts)
    assert len({len(share.rows) for share in real}) <= 2


def test_a_compiled_step_gives_the_same_bits(tiny: Dataset) -> None:
    rows = np.arange(16, dtype=np.int32)
    plain, compiled = (learner(tiny, Twice(), compiled=choice) for choice in (False, True))

    for step in range(3):
        assert plain.update(rows, step, 0.1) == compiled.update(rows, step, 0.1)
    for ours, theirs in zip(plain.parameters(), compiled.parameters(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert compiled.take_compile_failure() is None


def test_a_step_that_cannot_be_compiled_takes_part_in_each_sum_once(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object) -> None:
        raise RuntimeError("[Compile::eval_cpu] Failed to compile.")

    monkeypatch.setattr(mx, "compile", lambda _function: fails)
    rows, rounds = np.arange(16, dtype=np.int32), Twice()
    other = learner(tiny, rounds, compiled=True)
    plain = learner(tiny, Twice(), compiled=False)

    assert other.update(rows, 0, 0.1) == plain.update(rows, 0, 0.1)
    assert rounds.count == 1
    assert other.take_compile_failure() is not None
    assert other.update(rows, 1, 0.1) == plain.update(rows, 1, 0.1)
    assert rounds.count == 2
    assert other.take_compile_failure() is None


def test_the_gradients_are_summed_over_the_ranks_and_lie_as_the_parameters(tiny: Dataset) -> None:
    rows, rounds = np.arange(16, dtype=np.int32), Twice()
    made = learner(tiny, rounds, compiled=False)
    gradients = made.gradients(rows, 0)

    assert rounds.count == 1
    assert [each.shape for each in gradients] == [each.shape for each in made.parameters()]
    norm = float(np.sqrt(sum(np.square(each).sum() for each in gradients)))
    assert made.gradient_norm(rows, 0) == pytest.approx(norm, rel=1e-5)
