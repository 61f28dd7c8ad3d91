"""Who may do which trial, and what becomes of the trials of those who are gone."""

import socket
from pathlib import Path

import pytest
from optuna.trial import TrialState

from core.sweep.conftest import OpenStudy
from helpers.scripted_sweeps import plan
from mnist_core.store.ownership import Ownership, lock_path
from mnist_core.sweep.facts import failure_of, repeats, runs_of
from mnist_core.sweep.storage import SweepError, new_name, storage_text
from mnist_core.sweep.study import Claimed, SweepStudy


def claimed(study: SweepStudy, wanted: int = 5) -> Claimed:
    found = study.claim(wanted)
    assert found is not None
    return found


def states(study: SweepStudy) -> list[str]:
    return [trial.state.name for trial in study.all_trials()]


def test_a_trial_names_its_runs_before_it_trains(opened: OpenStudy) -> None:
    study = opened(plan(seeds=2))
    mine = claimed(study)
    (trial,) = study.all_trials()
    assert trial.user_attrs["run"] == mine.runs[0]
    assert runs_of(trial) == mine.runs
    assert len(set(mine.runs)) == 2
    assert [recipe.seed for recipe in mine.recipes] == [0, 1]
    assert mine.recipes[0].learning_rate == trial.params["learning_rate"]


def test_no_more_are_claimed_than_are_wanted(opened: OpenStudy) -> None:
    study = opened()
    first = claimed(study, 2)
    claimed(study, 2)
    assert study.claim(2) is None
    study.fail(first, "It did not work.")
    claimed(study, 2)
    assert study.claim(2) is None


def test_of_two_who_claim_the_last_trial_at_once_one_gives_it_back(
    opened: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = opened(), opened()
    claimed(one, 2)
    # Both have looked before either claimed.
    monkeypatch.setattr(SweepStudy, "open_trials", lambda _study, _wanted: 1)
    assert one.claim(2) is not None
    assert other.claim(2) is None
    assert states(one) == ["RUNNING", "RUNNING", "FAIL"]
    assert not runs_of(one.all_trials()[2])


def test_a_grid_loses_nothing_where_one_gives_a_trial_back(
    opened: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened(plan("learning_rate=0.1|0.2|0.3", sampler="grid"))
    claimed(one, 1)
    monkeypatch.setattr(SweepStudy, "open_trials", lambda _study, _wanted: 1)
    assert opened().claim(1) is None
    monkeypatch.undo()
    rates = {claimed(one, 9).recipes[0].learning_rate for _ in range(2)}
    assert rates == {0.2, 0.3}
    assert one.claim(9) is None


def test_draws_follow_the_number_of_the_trial(opened: OpenStudy) -> None:
    one, other = opened(), opened()
    rates = [claimed(study).recipes[0].learning_rate for study in (one, other, one)]
    assert len(set(rates)) == 3


def test_a_trial_of_the_living_is_left_alone(opened: OpenStudy) -> None:
    one, other = opened(), opened()
    claimed(one)
    other.recover()
    assert states(other) == ["RUNNING"]


def test_a_trial_of_the_dead_is_done_once_more(opened: OpenStudy, tmp_path: Path) -> None:
    one, other, third = opened(), opened(), opened()
    mine = claimed(one)
    one.close()
    # Its worker may outlive whoever started it: it is the lock of its run that tells.
    run = Ownership(lock_path(tmp_path / "home", mine.runs[0]))
    run.claim("its run")
    other.recover()
    assert states(other) == ["RUNNING"]
    run.discard()
    other.recover()
    third.recover()
    assert states(other) == ["FAIL", "WAITING"]
    assert failure_of(other.all_trials()[0]) == "Its process was killed."
    again = claimed(other)
    assert repeats(again.trial._cached_frozen_trial) == 0
    assert again.recipes == mine.recipes
    assert again.runs != mine.runs
    # A trial that ends whoever does it is not done for ever.
    other.close()
    third.recover()
    assert states(third) == ["FAIL", "FAIL"]


def test_a_trial_that_was_stopped_is_done_again_however_often(opened: OpenStudy) -> None:
    study = opened(plan("learning_rate=0.1|0.2", sampler="grid"))
    for _ in range(3):
        mine = claimed(study, 1)
        study.lose(mine, "It was stopped.", killed=False)
    rates = {claimed(study, 9).recipes[0].learning_rate for _ in range(2)}
    assert rates == {0.1, 0.2}


def test_a_trial_of_another_machine_is_left_alone(
    opened: OpenStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    gone = opened()
    claimed(gone)
    gone.close()
    monkeypatch.undo()
    here = opened()
    here.recover()
    assert states(here) == ["RUNNING"]


def test_a_trial_of_another_machine_without_a_heartbeat_is_done_once_more(
    opened: OpenStudy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    gone = opened(plan(), url=url)
    mine = claimed(gone)
    gone.beat([mine])
    gone.close()
    monkeypatch.undo()
    here = opened(url=url)
    here.recover()
    assert states(here) == ["RUNNING"]
    storage = here._study._storage
    monkeypatch.setattr(
        type(storage), "_get_stale_trial_ids", lambda _storage, _study: [mine.trial._trial_id]
    )
    here.recover()
    assert states(here) == ["FAIL", "WAITING"]


def test_what_another_process_has_ended_stays_so(opened: OpenStudy) -> None:
    one, other = opened(), opened()
    mine = claimed(one)
    one.close()
    other.recover()
    assert one.report(mine, 0, 1, 0.5), "nothing can come of it"
    one.complete(mine, [0.5])
    assert states(one)[0] == "FAIL"


def test_the_value_is_the_mean_of_the_runs(opened: OpenStudy) -> None:
    study = opened(plan(seeds=2))
    study.complete(claimed(study), [0.5, 0.75])
    best = study.best()
    assert best is not None
    assert best.values == [0.625]
    assert best.state is TrialState.COMPLETE


def test_the_best_is_by_the_metric(opened: OpenStudy) -> None:
    study = opened(plan(metric="loss"))
    for value in (0.5, float("inf"), 0.25, 0.25):
        study.complete(claimed(study), [value])
    best = study.best()
    assert best is not None
    assert best.number == 2


def test_importance_takes_a_few_trials_that_have_not_diverged(opened: OpenStudy) -> None:
    study = opened(plan(metric="loss"))
    for k in range(8):
        assert bool(study.importance()[0]) is (k > 4)
        mine = claimed(study, 9)
        study.complete(mine, [float("inf") if k == 0 else mine.recipes[0].learning_rate])
    found, trials = study.importance()
    assert trials == 7
    assert list(found) == ["learning_rate", "hidden_sizes"]
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "random"])
@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_each_sampler_goes_with_each_pruner(opened: OpenStudy, sampler: str, pruner: str) -> None:
    ranges = ("learning_rate=0.01:1:log", "dropout=0:0.5", "batch_size=8:64:log")
    study = opened(plan(*ranges, sampler=sampler, pruner=pruner, metric="loss"))
    for k in range(12):
        mine = claimed(study, 12)
        value = float("inf") if k == 3 else mine.recipes[0].learning_rate
        if study.report(mine, 0, 1, value):
            study.prune(mine)
        else:
            study.complete(mine, [value])
    assert study.is_finished(12)


def test_a_study_is_told_from_what_is_none(opened: OpenStudy, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(SweepError, match="There is no study 'one'"):
        SweepStudy.resume(home, None, "one")
    opened()
    with pytest.raises(SweepError, match="There is a study one already"):
        SweepStudy.create(home, None, "one", plan(), 5)
    (home / "sweeps" / "two.journal").write_text("no\njournal\n")
    with pytest.raises(SweepError, match="is damaged"):
        SweepStudy.resume(home, None, "two")
    (home / "sweeps" / "sweep-7.journal").touch()
    assert new_name(home, None) == "sweep-8"
    with pytest.raises(SweepError, match="no address of a database"):
        SweepStudy.resume(home, "nonsense", "one")


def test_a_line_that_was_not_written_to_its_end_costs_no_study(
    opened: OpenStudy, tmp_path: Path
) -> None:
    claimed(opened())
    journal = tmp_path / "home" / "sweeps" / "one.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole.splitlines()[-1][:-3])
    claimed(opened())
    assert journal.read_bytes().startswith(whole)
    assert states(opened()) == ["RUNNING", "RUNNING"]


def test_a_line_that_is_cut_short_while_a_study_is_open_costs_no_study(
    opened: OpenStudy, tmp_path: Path
) -> None:
    study = opened()
    journal = tmp_path / "home" / "sweeps" / "one.journal"
    with journal.open("ab") as file:
        file.write(b'{"op_code": 6, "worker_id": "zzz", "tr')
    mine = claimed(study)
    study.complete(mine, [0.5])
    assert states(opened()) == ["COMPLETE"]


def test_a_line_of_another_kind_is_damage(opened: OpenStudy, tmp_path: Path) -> None:
    opened()
    journal = tmp_path / "home" / "sweeps" / "one.journal"
    for line in (b"[1, 2]\n", b"7\n", b"{}\n"):
        whole = journal.read_bytes()
        journal.write_bytes(whole + line)
        with pytest.raises(SweepError, match="is damaged"):
            SweepStudy.resume(tmp_path / "home", None, "one")
        journal.write_bytes(whole)


@pytest.mark.parametrize(("sampler", "expected"), [("grid", "WAITING"), ("random", None)])
def test_a_trial_that_died_unclaimed_is_given_up_at_once_where_nobody_else_works(
    opened: OpenStudy, sampler: str, expected: str | None
) -> None:
    ranges = ("learning_rate=0.1|0.2",) if sampler == "grid" else ("learning_rate=0.1:0.2",)
    killed, other = opened(plan(*ranges, sampler=sampler)), opened()
    killed._study.ask(killed._distributions)
    other.recover()
    assert states(other)[0] == "RUNNING", "it may be about to be claimed"
    killed.close()
    other.recover()
    assert states(other)[0] == "FAIL"
    assert states(other)[1:] == ([expected] * 2 if expected else []), "what was asked for"


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    shown = storage_text(tmp_path, "postgresql://me:secret@host/db", "one")
    assert shown == "postgresql://me:***@host/db"
    with pytest.raises(SweepError, match=r"driver psycopg for postgresql://me:\*\*\*@host/db"):
        SweepStudy.resume(tmp_path, "postgresql://me:secret@host/db", "one")
