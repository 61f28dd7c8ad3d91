"""What a sweep may choose: `learning_rate=0.001:1:log`, `hidden_sizes=32|64,64`, as people type it.

Which fields, and between which bounds, the declaration of the hyperparameters says.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_core.recipe.hyperparameters import (
    HyperparameterField,
    Hyperparameters,
    HyperparametersError,
    field_called,
    hyperparameter_fields,
    make_hyperparameters,
    quoted,
    unused_fields,
)

Chosen = str | float | int | bool
"""A value as Optuna keeps it: sizes of layers as the text that makes them."""

_GRAMMAR = "FIELD=LOW:HIGH, FIELD=LOW:HIGH:log or FIELD=A|B|C"
_MOST_CHOICES = 1000
_LONGEST_SHOWN = 60
"""Characters of a range that sentences repeat."""


class RangeError(ValueError):
    """The message is a sentence for the user."""

    def __init__(self, sentence: str, field: str = "") -> None:
        """`field` is the one that has no effect beside the others; empty: it is not about that."""
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers of a field from `low` to `high`, both included."""

    field: HyperparameterField
    low: float
    high: float
    log: bool
    """Whether their logarithms are spread evenly."""

    def __str__(self) -> str:
        ends = f"{self.field.format(self.low)}:{self.field.format(self.high)}"
        return f"{self.field.name}={ends}{':log' if self.log else ''}"


@dataclass(frozen=True, slots=True)
class Choices:
    """Values of a field, two at least, all different."""

    field: HyperparameterField
    values: tuple[Chosen, ...]

    def __str__(self) -> str:
        texts = (self.field.format(value).replace(", ", ",") for value in self.values)
        return f"{self.field.name}={'|'.join(texts)}"


Range = Interval | Choices


def parse_range(text: str) -> Range:
    """What one `--sample` asks for.

    Raises:
        RangeError: it cannot be chosen from, as a sentence with the reason.
    """
    name, sign, values = text.partition("=")
    if not sign:
        raise RangeError(f"{quoted(text)} is no range: write {_GRAMMAR}.")
    field = field_called(name)
    if field is None:
        fields = ", ".join(each.name for each in swept_fields())
        raise RangeError(f"There is no hyperparameter {quoted(name)}. A sweep can choose {fields}.")
    if field.not_swept:
        raise RangeError(f"{field.name} cannot be swept. {field.not_swept}")
    if "|" not in values and ":" in values:
        return _interval(field, values)
    return _choices(field, values.split("|"))


def swept_fields() -> list[HyperparameterField]:
    """The fields that a sweep may choose, in the order of their declaration."""
    return [field for field in hyperparameter_fields().values() if not field.not_swept]


def parse_ranges(
    texts: Iterable[str], base: Hyperparameters, given: Iterable[str] = ()
) -> tuple[Range, ...]:
    """All that is to be chosen in place of what `base` has, each field once.

    `given` are fields that somebody has set to one value.

    Raises:
        RangeError: one is refused, or has no effect beside the others.
    """
    found: dict[str, Range] = {}
    for text in texts:
        made = parse_range(text)
        if made.field.name in found:
            raise RangeError(f"{made.field.name} is sampled twice. Put its values in one place.")
        found[made.field.name] = made
    if not found:
        raise RangeError("A sweep needs something to choose, such as learning_rate=0.01:1:log.")
    for name in given:
        if name in found:
            raise RangeError(f"{name} is sampled and has a value of its own too. Leave one out.")
    _check_effect(found, base)
    return tuple(found.values())


def recipe_of(
    base: Hyperparameters, chosen: Mapping[str, Chosen], seed: int | None = None
) -> Hyperparameters:
    """`base` with what was chosen, and with `seed` where that is given.

    Raises:
        HyperparametersError: a value is out of bounds.
    """
    values: dict[str, Any] = {**chosen, **({} if seed is None else {"seed": seed})}
    return make_hyperparameters(values, base)


def combinations(ranges: Sequence[Range]) -> list[dict[str, Chosen]]:
    """Every combination of the choices, the last field changing fastest.

    Raises:
        RangeError: there are infinitely many, or too many.
    """
    for each in ranges:
        if isinstance(each, Interval):
            some = Choices(each.field, (each.low, each.high))
            raise RangeError(
                f"A grid needs values to combine, and {each} has no end of them. Write some, such "
                f"as {some}."
            )
    values = [each.values for each in ranges if isinstance(each, Choices)]
    total = math.prod(map(len, values))
    if total > _MOST_CHOICES:
        raise RangeError(
            f"This grid has {total} combinations, and {_MOST_CHOICES} are the most. Name fewer "
            "values, or take the sampler tpe or random."
        )
    names = [each.field.name for each in ranges]
    return [dict(zip(names, row, strict=True)) for row in itertools.product(*values)]


def check_sampler(sampler: str, ranges: Sequence[Range]) -> None:
    """Raises RangeError where the sampler of that name cannot choose from `ranges`."""
    if sampler == "grid":
        combinations(ranges)
    if sampler == "cmaes" and sum(isinstance(each, Interval) for each in ranges) < 2:
        raise RangeError(
            "cmaes needs two ranges of numbers at least, such as learning_rate=0.01:1:log and "
            "dropout=0:0.5. Take tpe."
        )


def _interval(field: HyperparameterField, text: str) -> Interval:
    if field.kind not in (float, int):
        raise RangeError(
            f"{field.name} takes values to choose from, not a range: write {field.name}=A|B."
        )
    low_text, high_text, *scale = text.split(":")
    shown = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
    if scale not in ([], ["log"]):
        raise RangeError(f"{field.name}={shown} is no range: write {_GRAMMAR}.")
    low, high = _value(field, low_text), _value(field, high_text)
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if low >= high:
        raise RangeError(
            f"{field.name}={shown} goes nowhere: {field.format(low)} must be below "
            f"{field.format(high)}."
        )
    if scale and low <= 0:
        raise RangeError(
            f"{field.name}={shown} cannot be logarithmic, since {field.format(low)} has no "
            "logarithm. Begin above 0, or leave :log out."
        )
    return Interval(field, low, high, bool(scale))


def _choices(field: HyperparameterField, texts: Sequence[str]) -> Choices:
    if len(texts) > _MOST_CHOICES:
        raise RangeError(
            f"{field.name} has {len(texts)} values here, and {_MOST_CHOICES} are the most. Name "
            "fewer."
        )
    values = [_value(field, text) for text in texts]
    if len(values) < 2:
        example = f"{field.name}=A|B" + (
            f" or {field.name}=LOW:HIGH" if field.kind in (float, int) else ""
        )
        raise RangeError(
            f"{field.name} has only one value here, so there is nothing to choose: write {example}."
        )
    for index, value in enumerate(values):
        if value in values[:index]:
            raise RangeError(f"{field.name} has {field.format(value) or 'nothing'} twice.")
    return Choices(field, tuple(values))


def _value(field: HyperparameterField, text: str) -> Chosen:
    """One value, checked as everywhere else; sizes of layers stay a text."""
    try:
        made = make_hyperparameters({field.name: text.strip()})
    except HyperparametersError as error:
        raise RangeError(str(error)) from error
    value = getattr(made, field.name)
    plain: Chosen = field.format(value) if isinstance(value, tuple) else value
    return plain


def _check_effect(ranges: Mapping[str, Range], base: Hyperparameters) -> None:
    """Raises RangeError where a field has no effect, whatever is chosen of the others."""
    unused = [unused_fields(recipe) for recipe in _deciding(ranges, base)]
    for name in ranges:
        if all(name in each for each in unused):
            sentence = f"Sampling {name} has no effect here: {unused[0][name]} Leave it out."
            raise RangeError(sentence, name)


def _deciding(ranges: Mapping[str, Range], base: Hyperparameters) -> Iterator[Hyperparameters]:
    """`base` with every combination of the choices that decide what others do."""
    deciding = [
        each
        for name in ("model", "optimizer", "hidden_sizes")
        if isinstance(each := ranges.get(name), Choices)
    ]
    for chosen in itertools.product(*(each.values for each in deciding)):
        names = [each.field.name for each in deciding]
        yield recipe_of(base, dict(zip(names, chosen, strict=True)))
