"""Each update rule against `mlx.optimizers`, over several updates."""

from collections.abc import Callable

import numpy as np
import pytest

from mnist_core.backend.mlx import mx
from mnist_core.checks.training_step import gradient_of
from mnist_core.network.halves import to_mlx, to_numpy
from mnist_core.network.optimizers import OPTIMIZERS, Settings
from mnist_core.recipe.hyperparameters import OptimizerName

import mlx.optimizers as optim  # isort: skip - after the BLAS is in place


def sgd(rate: float, momentum: float, decay: float) -> object:
    return optim.SGD(rate, momentum=momentum, weight_decay=decay)


CASES: list[tuple[OptimizerName, Callable[..., object], float, float]] = [
    ("sgd", sgd, 0.0, 0.0),
    ("sgd", sgd, 0.0, 0.01),
    ("sgd", sgd, 0.5, 0.0),
    ("sgd", sgd, 0.5, 0.01),
    ("adam", lambda lr, m, wd: optim.Adam(lr, bias_correction=True), 0.0, 0.0),
    ("adamw", lambda lr, m, wd: optim.AdamW(lr, weight_decay=wd, bias_correction=True), 0.0, 0.1),
    ("rmsprop", lambda lr, m, wd: optim.RMSprop(lr), 0.0, 0.0),
    ("adagrad", lambda lr, m, wd: optim.Adagrad(lr), 0.0, 0.0),
    ("lion", lambda lr, m, wd: optim.Lion(lr, betas=[0.9, 0.99], weight_decay=wd), 0.0, 0.1),
    # MLX adds Muon's decay to the gradient; ours is decoupled, so they agree without decay.
    ("muon", lambda lr, m, wd: optim.Muon(lr, momentum=m, weight_decay=wd), 0.9, 0.0),
]


def test_every_rule_is_tried() -> None:
    assert {name for name, *_ in CASES} == set(OPTIMIZERS)


@pytest.mark.parametrize(("name", "make", "momentum", "weight_decay"), CASES)
def test_updates_agree_with_mlx(
    name: OptimizerName, make: Callable[..., object], momentum: float, weight_decay: float
) -> None:
    reference = make(0.05, momentum, weight_decay)
    random = np.random.default_rng(0)
    start = [random.normal(size=shape).astype(np.float32) for shape in ((4, 4), (3,))]
    ours = to_mlx(start)
    theirs = {str(index): mx.array(array) for index, array in enumerate(start)}
    state = OPTIMIZERS[name].initial_state(ours)
    for update in range(1, 6):
        gradients = [random.normal(size=a.shape).astype(np.float32) for a in start]
        settings = Settings(
            mx.array(0.05),
            mx.array(momentum),
            mx.array(weight_decay),
            mx.array(float(update)),
            has_momentum=momentum > 0,
            has_decay=weight_decay > 0,
        )
        factor = OPTIMIZERS[name].factor(settings)
        given = [
            gradient_of(array if factor is None else array * factor, is_of_bias=bool(index))
            for index, array in enumerate(to_mlx(gradients))
        ]
        ours, state = OPTIMIZERS[name].update(ours, given, state, settings)
        theirs = reference.apply_gradients(  # type: ignore[attr-defined]
            {str(index): mx.array(gradient) for index, gradient in enumerate(gradients)}, theirs
        )
    for index, array in enumerate(to_numpy(ours)):
        np.testing.assert_allclose(array, np.array(theirs[str(index)]), rtol=2e-5, atol=1e-6)
