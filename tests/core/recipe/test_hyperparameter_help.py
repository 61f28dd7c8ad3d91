"""What people are told of each hyperparameter: in plain words, both directions, every choice."""

import re

import pytest

from mnist_core.recipe.hyperparameters import HyperparameterField, hyperparameter_fields

MORE = re.compile(r"\b(more|higher|larger)\b", re.IGNORECASE)
LESS = re.compile(r"\b(fewer|lower|smaller)\b", re.IGNORECASE)
FIELDS = hyperparameter_fields().values()


@pytest.mark.parametrize(
    "field", [field for field in FIELDS if field.kind in (int, float, tuple)], ids=lambda f: f.name
)
def test_raising_and_lowering_are_told(field: HyperparameterField) -> None:
    assert MORE.search(field.help)
    assert LESS.search(field.help)


@pytest.mark.parametrize(
    "field", [field for field in FIELDS if field.choices], ids=lambda f: f.name
)
def test_every_choice_is_told(field: HyperparameterField) -> None:
    for choice in field.choices:
        assert re.search(rf"\b{choice}\b", field.help), choice


@pytest.mark.parametrize("name", ["shuffle", "validation"])
def test_the_other_words_are_told(name: str) -> None:
    words = {"shuffle": ("yes", "no"), "validation": ("none", "published", "number")}[name]
    for word in words:
        assert re.search(rf"\b{word}\b", hyperparameter_fields()[name].help)


def test_helps_are_short_sentences() -> None:
    for field in FIELDS:
        assert field.help.endswith(".")
        assert len(field.help) <= 330, field.name
