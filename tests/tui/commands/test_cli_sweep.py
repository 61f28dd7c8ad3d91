"""`mnist-tui sweep`: its refusals, what it prints, and how it ends."""

import contextlib
import io
import json
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from helpers.idx_folder import write_idx_folder
from helpers.processes import children_of, still_there
from helpers.scripted_sweeps import Script
from mnist_core.store import RunState, RunStore
from mnist_core.sweep import storage, sweep
from mnist_core.sweep.events import (
    SweepCompleted,
    SweepStarted,
    TrialCompleted,
    TrialReported,
    TrialStarted,
)
from mnist_core.sweep.study import SweepStudy
from mnist_core.sweep.trial import TrialEnded
from mnist_tui.cli import run
from mnist_tui.commands.sweep.table import SweepTable
from mnist_tui.lab.sweep_progress import SweepProgress
from mnist_tui.runtime.program import program_command

Sweep = Callable[..., tuple[int, str, str]]
RATES = ("--sample", "learning_rate=0.01:1:log")
FEW = ("--trials", "3", "--jobs", "1", "--epochs", "2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_idx_folder(tmp_path_factory.mktemp("sweep") / "data")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    script = Script()
    monkeypatch.setattr(sweep, "Worker", script.worker)
    monkeypatch.setattr(sweep, "_TICK", 0.0)
    return script


@pytest.fixture
def swept(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Sweep:
    """Runs `mnist-tui sweep` on small data: exit code, standard output and standard error."""

    def sweep(*arguments: str) -> tuple[int, str, str]:
        code = run(["sweep", "--home", str(tmp_path / "home"), "--data", str(data), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return sweep


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--sample: A sweep needs something to choose"),
        (("--sample", "seed=1:3"), "--sample: seed cannot be swept."),
        ((*RATES, "--learning-rate", "1"), "is sampled and has a value of its own"),
        ((*RATES, "--momentum", "0,0.9"), "A sweep starts from one recipe"),
        ((*RATES, "--sampler", "grid"), "A grid needs values to combine"),
        ((*RATES, "--sampler", "cmaes"), "cmaes needs two ranges of numbers"),
        ((*RATES, "--seed", "4294967295", "--seeds", "2"), "counts the seed up too far"),
        ((*RATES, "--validation", "400"), "Choose a smaller number"),
        (("--resume", "one", *RATES, "--epochs", "3"), "cannot be given with --epochs, --sample"),
        (("--resume", "one", "--metric", "loss"), "cannot be given with --metric"),
        ((*RATES, "--study", "../one"), "A study cannot be called '../one'"),
        ((*RATES, "--jobs", "1.5"), "it takes a whole number, not '1.5'"),
    ],
)
def test_a_wrong_sweep_is_refused_before_anything_starts(
    swept: Sweep, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    code, out, err = swept(*arguments)
    assert (code, out) == (2, "")
    assert reason in err
    assert not (tmp_path / "home" / "sweeps").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--resume", "one"), "There is no study 'one' in"),
        ((*RATES, "--storage", "nonsense"), "nonsense is no address of a database"),
    ],
)
def test_a_study_that_cannot_be_opened_is_said(
    swept: Sweep, arguments: tuple[str, ...], reason: str
) -> None:
    code, _out, err = swept(*arguments)
    assert code == 1
    assert reason in err


def test_without_the_extra_it_says_how_to_install_it(
    swept: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "find_spec", lambda _name: None)
    code, _out, err = swept(*RATES)
    assert code == 1
    assert "needs the extra sweep, which is not installed. To install it: " in err
    assert "sweep" in err.rpartition("install it: ")[2]


def test_json_is_enough_to_draw_a_sweep(swept: Sweep, script: Script) -> None:
    code, out, err = swept(*RATES, "--sample", "hidden_sizes=8|16,16", *FEW, "--json")
    assert code == 0, err
    told = events(out)
    assert [told[0]["event"], told[-1]["event"]] == ["sweep_started", "sweep_completed"]
    started = told[0]
    assert (started["trials"], started["epochs"], started["held_out"]) == (3, 2, True)
    assert started["validation_examples"] == 400 // 6
    assert started["plan"]["ranges"] == ["learning_rate=0.01:1:log", "hidden_sizes=8|16,16"]
    begun = [each for each in told if each["event"] == "trial_started"]
    assert [each["number"] for each in begun] == [0, 1, 2]
    for job, each in zip(script.begun, begun, strict=True):
        assert each["parameters"]["hidden_sizes"] == list(job.recipes[0].hidden_sizes)
        assert each["runs"] == list(job.runs)
        assert each["host"] == started["host"]
    assert sum(each["event"] == "trial_reported" for each in told) == 6
    best = told[-1]["best"]
    assert best["value"] == max(e["value"] for e in told if e["event"] == "trial_completed")
    # The run is not there, since nothing was trained.
    assert told[-1]["command"].endswith(f"--validation {400 // 6}")
    assert f"--learning-rate {best['parameters']['learning_rate']!r}" in told[-1]["command"]


def test_lines_tell_of_each_trial_and_rank_them(swept: Sweep, script: Script) -> None:
    script.ends = {1: TrialEnded("failed", message="Too large.", traceback="Traceback of it")}
    script.value = lambda job, run, _epoch: (job.place.number + run) / 10
    code, out, err = swept(*RATES, *FEW, "--seeds", "2", "--study", "mine")
    assert code == 0, err
    assert out.startswith("mine: 3 trials of 2 runs of 2 epochs, 1 worker; sampler tpe")
    assert "the last 66 training samples are held out for that, as the recipe holds" in out
    assert "failed: Too large." in out
    assert "completed 0.3500 ± 0.0707" in out
    assert "best 0.3500 ± 0.0707 (trial 3)" in out
    table = [line.split() for line in out.splitlines() if re.match("(rank|[0-9])", line)]
    assert [row[:2] for row in table] == [["rank", "trial"], ["1", "3"], ["2", "2"], ["3", "0"]]
    assert "mine completed: 3 trials finished, 0 of them pruned; 1 failed" in out
    assert "This trains the best run again:" in out


def test_a_stopped_sweep_lets_trials_end_and_is_resumed(swept: Sweep, script: Script) -> None:
    script.at_begin = lambda _job: os.kill(os.getpid(), signal.SIGINT)
    code, out, err = swept(*RATES, *FEW)
    assert code == 130
    assert "stopping: 1 trial under way ends first; Ctrl-C again stops and keeps it" in out
    assert "sweep-1 stopped: 1 trial finished" in out
    command = re.search("To go on with it: .*mnist-tui (sweep --resume sweep-1 --home .*)", err)
    assert command is not None
    script.at_begin = lambda _job: None
    code, out, err = swept("--resume", "sweep-1", "--json")
    assert code == 0, err
    assert events(out)[-1]["completed"] == len(script.begun) == 3


def test_a_storage_that_fails_on_the_way_is_said(
    swept: Sweep, script: Script, tmp_path: Path
) -> None:
    journal = tmp_path / "home" / "sweeps" / "sweep-1.journal"
    script.at_begin = lambda _job: journal.unlink()
    code, out, err = swept(*RATES, *FEW, "--json")
    assert code == 1
    last = events(out)[-1]
    assert last["event"] == "sweep_failed"
    assert last["message"].startswith("The study sweep-1 cannot be used: ")
    assert last["message"] in err


def test_a_second_stop_ends_at_once(swept: Sweep, script: Script) -> None:
    def stop_twice(_job: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    script.at_begin = stop_twice
    code, out, _err = swept(*RATES, *FEW, "--json")
    assert code == 130
    last = events(out)[-1]
    assert (last["event"], last["completed"], last["failed"]) == ("sweep_stopped", 0, 1)


def test_a_storm_of_stops_tears_nothing_apart(swept: Sweep, script: Script, tmp_path: Path) -> None:
    def stop_often(times: int) -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)

    script.at_begin = lambda _job: stop_often(2)
    script.at_close = lambda: stop_often(5)
    code, out, err = swept(*RATES, *FEW, "--study", "one", "--json")
    assert code == 130, err
    assert events(out)[-1]["event"] == "sweep_stopped"
    assert states(tmp_path / "home") == {"FAIL": 1, "WAITING": 1}, "told failed, and done again"
    script.at_begin, script.at_close = lambda _job: None, lambda: None
    code, out, err = swept("--resume", "one", "--json")
    assert code == 0, err
    assert events(out)[-1]["completed"] == 3


def test_a_resumed_study_takes_its_own_data(
    swept: Sweep, script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert swept(*RATES, *FEW)[0] == 0
    home = str(tmp_path / "home")
    assert run(["sweep", "--home", home, "--resume", "sweep-1", "--trials", "4"]) == 0
    assert len(script.begun) == 4
    other = write_idx_folder(tmp_path / "other", train=20, test=10)
    assert run(["sweep", "--home", home, "--resume", "sweep-1", "--data", str(other)]) == 1
    assert "sweep-1 was made with other data than other" in capsys.readouterr().err


def started(home: Path, data: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [*program_command(), "sweep", "--home", str(home), "--data", str(data), "--json"]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)


def wait_for_end(workers: Collection[int]) -> None:
    deadline = time.monotonic() + 30
    while still_there(workers):
        assert time.monotonic() < deadline, "a worker outlives its sweep"
        time.sleep(0.01)


def states(home: Path) -> Counter[str]:
    """How many trials of the study `one` are in each state."""
    with closing(SweepStudy.resume(home, None, "one")) as study:
        return Counter(trial.state.name for trial in study.all_trials())


LONG = (*RATES, "--trials", "3", "--jobs", "1", "--epochs", "30", "--study", "one")


def test_a_killed_sweep_is_resumed_to_exactly_so_many(
    swept: Sweep, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    with started(home, data, *LONG) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "trial_reported":
                break
        workers = children_of(process.pid)
        process.kill()
    assert len(workers) == 1
    wait_for_end(workers)
    left = states(home)["RUNNING"]
    assert left == 1
    code, out, err = swept("--resume", "one", "--json")
    assert code == 0, err
    end = events(out)[-1]
    assert (end["completed"] + end["pruned"], end["failed"]) == (3, left)
    (again,) = [e for e in events(out) if e.get("again") is not None]
    (first,) = [
        e for e in events(out) if e["event"] == "trial_started" and e["number"] == again["again"]
    ]
    assert again["parameters"] == first["parameters"]
    runs = {record.id: record for record in RunStore(home).runs()}
    assert not any(record.state.is_live for record in runs.values())
    best = runs[end["best"]["runs"][0]]
    assert (best.study, best.trial) == ("one", end["best"]["number"])
    assert best.state is RunState.COMPLETED
    assert run(["runs", "show", best.id, "--home", str(home)]) == 0
    assert f"trial {best.trial} of one" in capsys.readouterr().out


@pytest.mark.soak
def test_a_sweep_may_be_killed_at_any_event(swept: Sweep, data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    chance = random.Random(0)
    arguments = [*RATES, "--trials", "12", "--jobs", "2", "--epochs", "60", "--study", "one"]
    for _ in range(10):
        with started(home, data, *arguments) as process:
            assert process.stdout is not None
            # At a moment, a fast machine might be done already.
            for _ in range(chance.randrange(70)):
                assert process.stdout.readline()
            time.sleep(chance.uniform(0, 0.01))
            workers = children_of(process.pid)
            process.kill()
            if chance.random() < 0.5:
                for worker in workers:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
        wait_for_end(workers)
        if (home / "sweeps" / "one.journal").exists():
            arguments = ["--resume", "one", "--jobs", "2"]
            assert states(home)["COMPLETE"] + states(home)["PRUNED"] <= 12
    code, out, err = swept("--resume", "one", "--json")
    assert code == 0, err
    end = events(out)[-1]
    assert end["completed"] + end["pruned"] == 12
    assert states(home)["RUNNING"] == 0


def test_the_table_moves_on_a_terminal() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=70, height=20, color_system=None)
    clock = iter(range(1000))
    progress = SweepProgress(lambda: float(next(clock)))
    table = SweepTable(console, progress, lambda _end: "", clock=lambda: float(next(clock)))
    plan = {"metric": "accuracy", "rank_on": "validation", "seeds": 1, "sampler": "tpe",
            "pruner": "none", "ranges": ["learning_rate=0.01:1:log"]}  # fmt: skip
    table.show(SweepStarted("one", "f", 3, 0, 2, "here", "digits", 9, False, 2, plan))
    for number, host in ((0, "here"), (1, "far")):
        table.show(TrialStarted(number, {"learning_rate": 0.1}, ("r",), host, None))
        table.show(TrialReported(number, 0, 1, 0.5))
    table.show(TrialCompleted(0, 0.75, None, (0.75,), 1.0))
    frame = out.getvalue().split("\x1b[2K")[-1]
    assert "1/3 finished" in frame
    shown = out.getvalue()
    assert re.search(r"#1 +0 +0\.7500 +1/2 +lr 0\.1", shown)
    assert re.search(r"● +1 +0\.5000 +1/2 +lr 0\.1 on far", shown)
    assert "ETA" in shown
    assert "trial 0  lr 0.1  completed 0.7500" in shown
    table.show(SweepCompleted("one", 1, 0, 0, None, 2.0))
    table.close()
    assert "one completed: 1 trial finished" in out.getvalue()
