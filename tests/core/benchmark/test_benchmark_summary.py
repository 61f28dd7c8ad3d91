"""Medians, quartiles, and ratios within rounds."""

import pytest

from mnist_core.benchmark.engines import ENGINES, PUBLISHED_SECONDS, EngineName
from mnist_core.benchmark.quartiles import Quartiles, quartiles
from mnist_core.benchmark.race import EpochMeasured
from mnist_core.benchmark.summary import summarize
from mnist_core.recipe.presets import presets


def measured(
    engine: EngineName,
    round_: int,
    seconds: float,
    examples: int = 100,
    recipe: str = "mlx-docs",
    epoch_examples: int = 100,
) -> EpochMeasured:
    return EpochMeasured(
        recipe=recipe,
        engine=engine,
        round=round_,
        epoch=round_,
        timed_examples=examples,
        timed_seconds=seconds,
        epoch_examples=epoch_examples,
        train_loss=None,
        train_accuracy=None,
        test_loss=1.0,
        test_accuracy=round_ / 10,
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Quartiles(3, 3, 3)),
        ([4.0, 2.0], Quartiles(2.5, 3, 3.5)),
        ([5.0, 1.0, 2.0, 4.0, 3.0], Quartiles(2, 3, 4)),
    ],
)
def test_quartiles(values: list[float], expected: Quartiles) -> None:
    assert quartiles(values) == expected


def test_ratios_are_taken_within_each_round() -> None:
    # The machine was busy in round 2: both were slow, and their ratio was not.
    ours, rival = summarize(
        [measured("mlx", 1, 1.0), measured("numpy", 1, 2.0),
         measured("mlx", 2, 10.0), measured("numpy", 2, 20.0),
         measured("mlx", 3, 1.0), measured("numpy", 3, 2.0)]
    )  # fmt: skip
    assert (ours.engine, rival.engine) == ("mlx", "numpy")
    assert ours.ratio is None
    assert rival.ratio == Quartiles(2, 2, 2)
    assert ours.seconds == Quartiles(1, 1, 5.5)
    assert (rival.epochs, rival.test_accuracy) == (3, 0.3)
    assert rival.test_accuracies == (0.1, 0.2, 0.3)


def test_what_was_published_goes_with_its_recipe_and_engine() -> None:
    engines: list[EngineName] = ["mlx", "mlx-stock", "numpy", "torch", "torch-gpu"]

    def published(recipe: str, examples: int) -> list[float | None]:
        race = [measured(engine, 1, 1.0, examples, recipe, examples) for engine in engines]
        return [each.published for each in summarize(race)]

    assert published("mlx-wide", 60_000) == [0.21, None, None, 0.39, 0.53]
    assert published("mlx-docs", 60_000) == [None] * 5
    assert published("mlx-wide", 12_000) == [None] * 5


def test_what_was_published_is_of_presets_and_engines() -> None:
    assert PUBLISHED_SECONDS.keys() <= presets().keys()
    assert {name for of_recipe in PUBLISHED_SECONDS.values() for name in of_recipe} <= set(ENGINES)


def test_a_timed_part_counts_as_a_whole_epoch() -> None:
    _, stock = summarize([measured("mlx", 1, 1.0), measured("mlx-stock", 1, 3.0, examples=20)])
    assert stock.timed_share == 0.2
    assert stock.seconds.median == pytest.approx(15)
    assert stock.ratio is not None
    assert stock.ratio.median == pytest.approx(15)
