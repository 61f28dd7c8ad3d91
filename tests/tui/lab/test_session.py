"""The rules of starting, stopping and restarting, without a screen and without MLX."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.scripted import ScriptedLoader, ScriptedRuns, digits, loaded
from helpers.scripted_events import run_started
from mnist_core.data.loader import DatasetFailed, DatasetLoaded, DatasetOffered
from mnist_core.events import RunFailed
from mnist_core.recipe.changes import Change, ChangeError, Value
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.store import RunRecord, RunState, RunStore, StoreError
from mnist_core.training.training_run import Decision, TrainingRun
from mnist_tui.lab.data_source import DataSource, Loader
from mnist_tui.lab.session import Session, State

TWO_EPOCHS = make_hyperparameters({"epochs": 2})


class Laboratory:
    """A session with scripted runs, and a way to wait for what it does."""

    def __init__(self, home: Path, loader: Loader | None = None) -> None:
        self.runs = ScriptedRuns()
        self.loaders = [loader or loaded()]
        self.logged: list[str] = []
        self.store = RunStore(home)
        self.session = Session(
            self.runs, DataSource(lambda: self.loaders[-1]), self.log, self.store
        )

    @property
    def run(self) -> TrainingRun:
        """The one under way."""
        assert self.session.run is not None
        return self.session.run

    def change(self, field: str, value: Value) -> None:
        """Ask the run under way for another value, as the form does."""
        assert self.session.progress is not None
        now = getattr(self.session.progress.hyperparameters_now, field)
        self.run.change(field, value, now)

    def log(self, text: str) -> str:
        self.logged.append(text)
        return "The details are in the log."

    def epoch(self) -> int:
        """The last one evaluated."""
        progress = self.session.progress
        return progress.epoch.epoch if progress is not None and progress.epoch is not None else -1

    def tick_until(self, wanted: Callable[[Session], bool]) -> None:
        pause = threading.Event()
        for _ in range(60_000):
            self.session.tick()
            if wanted(self.session):
                return
            pause.wait(0.005)  # lets the run's thread work between two looks
        pytest.fail(f"still {self.session.state} after 5 minutes")

    def step(self) -> int:
        """Updates done."""
        return self.session.progress.step if self.session.progress is not None else 0

    def tick_until_state(self, state: State) -> None:
        self.tick_until(lambda session: session.state is state)


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    made = Laboratory(tmp_path / "home")
    made.session.data.load()
    made.session.tick()
    return made


def run_to_first_epoch(laboratory: Laboratory, hyperparameters: Hyperparameters) -> None:
    """Start a run and hold it after its first epoch."""
    laboratory.runs.gate.clear()
    laboratory.session.train(hyperparameters)
    laboratory.tick_until(lambda _: laboratory.epoch() == 1)


def test_it_is_loading_until_there_are_data(tmp_path: Path) -> None:
    made = Laboratory(tmp_path / "home")
    made.session.data.load()
    before = made.session.state
    made.session.tick()
    assert (before, made.session.state) == (State.LOADING, State.IDLE)
    assert made.session.samples is not None


def test_a_run_asked_for_while_loading_starts_with_the_data(tmp_path: Path) -> None:
    loader = ScriptedLoader()
    made = Laboratory(tmp_path / "home", loader)
    made.session.data.load()
    made.session.train(TWO_EPOCHS)
    made.session.tick()
    assert made.session.waiting
    assert made.session.state is State.LOADING
    loader.events.append(DatasetLoaded(digits(), None))
    made.tick_until_state(State.COMPLETED)
    assert made.runs.made == [TWO_EPOCHS]


def test_a_run_goes_to_its_end(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    progress = laboratory.session.progress
    assert progress is not None
    assert len(progress.train_loss) == 8
    assert list(progress.test_loss.x("step")) == [0, 4, 8]
    assert progress.epoch_under_way == 2
    assert laboratory.session.ghost is None


def test_stop_keeps_what_was_learned(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    laboratory.session.stop()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.STOPPED)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.state is not None
    assert laboratory.session.can_continue


def test_a_restart_waits_for_the_old_run_and_keeps_it_as_the_ghost(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    old = laboratory.session.progress
    other = make_hyperparameters({"learning_rate": 0.5}, TWO_EPOCHS)
    laboratory.session.train(other)
    assert laboratory.session.state is State.STOPPING
    assert laboratory.runs.made == [TWO_EPOCHS]
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.runs.made == [TWO_EPOCHS, other]
    assert laboratory.session.ghost is old
    assert laboratory.session.progress is not old


def test_pause_and_resume(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    laboratory.run.pause()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.PAUSED)
    assert laboratory.session.can_continue
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)


def test_one_more_epoch_of_a_paused_run_ends_in_a_pause(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, make_hyperparameters({"epochs": 5}))
    laboratory.run.pause()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.PAUSED)
    laboratory.session.one_more_epoch()
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.epoch() == 2)
    laboratory.session.stop()
    laboratory.tick_until_state(State.STOPPED)


def test_one_more_epoch_goes_on_after_the_end(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    progress = laboratory.session.progress
    assert progress is not None
    laboratory.session.one_more_epoch()

    def has_gone_on(session: Session) -> bool:
        going_on = session.progress
        finished = session.state is State.COMPLETED and going_on is progress
        return finished and going_on is not None and len(going_on.train_loss) == 12

    laboratory.tick_until(has_gone_on)
    assert progress.planned_epochs == 3
    assert list(progress.train_loss.x("step")) == list(range(1, 13))


def test_a_failed_run_is_told_and_logged(laboratory: Laboratory) -> None:
    laboratory.runs.fail_with = ValueError("The labels ran away. Catch them.")
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.FAILED)
    assert laboratory.session.progress is not None
    end = laboratory.session.progress.end
    assert isinstance(end, RunFailed)
    assert end.message == "The labels ran away. Catch them."
    assert "ValueError" in laboratory.logged[0]
    assert not laboratory.session.can_continue


def test_a_failed_load_can_be_tried_again(tmp_path: Path) -> None:
    made = Laboratory(
        tmp_path / "home", ScriptedLoader(DatasetFailed("No such folder.", "Traceback ..."))
    )
    made.session.data.load()
    made.session.tick()
    assert made.session.state is State.FAILED
    assert made.logged == ["Traceback ..."]
    made.loaders.append(loaded())
    made.session.train(TWO_EPOCHS)
    made.tick_until_state(State.COMPLETED)


def test_offered_data_are_used_only_when_asked(laboratory: Laboratory) -> None:
    loader = laboratory.loaders[0]
    assert isinstance(loader, ScriptedLoader)
    loader.events.append(DatasetOffered(digits(name="late")))
    laboratory.session.tick()
    assert laboratory.session.data.dataset is not None
    assert laboratory.session.data.dataset.name == "scripted"
    laboratory.session.use_offered_data()
    assert laboratory.session.data.dataset.name == "late"
    assert laboratory.session.data.offered is None
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.dataset.name == "late"


def test_closing_stops_and_joins_everything(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    laboratory.runs.gate.set()
    laboratory.session.close()
    names = [thread.name for thread in threading.enumerate()]
    assert "training run" not in names
    loader = laboratory.loaders[0]
    assert isinstance(loader, ScriptedLoader)
    assert loader.cancelled


def only_run(laboratory: Laboratory) -> RunRecord:
    (run,) = laboratory.store.runs()
    return run


def test_a_run_is_kept(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    run = only_run(laboratory)
    assert (run.state, run.epoch, run.step) == (RunState.COMPLETED, 2, 8)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.run_id == run.id
    assert laboratory.session.store_notice == ""


def test_one_more_epoch_continues_the_kept_run(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    laboratory.session.one_more_epoch()
    laboratory.tick_until_state(State.COMPLETED)
    run = only_run(laboratory)
    assert (run.epochs, run.epoch, run.step) == (3, 3, 12)
    assert [epoch.epoch for epoch in laboratory.store.epochs(run.id)] == [0, 1, 2, 3]


def test_a_run_that_goes_on_does_not_race_itself(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    stored = only_run(laboratory).id
    laboratory.session.resume_stored(stored)
    laboratory.tick_until_state(State.COMPLETED)
    laboratory.session.one_more_epoch()
    laboratory.tick_until_state(State.COMPLETED)
    assert only_run(laboratory).epoch == 4
    assert laboratory.session.ghost is None


def test_a_stopped_run_goes_on_with_its_curves_after_a_restart(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    run_to_first_epoch(laboratory, make_hyperparameters({"epochs": 3}))
    laboratory.session.stop()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.STOPPED)
    laboratory.session.close()

    later = Laboratory(tmp_path / "home")
    later.session.data.load()
    later.session.tick()
    left = only_run(later)
    later.session.resume_stored(left.id)
    later.tick_until_state(State.COMPLETED)
    progress = later.session.progress
    assert progress is not None
    assert progress.train_loss.x("step").tolist() == list(range(1, 13))
    assert progress.test_accuracy.x("epoch").tolist() == [0, 1, 2, 3]
    assert only_run(later).state is RunState.COMPLETED


def test_an_interrupted_run_is_offered(laboratory: Laboratory, tmp_path: Path) -> None:
    dataset = laboratory.session.data.dataset
    assert dataset is not None
    recorder = laboratory.store.record(dataset, "synthetic")
    recorder.start()
    recorder.record(run_started())
    recorder.finish()

    laboratory.session.look_for_interrupted()
    left = laboratory.session.interrupted
    assert left is not None
    assert left.state is RunState.INTERRUPTED
    assert laboratory.session.resumable == left.id


def test_data_that_differ_from_those_of_the_run_are_refused(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    laboratory.loaders.append(loaded(digits(tuple("abcde"), name="letters")))
    laboratory.session.data.load()
    laboratory.session.tick()
    with pytest.raises(StoreError, match="was trained on scripted, and letters is loaded now"):
        laboratory.session.resume_stored(only_run(laboratory).id)


def test_only_one_run_at_a_time_is_resumed(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    with pytest.raises(StoreError, match="Stop it before"):
        laboratory.session.resume_stored(laboratory.store.runs()[-1].id)
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.COMPLETED)


def test_training_goes_on_where_runs_cannot_be_kept(tmp_path: Path) -> None:
    home = tmp_path / "a file"
    home.write_text("not a folder")
    made = Laboratory(home)
    made.session.data.load()
    made.session.tick()
    made.session.train(TWO_EPOCHS)
    assert "This run is not kept." in made.session.store_notice
    assert str(home) in made.session.store_notice
    made.tick_until_state(State.COMPLETED)
    made.session.one_more_epoch()
    made.tick_until_state(State.COMPLETED)
    assert made.epoch() == 3
    assert made.session.ghost is None


def test_a_run_resumed_while_loading_goes_on_with_the_data(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    stored = only_run(laboratory).id
    loader = ScriptedLoader()
    later = Laboratory(tmp_path / "home", loader)
    later.session.data.load()
    later.session.resume_stored(stored)
    assert later.session.waiting
    assert later.session.state is State.LOADING
    loader.events.append(DatasetLoaded(digits(), None))
    later.tick_until_state(State.COMPLETED)
    assert only_run(later).epoch == 3


# -- changing a run ------------------------------------------------------------------------------


def rate_of(laboratory: Laboratory) -> float:
    progress = laboratory.session.progress
    assert progress is not None
    return progress.hyperparameters_now.learning_rate


def pause_after(laboratory: Laboratory, batches: int, **values: object) -> None:
    """Start a run and hold it after so many batches."""
    recipe = make_hyperparameters({"epochs": 2, "batch_size": 10, **values})
    laboratory.session.train(recipe, batches)
    laboratory.tick_until_state(State.PAUSED)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.step == batches


def test_a_change_waits_for_the_next_batch(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    session = laboratory.session
    laboratory.change("learning_rate", 0.5)
    assert laboratory.run.asked == {"learning_rate": 0.5}
    assert rate_of(laboratory) == 0.1
    session.train_batches(1)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and not laboratory.run.asked)
    assert rate_of(laboratory) == 0.5
    assert session.progress is not None
    assert session.progress.changes == [Change(2, "learning_rate", 0.5)]
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert list(session.progress.learning_rate.y) == [0.1] * 2 + [0.5] * 6
    (run,) = laboratory.store.runs()
    assert run.changes == (Change(2, "learning_rate", 0.5),)


def test_a_change_of_the_batch_size_waits_for_the_next_epoch(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    session = laboratory.session
    laboratory.change("batch_size", 20)
    session.train_batches(1)
    laboratory.tick_until(lambda _: laboratory.step() == 3)
    assert laboratory.run.asked == {"batch_size": 20}
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert session.progress is not None
    assert session.progress.changes == [Change(4, "batch_size", 20)]
    assert session.progress.step == 6


def test_a_wish_can_be_taken_back(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    laboratory.change("epochs", 5)
    laboratory.change("epochs", 2)
    assert laboratory.run.asked == {}
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.epoch() == 2


def test_what_cannot_change_is_refused(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    with pytest.raises(ChangeError, match="Seed cannot change during a run"):
        laboratory.change("seed", 3)
    laboratory.session.stop()
    laboratory.tick_until_state(State.STOPPED)
    assert laboratory.session.run is None, "no run is under way"


def test_batches_of_a_running_a_stopped_and_a_complete_run(laboratory: Laboratory) -> None:
    pause_after(laboratory, 3)
    session = laboratory.session
    assert session.train_batches(2)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.step() == 5)
    session.stop()
    laboratory.tick_until_state(State.STOPPED)
    assert session.train_batches(2)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.step() == 7)
    assert session.progress is not None
    assert session.progress.planned_epochs == 2, "it is still to end where it was planned to"
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert session.progress.step == 8
    assert session.train_batches(5)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.step() == 13)
    assert session.progress.planned_epochs == 4
    assert len(laboratory.store.runs()) == 1


def test_without_a_run_there_is_nothing_to_train_batches_of(laboratory: Laboratory) -> None:
    assert not laboratory.session.train_batches(5)


def test_a_resumed_run_keeps_its_changes(laboratory: Laboratory) -> None:
    laboratory.runs.weights = lambda _epoch: (np.zeros((1, 1), np.float32),)
    pause_after(laboratory, 2)
    laboratory.change("dropout", 0.5)
    laboratory.session.train_batches(1)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and not laboratory.run.asked)
    laboratory.session.stop()
    laboratory.tick_until_state(State.STOPPED)
    (run,) = laboratory.store.runs()
    laboratory.session.resume_stored(run.id)
    progress = laboratory.session.progress
    assert progress is not None
    assert progress.from_store
    assert progress.hyperparameters_now.dropout == 0.5
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.store.run(run.id).changes == (Change(2, "dropout", 0.5),)


# -- divergence ----------------------------------------------------------------------------------


def diverge(laboratory: Laboratory, at: int = 3) -> None:
    laboratory.runs.diverge_at = at
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until(lambda session: session.divergence is not None)


def test_a_run_that_diverges_pauses_and_waits(laboratory: Laboratory) -> None:
    diverge(laboratory)
    session = laboratory.session
    assert session.state is State.PAUSED
    assert session.divergence is not None
    assert session.divergence.step == 3
    for go_on in (laboratory.run.resume, session.one_more_epoch, lambda: session.train_batches(1)):
        go_on()
        session.tick()
        assert session.divergence is not None, "it must be decided about"
    session.stop()
    assert session.divergence is None
    assert session.state is State.STOPPING
    laboratory.tick_until_state(State.DIVERGED)


def test_with_half_the_rate_it_goes_on_from_where_it_was_healthy(laboratory: Laboratory) -> None:
    diverge(laboratory)
    session = laboratory.session
    laboratory.run.decide(Decision.HALVE_LEARNING_RATE)
    laboratory.tick_until_state(State.COMPLETED)
    assert rate_of(laboratory) == 0.05
    assert session.progress is not None
    assert session.progress.changes == [Change(1, "learning_rate", 0.05)]
    assert list(session.progress.train_loss.x("step")) == list(range(1, 9))
    assert session.progress.divergence is None
    (run,) = laboratory.store.runs()
    assert run.state is RunState.COMPLETED
    assert run.changes == (Change(1, "learning_rate", 0.05),)


def test_a_wish_of_before_holds_after_going_back(laboratory: Laboratory) -> None:
    diverge(laboratory)
    laboratory.change("momentum", 0.5)
    laboratory.run.decide(Decision.HALVE_LEARNING_RATE)
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.session.progress is not None
    now = laboratory.session.progress.hyperparameters_now
    assert (now.learning_rate, now.momentum) == (0.05, 0.5)


def test_it_can_be_restarted(laboratory: Laboratory) -> None:
    diverge(laboratory)
    calm = make_hyperparameters({"learning_rate": 0.01}, TWO_EPOCHS)
    laboratory.runs.diverge_at = None
    laboratory.session.train(calm)
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.runs.made == [TWO_EPOCHS, calm]
    states = [run.state for run in laboratory.store.runs()]
    assert states == [RunState.COMPLETED, RunState.DIVERGED]


@pytest.mark.parametrize("leave", ["stop", "close"])
def test_left_while_it_waits_it_is_kept_as_diverged_and_can_be_resumed(
    laboratory: Laboratory, leave: str
) -> None:
    diverge(laboratory, at=7)
    if leave == "stop":
        laboratory.session.stop()
        laboratory.tick_until_state(State.DIVERGED)
        assert not laboratory.session.can_continue, "its last weights are ruined"
    laboratory.session.close()
    (run,) = laboratory.store.runs()
    assert run.state is RunState.DIVERGED
    point = laboratory.store.resume_point(run.id)
    assert point.state is not None
    assert (point.state.epoch, point.state.step) == (1, 4)


# -- what others do to a run that is shown ---------------------------------------------------------


def other_laboratory(laboratory: Laboratory) -> Laboratory:
    """A second app on the same home."""
    other = Laboratory(laboratory.store.home)
    other.session.data.load()
    other.session.tick()
    return other


@pytest.mark.parametrize("how", ["one more epoch", "batches"])
def test_a_run_that_another_app_has_continued_is_not_cut_back(
    laboratory: Laboratory, how: str
) -> None:
    session = laboratory.session
    session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    (run,) = laboratory.store.runs()
    other = other_laboratory(laboratory)
    for _ in range(3):
        other.session.resume_stored(run.id)
        other.tick_until_state(State.COMPLETED)
    other.session.close()
    go_on: Callable[[], object] = session.one_more_epoch
    if how == "batches":
        go_on = lambda: session.train_batches(1)  # noqa: E731

    go_on()
    assert session.run is None
    assert "has been continued meanwhile, to epoch 5" in session.store_notice
    after = laboratory.store.run(run.id)
    assert (after.epoch, len(laboratory.store.batches(run.id))) == (5, after.step)
    assert laboratory.step() == after.step

    go_on()
    laboratory.tick_until(lambda session: session.run is None or session.run.paused)
    session.stop()
    laboratory.tick_until(lambda session: session.run is None)
    last = laboratory.store.run(run.id)
    assert last.step > after.step
    assert len(laboratory.store.batches(run.id)) == last.step


def test_a_run_that_is_no_longer_in_the_store_goes_on_without_being_kept(
    laboratory: Laboratory,
) -> None:
    session = laboratory.session
    session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    (run,) = laboratory.store.runs()
    laboratory.store.delete([run.id])
    laboratory.store.purge([run.id])
    session.one_more_epoch()
    assert "not kept" in session.store_notice
    laboratory.tick_until_state(State.COMPLETED)
    assert "not kept" in session.store_notice, "it is still so at the end"
    assert laboratory.epoch() == 3
    assert laboratory.store.runs() == []
