"""What the form of a sweep says, as words of the command."""

import pytest

from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.recipe.presets import presets
from mnist_tui.sweeps.sweep_draft import check_draft, range_help, usual_texts

BASE = presets()["mlx-docs"].hyperparameters


def texts(base: Hyperparameters = BASE) -> dict[str, str]:
    return usual_texts(base) | {"hidden_sizes": "", "learning_rate": ""}


def words(base: Hyperparameters = BASE, **given: str) -> str:
    draft = check_draft(texts(base) | given, base)
    assert draft.problems == {}
    return " ".join(draft.words)


def problem(name: str, **given: str) -> str:
    draft = check_draft(texts() | given, BASE)
    assert not draft.words
    assert list(draft.problems) == [name]
    return draft.problems[name]


def test_the_usual_rates_lie_about_that_of_the_recipe() -> None:
    assert usual_texts(BASE)["learning_rate"] == "0.01:1:log"
    adam = make_hyperparameters({"optimizer": "adam", "learning_rate": 0.001}, BASE)
    assert usual_texts(adam)["learning_rate"] == "0.0001:0.01:log"
    assert check_draft(usual_texts(adam), adam).problems == {}


def test_a_range_becomes_a_sample_and_an_empty_field_nothing() -> None:
    said = words(learning_rate=" 0.01:1:log ", hidden_sizes="32|64,64", trials="12", jobs="")
    assert "--sample hidden_sizes=32|64,64 --sample learning_rate=0.01:1:log --trials 12" in said
    assert "--jobs" not in said


def test_the_recipe_is_told_but_for_what_is_sampled() -> None:
    base = make_hyperparameters({"learning_rate": 0.3, "batch_size": 64, "epochs": 3}, BASE)
    said = words(base, learning_rate="0.01:1:log")
    assert "--batch-size 64" in said
    assert "--epochs 3" in said
    assert "--learning-rate" not in said, "the command refuses both"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("learning_rate", "0.1", "only one value"),
        ("learning_rate", "1:0.1", "must be below"),
        ("optimizer", "sgd|nobody", "nobody"),
        ("momentum", "0:[/]", "[/]"),
    ],
)
def test_a_wrong_range_is_told_at_its_field(name: str, text: str, reason: str) -> None:
    assert reason in problem(name, **{name: text})


def test_what_has_no_effect_is_told_at_its_field() -> None:
    assert "no effect" in problem("momentum", momentum="0.1|0.9", optimizer="adam|lion")


def test_counts_samplers_and_seeds_are_checked() -> None:
    rates = "0.01:1:log"
    assert "from 1 to" in problem("trials", learning_rate=rates, trials="0")
    assert "two ranges" in problem("sampler", learning_rate=rates, sampler="cmaes")
    assert "no end" in problem("sampler", learning_rate=rates, sampler="grid")
    assert "something to choose" in problem("learning_rate")


def test_the_help_says_what_may_be_typed() -> None:
    from mnist_core.recipe.hyperparameters import hyperparameter_fields

    fields = hyperparameter_fields()
    assert range_help(fields["learning_rate"]).startswith("Takes LOW:HIGH, LOW:HIGH:log or A|B|C")
    assert "some of sgd|" in range_help(fields["optimizer"])
    assert range_help(fields["hidden_sizes"]).lower().count("empty") == 1
