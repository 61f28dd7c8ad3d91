"""The nearest training examples against a recount, and the thread that finds them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.blobs import blobs
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network import neighbours, pixel_function
from mnist_core.network.neighbours import Neighbours, NeighbourSearch, Question
from mnist_core.network.parameters import initial_parameters
from mnist_core.network.pixel_function import Images, PixelFunction
from mnist_core.recipe.hyperparameters import make_hyperparameters

COUNT = 12


def made(hidden: str = "9,6", seed: int = 1) -> tuple[PixelFunction, Dataset]:
    names = tuple("0123")
    dataset = Dataset(
        "blobs", blobs(500, 4, (6, 5), 1), blobs(60, 4, (6, 5), 2), names, (0, 1, 2, 3)
    )
    hyperparameters = make_hyperparameters({"hidden_sizes": hidden, "pixel_scaling": "standard"})
    sizes = (30, *hyperparameters.hidden_sizes, 4)
    return PixelFunction(initial_parameters(sizes, seed), hyperparameters, dataset), dataset


@pytest.fixture
def search() -> Iterator[NeighbourSearch]:
    found = NeighbourSearch()
    yield found
    found.close()


def answered(search: NeighbourSearch, question: Question) -> Neighbours | str:
    search.ask(question)
    pause = threading.Event()
    for _ in range(20_000):
        answer = search.answer(question)
        if answer is not None:
            return answer
        pause.wait(0.001)
    pytest.fail("no answer")


class Slow(PixelFunction):
    """Waits at `gate` before each part of the examples, and counts them."""

    def __init__(self, function: PixelFunction) -> None:
        super().__init__(function._parameters, function._hyperparameters, function._dataset)
        self.gate, self.at_gate = threading.Event(), threading.Event()
        self.asked = 0

    def last_hidden(self, images: Images) -> NDArray[np.float32]:
        if len(images) > 1:
            self.at_gate.set()
            self.gate.wait(30)
            self.asked += len(images)
        return super().last_hidden(images)


@pytest.mark.parametrize("part", [1 << 21, 30 * 64, 1])
@pytest.mark.parametrize("hidden", ["", "9,6"])
def test_the_neighbours_of_ten_mistakes_equal_a_recount(
    hidden: str, part: int, search: NeighbourSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_function, "_PART", part)
    function, dataset = made(hidden)
    wrong = function.logits(dataset.test.images).argmax(axis=1) != dataset.test.labels
    mistakes = np.flatnonzero(wrong)[:10]
    assert len(mistakes) == 10
    for index in mistakes:
        image = dataset.test.images[index]
        found = answered(search, Question(function, dataset.train, image, COUNT))
        assert isinstance(found, Neighbours)
        own = function.last_hidden(image[None])[0]
        away = [
            sum((float(a) - float(b)) ** 2 for a, b in zip(values, own, strict=True)) ** 0.5
            for values in function.last_hidden(dataset.train.images)
        ]
        expected = sorted(range(500), key=lambda row: (away[row], row))[:COUNT]
        np.testing.assert_allclose(found.distances, [away[row] for row in expected], atol=1e-5)
        # The last digit of a sum may turn two that are as far away round.
        np.testing.assert_allclose([away[row] for row in found.rows], found.distances, atol=1e-5)
        assert len(set(found.rows.tolist())) == COUNT


def test_equals_stand_in_their_order(search: NeighbourSearch) -> None:
    function, dataset = made()
    same = Examples(np.repeat(dataset.test.images[:1], 20, axis=0), np.zeros(20, np.uint16))
    found = answered(search, Question(function, same, dataset.test.images[0], 5))
    assert isinstance(found, Neighbours)
    assert found.rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.distances, 0, atol=1e-6)


def test_fewer_examples_than_asked_for(search: NeighbourSearch) -> None:
    function, dataset = made()
    for count in (0, 3):
        found = answered(
            search, Question(function, dataset.train[:count], dataset.test.images[0], 5)
        )
        assert isinstance(found, Neighbours)
        assert len(found.rows) == len(found.distances) == count


def test_activations_are_computed_once_an_epoch_and_never_stored(
    search: NeighbourSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function, dataset = made()
    slow = Slow(function)
    slow.gate.set()
    for image in dataset.test.images[:3]:
        answered(search, Question(slow, dataset.train, image, COUNT))
    assert slow.asked == 500
    search.forget()
    assert search._activations is None
    answered(search, Question(slow, dataset.train, dataset.test.images[0], COUNT))
    assert slow.asked == 1000
    assert not list(tmp_path.iterdir())


def test_where_there_is_no_room_nothing_is_kept(
    search: NeighbourSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, dataset = made()
    question = Question(function, dataset.train, dataset.test.images[0], COUNT)
    kept = answered(search, question)
    monkeypatch.setattr(neighbours, "_MOST_KEPT", 100)
    search.forget()
    again = answered(search, Question(function, dataset.train, dataset.test.images[0], COUNT))
    assert isinstance(kept, Neighbours)
    assert isinstance(again, Neighbours)
    assert again.rows.tolist() == kept.rows.tolist()
    assert search._activations is not None
    assert not search._activations._kept


def test_an_answer_that_is_no_longer_wanted_is_dropped(
    search: NeighbourSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_function, "_PART", 30 * 50)
    function, dataset = made()
    slow, (other, _) = Slow(function), made(seed=2)
    first = Question(slow, dataset.train, dataset.test.images[0], COUNT)
    search.ask(first)
    assert slow.at_gate.wait(30)
    second = Question(other, dataset.train, dataset.test.images[1], COUNT)
    search.ask(second)
    slow.gate.set()
    found = answered_to(search, second)
    assert search.answer(first) is None
    assert slow.asked <= 50  # given up after the part under way
    assert found.rows.tolist() == alone(second).rows.tolist()


def test_another_sample_of_the_same_epoch_goes_on_with_what_was_computed(
    search: NeighbourSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixel_function, "_PART", 30 * 50)
    function, dataset = made()
    slow = Slow(function)
    search.ask(Question(slow, dataset.train, dataset.test.images[0], COUNT))
    assert slow.at_gate.wait(30)
    second = Question(slow, dataset.train, dataset.test.images[1], COUNT)
    search.ask(second)
    slow.gate.set()
    found = answered_to(search, second)
    assert slow.asked == 500
    assert found.rows.tolist() == alone(second).rows.tolist()


def answered_to(search: NeighbourSearch, question: Question) -> Neighbours:
    """The answer to a question that has been asked."""
    pause = threading.Event()
    for _ in range(20_000):
        found = search.answer(question)
        if isinstance(found, Neighbours):
            return found
        pause.wait(0.001)
    pytest.fail("no answer")


def alone(question: Question) -> Neighbours:
    """The answer of a search that was asked nothing else."""
    other = NeighbourSearch()
    try:
        other.ask(question)
        return answered_to(other, question)
    finally:
        other.close()


def test_close_gives_up_and_joins_the_only_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_function, "_PART", 30 * 50)
    before = set(threading.enumerate())
    search = NeighbourSearch()
    assert set(threading.enumerate()) == before  # none without a question
    function, dataset = made()
    slow = Slow(function)
    for image in dataset.test.images[:5]:
        search.ask(Question(slow, dataset.train, image, COUNT))
    assert slow.at_gate.wait(30)
    assert len(set(threading.enumerate()) - before) == 1
    threading.Timer(0.05, slow.gate.set).start()
    search.close()
    assert not [t for t in threading.enumerate() if t.name == "neighbours" and t not in before]
    assert slow.asked <= 50
    late = Question(function, dataset.train, dataset.test.images[0], COUNT)
    search.ask(late)
    assert search.answer(late) is None
    assert not [t for t in threading.enumerate() if t.name == "neighbours" and t not in before]
    search.close()


def test_too_little_memory_is_a_sentence(
    search: NeighbourSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, dataset = made()

    def fails(_self: PixelFunction, _images: Images) -> NDArray[np.float32]:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(PixelFunction, "last_hidden", fails)
        said = answered(search, Question(function, dataset.train, dataset.test.images[0], COUNT))
    assert isinstance(said, str)
    assert said.startswith("There is not enough memory")
    found = answered(search, Question(function, dataset.train, dataset.test.images[0], COUNT))
    assert isinstance(found, Neighbours)
