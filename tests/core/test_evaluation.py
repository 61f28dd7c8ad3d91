import numpy as np
import pytest

from mnist_core.evaluation import evaluate


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
