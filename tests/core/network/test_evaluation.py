import numpy as np
import pytest

from mnist_core.network.evaluation import answer, evaluate, margins, probabilities, second_guesses


def test_losses_are_minus_log_softmax_of_the_label() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 5, (50, 7)).astype(np.float32)
    labels = random.integers(0, 7, 50).astype(np.uint16)
    result = evaluate(logits, labels)
    wide = np.exp(logits.astype(np.float64))
    softmax = wide / wide.sum(axis=1, keepdims=True)
    expected = -np.log(softmax[np.arange(50), labels])
    np.testing.assert_allclose(result.losses, expected, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(result.answers.confidences, softmax.max(axis=1), rtol=1e-5)
    assert result.loss == pytest.approx(float(result.losses.mean()))
    assert result.accuracy == (softmax.argmax(axis=1) == labels).mean()


def test_huge_logits_do_not_overflow() -> None:
    result = evaluate(np.array([[1e30, 0, -1e30]], np.float32), np.array([0], np.uint16))
    assert result.losses.tolist() == [0.0]
    assert result.accuracy == 1.0


def test_nan_logits_give_nan_losses() -> None:
    result = evaluate(np.full((2, 3), np.nan, np.float32), np.array([0, 1], np.uint16))
    assert np.isnan(result.losses).all()
    assert np.isnan(result.loss)


@pytest.mark.parametrize(("classes", "kind"), [(2, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_predictions_take_the_smallest_type(classes: int, kind: type) -> None:
    logits = np.eye(classes, dtype=np.float32)
    result = evaluate(logits, np.arange(classes, dtype=np.uint16))
    assert result.answers.predictions.dtype == kind
    assert result.accuracy == 1.0


# -- probabilities, margins, second guesses ------------------------------------------------------


def test_probabilities_are_the_softmax() -> None:
    logits = np.random.default_rng(1).normal(0, 5, (50, 7)).astype(np.float32)
    wide = np.exp(logits.astype(np.float64))
    found = probabilities(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wide / wide.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(found.max(axis=1), answer(logits).confidences, rtol=1e-6)


def test_probabilities_of_huge_or_broken_logits() -> None:
    rows = [[1e38, -1e38, 0], [-np.inf, 3, -np.inf], [np.nan, 0, 1], [np.inf, 0, 1]]
    found = probabilities(np.array(rows, np.float32))
    assert found[:2].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert np.isnan(found[2:]).all()


def test_a_margin_is_how_far_the_first_is_ahead_of_the_second() -> None:
    shares = np.array([[0.7, 0.1, 0.2], [0.4, 0.4, 0.2], [0, 0, 1]])
    with np.errstate(divide="ignore"):
        logits = np.log(shares).astype(np.float32)
    found = margins(np.vstack([logits, np.full((1, 3), np.nan, np.float32)]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.5, 0, 1, np.nan], atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "second"),
    [
        ([1, 3, 2], 2),
        ([3, 1, 2], 2),
        ([2, 1, 3], 0),
        ([2, 2, 2], 1),
        ([1, 2, 2], 2),
        ([1, 3, 1], 0),
        ([5, -np.inf, -np.inf], 1),
        ([-np.inf, -np.inf, 5], 0),
        ([np.nan, np.nan, np.nan], 1),
    ],
)
def test_the_second_guess_is_the_best_of_the_others(logits: list[float], second: int) -> None:
    assert second_guesses(np.array([logits], np.float32)).tolist() == [second]


def test_the_second_guess_has_the_second_largest_probability() -> None:
    logits = np.random.default_rng(2).normal(0, 1, (200, 63)).astype(np.float32)
    second = second_guesses(logits)
    shares = probabilities(logits)
    rows = np.arange(200)
    gap = shares.max(axis=1) - shares[rows, second]
    np.testing.assert_array_equal(gap, margins(logits))
    assert (second != answer(logits).predictions).all()


@pytest.mark.parametrize(("classes", "kind"), [(2, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_second_guesses_take_the_type_of_predictions(classes: int, kind: type) -> None:
    logits = np.arange(classes, dtype=np.float32)[None]
    found = second_guesses(logits)
    assert found.dtype == kind
    assert found.tolist() == [classes - 2]


def test_with_one_class_nothing_is_second() -> None:
    logits = np.array([[3], [-1]], np.float32)
    assert margins(logits).tolist() == [1, 1]
    assert second_guesses(logits).tolist() == [0, 0]


def test_of_no_examples_nothing_is_measured() -> None:
    logits = np.empty((0, 5), np.float32)
    assert probabilities(logits).shape == (0, 5)
    assert margins(logits).shape == second_guesses(logits).shape == (0,)
