"""Asks the model of the epoch on show why it said what it did of a sample."""

from dataclasses import dataclass

from mnist_core.data.dataset import Examples, split
from mnist_core.network.neighbours import Question
from mnist_core.network.pixel_function import PixelFunction
from mnist_core.store import RunStore
from mnist_tui.lab.epoch_models import EpochModels
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.mistakes.explanation import Explanation, Sample, Why, mapped, nearby
from mnist_tui.mistakes.mistakes_view import MistakesView

_MOST_NEIGHBOURS = 12


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The model of an epoch, and what it was trained on."""

    function: PixelFunction
    train: Examples


class WhySource:
    """Gives the same `Explanation` again until something else is asked."""

    def __init__(self, session: Session, store: RunStore) -> None:
        self._session = session
        self._models = EpochModels(store)
        self._asked: _Asked | str = ""
        self._asked_of: tuple[object, int | None] = (None, None)
        """The curve and the epoch that it is of; another curve is another run, or one gone back."""
        self._last: tuple[object, Explanation | None] = (None, None)
        self._question: Question | None = None
        self.is_searching = False
        """Whether the explanation given last says that there will be another one."""

    def forget(self) -> None:
        """Look again at what the store says, and keep nothing of the training samples."""
        self._asked, self._last = "", (None, None)
        self._leave_search()

    def explain(self, view: MistakesView, index: int, why: Why) -> Explanation | None:
        """What is to be said of a sample of the view; None: the digit is to be shown alone."""
        progress = self._session.progress
        asked: _Asked | str | None = None
        if why is not Why.DIGIT and progress is not None and view.history is progress.history:
            asked = self._model(view, progress)
        if why is not Why.NEAREST or not isinstance(asked, _Asked):
            self._leave_search()
        if not isinstance(asked, _Asked):
            return None if asked is None else Explanation(why, asked)
        key = (asked, index, why)
        if key == self._last[0] and not self.is_searching:
            return self._last[1]
        examples = view.labelled.examples
        sample = Sample(
            examples.images[index],
            int(view.labelled.labels[index]),
            view.labelled.class_names,
            view.dark_on_light,
        )
        if why is Why.NEAREST:
            explanation = self._search(asked, sample, is_new=key != self._last[0])
        else:
            explanation = mapped(why, asked.function, sample)
        self._last = key, explanation
        return explanation

    def _search(self, asked: _Asked, sample: Sample, *, is_new: bool) -> Explanation:
        search = self._session.neighbours
        if is_new or self._question is None:
            self._question = Question(asked.function, asked.train, sample.image, _MOST_NEIGHBOURS)
            search.ask(self._question)
        found = search.answer(self._question)
        self.is_searching = found is None
        return nearby(asked.function, sample, asked.train, found)

    def _leave_search(self) -> None:
        if self._question is not None:
            self._question, self.is_searching, self._last = None, False, (None, None)
            self._session.neighbours.forget()

    def _model(self, view: MistakesView, progress: RunProgress) -> _Asked | str:
        """The model of the epoch of the view, the same one while it is."""
        curve, epoch = self._asked_of
        same = curve is progress.test_loss and epoch == view.epoch
        # What was not kept may be kept now.
        if not same or isinstance(self._asked, str):
            self._asked = self._found(view.epoch, progress)
            self._asked_of = progress.test_loss, view.epoch
        return self._asked

    def _found(self, epoch: int | None, progress: RunProgress) -> _Asked | str:
        model = self._models.at(progress, epoch if epoch is not None else 0)
        if isinstance(model, str):
            return model
        recipe, dataset = model.hyperparameters, model.dataset
        function = PixelFunction(model.parameters, recipe, dataset)
        return _Asked(function, split(dataset, recipe.validation).train)
