"""The self-checks: they pass here, and each one sees what it is there to see."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_core.backend.backend import configure
from mnist_core.backend.installation import BackendMissing
from mnist_core.backend.mlx import mx
from mnist_core.checks import CHECKS, gradients, run_checks, training_step, whole_runs
from mnist_core.checks.check import (
    Check,
    CheckContext,
    CheckResult,
    Measurement,
    NotRun,
    largest_absolute,
    largest_relative,
    run_check,
)
from mnist_core.data.dataset import Dataset
from mnist_core.events import TrainingState
from mnist_core.network.evaluation import evaluate
from mnist_core.network.models import (
    ACTIVATIONS,
    ActivationFunction,
    cross_entropy,
    forward_pass,
)
from mnist_core.network.optimizers import OPTIMIZERS, Optimizer, Settings
from mnist_core.network.parameters import batch_order
from mnist_core.recipe.hyperparameters import Activation, OptimizerName

RunByName = Callable[[str], CheckResult]


@pytest.fixture
def context(tiny: Dataset, tmp_path: Path) -> CheckContext:
    return CheckContext(tiny, configure("cpu"), tmp_path)


@pytest.fixture
def check(context: CheckContext) -> RunByName:
    """Runs the check of a name."""

    def run(name: str) -> CheckResult:
        (found,) = [check for check in CHECKS if check.name == name]
        return run_check(found, context)

    return run


def fails_in_a_layer(result: CheckResult) -> bool:
    return result.status == "failed" and "layer" in result.detail


def test_every_check_passes(tiny: Dataset) -> None:
    results = list(run_checks(tiny, configure("cpu")))

    assert [result.name for result in results] == [check.name for check in CHECKS]
    assert len({result.name for result in results}) == len(results)
    wrong = [f"{r.name}: {r.figure}, {r.detail}" for r in results if r.passed is False]
    assert wrong == []
    # Only these need what may be missing here.
    may_lack = {"200 batches as in PyTorch", "Compiled steps as uncompiled ones"}
    assert {result.name for result in results if result.passed is None} <= may_lack


def with_rate(optimizer: Optimizer, factor: float) -> Optimizer:
    """`optimizer` with a learning rate that is off by `factor`."""

    def wrong(settings: Settings) -> Settings:
        return settings._replace(learning_rate=settings.learning_rate * factor)

    def apply(parameter: Any, gradient: Any, remembered: Any, settings: Settings) -> Any:
        return optimizer.apply(parameter, gradient, remembered, wrong(settings))

    return replace(
        optimizer, apply=apply, factor=lambda settings: optimizer.factor(wrong(settings))
    )


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        ("sgd", "One SGD update, w - lr * gradient"),
        ("sgd", "SGD without momentum, 3 updates"),
        ("sgd", "SGD with momentum, 3 updates"),
        ("sgd", "SGD with weight decay, 3 updates"),
        ("adam", "Adam, 3 updates"),
        ("adamw", "AdamW, 3 updates"),
        ("rmsprop", "RMSprop, 3 updates"),
        ("adagrad", "Adagrad, 3 updates"),
        ("lion", "Lion, 3 updates"),
        ("muon", "Muon, 3 updates"),
    ],
)
def test_a_learning_rate_off_by_a_hundredth_is_seen_in_a_layer(
    optimizer: OptimizerName, name: str, check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIMIZERS, optimizer, with_rate(OPTIMIZERS[optimizer], 1.01))
    result = check(name)

    assert fails_in_a_layer(result)
    assert result.figure == pytest.approx(0.01, rel=0.2)


def test_an_update_of_one_layer_alone_is_named(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, broken = OPTIMIZERS["sgd"], with_rate(OPTIMIZERS["sgd"], 1.001)

    def apply(parameter: Any, *rest: Any) -> Any:
        rule = broken if parameter.shape == (32, 10) else honest
        return rule.apply(parameter, *rest)

    monkeypatch.setitem(OPTIMIZERS, "sgd", replace(honest, apply=apply))
    result = check("SGD with momentum, 3 updates")

    assert result.status == "failed"
    assert result.detail == "The largest is in the weights of layer 3."


def with_slope(activation: Activation, factor: float) -> ActivationFunction:
    """The activation with a derivative that is off by `factor`."""
    honest = ACTIVATIONS[activation]
    return honest._replace(slope=lambda x, y: factor * honest.slope(x, y))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_wrong_gradient_of_an_activation_is_seen_in_a_layer(
    activation: Activation, check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTIVATIONS, activation, with_slope(activation, 1.01))

    assert fails_in_a_layer(check(f"Gradients with {activation}, differences"))
    if activation in ("relu", "sigmoid"):
        assert fails_in_a_layer(check(f"Gradients with {activation}, by hand"))


def test_a_wrong_loss_and_a_wrong_gradient_of_it_are_seen(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = cross_entropy
    loss_is_wrong = True

    def too_large(*arguments: Any) -> tuple[mx.array, mx.array]:
        loss, change = honest(*arguments)
        return (loss * 1.001, change) if loss_is_wrong else (loss, change * 1.001)

    monkeypatch.setattr(gradients, "cross_entropy", too_large)
    for words in ("", ", label smoothing 0.1"):
        assert check(f"Cross-entropy{words}").status == "failed"
        assert check(f"Gradient of it{words}").status == "ok"
    loss_is_wrong = False
    for words in ("", ", label smoothing 0.1"):
        assert check(f"Cross-entropy{words}").status == "ok"
        assert check(f"Gradient of it{words}").status == "failed"


def test_a_loss_that_overflows_is_seen(check: RunByName, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = cross_entropy

    def naive(logits: Any, labels: Any, classes: Any, weight: Any, smoothing: float) -> Any:
        total = mx.sum(mx.exp(logits), axis=1, keepdims=True)
        of_label = mx.take_along_axis(logits, labels, axis=1)
        loss = mx.sum((mx.log(total) - of_label) * weight, keepdims=True)
        return loss, honest(logits, labels, classes, weight, smoothing)[1]

    monkeypatch.setattr(gradients, "cross_entropy", naive)

    assert check("Cross-entropy").status == "ok"
    large = check("Cross-entropy, logits of -100 and 100")
    assert large.status == "failed"
    assert large.figure is not None
    assert not math.isfinite(large.figure)


Order = Callable[..., Any]


def repeat_at_the_end(examples: int, seed: int, epoch: int, *, shuffle: bool) -> Any:
    """The last, partial batch has examples that were there before."""
    order = batch_order(examples, seed, epoch, shuffle=shuffle)
    order[-6:] = order[:6]
    return order


@pytest.mark.parametrize("name", ["Every example once, shuffled", "Every example once, unshuffled"])
def test_examples_left_out_for_others_are_seen(
    name: str, check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.training.train.batch_order", repeat_at_the_end)
    result = check(name)

    assert result.status == "failed"
    assert result.figure == pytest.approx(1.0, abs=1e-3)
    assert re.fullmatch(r"Epoch \d trained on example \d+ of 70 [02] times\.", result.detail)


def test_a_last_batch_left_out_is_seen(check: RunByName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_core.recipe.effective_recipe.math", _FloorForCeil)
    result = check("Every example once, unshuffled")

    assert result.status == "failed"
    assert result.detail == "Epoch 1 trained on example 65 of 70 0 times."


class _FloorForCeil:
    ceil = staticmethod(math.floor)


def test_an_order_that_is_not_that_of_the_file_is_seen(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always(examples: int, seed: int, epoch: int, *, shuffle: bool) -> Any:
        return batch_order(examples, seed, epoch, shuffle=True)

    monkeypatch.setattr("mnist_core.training.train.batch_order", always)

    assert check("Every example once, unshuffled").status == "ok"
    assert check("Unshuffled batches in file order").status == "failed"


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (
            lambda n, seed, epoch, shuffle: batch_order(n, seed, 1, shuffle=shuffle),
            "Epochs 1 and 2 have the same batches.",
        ),
        (
            lambda n, seed, epoch, shuffle: np.random.default_rng().permutation(n).astype(np.int32),
            "The same seed gives other batches.",
        ),
        (
            lambda n, seed, epoch, shuffle: batch_order(n, 0, epoch, shuffle=shuffle),
            "Another seed gives the same batches.",
        ),
    ],
)
def test_orders_that_do_not_follow_seed_and_epoch_are_seen(
    order: Order, sentence: str, check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.training.train.batch_order", order)
    result = check("Orders of epochs and seeds")

    assert (result.status, result.figure, result.detail) == ("failed", 1.0, sentence)


def test_a_wrong_share_of_dropout_and_a_wrong_scale_are_seen(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = forward_pass

    def drops_more(parameters: Any, inputs: Any, activation: Any, dropping: Any) -> Any:
        more = dropping._replace(share=dropping.share + 0.02)
        return honest(parameters, inputs, activation, more)

    monkeypatch.setattr(training_step, "forward_pass", drops_more)

    assert check("Dropout keeps its share").status == "failed"
    assert check("Dropout scales what it keeps").status == "failed"


def test_two_layers_that_drop_the_same_units_are_seen(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mx.random, "split", lambda key, count: [key] * count)
    result = check("Dropout keeps its share")

    assert result.status == "failed"
    assert result.detail.startswith("The largest is in two layers that drop")


def test_a_compiled_step_with_other_bits_is_seen(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_wrongly(step: Any) -> Any:
        def wrong(parameters: Any, *rest: Any) -> Any:
            (first, *others), *answer = step(parameters, *rest)
            return ((first * (1 + 2**-20), *others), *answer)

        return wrong

    monkeypatch.setattr(mx, "compile", compile_wrongly)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/g++")

    assert fails_in_a_layer(check("Compiled steps as uncompiled ones"))


def test_without_a_compiler_nothing_is_said_of_compiled_steps(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda _: None)
    result = check("Compiled steps as uncompiled ones")

    assert (result.status, result.passed, result.figure) == ("not run", None, None)
    assert "g++" in result.detail


def test_a_checkpoint_that_loses_something_is_seen(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnist_core.store import checkpoints

    read = checkpoints._from_file

    def forgetful(path: Path) -> TrainingState:
        return replace(read(path), optimizer_state=None)

    monkeypatch.setattr(checkpoints, "_from_file", forgetful)

    assert check("A resumed run as an unbroken one").status == "failed"


@pytest.mark.parametrize(
    ("quantity", "change"),
    [("loss", {"loss": 1.001}), ("accuracy", {"accuracy": 0.9})],
)
def test_a_report_that_the_weights_do_not_bear_out_is_seen(
    quantity: str, change: dict[str, float], check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = evaluate

    def embellished(logits: Any, labels: Any) -> Any:
        found = honest(logits, labels)
        wrong = {name: getattr(found, name) * factor for name, factor in change.items()}
        return replace(found, **wrong)

    monkeypatch.setattr("mnist_core.training.train.evaluate", embellished)
    result = check("Test figures from exported weights")

    assert result.status == "failed"
    assert result.detail.startswith(f"The largest is in the {quantity}. Training reported")


def test_a_run_that_leaves_the_path_of_numpy_names_where(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIMIZERS, "sgd", with_rate(OPTIMIZERS["sgd"], 1.01))
    result = check("200 batches as in NumPy")

    assert fails_in_a_layer(result)
    assert "batch " in result.detail


def test_without_pytorch_nothing_is_said_of_it(
    check: RunByName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_runs, "find_spec", lambda _: None)
    result = check("200 batches as in PyTorch")

    assert (result.status, result.passed, result.figure) == ("not run", None, None)
    assert result.detail == "PyTorch is not installed, so this was not compared."


def answers(answer: Measurement | NotRun | Exception) -> Check:
    def measure(_: CheckContext) -> Measurement | NotRun:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Check("name", "description", measure)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Measurement(0.0, 0.0, ""), "ok"),
        (Measurement(1e-5, 1e-5, ""), "ok"),
        (Measurement(2e-5, 1e-5, ""), "failed"),
        (Measurement(math.nan, 1.0, ""), "failed"),
        (Measurement(math.inf, math.inf, ""), "failed"),
        (NotRun("Why."), "not run"),
    ],
)
def test_only_a_finite_figure_within_its_tolerance_passes(
    answer: Measurement | NotRun, status: str, context: CheckContext
) -> None:
    assert run_check(answers(answer), context).status == status


def test_a_check_that_breaks_off_has_failed_with_a_sentence(context: CheckContext) -> None:
    result = run_check(answers(IndexError("index 70")), context)

    assert (result.status, result.figure) == ("failed", None)
    assert result.detail == "Something unexpected went wrong (IndexError: index 70)."
    assert "Traceback" in result.traceback


def test_without_mlx_there_are_no_results(context: CheckContext) -> None:
    with pytest.raises(BackendMissing, match="No MLX"):
        run_check(answers(BackendMissing("No MLX.")), context)


def test_differences_are_relative_to_the_largest_value_of_an_array() -> None:
    ours = [np.array([100.0, 0.1]), np.array([1.0, 2.0])]
    theirs = [np.array([100.0, 0.0]), np.array([1.0, 2.1])]
    relative = partial(largest_relative, ours, theirs, ["first", "second"])

    assert relative().figure == pytest.approx(0.1 / 2.1)
    assert relative().where == "second"
    assert largest_absolute(ours, theirs, ["a", "b"]).figure == pytest.approx(0.1)
    assert (
        largest_relative([np.zeros(2)], [np.zeros(2)], ["x"]).within(0.0).detail
        == "Nothing differs."
    )
    assert largest_relative([np.ones(2)], [np.zeros(2)], ["x"]).figure == 1


def test_a_difference_that_is_not_a_number_is_the_largest() -> None:
    ours = [np.array([5.0]), np.array([np.nan, 1.0]), np.array([9.0])]
    found = largest_absolute(ours, [np.zeros(1), np.zeros(2), np.zeros(1)], ["a", "b", "c"])

    assert np.isnan(found.figure)
    assert found.within(0.0).detail == "The largest is in b."


def test_arrays_of_other_shapes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different shapes"):
        largest_absolute([np.zeros(2)], [np.zeros(3)], ["a"])
