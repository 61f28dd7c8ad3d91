"""What a race showed: medians and quartiles of times, and of ratios within each round."""

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_core.benchmark.engines import EngineName, published_seconds
from mnist_core.benchmark.quartiles import Quartiles, quartiles
from mnist_core.benchmark.race import EpochMeasured


@dataclass(frozen=True, slots=True)
class EngineSummary:
    """One engine in one race."""

    engine: EngineName
    seconds: Quartiles
    """Of an epoch."""
    ratio: Quartiles | None
    """Its time over that of the race's baseline, epoch by epoch; None for the baseline itself."""
    timed_share: float
    """The share of each epoch that was trained and timed, 1 for the whole."""
    epochs: int
    """Epochs measured."""
    test_accuracy: float
    """After the last of them."""
    test_accuracies: tuple[float, ...]
    """After each of them."""
    published: float | None
    """Seconds of an epoch that were published for it and this recipe, on an Apple M1."""


def summarize(measurements: Sequence[EpochMeasured]) -> tuple[EngineSummary, ...]:
    """Each engine of one race, in the order of its turns; the first one is the baseline.

    Ratios compare what was measured in the same round, one after the other: there, the machine was
    in the same mood.
    """
    by_engine: dict[EngineName, list[EpochMeasured]] = {}
    for measured in measurements:
        by_engine.setdefault(measured.engine, []).append(measured)
    baseline = measurements[0].engine
    published = published_seconds(measurements[0].recipe, measurements[0].epoch_examples)
    return tuple(
        EngineSummary(
            engine=engine,
            seconds=quartiles([measured.seconds for measured in of_engine]),
            ratio=None if engine == baseline else _ratio(of_engine, by_engine[baseline]),
            timed_share=of_engine[-1].timed_examples / of_engine[-1].epoch_examples,
            epochs=len(of_engine),
            test_accuracy=of_engine[-1].test_accuracy,
            test_accuracies=tuple(measured.test_accuracy for measured in of_engine),
            published=published.get(engine),
        )
        for engine, of_engine in by_engine.items()
    )


def _ratio(rival: Sequence[EpochMeasured], baseline: Sequence[EpochMeasured]) -> Quartiles:
    pairs = zip(rival, baseline, strict=True)
    return quartiles([theirs.seconds / ours.seconds for theirs, ours in pairs])
