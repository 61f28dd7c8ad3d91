"""What a run's epochs said: kept in order, cut back, and read from the store."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.kept_runs import keep_run
from mnist_core.data.dataset import Dataset
from mnist_core.events import EpochCompleted
from mnist_core.network.evaluation import evaluate
from mnist_core.store import RunStore, StoredAnswers
from mnist_core.store.answers import AnswerHistory, measured
from mnist_core.store.packing import rounded_logits

LABELS = np.array([0, 1, 2], np.uint16)


def answers(epoch: int, *predictions: int) -> StoredAnswers:
    """Of a model that is sure, and loses as many nats as the epoch's number where it is wrong."""
    logits = np.zeros((len(predictions), 3), np.float32)
    logits[np.arange(len(predictions)), predictions] = epoch
    return StoredAnswers.of(epoch, evaluate(logits, LABELS[: len(predictions)]))


def with_logits(history: AnswerHistory) -> list[int]:
    kept = [history.at(epoch) for epoch in history.epochs]
    return [found.epoch for found in kept if found is not None and found.logits is not None]


def test_an_empty_history_says_nothing() -> None:
    history = AnswerHistory()
    assert (history.epochs, history.latest, history.at(0)) == ([], None, None)
    assert history.predictions(0, 9).shape == (0, 0)
    assert history.of_sample(0) == []


def test_epochs_are_stacked_in_their_order() -> None:
    history = AnswerHistory()
    for epoch, said in enumerate(((0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 1, 2))):
        history.add(answers(epoch, *said))
    assert history.epochs == [0, 1, 2, 3]
    assert history.latest is history.at(3)
    assert history.predictions(1, 2).tolist() == [[0, 1, 0], [0, 1, 1]]
    assert history.predictions(2, 99).tolist() == [[0, 1, 1], [0, 1, 2]]
    assert history.predictions(4, 9).shape == (0, 3)
    said_of_last = history.of_sample(2)
    assert [(said.epoch, said.predicted) for said in said_of_last] == [(0, 0), (1, 0), (2, 1),
                                                                       (3, 2)]  # fmt: skip
    epoch, predicted, confidence, loss = said_of_last[-1]
    expected = np.exp(3) / (np.exp(3) + 2)
    assert (epoch, predicted) == (3, 2)
    assert confidence == pytest.approx(expected, rel=1e-3)
    assert loss == pytest.approx(-np.log(expected), rel=1e-3)


def test_an_epoch_that_comes_again_replaces_it_and_cuts_what_came_after() -> None:
    history = AnswerHistory()
    for epoch in range(4):
        history.add(answers(epoch, 0, 0, 0), best_epoch=3)
    history.add(answers(1, 0, 1, 1), best_epoch=1)
    assert history.epochs == [0, 1]
    assert history.predictions(0, 9).tolist() == [[0, 0, 0], [0, 1, 1]]
    history.add(answers(4, 2, 2, 2))
    assert history.epochs == [0, 1, 4]


def test_logits_stay_with_the_best_and_the_latest_epoch() -> None:
    history = AnswerHistory()
    for epoch, best in enumerate((0, 1, 1, 1, 4, None)):
        history.add(answers(epoch, 0, 1, 2), best_epoch=best)
        expected = {epoch, 4 if best is None else best}
        assert with_logits(history) == sorted(expected)


def test_what_is_kept_has_half_precision_and_no_warning_for_huge_losses() -> None:
    logits = np.array([[1e6, 0, 0], [0, 1e-3, 0], [np.nan, 0, 0]], np.float32)
    found = evaluate(logits, np.array([1, 1, 1], np.uint16))
    with np.errstate(all="raise"):
        kept = StoredAnswers.of(7, found)
    assert kept.epoch == 7
    assert kept.losses.dtype == kept.confidences.dtype == np.float16
    assert kept.losses[0] == np.inf
    assert kept.losses[1] == np.float16(found.losses[1])
    assert np.isnan(kept.losses[2])
    assert kept.logits is logits


def test_logits_are_kept_as_they_are_read_back() -> None:
    wide: Any = np.array([[0.5, 2.0]], np.float64)
    kept = StoredAnswers.of(1, evaluate(wide, np.zeros(1, np.uint16))).logits
    assert kept is not None
    assert kept.dtype == np.float32


def test_measures_are_exact_where_logits_are_kept() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (3, 3)).astype(np.float32)
    exact = evaluate(logits, LABELS)
    kept = StoredAnswers.of(1, exact)
    losses, confidences = measured(kept, LABELS)
    np.testing.assert_array_equal(losses, exact.losses)
    np.testing.assert_array_equal(confidences, exact.answers.confidences)
    rounded = StoredAnswers(1, kept.predictions, kept.losses, kept.confidences)
    losses, confidences = measured(rounded, LABELS)
    assert losses.dtype == confidences.dtype == np.float32
    np.testing.assert_allclose(losses, exact.losses, rtol=1 / 2048, atol=1e-7)
    np.testing.assert_allclose(confidences, exact.answers.confidences, rtol=1 / 2048)


def test_a_stored_history_is_that_of_the_run(tiny: Dataset, tmp_path: Path) -> None:
    record, events = keep_run(tmp_path, tiny, epochs=6, optimizer="adam", learning_rate=30,
                              warmup_steps=3000)  # fmt: skip
    epochs = [event for event in events if isinstance(event, EpochCompleted)]
    live = AnswerHistory()
    for event in epochs:
        live.add(StoredAnswers.of(event.epoch, event.test), event.state.best_epoch)
    history = AnswerHistory.stored(RunStore(tmp_path), record)
    assert history.epochs == live.epochs == list(range(7))
    np.testing.assert_array_equal(history.predictions(0, 6), live.predictions(0, 6))
    assert history.of_sample(3) == live.of_sample(3)
    assert with_logits(history) == with_logits(live) == sorted({record.best_epoch, 6})
    latest = history.latest
    assert latest is not None
    said = StoredAnswers.of(6, epochs[-1].test)
    expected = rounded_logits(epochs[-1].test.answers.logits, said.losses)
    np.testing.assert_array_equal(latest.logits, expected)


def test_it_needs_no_mlx() -> None:
    code = (
        "import sys, mnist_core.store.answers, mnist_core.network.mistakes\n"
        "print(sorted(name for name in sys.modules if name.startswith('mlx')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout == "[]\n"
