"""How a run in several ranks stays one: what rank 0 is asked, the others hear at the same batch.

The trainer is the same in all of them. `Alone` is what it has in a run of one process, `Lead` in
rank 0, and `Follow` in the others.
"""

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from mnist_core.distributed.errors import RankLostError
from mnist_core.distributed.group import Group, Rounds
from mnist_core.distributed.message import Kind, Message
from mnist_core.events import StopTraining
from mnist_core.network.evaluation import Answers, Evaluation
from mnist_core.network.rank_learner import FIGURES
from mnist_core.recipe.changes import ChangeQueue, Value, changeable_fields
from mnist_core.recipe.hyperparameters import TakesEffect


class Alone:
    """A run of one process: there is nobody to tell."""

    size = 1
    tells = True
    """Whether anybody is told what this process finds."""
    rounds: Rounds | None = None
    """The sums in which the learner takes part."""

    def __init__(self, asked: ChangeQueue) -> None:
        """`asked` is where whoever trains asks for changes."""
        self.changes = asked
        """Those that training takes."""

    def before_batch(self) -> None:
        """Tell of the changes that are asked for by now."""

    def before_epoch(self) -> None:
        """Wait until all know the changes that are asked for by now."""

    def obey(self, message: Message) -> None:
        """Do what rank 0 says in the place of a batch.

        Raises:
            StopTraining: it says so.
        """
        raise AssertionError(f"nobody says {message}")

    def end(self, *, stopped: bool) -> None:
        """Take in the changes that are asked for by now, and tell of a stop."""

    def evaluate(self, measure: Callable[[], Evaluation]) -> Evaluation:
        """What `measure` returns, or what of it rank 0 tells.

        Raises:
            StopTraining: rank 0 says so.
        """
        return measure()


class Lead(Alone):
    """Rank 0."""

    def __init__(self, asked: ChangeQueue, group: Group, parameters: int) -> None:
        super().__init__(ChangeQueue(asked.scheduled))
        self.size = group.size
        self.rounds = self._rounds = group.rounds(FIGURES + parameters)
        self._asked = asked

    def before_batch(self) -> None:
        for message in self._take_asked():
            self._rounds.tell(message)

    def before_epoch(self) -> None:
        self.before_batch()
        self._rounds.tell(Message(Kind.GO_ON))

    def end(self, *, stopped: bool) -> None:
        self._take_asked()
        if stopped:
            # Who is gone need not be told.
            with suppress(RankLostError):
                self._rounds.tell(Message(Kind.STOP))

    def evaluate(self, measure: Callable[[], Evaluation]) -> Evaluation:
        evaluation = measure()
        self._rounds.tell(Message(Kind.EVALUATED, evaluation.loss, evaluation.accuracy))
        return evaluation

    def _take_asked(self) -> list[Message]:
        """Hand on what is asked for; what there is to be said of it."""
        if not self._asked.asked:
            return []
        taken = [each for kind in TakesEffect for each in self._asked.take(kind)]
        for field, value in taken:
            self.changes.ask(field, value)
        return [_change_message(field, value) for field, value in taken]


class Follow(Alone):
    """Another rank."""

    tells = False

    def __init__(self, scheduled: ChangeQueue, group: Group, parameters: int) -> None:
        super().__init__(scheduled)
        self.size = group.size
        self.rounds = self._rounds = group.rounds(FIGURES + parameters)

    def before_epoch(self) -> None:
        while (message := self._rounds.hear()).kind is not Kind.GO_ON:
            self.obey(message)

    def obey(self, message: Message) -> None:
        match message.kind:
            case Kind.STOP:
                raise StopTraining
            case Kind.CHANGE:
                field = changeable_fields()[int(message.first)]
                self.changes.ask(field.name, field.kind(message.second))
            case _:
                raise AssertionError(f"the ranks are not at the same batch: {message}")

    def evaluate(self, measure: Callable[[], Evaluation]) -> Evaluation:
        message = self._rounds.hear()
        if message.kind is not Kind.EVALUATED:
            self.obey(message)
        return Evaluation(_NO_ANSWERS, np.empty(0, np.float32), message.first, message.second)


_NO_ANSWERS = Answers(np.empty((0, 0), np.float32), np.empty(0, np.uint8), np.empty(0, np.float32))


def _change_message(field: str, value: Value) -> Message:
    places = [each.name for each in changeable_fields()]
    return Message(Kind.CHANGE, places.index(field), value)


def ranks_of(asked: ChangeQueue, group: Group | None, parameters: int) -> Alone:
    """This process's part in a run of so many `parameters`; None: it trains alone."""
    if group is None:
        return Alone(asked)
    return (Follow if group.rank else Lead)(asked, group, parameters)
