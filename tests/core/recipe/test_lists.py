"""Lists of values in texts, and the recipes they make."""

import pytest

from mnist_core.recipe.hyperparameters import Hyperparameters, HyperparametersError
from mnist_core.recipe.lists import MOST_RECIPES, make_recipes, unused_in_all, varied_fields


def test_single_values_make_one_recipe() -> None:
    base = Hyperparameters(momentum=0.5)
    assert make_recipes({}, base) == (base,)
    made = make_recipes({"learning_rate": "0.3", "hidden_sizes": "64, 32", "shuffle": False}, base)
    assert made == (
        Hyperparameters(momentum=0.5, learning_rate=0.3, hidden_sizes=(64, 32), shuffle=False),
    )


def test_lists_make_every_combination_the_last_field_varying_fastest() -> None:
    made = make_recipes({"learning_rate": "0.01, 0.1", "hidden_sizes": "32|64, 64|"})
    assert [(recipe.hidden_sizes, recipe.learning_rate) for recipe in made] == [
        ((32,), 0.01),
        ((32,), 0.1),
        ((64, 64), 0.01),
        ((64, 64), 0.1),
        ((), 0.01),
        ((), 0.1),
    ]
    assert varied_fields(made) == {"hidden_sizes", "learning_rate"}


def test_words_are_listed_too_and_what_is_there_twice_is_trained_once() -> None:
    made = make_recipes({"optimizer": "sgd,adam,sgd", "learning_rate": "0.1,1e-1"})
    assert [recipe.optimizer for recipe in made] == ["sgd", "adam"]


@pytest.mark.parametrize("text", ["0.1,", "0.1, fast", "0.1,,0.2", "0.1, -1"])
def test_each_value_must_be_usable(text: str) -> None:
    with pytest.raises(HyperparametersError) as refused:
        make_recipes({"learning_rate": text, "dropout": "0.1,0.2"})
    assert list(refused.value.problems) == ["learning_rate"]
    assert "Learning rate: " in str(refused.value)


def test_a_list_that_asks_for_too_much_is_refused() -> None:
    seeds = ",".join(map(str, range(MOST_RECIPES)))
    assert len(make_recipes({"seed": seeds})) == MOST_RECIPES
    with pytest.raises(HyperparametersError, match="more than 500 runs"):
        make_recipes({"learning_rate": "0.1,0.2", "seed": seeds})


def test_what_has_an_effect_in_one_recipe_is_used() -> None:
    made = make_recipes({"optimizer": "sgd,adam", "momentum": "0.9"})
    assert "momentum" not in unused_in_all(made)
    assert "weight_decay" not in unused_in_all(made)
    assert "momentum" in unused_in_all(made[1:])


def test_a_long_list_is_refused_before_its_values_are_looked_at() -> None:
    with pytest.raises(HyperparametersError, match=f"more than {MOST_RECIPES} runs"):
        make_recipes({"learning_rate": "fast," * 500_000})
