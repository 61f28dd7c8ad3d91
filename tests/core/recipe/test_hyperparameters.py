import math
from itertools import pairwise

import pytest
from annotated_types import Ge, Gt, Le, Lt

from mnist_core.recipe.effective_recipe import learning_rate_at
from mnist_core.recipe.float32 import in_float32
from mnist_core.recipe.hyperparameters import (
    FieldDescription,
    Hyperparameters,
    HyperparametersError,
    differing_fields,
    hyperparameter_fields,
    make_hyperparameters,
    to_json,
    unused_fields,
)
from mnist_core.recipe.presets import DEFAULT_PRESET, nearest_preset, presets


def test_every_declared_field_has_label_help_and_expectation() -> None:
    fields = hyperparameter_fields()
    assert list(fields) == list(Hyperparameters.model_fields)
    for field in fields.values():
        assert field.label
        assert field.help.endswith(".")
        assert field.expects


@pytest.mark.parametrize("name", hyperparameter_fields())
def test_formatted_default_parses_back_to_itself(name: str) -> None:
    field = hyperparameter_fields()[name]
    parsed = make_hyperparameters({name: field.format(field.default)})
    assert getattr(parsed, name) == field.default


@pytest.mark.parametrize("name", presets())
def test_presets_survive_json_and_formatting(name: str) -> None:
    hyperparameters = presets()[name].hyperparameters
    assert make_hyperparameters(to_json(hyperparameters)) == hyperparameters
    texts = {
        field.name: field.format(getattr(hyperparameters, field.name))
        for field in hyperparameter_fields().values()
    }
    assert make_hyperparameters(texts) == hyperparameters


def test_the_default_preset_is_the_default_of_every_field() -> None:
    assert presets()[DEFAULT_PRESET].hyperparameters == Hyperparameters()


@pytest.mark.parametrize(
    ("text", "sizes"), [("", ()), ("  ", ()), ("8", (8,)), ("128,64", (128, 64)), ("1, 2", (1, 2))]
)
def test_hidden_sizes_are_read_from_text(text: str, sizes: tuple[int, ...]) -> None:
    assert make_hyperparameters({"hidden_sizes": text}).hidden_sizes == sizes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_sizes", "32,,8"),
        ("hidden_sizes", "0"),
        ("hidden_sizes", "1000000"),
        ("hidden_sizes", ",".join("8" * 9)),
        ("activation", "softplus"),
        ("dropout", "1"),
        ("learning_rate", "0"),
        ("learning_rate", "-0.1"),
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("learning_rate", "fast"),
        ("learning_rate", ""),
        ("momentum", "1"),
        ("batch_size", "1000000000"),
        ("batch_size", "2.5"),
        ("epochs", "0"),
        ("validation", "0"),
        ("validation", "some"),
        ("seed", "-1"),
    ],
)
def test_a_bad_value_gets_a_sentence_that_names_it(name: str, value: str) -> None:
    with pytest.raises(HyperparametersError) as caught:
        make_hyperparameters({name: value})
    sentence = caught.value.problems[name]
    assert hyperparameter_fields()[name].label in sentence
    assert hyperparameter_fields()[name].expects in sentence
    assert value in sentence or value == ""


@pytest.mark.parametrize(
    ("name", "value", "counted"),
    [
        ("dropout", "0.99999999", "1"),
        ("momentum", 0.99999999, "1"),
        ("label_smoothing", "0.99999999", "1"),
        ("learning_rate", "1e-50", "0"),
        ("learning_rate", "1e-40", "0"),
    ],
)
def test_a_value_that_float32_moves_out_of_its_bounds_is_refused(
    name: str, value: object, counted: str
) -> None:
    with pytest.raises(HyperparametersError) as caught:
        make_hyperparameters({name: value})
    field = hyperparameter_fields()[name]
    assert caught.value.problems == {
        name: f"{field.label}: {value!r} is not usable, since MLX computes in float32, where it "
        f"counts as {counted}; it takes {field.expects}."
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dropout", "0.9999999"),
        ("momentum", "0.99999994"),
        ("learning_rate", "1.2e-38"),
        ("learning_rate", "100"),
        ("weight_decay", "1e-50"),
        ("weight_decay", "10"),
    ],
)
def test_a_value_that_float32_keeps_within_its_bounds_is_taken(name: str, value: str) -> None:
    assert getattr(make_hyperparameters({name: value}), name) == float(value)


def test_every_bound_is_one_that_float32_is_checked_against() -> None:
    """A fraction declared with a bound of another kind would pass unseen."""
    for info in Hyperparameters.model_fields.values():
        if info.annotation is float:
            kinds = {type(item) for item in info.metadata} - {FieldDescription}
            assert kinds <= {Ge, Gt, Le, Lt}


@pytest.mark.parametrize(
    ("value", "counted"),
    [(0.1, 0.1), (1e39, math.inf), (-1e39, -math.inf), (1 - 2**-24, 1 - 2**-24), (0.0, 0.0)],
)
def test_numbers_as_float32(value: float, counted: float) -> None:
    assert in_float32(value) == pytest.approx(counted, rel=1e-7, abs=0)


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(HyperparametersError) as caught:
        make_hyperparameters({"dropout": "2", "seed": "x", "no_such": 1})
    assert set(caught.value.problems) == {"dropout", "seed", "no_such"}


def test_values_are_laid_over_a_base() -> None:
    base = presets()["torch-sigmoid"].hyperparameters
    changed = make_hyperparameters({"epochs": "3"}, base)
    assert changed == base.model_copy(update={"epochs": 3})


def test_a_thousand_epochs_are_allowed() -> None:
    assert make_hyperparameters({"epochs": "1000"}).epochs == 1000


def test_fields_without_effect_say_why() -> None:
    assert unused_fields(Hyperparameters()) == {}
    adam = make_hyperparameters({"optimizer": "adam"})
    assert set(unused_fields(adam)) == {"momentum", "weight_decay"}
    assert "adam" in unused_fields(adam)["momentum"]
    assert set(unused_fields(make_hyperparameters({"optimizer": "adamw"}))) == {"momentum"}
    regression = make_hyperparameters({"hidden_sizes": ""})
    assert set(unused_fields(regression)) == {"activation", "dropout"}


def test_constant_schedule_with_warmup_climbs_linearly() -> None:
    hyperparameters = make_hyperparameters({"learning_rate": 0.4, "warmup_steps": 3})
    rates = [learning_rate_at(hyperparameters, step, 100) for step in range(5)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])


def test_cosine_schedule_ends_at_a_hundredth_and_stays_there() -> None:
    hyperparameters = make_hyperparameters({"learning_rate": 0.1, "schedule": "cosine"})
    rates = [learning_rate_at(hyperparameters, step, 101) for step in (0, 50, 100, 101, 500)]
    assert rates == pytest.approx([0.1, 0.0505, 0.001, 0.001, 0.001])
    falling = [learning_rate_at(hyperparameters, step, 101) for step in range(101)]
    assert all(a >= b and math.isfinite(b) for a, b in pairwise(falling))


def test_the_nearest_preset_takes_the_fewest_changes() -> None:
    for preset in presets().values():
        assert nearest_preset(preset.hyperparameters) is preset
        edited = preset.hyperparameters.model_copy(update={"seed": 7, "epochs": 99})
        assert nearest_preset(edited) is preset
        assert differing_fields(edited, preset.hyperparameters) == ["epochs", "seed"]
    # The momentum of torch-sigmoid is refused beside adam; so 0 has to come from another preset.
    adam = presets()["torch-sigmoid"].hyperparameters.model_copy(update={"optimizer": "adam"})
    assert nearest_preset(adam).name == "torch-sigmoid"
    assert nearest_preset(adam.model_copy(update={"momentum": 0.0})).name != "torch-sigmoid"
