"""Suspect labels, marks and classes over the epochs on the mistakes screen, in any order."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.app_harness import AppHarness, opened
from helpers.blobs import blobs
from helpers.lab import SIZES
from helpers.recorded_runs import hyperparameters, record
from helpers.scripted import loaded
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.mistakes import confusion_matrix, precision, recall
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunStore, StoredAnswers
from mnist_core.store.answers import AnswerHistory
from mnist_core.store.sample_marks import SampleMark
from mnist_core.training.train import train
from mnist_tui.lab.state import State
from mnist_tui.mistakes.class_curves_dialog import (
    ClassCurves,
    ClassCurvesDialog,
    small_share_curve,
)
from mnist_tui.mistakes.confusion_matrix import ConfusionMatrix
from mnist_tui.mistakes.gallery import Gallery
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.mistakes.mistakes_view import MistakesSource, empty_text
from mnist_tui.mistakes.sample_query import Kind, LabelledAnswers, Order, SampleQuery, rows
from mnist_tui.ui.dialogs import LineInput, Question

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]
THREE_EPOCHS = make_hyperparameters({"epochs": 3})


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    return partial(opened, tmp_path, hyperparameters=THREE_EPOCHS)


async def shown(lab: AppHarness) -> MistakesScreen:
    await lab.pilot.press("2")
    await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
    await lab.pilot.pause()
    screen = lab.app.screen
    assert isinstance(screen, MistakesScreen)
    return screen


async def trained(lab: AppHarness) -> MistakesScreen:
    """Train to the end, wait until the run is kept, and go to the mistakes."""
    lab.session.train(THREE_EPOCHS)
    await lab.until_state(State.COMPLETED)
    await lab.until(lambda: lab.session.run is None)
    return await shown(lab)


def title(screen: MistakesScreen) -> str:
    return str(screen.query_one(Gallery).border_title)


def kept(lab: AppHarness) -> list[SampleMark]:
    return lab.store.sample_marks.of(lab.store.runs()[0].id)


# -- suspects ------------------------------------------------------------------------------------


def labelled(logits: list[list[float]], labels: list[int]) -> LabelledAnswers:
    values = np.array(logits, np.float32)
    count, classes = values.shape
    answers = StoredAnswers(
        1,
        values.argmax(axis=1).astype(np.uint8),
        np.zeros(count, np.float16),
        np.zeros(count, np.float16),
        values,
    )
    examples = Examples(np.zeros((count, 2, 2), np.uint8), np.array(labels, np.uint16))
    return LabelledAnswers(examples, tuple("abcd"[:classes]), answers)


def test_suspects_begin_with_the_label_that_is_disbelieved_most() -> None:
    found = labelled(
        [[3, 0], [3, 0], [0, 3], [0, 3], [0, 9], [6, 0], [0.1, 0]], [0, 0, 1, 1, 0, 1, 1]
    )
    query = SampleQuery().of_kind(Kind.SUSPECT)
    assert query.order is Order.NORMALISED_MARGIN
    # The last is taken for another class too, but less surely than most of that class are.
    assert rows(query, found).tolist() == [4, 5]
    assert rows(SampleQuery(), found).tolist() == [4, 5, 6]
    every = SampleQuery(kind=Kind.ALL, order=Order.SELF_CONFIDENCE)
    assert rows(every, found).tolist()[:3] == [4, 5, 6]
    assert query.of_kind(Kind.WRONG).order is Order.LOSS
    assert SampleQuery(order=Order.INDEX).of_kind(Kind.FIXED).order is Order.INDEX


async def test_suspects_are_chosen_and_told_why(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        await lab.pilot.press("w", "s")
        assert title(screen).startswith("Suspect · ")
        assert str(screen.query_one(Gallery).border_subtitle) == "by normalised margin"
        assert screen.query_one(Gallery).current is not None
        assert "Suspect label: normalised margin" in lab.text()
        # Of an epoch whose probabilities are not kept, nothing is made up.
        await lab.pilot.press("left_square_bracket")
        assert title(screen).startswith("Suspect · 0 of 30")
        view = MistakesSource(lab.session, lab.store, lab.session.marks).view(train=False)
        assert view is not None
        assert empty_text(view, SampleQuery(kind=Kind.SUSPECT)).startswith(
            "Probabilities are kept for the best and the last epoch only. Without them"
        )
        await lab.pilot.press("escape")
        assert title(screen).startswith("Wrong · 10 of 30")


# -- marks ---------------------------------------------------------------------------------------


async def test_a_mark_is_made_noted_seen_and_taken_away(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        assert screen.query_one(Gallery).current == 0
        await lab.pilot.press("space")
        assert kept(lab) == [SampleMark("test", 0, "0", "1")]
        assert "Marked." in lab.text()
        await lab.pilot.press("e")
        assert isinstance(lab.app.screen, LineInput)
        await lab.pilot.press(*"torn", "enter")
        assert kept(lab) == [SampleMark("test", 0, "0", "1", "torn")]
        assert "Marked: torn" in lab.text()
        await lab.pilot.press("w", "m")
        assert title(screen).startswith("Marked · 1 of 30")
        # A note is not lost by a second press of the same key.
        await lab.pilot.press("space")
        assert isinstance(lab.app.screen, Question)
        await lab.pilot.press("escape")
        assert len(kept(lab)) == 1
        await lab.pilot.press("space", "enter")
        assert kept(lab) == []
        assert title(screen).startswith("Marked · 0 of 30")
        assert "No sample is marked" in lab.text()
        await lab.pilot.press("escape", "right", "e", "enter")
        assert kept(lab) == [SampleMark("test", 3, "3", "4")], "an empty note marks too"
        await lab.pilot.press("space")
        assert kept(lab) == []


async def test_training_samples_are_marked_beside_test_samples(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        await lab.pilot.press("space", "T", "right", "space")
        assert kept(lab) == [SampleMark("test", 0, "0", "1"), SampleMark("train", 1, "1", "")]
        await lab.pilot.press("w", "m")
        assert title(screen).startswith("Marked · 1 of 40 training")
        await lab.pilot.press("T")
        assert title(screen).startswith("Marked · 1 of 30 test")


async def test_without_a_run_nothing_can_be_marked(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await shown(lab)
        assert title(screen).startswith("Samples · ")
        assert "Mark" not in lab.commands()
        await lab.pilot.press("space", "e")
        assert lab.app.screen is screen
        assert not lab.store.runs()


async def test_a_run_is_marked_while_it_trains(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.runs.gate.clear()
        lab.session.train(THREE_EPOCHS)
        await lab.until(lambda: bool(lab.store.runs()) and lab.session.progress is not None)
        await lab.until(lambda: bool(lab.session.progress and lab.session.progress.history.epochs))
        await shown(lab)
        await lab.pilot.press("space")
        assert [mark.index for mark in kept(lab)] == [0]
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: lab.session.run is None)
        assert [mark.index for mark in kept(lab)] == [0]


async def test_what_another_process_does_is_seen_and_survived(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        run_id = lab.store.runs()[0].id
        with closing(RunStore(lab.store.home)) as other:
            other.sample_marks.put(run_id, SampleMark("test", 0, "0", "1", "from there [/]"))
            await lab.until(lambda: "Marked: from there [/]" in lab.text())
            other.sample_marks.remove(run_id, "test", 0)
            await lab.until(lambda: "Marked" not in lab.text())
            other.deleter.delete([run_id])
        await lab.pilot.press("space")
        await lab.until(lambda: "The mark cannot be kept" in lab.said())
        assert lab.app.screen is screen
        lab.store.deleter.restore([run_id])
        await lab.pilot.press("space")
        assert [mark.index for mark in kept(lab)] == [0]


# -- classes over the epochs ---------------------------------------------------------------------


def test_a_curve_has_a_block_an_epoch_and_a_blank_where_nothing_is_known() -> None:
    assert small_share_curve(np.array([0.5, np.nan, 0.75, 1.0]), 0.5, 10) == "▁ ▅█"
    assert small_share_curve(np.array([0.0, 0.0, 1.0, 1.0]), 0.0, 2) == "▁█"
    assert small_share_curve(np.array([1.0, 1.0]), 1.0, 5) == "██"


def test_classes_are_recounted_in_each_epoch() -> None:
    labels = np.array([0, 0, 1, 1, 2], np.uint16)
    said = [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 0]]
    answers = {
        epoch: StoredAnswers(
            epoch, np.array(row, np.uint8), np.zeros(5, np.float16), np.zeros(5, np.float16)
        )
        for epoch, row in enumerate(said)
    }
    curves = ClassCurves(answers, labels, ("cat", "dog", "[/]"))
    for epoch, row in enumerate(said):
        matrix = confusion_matrix(labels, np.array(row, np.uint8), 3)
        np.testing.assert_array_equal(curves.recall[epoch], recall(matrix))
        np.testing.assert_array_equal(curves.precision[epoch], precision(matrix))
    heading, cat, dog, other, mark, scale = curves.lines(1)
    assert heading.split() == ["recall", "precision"]
    assert cat.split() == ["cat", "▅█", "50.0", "%", "▅▆", "50.0", "%"]
    assert dog.split() == ["dog", "██", "100.0", "%", "▆█", "66.7", "%"]
    # Nothing was taken for the last class: it has no precision.
    assert other.split() == ["[/]", "▁▁", "0.0", "%", "none"]
    assert mark.index("▲") == cat.index("▅")
    assert scale == "Curves of epochs 1 to 2, from 0.0 % to 100 %"
    assert "▲" not in "".join(curves.lines(0))


@pytest.mark.parametrize("size", SIZES)
async def test_the_dialog_of_classes_leads_through_the_epochs(
    bench: OpenBench, size: tuple[int, int]
) -> None:
    async with bench(size) as lab:
        await trained(lab)
        await lab.pilot.press("t")
        await lab.until(lambda: isinstance(lab.app.screen, ClassCurvesDialog))
        assert "Classes · run 1 · epoch 3" in lab.text()
        assert "Curves of epochs 1 to 3, from 66.7 % to 100 %" in lab.text()
        await lab.pilot.press("left_square_bracket")
        assert "Classes · run 1 · epoch 2" in lab.text()
        await lab.pilot.press("t")
        assert isinstance(lab.app.screen, MistakesScreen)


def test_a_run_of_one_epoch_has_classes_too() -> None:
    history = AnswerHistory()
    history.add(
        StoredAnswers(0, np.zeros(2, np.uint8), np.zeros(2, np.float16), np.zeros(2, np.float16)),
        0,
    )
    (answers,) = [history.at(0)]
    assert answers is not None
    curves = ClassCurves({0: answers}, np.array([0, 1], np.uint16), ("a", "b"))
    assert curves.lines(0)[-1].startswith("Curves of epoch 0, from 0.0 %")


# -- the difference of two runs ------------------------------------------------------------------


@pytest.fixture
def hard() -> Dataset:
    """Data that a network learns little by little."""
    train_examples, test = blobs(80, 4, (5, 5), 0), blobs(60, 4, (5, 5), 1)
    noise = np.random.default_rng(2)
    images = (test.images // 2 + noise.integers(0, 120, test.images.shape)).astype(np.uint8)
    return Dataset("hard", train_examples, Examples(images, test.labels), tuple("abcd"),
                   (0, 1, 2, 3), data="hard")  # fmt: skip


@pytest.mark.usefixtures("uncompiled")
async def test_the_difference_of_two_matrices_follows_the_epoch_cursor(
    tmp_path: Path, hard: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[NDArray[np.int64], NDArray[np.int64] | None]] = []
    show = ConfusionMatrix.show

    def spy(self: ConfusionMatrix, matrix: NDArray[np.int64], names: Any, *less: Any) -> None:
        drawn.append((matrix, less[0] if less else None))
        show(self, matrix, names, *less)

    monkeypatch.setattr(ConfusionMatrix, "show", spy)
    async with opened(tmp_path, loader=loaded(hard)) as lab:
        lab.store.runs()
        first, second = (
            record(lab.store, hard, list(train(hyperparameters(seed=seed, epochs=epochs), hard)))
            for seed, epochs in ((0, 2), (1, 4))
        )
        lab.session.show_stored(second)
        await lab.until(lambda: bool(lab.session.progress and lab.session.progress.from_store))
        screen = await shown(lab)
        await lab.pilot.press("c")
        seen = set()
        # Without a cursor the last epochs are compared; with it the same ones, as far as there are.
        for keys, ours, theirs in (
            ((), 4, 2), (("left_square_bracket",) * 3, 1, 1), (("right_square_bracket",), 2, 2),
            (("right_square_bracket",), 3, 2), (("left_square_bracket",) * 3, 0, 0),
        ):  # fmt: skip
            await lab.pilot.press(*keys)
            expected = []
            for run_id, epoch in ((second, ours), (first, theirs)):
                answers = lab.store.answers(run_id, epoch)
                assert answers is not None
                expected.append(confusion_matrix(hard.test.labels, answers.predictions, 4))
            matrix, less = drawn[-1]
            np.testing.assert_array_equal(matrix, expected[0])
            assert less is not None
            np.testing.assert_array_equal(less, expected[1])
            seen.add(less.tobytes())
            border = str(screen.query_one(ConfusionMatrix).border_title)
            assert ("at epoch 2" in border) == (ours != theirs), border
        assert len(seen) > 1, "the other run's epochs differ"
        source = MistakesSource(lab.session, lab.store, lab.session.marks)
        view = source.view(train=False)
        assert view is not None
        assert view.other is not None
        assert view.other.epoch == 0
