"""A study of Optuna's: its trials are claimed, reported and told here, and nowhere else.

Any number of processes may work on one study. A trial's number comes from the storage, under its
lock: that decides who may do the last one.
"""

import math
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from json import JSONDecodeError
from pathlib import Path
from statistics import fmean
from typing import Any, Self
from uuid import uuid4

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import (
    DuplicatedStudyError,
    StorageInternalError,
    UpdateFinishedTrialError,
)
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages import JournalStorage, fail_stale_trials
from optuna.storages._heartbeat import BaseHeartbeat, is_heartbeat_enabled
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from mnist_core.recipe.hyperparameters import Hyperparameters, to_json
from mnist_core.store.ownership import Ownership, is_owned, lock_path
from mnist_core.store.run_store import new_run_id
from mnist_core.sweep.facts import AGAIN, CLAIM, DEATHS, RUN, VALUES, WHY
from mnist_core.sweep.plan import SweepPlan, plan_from_json
from mnist_core.sweep.ranges import Chosen, Interval, Range, combinations, recipe_of
from mnist_core.sweep.samplers import make_pruner, make_sampler
from mnist_core.sweep.storage import HEARTBEAT, SweepError, open_storage, quiet

_PLAN, _TRIALS = "mnist_tui_plan", "mnist_tui_trials"
"""What a study knows of itself."""
_MOST_DEATHS = 1
"""A trial that has killed more processes will kill the next one too."""
_OWNER = "sweep-"
_UNCLAIMED_PATIENCE = 60.0
"""Seconds after which nobody will say any more whose a running trial is."""
_LEAST_FOR_IMPORTANCE = 4
"""Completed trials: fewer say nothing."""
_UNDER_WAY = (TrialState.RUNNING, TrialState.WAITING)
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
"""The states that count."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A trial that is ours to do."""

    trial: optuna.Trial
    runs: tuple[str, ...]
    """The ids that its runs are to have."""
    recipes: tuple[Hyperparameters, ...]

    @property
    def number(self) -> int:
        return self.trial.number


class SweepStudy:
    """One study, as one process works on it; `close` it.

    Every method may raise `SweepError`, whose message is a sentence for the user.
    """

    def __init__(self, study: optuna.Study, name: str, plan: SweepPlan, home: Path) -> None:
        """Made by `create` and `resume`."""
        self.name, self.plan, self.home = name, plan, home
        self._study = study
        study.sampler = make_sampler(plan)
        study.pruner = make_pruner(plan)
        self._host = socket.gethostname()
        self._owner = f"{_OWNER}{uuid4().hex[:8]}"
        self._ownership = Ownership(lock_path(home, self._owner))
        self._ownership.claim(name)
        self._distributions = {each.field.name: _distribution(each) for each in plan.ranges}
        self._beaten = 0.0

    @classmethod
    def create(cls, home: Path, url: str | None, name: str, plan: SweepPlan, trials: int) -> Self:
        """A new study.

        Raises:
            SweepError: there is one of this name, or it cannot be kept.
        """
        storage = open_storage(home, url, name, new=True, on_stale=_repeat)
        direction = StudyDirection.MAXIMIZE if plan.maximizes else StudyDirection.MINIMIZE
        with _told(name):
            try:
                study = optuna.create_study(
                    storage=storage, study_name=name, direction=direction, sampler=_none()
                )
            except DuplicatedStudyError as error:
                raise SweepError(
                    f"There is a study {name} already. --resume {name} goes on with it."
                ) from error
            if plan.sampler == "grid":
                for row in combinations(plan.ranges):
                    study.enqueue_trial(row)
            study.set_user_attr(_TRIALS, trials)
            # Last: a study without it is not whole.
            study.set_user_attr(_PLAN, plan.to_json())
        return cls(study, name, plan, home)

    @classmethod
    def resume(cls, home: Path, url: str | None, name: str) -> Self:
        """A study that is there.

        Raises:
            SweepError: it is not, or another program made it.
        """
        storage = open_storage(home, url, name, new=False, on_stale=_repeat)
        with _told(name):
            try:
                study = optuna.load_study(study_name=name, storage=storage, sampler=_none())
            except KeyError as error:
                raise SweepError(f"There is no study {name!r} there.") from error
            found = study.user_attrs.get(_PLAN)
        if found is None:
            raise SweepError(
                f"The study {name} was not made by mnist-tui, or not to its end. Begin another."
            )
        try:
            plan = plan_from_json(found)
        except (ValueError, TypeError, KeyError) as error:
            raise SweepError(f"The study {name} is of another version of mnist-tui.") from error
        return cls(study, name, plan, home)

    def close(self) -> None:
        """Give up what this process holds; trials that still run are free for others to repeat."""
        self._ownership.discard()

    # -- how many --------------------------------------------------------------------------------

    @property
    def trials_wanted(self) -> int:
        """How many were to be finished when that was last said."""
        return int(self._study.user_attrs[_TRIALS])

    def want_trials(self, trials: int) -> None:
        with _told(self.name):
            self._study.set_user_attr(_TRIALS, trials)

    def all_trials(self) -> list[FrozenTrial]:
        """Every trial of the study as it is now, by number; not to be changed."""
        with _told(self.name):
            return self._study.get_trials(deepcopy=False)

    @property
    def finished(self) -> int:
        """How many trials are."""
        return sum(trial.state in FINISHED for trial in self.all_trials())

    def open_trials(self, wanted: int) -> int:
        """How many are still to be claimed, where `wanted` are to be finished."""
        states = [trial.state for trial in self.all_trials()]
        if self.plan.sampler == "grid":
            wanted = min(wanted, sum(states.count(state) for state in (*FINISHED, *_UNDER_WAY)))
        return wanted - sum(states.count(state) for state in (*FINISHED, TrialState.RUNNING))

    def is_finished(self, wanted: int) -> bool:
        """Whether `wanted` are finished, or all that the grid has."""
        states = [trial.state for trial in self.all_trials()]
        if sum(states.count(state) for state in FINISHED) >= wanted:
            return True
        return TrialState.RUNNING not in states and self.open_trials(wanted) <= 0

    # -- our own trials --------------------------------------------------------------------------

    def claim(self, wanted: int) -> Claimed | None:
        """A trial to do, where fewer than `wanted` are finished or under way; else None.

        Of several processes that claim the last one, the one with the lowest number has it.
        """
        if self.open_trials(wanted) <= 0:
            return None
        with _told(self.name):
            trial = self._study.ask(self._distributions)
        ahead = sum(
            each.state in (*FINISHED, *_UNDER_WAY)
            for each in self.all_trials()
            if each.number < trial.number
        )
        if ahead >= wanted:
            self._withdraw(trial)
            return None
        runs = tuple(new_run_id() for _ in range(self.plan.seeds))
        claim = {"host": self._host, "home": str(self.home), "owner": self._owner, "runs": runs}
        if not (self._set(trial, CLAIM, claim) and self._set(trial, RUN, runs[0])):
            return None
        first = self.plan.base.seed
        recipes = [
            recipe_of(self.plan.base, trial.params, first + k) for k in range(self.plan.seeds)
        ]
        return Claimed(trial, runs, tuple(recipes))

    def report(self, claimed: Claimed, run: int, epoch: int, value: float) -> bool:
        """Keep the value after an epoch of its run of this index; whether to prune it.

        The first run alone is judged: what came through it is worth the others. Whoever has been
        given up meanwhile is pruned too, since nothing can come of it any more.
        """
        epochs = self.plan.base.epochs
        with _told(self.name):
            try:
                claimed.trial.report(value, run * epochs + epoch)
                judged = run == 0 and (epoch < epochs or self.plan.seeds > 1)
                return judged and claimed.trial.should_prune()
            except UpdateFinishedTrialError:
                return True

    def complete(self, claimed: Claimed, values: Sequence[float]) -> None:
        """It is done: its value is the mean of `values`, one a run."""
        self._set(claimed.trial, VALUES, list(values))
        self._tell(claimed.number, TrialState.COMPLETE, fmean(values))

    def prune(self, claimed: Claimed) -> None:
        self._tell(claimed.number, TrialState.PRUNED)

    def fail(self, claimed: Claimed, why: str) -> None:
        """It failed by itself, and would do so again."""
        self._set(claimed.trial, WHY, why)
        self._tell(claimed.number, TrialState.FAIL)

    def lose(self, claimed: Claimed, why: str, *, killed: bool) -> None:
        """It ended early: it is told failed, and is to be done again.

        Where its process was `killed`, that is so the first time only.
        """
        self._lose(self._frozen(claimed.number), why, killed=killed)

    def beat(self, own: Iterable[Claimed]) -> None:
        """Give a sign of life of our trials now and then, where the storage takes them."""
        storage = self._study._storage
        if not isinstance(storage, BaseHeartbeat) or not is_heartbeat_enabled(storage):
            return
        if time.monotonic() < self._beaten:
            return
        self._beaten = time.monotonic() + HEARTBEAT / 2
        with _told(self.name):
            for claimed in own:
                storage.record_heartbeat(claimed.trial._trial_id)

    # -- the trials of those who are gone --------------------------------------------------------

    def recover(self) -> None:
        """Tell running trials failed whose processes are gone, and have each done once more.

        Whose sweep and whose run hold no lock on this machine is gone. Of other machines' trials
        only the storage's heartbeat can tell, where it has one.
        """
        for trial in self.all_trials():
            if trial.state is TrialState.RUNNING and self._is_orphan(trial):
                self._lose(trial, "Its process was killed.", killed=True)
        with _told(self.name):
            # It has `_repeat` called for each.
            fail_stale_trials(self._study)

    def _is_orphan(self, trial: FrozenTrial) -> bool:
        claim = trial.user_attrs.get(CLAIM)
        if claim is None:
            started = trial.datetime_start
            age = (datetime.now() - started).total_seconds() if started is not None else 0.0
            return age > _UNCLAIMED_PATIENCE or self._is_alone()
        if claim["host"] != self._host:
            return False
        home = Path(claim["home"])
        try:
            return not any(
                is_owned(lock_path(home, owner)) for owner in (claim["owner"], *claim["runs"])
            )
        except OSError:
            return False

    def _is_alone(self) -> bool:
        """Whether nobody else can be about to claim a trial: all others would hold a lock here."""
        if not isinstance(self._study._storage, JournalStorage):
            return False
        ours = lock_path(self.home, self._owner)
        others = [path for path in ours.parent.glob(f"{_OWNER}*") if path.name != ours.name]
        try:
            return not any(map(is_owned, others))
        except OSError:
            return False

    def _lose(self, trial: FrozenTrial, why: str, *, killed: bool) -> None:
        storage = self._study._storage
        with _told(self.name):
            try:
                storage.set_trial_user_attr(trial._trial_id, WHY, why)
            except UpdateFinishedTrialError:
                return
            # Whoever tells it is alone in that, and so the only one to have it repeated.
            if self._tell(trial.number, TrialState.FAIL):
                _repeat(self._study, trial, killed=killed)

    def _withdraw(self, trial: optuna.Trial) -> None:
        """Give back a trial that is one too many."""
        self._set(trial, WHY, "Enough others were done.")
        frozen = self._frozen(trial.number)
        if self._tell(trial.number, TrialState.FAIL):
            with _told(self.name):
                _repeat(self._study, frozen, killed=False)

    def _frozen(self, number: int) -> FrozenTrial:
        return self.all_trials()[number]

    def _set(self, trial: optuna.Trial, name: str, value: Any) -> bool:
        """Whether it was kept: somebody else may have ended the trial."""
        with _told(self.name):
            try:
                trial.set_user_attr(name, value)
            except UpdateFinishedTrialError:
                return False
        return True

    def _tell(self, number: int, state: TrialState, value: float | None = None) -> bool:
        """Whether the trial ended so: somebody else may have ended it before."""
        with _told(self.name):
            try:
                self._study.tell(number, value, state=state)
            except (ValueError, UpdateFinishedTrialError):
                return False
        return True

    # -- what came of it -------------------------------------------------------------------------

    def importance(self) -> tuple[dict[str, float], int]:
        """How much each parameter decides, as shares of 1, and on how many trials that rests.

        It is empty where too few have completed.
        """
        completed = [
            trial
            for trial in self.all_trials()
            if trial.state is TrialState.COMPLETE and math.isfinite(trial.values[0])
        ]
        if len(completed) < _LEAST_FOR_IMPORTANCE:
            return {}, len(completed)
        with _told(self.name):
            found = get_param_importances(self._study, evaluator=PedAnovaImportanceEvaluator())
        finite = {name: share for name, share in found.items() if math.isfinite(share)}
        return finite, len(completed)

    def best(self) -> FrozenTrial | None:
        """The completed trial with the best value, the first of equals; None: there is none."""
        completed = [t for t in self.all_trials() if t.state is TrialState.COMPLETE]
        sign = -1 if self.plan.maximizes else 1
        return min(completed, key=lambda t: (sign * t.values[0], t.number), default=None)

    def recipe(self, trial: FrozenTrial) -> Hyperparameters:
        """That of its first run."""
        return recipe_of(self.plan.base, trial.params)

    def parameters(self, trial: FrozenTrial) -> dict[str, Any]:
        """What was chosen, as JSON values by the field's name, in the order of the ranges."""
        values = to_json(self.recipe(trial))
        return {name: values[name] for name in self._distributions if name in trial.params}


def _repeat(study: optuna.Study, trial: FrozenTrial, *, killed: bool = True) -> None:
    """Have a trial done once more, unless it has killed too many. What had not begun is asked for
    again only where its values were: others are as good as those that were drawn for it.
    """
    begun = CLAIM in trial.user_attrs
    deaths = trial.user_attrs.get(DEATHS, 0) + (killed and begun)
    again = {k: v for k, v in trial.user_attrs.items() if k in (AGAIN, DEATHS)}
    if begun:
        again = {AGAIN: trial.number, DEATHS: deaths}
    if deaths <= _MOST_DEATHS and (begun or "fixed_params" in trial.system_attrs):
        study.enqueue_trial(trial.params, user_attrs=again)


def _distribution(each: Range) -> BaseDistribution:
    if isinstance(each, Interval):
        if each.field.kind is int:
            return IntDistribution(int(each.low), int(each.high), log=each.log)
        return FloatDistribution(each.low, each.high, log=each.log)
    choices: tuple[Chosen, ...] = each.values
    return CategoricalDistribution(choices)


def _none() -> optuna.samplers.BaseSampler:
    """Any sampler: the study gets its own when its plan is known."""
    return optuna.samplers.RandomSampler()


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Keep Optuna quiet, and make sentences of what its storage says.

    Raises:
        SweepError: the storage of the study `name` failed.
    """
    from sqlalchemy.exc import SQLAlchemyError

    with quiet():
        try:
            yield
        except (OSError, SQLAlchemyError, StorageInternalError, JSONDecodeError) as error:
            why = " ".join(str(getattr(error, "orig", None) or error).split())
            raise SweepError(f"The study {name} cannot be used: {why.rstrip('.')}.") from error
