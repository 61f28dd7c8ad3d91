"""What a sweep does: all that its study decides for whoever works on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnist_core.data.dataset import Dataset, split
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters, to_json
from mnist_core.sweep.choices import Metric, PrunerName, RankOn, SamplerName
from mnist_core.sweep.ranges import Range, parse_range

HELD_OUT = 10_000
"""Training samples that a sweep holds out where the recipe holds out none."""
_LEAST_SHARE = 6
"""Of a small training set a sixth is held out, as that is of MNIST's."""


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """The trials of one study differ in what was chosen from `ranges`, and in nothing else."""

    ranges: tuple[Range, ...]
    base: Hyperparameters
    """The recipe that the chosen values are put into; with the first of the seeds."""
    metric: Metric
    """Of the last epoch: what the trials are ranked by."""
    rank_on: RankOn
    """The samples that it is measured on."""
    seeds: int
    """Runs of a trial, which differ in the seed alone."""
    sampler: SamplerName
    pruner: PrunerName
    dataset: str
    """The name of the data set; text from outside."""
    data: str
    """What --data takes to find it where the study was made."""
    transposed: bool
    """Whether its images have rows and columns swapped."""
    fingerprint: str
    """Of the data set."""

    @property
    def maximizes(self) -> bool:
        """Whether more of the metric is better."""
        return self.metric == "accuracy"

    @property
    def worst(self) -> float:
        """The value of a run that diverged."""
        return 0.0 if self.maximizes else float("inf")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `plan_from_json` reads them back."""
        return {
            "ranges": [str(each) for each in self.ranges],
            "base": to_json(self.base),
            "metric": self.metric,
            "rank_on": self.rank_on,
            "seeds": self.seeds,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "dataset": self.dataset,
            "data": self.data,
            "transposed": self.transposed,
            "fingerprint": self.fingerprint,
        }


def plan_from_json(values: Mapping[str, Any]) -> SweepPlan:
    """The plan that `SweepPlan.to_json` wrote.

    Raises:
        ValueError, TypeError: another version wrote it, or something else did.
    """
    plain = dict(values)
    plain["ranges"] = tuple(parse_range(text) for text in plain["ranges"])
    plain["base"] = make_hyperparameters(plain["base"])
    return SweepPlan(**plain)


def with_validation(base: Hyperparameters, dataset: Dataset) -> Hyperparameters:
    """`base` with samples held out to rank by: its own, or else the last training samples.

    Raises:
        ValueError: the data set is too small, as a sentence.
    """
    if base.validation == "none":
        held_out = max(1, min(HELD_OUT, len(dataset.train) // _LEAST_SHARE))
        base = make_hyperparameters({"validation": held_out}, base)
    split(dataset, base.validation)
    return base
