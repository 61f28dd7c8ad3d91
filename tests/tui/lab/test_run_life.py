"""A run's whole life in generated orders of events: nothing is lost, all is repeated to the bit.

Two apps and the command line share a home; each may be gone from one moment to the next, and the
disk may be full for a while. After every event the store has to have what a simple model says, and
training from the seed by what the store knows of a run has to give every loss that it has.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
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
    precondition,
    rule,
    run_state_machine_as_test,
)

from helpers.app_process import AppProcess
from helpers.blobs import blobs
from helpers.full_disk import Full, FullDisk
from helpers.headless_run import train_headless
from helpers.lab_app import LabApp, write_at_once
from helpers.spoilt_updates import spoil_rates
from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, RunRewound
from mnist_core.recipe.changes import Change, ChangeQueue, Value, parse_change
from mnist_core.recipe.hyperparameters import (
    differing_fields,
    make_hyperparameters,
    unused_fields,
)
from mnist_core.recipe.plan import OnDivergence, RunPlan
from mnist_core.recipe.presets import presets
from mnist_core.store import RunRecord, RunState, RunStore, StoreError
from mnist_core.training.train import train
from mnist_core.training.training_run import Decision
from mnist_tui.lab.recipe_text import command_line
from mnist_tui.lab.session import Session

RUINOUS = 50.0
"""A learning rate whose first update leaves no weight a number, and the half of it too."""


def _tiny(name: str, examples: int, classes: int, tested: int) -> Dataset:
    return Dataset(
        name,
        blobs(examples, classes, (4, 3), 1),
        blobs(tested, classes, (4, 3), 2),
        tuple(f"class {index}" for index in range(classes)),
        tuple(range(classes)),
        data=name,
    )


DATA = (_tiny("tiny", 40, 4, 12), _tiny("odd", 23, 3, 11), _tiny("two", 6, 2, 2))
"""Batches of no size divide them all."""

RECIPES = st.fixed_dictionaries(
    {
        "hidden_sizes": st.sampled_from(["", "3", "3, 2"]),
        "activation": st.sampled_from(["relu", "tanh"]),
        "optimizer": st.sampled_from(
            ["sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "muon"]
        ),
        "learning_rate": st.sampled_from([0.1, 0.01]),
        "momentum": st.sampled_from([0.0, 0.9]),
        "schedule": st.sampled_from(["constant", "cosine"]),
        "warmup_steps": st.sampled_from([0, 3]),
        "dropout": st.sampled_from([0.0, 0.3]),
        "validation": st.sampled_from(["none", "3"]),
        "shuffle": st.booleans(),
        "batch_size": st.sampled_from([3, 8, 40]),
        "epochs": st.integers(1, 3),
        "patience": st.sampled_from([0, 0, 1, 2]),
        "target_accuracy": st.sampled_from([0.0, 0.0, 0.5, 1.0]),
        "seed": st.integers(0, 2),
    }
)
CHANGES = st.one_of(
    st.just(("learning_rate", RUINOUS)),
    st.sampled_from(
        [
            ("learning_rate", 0.05),
            ("dropout", 0.0),
            ("dropout", 0.5),
            ("momentum", 0.5),
            ("weight_decay", 0.01),
            ("batch_size", 5),
            ("batch_size", 40),
            ("epochs", 1),
            ("epochs", 2),
            ("epochs", 5),
            ("patience", 0),
            ("patience", 1),
            ("target_accuracy", 0.6),
        ]
    ),
)
SCHEDULED = st.lists(st.tuples(st.integers(0, 20), CHANGES), max_size=2)
BATCHES = st.integers(1, 12)
APPS = st.integers(0, 1)
RUNS = st.integers(0, 3)


@lru_cache(maxsize=256)
def losses_of(data: str, plan: RunPlan, batches: int) -> bytes:
    """The first losses, float32, of a run that follows `plan` from its seed, never stopped."""
    (dataset,) = (each for each in DATA if each.data == data)
    events = train(
        plan.hyperparameters,
        dataset,
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
    for other in ("data", "device", "threads", "streams", "on-divergence"):
        flags.pop(other, None)
    given = {name.replace("-", "_"): value for name, (value,) in flags.items()}
    recipe = make_hyperparameters(given, presets()[preset].hyperparameters)
    return RunPlan(recipe, changes, int(until) or None)


@dataclass
class Known:
    """What the store must have of a run."""

    step: int = 0
    """Updates at least."""
    asked: dict[str, Value] = field(default_factory=dict)
    """What it was asked to change while it went, and has to do now or when it goes on."""
    suffered: bool = False
    """Whether the disk was full while it went: its last part may be missing."""
    deleted_by: LabApp | None = None
    gone: bool = False
    """Whether nobody can bring it back."""


class RunLife(RuleBasedStateMachine):
    """A few runs, two apps and the command line, and whatever may happen."""

    disk: FullDisk

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(prefix="mnist-tui-life-")
        self.home = Path(self.folder.name)
        self.reader = RunStore(self.home)
        self.apps: list[LabApp] = []
        self.runs: dict[str, Known] = {}
        self.disk.how = None

    def teardown(self) -> None:
        for app in self.apps:
            app.end()
            app.close()
        self.reader.close()
        self.folder.cleanup()

    # -- what happens ----------------------------------------------------------------------------

    @initialize(data=st.sampled_from(DATA), recipe=RECIPES, batches=BATCHES)
    def begin(self, data: Dataset, recipe: dict[str, object], batches: int) -> None:
        self.data = data
        self.apps = [self.new_app(), self.new_app()]
        self.train(0, recipe, batches)

    @rule(which=APPS, recipe=RECIPES, batches=BATCHES)
    def train(self, which: int, recipe: dict[str, object], batches: int) -> None:
        hyperparameters = make_hyperparameters(recipe)
        self.act(which, lambda session: session.train(hyperparameters, batches=batches))

    @rule(which=APPS, run=RUNS, batches=BATCHES)
    def fork(self, which: int, run: int, batches: int) -> None:
        record = self.record(run)
        if record is not None:
            hyperparameters = record.recipe.hyperparameters
            if hyperparameters.learning_rate < RUINOUS / 4:
                self.act(which, lambda session: session.train(hyperparameters, batches=batches))

    @rule(which=APPS, batches=BATCHES)
    def go_on(self, which: int, batches: int) -> None:
        self.act(which, lambda session: session.train_batches(batches))

    @rule(which=APPS)
    def one_more_epoch(self, which: int) -> None:
        self.act(which, Session.one_more_epoch)

    @rule(which=APPS)
    def to_its_end(self, which: int) -> None:
        run = self.apps[which].session.run
        if run is not None:
            self.act(which, lambda _session: run.resume())

    @rule(which=APPS, change=CHANGES, then=st.sampled_from(["stop", "go on", "wait"]))
    def change(self, which: int, change: tuple[str, float], then: str) -> None:
        session = self.apps[which].session
        if session.run is not None and session.run.paused:
            session.run.change(*change)
            known = self.known_of(session)
            if known is not None:
                known.asked |= dict([change])
            if then == "stop":
                self.stop(which)
            elif then == "go on":
                self.go_on(which, 3)

    @rule(which=APPS, decision=st.sampled_from(Decision))
    def decide(self, which: int, decision: Decision) -> None:
        session = self.apps[which].session
        if session.run is not None and session.divergence is not None:
            before, known = session.progress, self.known_of(session)
            session.run.decide(decision)
            if known is not None:
                known.step, known.asked = 0, {}  # It may go back.
            self.settle(which)
            assert session.progress is before

    @rule(which=APPS)
    def stop(self, which: int) -> None:
        session = self.apps[which].session
        known = self.known_of(session)
        if known is not None and session.divergence is not None:
            known.step, known.asked = 0, {}
        self.act(which, Session.stop)

    @rule(which=APPS, run=RUNS, batches=BATCHES)
    def resume(self, which: int, run: int, batches: int) -> None:
        run_id, session = self.run_id(run), self.apps[which].session
        try:
            session.resume_stored(run_id)
        except StoreError as error:
            note(str(error))
        else:
            session.train_batches(batches)
            self.settle(which)

    @rule(which=APPS)
    def vanish(self, which: int) -> None:
        app = self.apps[which]
        known = self.known_of(app.session) if app.session.run is not None else None
        if known is not None:
            known.asked = {}
        app.vanish()
        for each in self.runs.values():
            # Until somebody tidies up it is still there, but nobody restores it.
            each.gone |= each.deleted_by is app
        self.apps[which] = self.new_app()
        self.look()

    @rule(
        recipe=RECIPES,
        scheduled=SCHEDULED,
        policy=st.sampled_from(["halve", "continue", "stop"]),
        batches=BATCHES,
        killed=st.booleans(),
    )
    def train_by_command(
        self,
        recipe: dict[str, object],
        scheduled: list[tuple[int, tuple[str, float]]],
        policy: OnDivergence,
        batches: int,
        killed: bool,
    ) -> None:
        found = {(step, name): value for step, (name, value) in scheduled}
        changes = tuple(Change(*at, found[at]) for at in sorted(found))
        plan = RunPlan(make_hyperparameters(recipe), changes, None, policy)
        train_headless(self.reader, self.data, plan, batches=batches, killed=killed)
        self.look()

    @rule(run=RUNS, batches=BATCHES, killed=st.booleans())
    def resume_by_command(self, run: int, batches: int, killed: bool) -> None:
        run_id = self.run_id(run)
        try:
            point = self.reader.resume_point(run_id)
            plan = point.record.plan
            done = point.state.epoch if point.state is not None else 0
            if point.is_complete:
                plan = plan.until(done + 1)
                assert point.state is not None
                plan = plan.past_rules(point.state, point.record.train_examples)
            _, told, _ = train_headless(
                self.reader, self.data, plan, point, batches=batches, killed=killed
            )
        except StoreError as error:
            note(str(error))
            return
        if any(isinstance(event, RunRewound) for event in told):
            self.runs[run_id].step = 0
        self.look()

    @precondition(lambda self: self.disk.how is None)
    @rule(how=st.sampled_from(Full))
    def fill_disk(self, how: Full) -> None:
        self.disk.how = how

    @precondition(lambda self: self.disk.how)
    @rule()
    def make_room(self) -> None:
        self.disk.how = None
        # What waited is written now, and nothing of it is missing.
        for app in self.apps:
            app.settle()
        self.look()
        for app in self.apps:
            known = self.known_of(app.session) if app.session.run is not None else None
            if known is not None:
                known.suffered = False

    @rule(which=APPS, run=RUNS)
    def delete(self, which: int, run: int) -> None:
        run_id, app = self.run_id(run), self.apps[which]
        known = self.runs[run_id]
        if known.deleted_by is None:
            try:
                app.store.deleter.delete([run_id])
            except StoreError as error:
                note(str(error))
            else:
                known.deleted_by = app
                self.look()

    @rule(which=APPS)
    def undo(self, which: int) -> None:
        app = self.apps[which]
        for run_id, known in self.runs.items():
            if known.deleted_by is app:
                app.store.deleter.restore([run_id])
                known.deleted_by = None
        self.look()

    @rule(which=APPS)
    def purge(self, which: int) -> None:
        app = self.apps[which]
        final = [run_id for run_id, known in self.runs.items() if known.deleted_by is app]
        app.store.deleter.purge(final)
        for run_id in final:
            self.runs[run_id].gone = True
            assert not len(self.reader.batches(run_id))
            assert not (self.home / "checkpoints" / run_id).exists()
        self.look()

    # -- what must be so -------------------------------------------------------------------------

    def new_app(self) -> LabApp:
        return LabApp(self.home, self.data, self.disk)

    def act(self, which: int, action: Callable[[Session], object]) -> None:
        """Tell an app something, unless it waits for a decision."""
        session = self.apps[which].session
        if session.divergence is None or action is Session.stop:
            action(session)
            self.settle(which)

    def settle(self, which: int) -> None:
        self.apps[which].settle()
        self.look()

    def known_of(self, session: Session) -> Known | None:
        """What is known of the run that the session shows; None: it is not kept."""
        progress = session.progress
        return None if progress is None else self.runs.get(progress.run_id)

    def run_id(self, index: int) -> str:
        return list(self.runs)[index % len(self.runs)] if self.runs else "none"

    def record(self, index: int) -> RunRecord | None:
        try:
            return self.reader.run(self.run_id(index))
        except StoreError:
            return None

    def look(self) -> None:
        """Compare all that the store has with what it must have."""
        stored = {record.id: record for record in self.reader.runs()}
        assert not self.reader.unreadable
        for run_id in stored:
            self.runs.setdefault(run_id, Known(suffered=self.disk.how is not None))
        for run_id, known in self.runs.items():
            if known.gone or known.deleted_by is not None:
                assert run_id not in stored
                continue
            known.suffered |= self.disk.how is not None
            self.compare(stored[run_id], known)

    def compare(self, record: RunRecord, known: Known) -> None:
        batches = self.reader.batches(record.id)["loss"]
        note(f"{record.id} {record.state} at {record.step} of {record.plan}, {len(batches)} stored")
        assert record.state is not RunState.FAILED, record.failure
        assert record.step >= known.step, "updates were lost"
        if self.disk.how is None or not record.state.is_live:
            # Else it may have gone on from an earlier step, which cannot be written yet.
            known.step = record.step
        assert len(batches) == record.step
        epochs = [epoch.epoch for epoch in self.reader.epochs(record.id)]
        assert epochs == list(range(record.epoch + 1)) or (not record.step and not epochs)
        unbroken = np.frombuffer(losses_of(self.data.data, record.plan, record.step), np.float32)
        np.testing.assert_array_equal(batches, unbroken)
        command, kept = plan_of_command(record), record.hyperparameters
        assert set(differing_fields(command.hyperparameters, kept)) <= set(unused_fields(kept))
        assert command.changes == record.changes
        examples = record.train_examples
        assert command.last_epoch(examples) == record.plan.last_epoch(examples)
        if record.state.is_live:
            return
        point = self.reader.resume_point(record.id)
        step = point.state.step if point.state is not None else 0
        match record.state:
            case RunState.COMPLETED:
                assert step == record.step
                assert (record.epoch < record.plan.last_epoch(examples)) == bool(record.stopped_by)
                assert point.is_complete
            case RunState.STOPPED:
                assert step == record.step
            case RunState.INTERRUPTED if not known.suffered:
                ends = [epoch.step for epoch in self.reader.epochs(record.id)]
                assert step >= max(ends, default=0)
        known.step = step  # It will go on from there.
        if record.state is not RunState.INTERRUPTED:
            for name, value in known.asked.items():
                planned = [change.value for change in record.changes if change.field == name]
                assert value in [getattr(kept, name), *planned]
        known.asked = {}


class RunLifeWithProcesses(RunLife):
    """One more app, which is a process of its own and is killed by the operating system."""

    def __init__(self) -> None:
        super().__init__()
        self.process: AppProcess | None = None

    def teardown(self) -> None:
        if self.process is not None:
            self.process.kill()
        super().teardown()

    @rule(run=RUNS, batches=BATCHES)
    def resume_in_process(self, run: int, batches: int) -> None:
        if self.process is None:
            self.process = AppProcess(self.home, self.data, RUINOUS / 4)
        note(self.process.resume(self.run_id(run), batches))
        self.look()

    @precondition(lambda self: self.process)
    @rule()
    def kill_process(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process = None
        self.look()

    @precondition(lambda self: self.process)
    @rule()
    def stop_in_process(self) -> None:
        assert self.process is not None
        self.process.stop()
        self.look()


@pytest.mark.parametrize(
    ("machine", "short", "full"), [(RunLife, 60, 4900), (RunLifeWithProcesses, 8, 100)]
)
def test_a_run_may_live_through_anything(
    machine: type[RunLife],
    short: int,
    full: int,
    repeats: Callable[[int, int], int],
    monkeypatch: pytest.MonkeyPatch,
    uncompiled: None,
    unmeasured: None,
    varied: None,
) -> None:
    spoil_rates(monkeypatch, RUINOUS / 4)
    write_at_once(monkeypatch)
    monkeypatch.setattr(machine, "disk", FullDisk(monkeypatch), raising=False)
    chosen = settings(
        max_examples=repeats(short, full),
        stateful_step_count=14,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=chosen)
    finally:
        LabApp.close_threads()
