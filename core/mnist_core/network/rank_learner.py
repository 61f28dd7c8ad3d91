"""A learner that is one of several: it takes its share of each batch, and all sum their gradients.

Every rank computes on its rows with the weight that they have in the whole batch, so the sum over
the ranks is the gradient of the whole batch, also where the shares are not equal. What it does with
the sum is the same on every rank, so all have the same parameters.
"""

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import NamedTuple, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.kernel_cache import compile_failure, healed
from mnist_core.backend.mlx import mx
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.halves import Arrays, places_of
from mnist_core.network.learner import (
    Batch,
    CompiledForm,
    Learn,
    Learner,
    Step,
    make_gradients,
)
from mnist_core.network.models import SummedGradient
from mnist_core.network.optimizers import OPTIMIZERS, Settings
from mnist_core.recipe.hyperparameters import Hyperparameters

FIGURES = 2
"""Floats of a part before its gradients: loss and number of right predictions."""


class Rounds(Protocol):
    """Sums over all ranks, of one after the other; `mnist_core.distributed.group` has them."""

    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...
    def sum(self, part: mx.array, /) -> mx.array:
        """Of what each rank gives: `FIGURES` and gradients, float32."""


class Share(NamedTuple):
    """The rows of a batch that a rank trains on."""

    rows: NDArray[np.int32]
    start: int
    """Their first place in the batch."""
    counts: bool
    """False where the batch is too small for this rank: then it has one row, of weight 0."""

    @classmethod
    def of(cls, rows: NDArray[np.int32], rank: int, size: int) -> "Share":
        """That of one of `size` ranks."""
        start, end = rank * len(rows) // size, (rank + 1) * len(rows) // size
        if start == end:
            return cls(rows[:1], 0, False)
        return cls(rows[start:end], start, True)


class RankLearner(Learner):
    """A learner whose `update`, `gradient_norm` and `gradients` are of the whole batch.

    So are those of every rank. They wait for the other ranks, and raise what `Rounds.sum` raises.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        train: Examples,
        rounds: Rounds,
        *,
        compiled: bool = False,
        halved: bool = False,
    ) -> None:
        """See `Learner`."""
        self._rounds = rounds
        self._places = lru_cache(maxsize=4)(_places)
        self._weight = lru_cache(maxsize=4)(mx.array)
        super().__init__(hyperparameters, dataset, train, compiled=compiled, halved=halved)

    def update(
        self,
        rows: NDArray[np.int32],
        step: int,
        learning_rate: float,
        then: tuple[NDArray[np.int32], float] | None = None,
    ) -> tuple[float, int]:
        # The next update would be begun before rank 0 can say that it does not come.
        return super().update(rows, step, learning_rate)

    def _batch(self, rows: NDArray[np.int32], step: int) -> Batch:
        share = Share.of(rows, self._rounds.rank, self._rounds.size)
        return (
            super()
            ._batch(share.rows, step)
            ._replace(
                weight=self._weight(1 / len(rows) if share.counts else 0.0),
                within=(self._places(len(rows), share.start),),
            )
        )

    def _make_functions(self, form: CompiledForm, hyperparameters: Hyperparameters) -> None:
        learn = make_gradients(
            hyperparameters, self._convolutions, drops=form.drops, halved=self._halved
        )
        part = _make_part(hyperparameters, learn)
        apply = _make_apply(hyperparameters, halved=self._halved)
        self._functions = part, apply
        self._uncompiled = self._step_of(_evaluated(part), _evaluated(apply))

        def gradient_norm(parameters: Arrays, batch: Batch) -> mx.array:
            total = self._rounds.sum(part(parameters, batch, None))
            return mx.sqrt(mx.sum(mx.square(total[FIGURES:])))

        def gradients(parameters: Arrays, batch: Batch) -> Arrays:
            total = self._rounds.sum(part(parameters, batch, None))
            sizes = [prod(parameter.shape) for parameter in parameters]
            ends = np.cumsum([FIGURES, *sizes]).tolist()
            return tuple(
                total[start:end].reshape(parameter.shape)
                for parameter, start, end in zip(parameters, ends, ends[1:], strict=False)
            )

        self._gradient_norm, self._gradients = gradient_norm, gradients

    def _compiled(self) -> Step:
        # Apart, since a sum may not be done again where one rank cannot compile.
        part, apply = self._functions
        return self._step_of(self._safely(part), self._safely(apply))

    def _step_of(self, part: "Part", apply: "Apply") -> Step:
        def step(
            parameters: Arrays, state: Arrays, batch: Batch, settings: Settings
        ) -> tuple[Arrays, Arrays, mx.array, mx.array]:
            total = self._rounds.sum(part(parameters, batch, settings))
            return apply(parameters, state, total, settings)

        return step

    def _safely(self, function: "Function") -> "Function":
        """The function compiled; as it is, from the moment on that its kernels cannot be made."""
        compiled, plain = _evaluated(mx.compile(function)), _evaluated(function)

        def work(*arguments: object) -> object:
            if self._cannot_compile:
                return plain(*arguments)
            try:
                return healed(lambda: compiled(*arguments))
            except RuntimeError as error:
                failure = compile_failure(error)
                if failure is None:
                    raise
                self._compile_failure = failure
                self._cannot_compile = True
                return plain(*arguments)

        return cast(Function, work)


def make_learner(
    hyperparameters: Hyperparameters,
    dataset: Dataset,
    train: Examples,
    rounds: Rounds | None = None,
    *,
    compiled: bool = False,
    halved: bool = False,
) -> Learner:
    """A learner that takes part in `rounds`, or one that learns alone."""
    if rounds is None:
        return Learner(hyperparameters, dataset, train, compiled=compiled, halved=halved)
    return RankLearner(hyperparameters, dataset, train, rounds, compiled=compiled, halved=halved)


Part = Callable[[Arrays, Batch, Settings | None], mx.array]
Apply = Callable[[Arrays, Arrays, mx.array, Settings], tuple[Arrays, Arrays, mx.array, mx.array]]
Function = TypeVar("Function", bound=Callable[..., object])


def _evaluated(function: Function) -> Function:
    def work(*arguments: object) -> object:
        made = function(*arguments)
        mx.eval(made)
        return made

    return cast(Function, work)


def _make_part(hyperparameters: Hyperparameters, learn: Learn) -> Part:
    """What a rank adds: (`FIGURES` + parameters,), the gradients in the order of the parameters.

    Settings are those of an update that takes the sum; None: the gradients are as they are.
    """
    optimizer = OPTIMIZERS[hyperparameters.optimizer]

    def part(parameters: Arrays, batch: Batch, settings: Settings | None) -> mx.array:
        factor = None if settings is None else optimizer.factor(settings)
        loss, correct, gradients = learn(parameters, batch, factor)
        counted = correct * (batch.weight > 0)
        flat = [gradient.value().reshape(-1) for gradient in gradients]
        return mx.concatenate([loss.reshape(-1), counted.reshape(-1).astype(mx.float32), *flat])

    return part


def _make_apply(hyperparameters: Hyperparameters, *, halved: bool) -> Apply:
    """The update with a sum; also its loss, and the number of right predictions."""
    optimizer = OPTIMIZERS[hyperparameters.optimizer]

    def apply(
        parameters: Arrays, state: Arrays, total: mx.array, settings: Settings
    ) -> tuple[Arrays, Arrays, mx.array, mx.array]:
        gradients, start = [], FIGURES
        for parameter, place in zip(parameters, places_of(parameters, halved=halved), strict=True):
            end = start + prod(parameter.shape)
            gradients.append(SummedGradient(total[start:end].reshape(parameter.shape), *place))
            start = end
        parameters, state = optimizer.update(parameters, gradients, state, settings)
        return parameters, state, total[0], total[1].astype(mx.int32)

    return apply


def _places(examples: int, start: int) -> mx.array:
    """(examples,): the places of a batch, those from `start` on first."""
    return mx.array(np.roll(np.arange(examples, dtype=np.int32), -start))
