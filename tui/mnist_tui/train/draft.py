"""What the texts in a form amount to: pure functions, no widgets."""

from collections.abc import Mapping
from dataclasses import dataclass

from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    HyperparametersError,
    hyperparameter_fields,
    make_hyperparameters,
    unused_fields,
)
from mnist_core.recipe.presets import presets


@dataclass(frozen=True, slots=True)
class Draft:
    """Texts as typed, checked."""

    texts: Mapping[str, str]
    """The text of every field by name."""
    hyperparameters: Hyperparameters | None
    """What the texts say; None while any is refused."""
    problems: Mapping[str, str]
    """For each refused text a sentence, by field name."""
    unused: Mapping[str, str]
    """For each field that has no effect beside the others the reason, by field name."""


def texts_of(hyperparameters: Hyperparameters) -> dict[str, str]:
    """The text of every field, such that `check` reads the same hyperparameters back."""
    fields = hyperparameter_fields()
    return {name: field.format(getattr(hyperparameters, name)) for name, field in fields.items()}


def check(texts: Mapping[str, str], last_valid: Hyperparameters) -> Draft:
    """Validate the text of every field.

    A refused text in a field that has become unused could not be mended there, so it is replaced
    by that field's value in `last_valid`.
    """
    try:
        hyperparameters = make_hyperparameters(texts)
    except HyperparametersError as error:
        usable = {name: text for name, text in texts.items() if name not in error.problems}
        unused = unused_fields(make_hyperparameters(usable, base=last_valid))
        stranded = unused.keys() & error.problems.keys()
        if stranded:
            mended = {name: texts_of(last_valid)[name] for name in stranded}
            return check({**texts, **mended}, last_valid)
        return Draft(texts, None, error.problems, unused)
    return Draft(texts, hyperparameters, {}, unused_fields(hyperparameters))


def preset_words(name: str, hyperparameters: Hyperparameters | None) -> tuple[str, str]:
    """(name, remark) for the preset picker: whether the values are still the preset's own."""
    edited = hyperparameters != presets()[name].hyperparameters
    return name, "(edited)" if edited else ""
