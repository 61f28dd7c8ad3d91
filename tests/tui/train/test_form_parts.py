"""The pure functions behind the hyperparameter form."""

import pytest
from rich.cells import cell_len

from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.recipe.presets import presets
from mnist_tui.train.form_values import check, preset_words, texts_of
from mnist_tui.ui.form_fields import choice_parts, next_starting_with, sentences_that_fit

DEFAULTS = Hyperparameters()


@pytest.mark.parametrize("name", presets())
def test_the_texts_of_each_preset_say_the_same_hyperparameters(name: str) -> None:
    hyperparameters = presets()[name].hyperparameters
    draft = check(texts_of(hyperparameters), DEFAULTS)
    assert draft.recipes == (hyperparameters,)
    assert not draft.problems


def test_a_refused_text_is_named_and_the_rest_still_decides_what_is_unused() -> None:
    draft = check(texts_of(DEFAULTS) | {"learning_rate": "fast", "optimizer": "adam"}, DEFAULTS)
    assert draft.recipes == ()
    assert draft.problems.keys() == {"learning_rate"}
    assert "'fast'" in draft.problems["learning_rate"]
    assert draft.unused.keys() == {"momentum", "weight_decay"}


def test_a_refused_text_in_a_field_that_became_unused_is_replaced() -> None:
    texts = texts_of(DEFAULTS) | {"momentum": "much", "optimizer": "adam"}
    draft = check(texts, DEFAULTS.model_copy(update={"momentum": 0.5}))
    assert draft.texts["momentum"] == "0.5"
    assert draft.recipes[0] == DEFAULTS.model_copy(update={"momentum": 0.5, "optimizer": "adam"})


def test_the_picker_tells_a_preset_from_edited_values() -> None:
    wide = presets()["mlx-wide"].hyperparameters
    assert preset_words("mlx-wide", (wide,)) == ("mlx-wide", "")
    assert preset_words("mlx-wide", (DEFAULTS,)) == ("mlx-wide", "(edited)")
    assert preset_words("mlx-wide", ()) == ("mlx-wide", "(edited)")


def test_a_choice_gives_up_an_arrow_before_it_shortens_the_word() -> None:
    assert choice_parts("relu", "", 11) == ("relu", "", "◂▸")
    assert choice_parts("leaky_relu", "", 11) == ("leaky_relu", "", "▸")
    assert choice_parts("mlx-docs", "(edited)", 18) == ("mlx-docs", " (edited)", "▸")
    assert choice_parts("torch-sigmoid", "(edited)", 18) == ("torch-s…", " (edited)", "▸")


def test_letters_go_round_the_options_that_start_with_them() -> None:
    options = ("sgd", "adam", "adamw", "rmsprop", "adagrad")
    assert next_starting_with("a", options, "sgd") == "adam"
    assert next_starting_with("a", options, "adam") == "adamw"
    assert next_starting_with("a", options, "adagrad") == "adam"
    assert next_starting_with("x", options, "sgd") == "sgd"
    assert next_starting_with("s", options, "custom") == "sgd"


def test_help_is_cut_between_sentences() -> None:
    text = "One two. Three four; five. Six"
    assert sentences_that_fit(text, 100, 1) == text
    assert sentences_that_fit(text, 10, 1) == "One two."
    assert sentences_that_fit(text, 12, 2) == "One two. Three four."
    assert sentences_that_fit(text, 3, 1) == ""
    assert sentences_that_fit(text, 0, 5) == ""


@pytest.mark.parametrize("name", hyperparameter_fields())
def test_the_first_sentence_about_each_field_fits_the_smallest_form(name: str) -> None:
    first = sentences_that_fit(hyperparameter_fields()[name].help, width=26, height=3)
    assert first
    assert cell_len(first) <= 26 * 3
