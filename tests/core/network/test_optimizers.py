"""Each update rule against `mlx.optimizers`, over several updates."""

from collections.abc import Callable

import numpy as np
import pytest

from mnist_core.backend.mlx import mx
from mnist_core.network.optimizers import OPTIMIZERS, Settings
from mnist_core.recipe.hyperparameters import OptimizerName

import mlx.optimizers as optim  # isort: skip - after the BLAS is in place

CASES: dict[OptimizerName, tuple[Callable[..., object], float, float]] = {
    "sgd": (lambda lr, m, wd: optim.SGD(lr, momentum=m, weight_decay=wd), 0.5, 0.01),
    "adam": (lambda lr, m, wd: optim.Adam(lr, bias_correction=True), 0.0, 0.0),
    "adamw": (lambda lr, m, wd: optim.AdamW(lr, weight_decay=wd, bias_correction=True), 0.0, 0.1),
    "rmsprop": (lambda lr, m, wd: optim.RMSprop(lr), 0.0, 0.0),
    "adagrad": (lambda lr, m, wd: optim.Adagrad(lr), 0.0, 0.0),
    "lion": (lambda lr, m, wd: optim.Lion(lr, betas=[0.9, 0.99], weight_decay=wd), 0.0, 0.1),
    # MLX adds Muon's decay to the gradient; ours is decoupled, so they agree without decay.
    "muon": (lambda lr, m, wd: optim.Muon(lr, momentum=m, weight_decay=wd), 0.9, 0.0),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_agree_with_mlx(name: OptimizerName) -> None:
    make, momentum, weight_decay = CASES[name]
    reference = make(0.05, momentum, weight_decay)
    random = np.random.default_rng(0)
    start = [random.normal(size=shape).astype(np.float32) for shape in ((4, 4), (3,))]
    ours = tuple(mx.array(array) for array in start)
    theirs = {str(index): mx.array(array) for index, array in enumerate(start)}
    state = OPTIMIZERS[name].initial_state(ours)
    for update in range(1, 6):
        gradients = [mx.array(random.normal(size=a.shape).astype(np.float32)) for a in start]
        settings = Settings(
            mx.array(0.05), mx.array(momentum), mx.array(weight_decay), mx.array(float(update))
        )
        ours, state = OPTIMIZERS[name].update(ours, gradients, state, settings)
        theirs = reference.apply_gradients(  # type: ignore[attr-defined]
            {str(index): gradient for index, gradient in enumerate(gradients)}, theirs
        )
    for index, array in enumerate(ours):
        expected = np.array(theirs[str(index)])
        np.testing.assert_allclose(np.array(array), expected, rtol=2e-5, atol=1e-6)
