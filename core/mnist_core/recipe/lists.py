"""Lists of values, such as "0.01, 0.03, 0.1", and the recipes that they make together."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from mnist_core.recipe.hyperparameters import (
    HyperparameterField,
    Hyperparameters,
    HyperparametersError,
    hyperparameter_fields,
    make_hyperparameters,
    unused_fields,
)

MOST_RECIPES = 500
"""That one call may ask for: a list that was typed by mistake must not fill a disk."""


def listed_values(field: HyperparameterField, text: str) -> tuple[str, ...]:
    """The values that `text` lists, one at least.

    Commas stand between them; bars where a comma is a part of one value, as in "32|64, 64".
    """
    return tuple(value.strip() for value in text.split("|" if field.kind is tuple else ","))


def make_recipes(
    values: Mapping[str, Any], base: Hyperparameters | None = None
) -> tuple[Hyperparameters, ...]:
    """One recipe for each combination of the values that texts list, on top of `base`.

    The last field varies fastest, in the order of their declaration. A recipe that is there twice
    is made once.

    Raises:
        HyperparametersError: with one sentence for each field that was refused.
    """
    fields = hyperparameter_fields()
    listed: dict[str, tuple[Any, ...]] = {
        name: listed_values(fields[name], values[name])
        if name in fields and isinstance(values[name], str)
        else (values[name],)
        for name in sorted(values, key=[*fields, *values].index)
    }
    if all(len(every) == 1 for every in listed.values()):
        # As most often, at each key in the form: validated at once, not field by field.
        return (make_hyperparameters({name: every[0] for name, every in listed.items()}, base),)
    count = 1
    for name, every in listed.items():
        count *= len(every)
        if count > MOST_RECIPES:
            raise HyperparametersError(
                {name: f"These lists make more than {MOST_RECIPES} runs; leave some values out."}
            )
    # Not before: of a million values, each would be looked at.
    problems: dict[str, str] = {}
    for name, every in listed.items():
        for value in every:
            try:
                make_hyperparameters({name: value}, base)
            except HyperparametersError as error:
                problems.setdefault(name, str(error))
    if problems:
        raise HyperparametersError(problems)
    made = (
        make_hyperparameters(dict(zip(listed, combination, strict=True)), base)
        for combination in product(*listed.values())
    )
    return tuple(dict.fromkeys(made))


def unused_in_all(recipes: Sequence[Hyperparameters]) -> dict[str, str]:
    """The fields that have no effect in any of the recipes, each with the reason as a sentence."""
    first, *others = map(unused_fields, recipes)
    return {name: why for name, why in first.items() if all(name in other for other in others)}


def varied_fields(recipes: Sequence[Hyperparameters]) -> frozenset[str]:
    """The names of the fields that have more than one value among `recipes`."""
    return frozenset(
        name
        for name in hyperparameter_fields()
        if len({getattr(recipe, name) for recipe in recipes}) > 1
    )
