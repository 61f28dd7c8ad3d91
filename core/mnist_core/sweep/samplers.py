"""Optuna's samplers and pruners by their names."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from mnist_core.sweep.plan import SweepPlan


def make_sampler(plan: SweepPlan) -> BaseSampler:
    """The sampler that `plan` names; a grid's trials wait in the queue, and nothing is drawn."""
    match plan.sampler:
        case "tpe":
            return _SeededByNumber(lambda seed: TPESampler(seed=seed), plan.base.seed)
        case "cmaes":
            return _SeededByNumber(
                lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
                plan.base.seed,
            )
        case "random" | "grid":
            return _SeededByNumber(lambda seed: RandomSampler(seed=seed), plan.base.seed)


def make_pruner(plan: SweepPlan) -> BasePruner:
    """The pruner that `plan` names: it judges the epochs of the first run of a trial."""
    match plan.pruner:
        case "none":
            return NopPruner()
        case "median":
            return MedianPruner()
        case "hyperband":
            return HyperbandPruner(max_resource=plan.base.epochs)


class _SeededByNumber(BaseSampler):
    """Another sampler, made anew for each trial with a seed that its number decides.

    One that kept a generator would draw the same again whenever a sweep is resumed, and in each of
    two processes that begin at once.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make, self._seed = make, seed
        self._of_trial = make(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._of_trial = self._make(zlib.crc32(f"{self._seed} {trial.number}".encode()))
        self._of_trial.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._of_trial.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of_trial.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._of_trial.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        self._of_trial.after_trial(study, trial, state, values)
