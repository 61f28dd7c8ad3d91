"""A run under way, and what was asked of it."""

from mnist_core.events import DivergenceDetected, HyperparameterChanged
from mnist_core.recipe.changes import Value
from mnist_core.training.training_run import Decision, TrainingRun
from mnist_tui.lab.run_progress import RunProgress


class SteeredRun:
    """Drives a run as its user wants it; `tick` brings its progress up to date.

    While it has diverged and waits, it takes nothing but changes, `halve_learning_rate` and `end`.
    """

    def __init__(self, run: TrainingRun, progress: RunProgress) -> None:
        """`run` has not been started."""
        self._run = run
        self.progress = progress
        self.ending = False
        """Whether it was asked to end."""
        self.asked: dict[str, Value] = {}
        """What it was asked to change and has not yet: values by field name."""

    def start(self) -> None:
        self._run.start()

    @property
    def paused(self) -> bool:
        return self._run.paused

    @property
    def divergence(self) -> DivergenceDetected | None:
        """What it has told, if it has diverged and waits for what is decided; else None."""
        return self.progress.divergence if self._run.undecided and not self.ending else None

    def pause(self) -> None:
        self._run.pause()

    def resume(self) -> None:
        if not self._run.undecided:
            self._run.resume()

    def train_one_epoch(self) -> None:
        """Go on to the end of the epoch under way, then pause."""
        if not self._run.undecided:
            self._run.train_one_epoch()

    def train_batches(self, count: int) -> None:
        """Train on so many batches, then pause."""
        if not self._run.undecided:
            self._run.train_batches(count)

    def halve_learning_rate(self) -> None:
        """Go on from the last healthy state with half the learning rate."""
        if not self.ending:
            self._run.decide(Decision.HALVE_LEARNING_RATE)

    def change(self, field: str, value: Value) -> None:
        """Change a hyperparameter with the next batch or the next epoch.

        Raises:
            ChangeError: it cannot change so, as a sentence.
        """
        if self.ending:
            return
        self._run.change(field, value)
        if value == getattr(self.progress.hyperparameters_now, field):
            # It takes back what was asked for before.
            self.asked.pop(field, None)
        else:
            self.asked[field] = value

    def end(self) -> None:
        """Ask for the end; what was learned is kept.

        Where it has diverged and waits, it ends as diverged, and its last checkpoint is a healthy
        one: stopped there, it would be resumed with ruined weights.
        """
        if self.ending:
            return
        self.ending = True
        if self._run.undecided:
            self._run.decide(Decision.GIVE_UP)
        else:
            self._run.stop()

    def tick(self) -> tuple[bool, bool]:
        """Take what has come; whether that was anything, and whether the run is over."""
        # Asked before draining, so that no event can come between the two.
        over = not self._run.alive
        events = self._run.drain()
        self.progress.apply(events)
        for event in events:
            if isinstance(event, HyperparameterChanged) and (
                self.asked.get(event.field) == event.value
            ):
                del self.asked[event.field]
        if over:
            self._run.join()
        return bool(events), over

    def join(self) -> None:
        """Wait for its thread to end."""
        self._run.join()
