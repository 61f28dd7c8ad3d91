"""A run that is being recorded, to be looked at while it goes on."""

from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, Event
from mnist_core.store import RunStore
from mnist_core.store.recorder import recorded


def step_of(event: Event) -> int:
    return event.step if isinstance(event, BatchCompleted) else 0


class Live:
    """A run that is being recorded, a batch at a time."""

    def __init__(self, store: RunStore, dataset: Dataset, events: list[Event]) -> None:
        self.recorder = store.record(dataset, "tiny")
        self.recorder.start()
        self.run_id = self.recorder.run_id
        self._events = recorded((event for event in events), self.recorder)

    def train_to(self, step: int) -> None:
        for event in self._events:
            if step_of(event) == step:
                return

    def train_to_the_end(self) -> None:
        assert [event for event in self._events if not isinstance(event, BatchCompleted)]
