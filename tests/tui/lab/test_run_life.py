"""A run's whole life in generated orders of events: nothing is lost, all is repeated to the bit.

Two sessions share a home, as two apps do; one may also be gone from one moment to the next. After
every event the store has to have what a simple model says, and training from the seed by what the
store knows of the run has to give every loss that it has.
"""

import shlex
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from helpers.blobs import blobs
from helpers.scripted import ScriptedLoader
from helpers.spoilt_updates import overflow, spoil_updates
from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset
from mnist_core.data.loader import DatasetLoaded
from mnist_core.events import BatchCompleted
from mnist_core.recipe.changes import ChangeQueue, parse_change
from mnist_core.recipe.hyperparameters import (
    differing_fields,
    make_hyperparameters,
    unused_fields,
)
from mnist_core.recipe.plan import RunPlan
from mnist_core.store import RunRecord, RunState, RunStore, StoreError
from mnist_core.training.train import train
from mnist_core.training.training_run import Decision, mlx_runs
from mnist_core.training.training_thread import mlx_thread
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.recipe_text import command_line
from mnist_tui.lab.session import Session, State

EXAMPLES = 40
RUINOUS = 50.0
"""A learning rate whose first update leaves no weight a number."""
DATA = Dataset(
    "tiny",
    blobs(EXAMPLES, 4, (4, 3), 1),
    blobs(12, 4, (4, 3), 2),
    ("zero", "one", "two", "three"),
    (0, 1, 2, 3),
    data="tiny",
)

RECIPES = st.fixed_dictionaries(
    {
        "hidden_sizes": st.sampled_from(["", "3"]),
        "optimizer": st.sampled_from(["sgd", "adam"]),
        "learning_rate": st.sampled_from([0.1, 0.01]),
        "schedule": st.sampled_from(["constant", "cosine"]),
        "warmup_steps": st.sampled_from([0, 3]),
        "dropout": st.sampled_from([0.0, 0.3]),
        "batch_size": st.sampled_from([3, 8, 40]),
        "epochs": st.integers(1, 3),
        "seed": st.integers(0, 2),
    }
)
CHANGES = st.sampled_from(
    [
        ("learning_rate", 0.05),
        ("learning_rate", RUINOUS),
        ("dropout", 0.0),
        ("dropout", 0.5),
        ("weight_decay", 0.01),
        ("batch_size", 5),
        ("batch_size", 40),
        ("epochs", 1),
        ("epochs", 2),
        ("epochs", 5),
    ]
)


@lru_cache(maxsize=256)
def losses_of(plan: RunPlan, batches: int) -> bytes:
    """The first losses, float32, of a run that follows `plan` from its seed, never stopped."""
    events = train(
        plan.hyperparameters,
        DATA,
        backend=configure("cpu", 1),
        until_epoch=plan.until_epoch,
        changes=ChangeQueue(plan.changes),
    )
    found: list[float] = []
    for event in events:
        if len(found) == batches:
            break
        if isinstance(event, BatchCompleted):
            found.append(event.loss)
    events.close()
    with np.errstate(over="ignore"):
        return np.array(found, np.float32).tobytes()


def plan_of_command(record: RunRecord) -> RunPlan:
    """What the command that repeats the run asks for, read as the command line reads it."""
    words = shlex.split(command_line(record))[2:]
    flags: dict[str, list[str]] = {}
    while words:
        flag, *words = words
        if flag.startswith("--no-"):
            flags.setdefault(flag.removeprefix("--no-"), []).append("false")
        elif not words or words[0].startswith("--"):
            flags.setdefault(flag.removeprefix("--"), []).append("true")
        else:
            name, _, value = flag.removeprefix("--").partition("=")
            flags.setdefault(name, []).append(value or words.pop(0))
    changes = tuple(parse_change(text) for text in flags.pop("change", []))
    (until,) = flags.pop("until-epoch", ["0"])
    (preset,) = flags.pop("preset")
    for other in ("data", "device", "threads", "on-divergence"):
        flags.pop(other, None)
    from mnist_core.recipe.presets import presets

    given = {name.replace("-", "_"): value for name, (value,) in flags.items()}
    recipe = make_hyperparameters(given, presets()[preset].hyperparameters)
    return RunPlan(recipe, changes, int(until) or None)


class App:
    """A session of its own on a home that others use too."""

    def __init__(self, home: Path) -> None:
        self.store = RunStore(home)
        backend = configure("cpu", 1)
        self.training = mlx_thread()
        self.session = Session(
            mlx_runs(backend, self.training),
            DataSource(lambda: ScriptedLoader(DatasetLoaded(DATA, None))),
            lambda text: text,
            self.store,
        )
        self.session.data.load()
        self.session.tick()

    def settle(self) -> None:
        """Let it go on until it has ended or waits."""
        session, pause = self.session, threading.Event()
        for _ in range(100_000):
            session.tick()
            if session.run is None and session._next is None:
                return
            if session.run is not None and session.state is State.PAUSED:
                session.tick()
                return
            pause.wait(0.001)
        pytest.fail(f"still {session.state}")

    def end(self) -> None:
        self.session.stop()
        self.settle()

    def vanish(self) -> None:
        """Be gone as after kill -9: what has not been written never is."""
        recorder = self.session._recorder
        if recorder is not None:
            recorder._try_to_write = lambda: True  # type: ignore[method-assign]
        self.end()
        self.close()

    def close(self) -> None:
        self.session.close()
        self.training.close()


class RunLife(RuleBasedStateMachine):
    """One run, two apps, and whatever may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(prefix="mnist-tui-life-")
        self.home = Path(self.folder.name)
        self.apps = [App(self.home), App(self.home)]
        self.reader = RunStore(self.home)
        self.run_id = ""
        self.kept = 0
        """Updates that the store must have, as far as is known for certain."""
        self.asked: dict[str, float] = {}
        """What the run under way was asked to change, and has to do now or when it goes on."""

    def teardown(self) -> None:
        for app in self.apps:
            app.end()
            app.close()
        self.reader.close()
        self.folder.cleanup()

    # -- what happens ----------------------------------------------------------------------------

    @initialize(recipe=RECIPES, batches=st.integers(1, 20))
    def start(self, recipe: dict[str, object], batches: int) -> None:
        app = self.apps[0]
        app.session.train(make_hyperparameters(recipe), batches)
        app.settle()
        assert app.session.progress is not None
        self.run_id = app.session.progress.run_id
        self.look()

    @rule(which=st.integers(0, 1), batches=st.integers(1, 12))
    def go_on(self, which: int, batches: int) -> None:
        self.act(which, lambda session: session.train_batches(batches))

    @rule(which=st.integers(0, 1))
    def one_more_epoch(self, which: int) -> None:
        self.act(which, Session.one_more_epoch)

    @rule(which=st.integers(0, 1), change=CHANGES)
    def change(self, which: int, change: tuple[str, float]) -> None:
        run = self.apps[which].session.run
        if run is not None and run.paused:
            run.change(*change)
            self.asked |= dict([change])

    @rule(which=st.integers(0, 1), decision=st.sampled_from(Decision))
    def decide(self, which: int, decision: Decision) -> None:
        app = self.apps[which]
        if app.session.run is not None and app.session.divergence is not None:
            before = app.session.progress
            app.session.run.decide(decision)
            app.settle()
            assert app.session.progress is before
            self.kept = 0  # It may have gone back.
            self.asked = {}
            self.look()

    @rule(which=st.integers(0, 1))
    def stop(self, which: int) -> None:
        self.act(which, Session.stop)

    @rule(which=st.integers(0, 1))
    def resume(self, which: int) -> None:
        app = self.apps[which]
        if app.session.run is None:
            try:
                app.session.resume_stored(self.run_id)
            except StoreError as error:
                note(str(error))
            else:
                app.session.train_batches(3)
                app.settle()
                self.look()

    @rule(which=st.integers(0, 1))
    def vanish(self, which: int) -> None:
        app = self.apps[which]
        trains = app.session.run is not None
        app.vanish()
        self.apps[which] = App(self.home)
        if trains:
            self.kept = 0  # The last half second is lost with the process.
            self.asked = {}
        self.look()

    @rule(which=st.integers(0, 1))
    def delete_and_undo(self, which: int) -> None:
        store = self.apps[which].store
        try:
            store.delete([self.run_id])
        except StoreError as error:
            note(str(error))
            return
        store.restore([self.run_id])
        self.look()

    # -- what must be so -------------------------------------------------------------------------

    def act(self, which: int, action: Callable[[Session], object]) -> None:
        app = self.apps[which]
        if app.session.divergence is None or action is Session.stop:
            if action is Session.stop and app.session.divergence is not None:
                self.kept, self.asked = 0, {}
            action(app.session)
            app.settle()
            self.look()

    def record(self) -> RunRecord | None:
        try:
            return self.reader.run(self.run_id)
        except StoreError:
            return None

    def look(self) -> None:
        record = self.record()
        if record is None:
            assert not self.kept
            return
        stored = self.reader.batches(self.run_id)["loss"]
        note(f"{record.state} at {record.step} of {record.plan}, {len(stored)} stored")
        assert record.state is not RunState.FAILED, record.failure
        assert record.step >= self.kept, "updates were lost"
        if record.state.is_live:
            return  # The last half second may still be on its way.
        self.kept = record.step
        assert len(stored) == record.step
        epochs = [epoch.epoch for epoch in self.reader.epochs(self.run_id)]
        assert epochs == list(range(record.epoch + 1)) or (not record.step and not epochs)
        unbroken = np.frombuffer(losses_of(record.plan, record.step), np.float32)
        np.testing.assert_array_equal(stored, unbroken)
        command = plan_of_command(record)
        told, kept = command.hyperparameters, record.hyperparameters
        assert set(differing_fields(told, kept)) <= set(unused_fields(kept))
        assert command.changes == record.changes
        assert command.last_epoch(EXAMPLES) == record.plan.last_epoch(EXAMPLES)
        planned = {change.field: change.value for change in record.changes}
        for field, value in self.asked.items():
            assert planned.get(field, getattr(record.hyperparameters, field)) == value
        self.asked = {}
        if record.state is RunState.COMPLETED:
            assert record.epoch == record.plan.last_epoch(EXAMPLES)


def test_a_run_may_live_through_anything(
    repeats: Callable[[int, int], int], monkeypatch: pytest.MonkeyPatch, uncompiled: None
) -> None:
    spoil_updates(monkeypatch, lambda _step, rate: overflow if rate >= RUINOUS / 4 else None)
    run_state_machine_as_test(
        RunLife,
        settings=settings(
            max_examples=repeats(200, 5000),
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
