"""What the texts in the form amount to, alone and to a run under way: no widgets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from mnist_core.recipe.changes import Change, Value
from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    HyperparametersError,
    TakesEffect,
    hyperparameter_fields,
    make_hyperparameters,
    unused_fields,
)
from mnist_core.recipe.lists import listed_values, make_recipes, unused_in_all
from mnist_core.recipe.presets import presets


@dataclass(frozen=True, slots=True)
class Draft:
    """Texts as typed, checked."""

    texts: Mapping[str, str]
    """The text of every field by name."""
    recipes: tuple[Hyperparameters, ...]
    """What the texts say, one for each combination of listed values; none while any text is
    refused.
    """
    problems: Mapping[str, str]
    """For each refused text a sentence, by field name."""
    unused: Mapping[str, str]
    """For each field that has no effect beside the others the reason, by field name."""


def texts_of(hyperparameters: Hyperparameters) -> dict[str, str]:
    """The text of every field, such that `check` reads the same hyperparameters back."""
    return {name: _text(name, getattr(hyperparameters, name)) for name in hyperparameter_fields()}


def _text(name: str, value: object) -> str:
    return hyperparameter_fields()[name].format(value)


def check(texts: Mapping[str, str], last_valid: Hyperparameters) -> Draft:
    """Validate the text of every field.

    A refused text in a field that has become unused could not be mended there, so it is replaced
    by that field's value in `last_valid`.
    """
    try:
        recipes = make_recipes(texts)
    except HyperparametersError as error:
        usable = {name: text for name, text in texts.items() if name not in error.problems}
        unused = unused_in_all(make_recipes(usable, base=last_valid))
        stranded = unused.keys() & error.problems.keys()
        if stranded:
            mended = {name: texts_of(last_valid)[name] for name in stranded}
            return check({**texts, **mended}, last_valid)
        return Draft(texts, (), error.problems, unused)
    return Draft(texts, recipes, {}, unused_in_all(recipes))


def values_listed(name: str, text: str) -> int:
    """How many values the text of a field lists, from 1."""
    field = hyperparameter_fields()[name]
    return 1 if field.choices or field.kind in (str, bool) else len(listed_values(field, text))


def preset_words(name: str, recipes: tuple[Hyperparameters, ...]) -> tuple[str, str]:
    """(name, remark) for the preset picker: whether the values are still the preset's own."""
    edited = recipes != (presets()[name].hyperparameters,)
    return name, "(edited)" if edited else ""


def summary_of(texts: Mapping[str, str], more: Iterable[str] = ()) -> str:
    """The values that matter most in a line, and those of the fields `more`.

    Such as "Learning rate 0.1 · sgd · batch 256 · 32, 32 relu · 10 epochs · dropout 0.2".
    """
    foremost = ("Learning rate {learning_rate}", "{optimizer}", "batch {batch_size}",
                "{hidden_sizes} {activation}", "{epochs} epochs")  # fmt: skip
    parts = [words.format_map(texts).strip() for words in foremost]
    said = " ".join(foremost)
    parts += [
        f"{hyperparameter_fields()[name].short_name} {texts[name]}"
        for name in more
        if f"{{{name}}}" not in said
    ]
    return " · ".join(parts)


EFFECT_SIGNS: Mapping[TakesEffect, str] = {
    TakesEffect.NOW: "●",
    TakesEffect.NEXT_EPOCH: "○",
    TakesEffect.NEXT_RUN: "◌",
}


class FieldStatus(Enum):
    """How the value of a field stands to the run under way."""

    SAME = auto()
    CHANGED = auto()
    """Changed during the run, and in force."""
    ASKED = auto()
    """Committed; it takes effect at the next batch or epoch."""
    DRAFT = auto()
    """Not committed yet."""
    NEXT_RUN = auto()
    """The run keeps its own."""


@dataclass(frozen=True, slots=True)
class LiveValues:
    """What a run under way follows, and what it was asked for."""

    run: object
    """Which run it is."""
    in_force: Hyperparameters
    asked: Mapping[str, Value] = field(default_factory=dict)
    """Committed values that have not taken effect yet, by field name."""
    changes: tuple[Change, ...] = ()
    """Those made during the run, in their order."""
    next_epoch: int = 1

    def takes_effect(self, name: str) -> TakesEffect:
        """When an edit of a field does; a field without effect on this run waits for the next."""
        if name in unused_fields(self.in_force):
            return TakesEffect.NEXT_RUN
        return hyperparameter_fields()[name].takes_effect

    def status(self, name: str, text: str) -> FieldStatus:
        """How the text in a field stands to the run; one that is refused says nothing to it."""
        value = value_of(name, text)
        if value is None:
            return FieldStatus.NEXT_RUN if values_listed(name, text) > 1 else FieldStatus.SAME
        if name in self.asked and value == _text(name, self.asked[name]):
            return FieldStatus.ASKED
        if name not in self.asked and value == _text(name, getattr(self.in_force, name)):
            changed = any(change.field == name for change in self.changes)
            return FieldStatus.CHANGED if changed else FieldStatus.SAME
        if self.takes_effect(name) is TakesEffect.NEXT_RUN:
            return FieldStatus.NEXT_RUN
        return FieldStatus.DRAFT

    def remark(self, name: str, text: str) -> str:
        """What to say of the text in a field; empty where it agrees with the run."""
        status = self.status(name, text)
        now = f"; now {_text(name, getattr(self.in_force, name)) or 'none'}"
        if status is FieldStatus.CHANGED:
            last = max(change.step for change in self.changes if change.field == name)
            return f"since step {last}"
        if status is FieldStatus.ASKED:
            at_once = self.takes_effect(name) is TakesEffect.NOW
            return f"from next batch{now}" if at_once else f"from epoch {self.next_epoch}{now}"
        if status is FieldStatus.DRAFT:
            return f"enter applies{now}"
        return f"at the next run{now}" if status is FieldStatus.NEXT_RUN else ""

    def to_change(self, wanted: Hyperparameters) -> dict[str, Value]:
        """The values to ask for, so that the run follows `wanted` as far as a run under way can."""
        found: dict[str, Value] = {}
        for name in hyperparameter_fields():
            value = getattr(wanted, name)
            follows = self.asked.get(name, getattr(self.in_force, name))
            # As text, since a form does not hold every digit of what is in force.
            differs = _text(name, value) != _text(name, follows)
            if differs and self.takes_effect(name) is not TakesEffect.NEXT_RUN:
                found[name] = value
        return found


def value_of(name: str, text: str) -> str | None:
    """The text in a field as it is written when it is loaded there; None where it is refused."""
    try:
        made = make_hyperparameters({name: text})
    except HyperparametersError:
        return None
    return _text(name, getattr(made, name))
