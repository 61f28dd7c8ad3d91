"""Races in the store: kept, listed, deleted, and carried over from a damaged database."""

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_core.benchmark.kept_race import kept_races, race_record
from mnist_core.benchmark.race import CurveReached, Lap, Race, RaceScore
from mnist_core.store import RaceEnvironment, RaceRecord, RaceState, RunStore, StoreError, database
from mnist_core.store.database import FILE, mark_suspect

ENVIRONMENT = RaceEnvironment("here", "Linux", {"python": "3.11"})
RACE = Race("mlp", ("mlx", "numpy"), "mlx", 2, 2, 60, 10, (784, 32, 10), "mlx-docs",
            "digits [red]\udcff", True)  # fmt: skip


def score() -> RaceScore:
    score = RaceScore(RACE, {"mlx": "MLX on the cpu"})
    score.apply(Lap("mlx", 1, 0.25, 0.875))
    score.apply(CurveReached("mlx", (0, 1), (0.125, 0.875)))
    return score


def race(race_id: str = "a", started: float = 10.0, state: RaceState = RaceState.COMPLETED,
         failure: str = "") -> RaceRecord:  # fmt: skip
    made = race_record(score(), state, failure, started, started + 5)
    return replace(made, id=race_id, environment=ENVIRONMENT)


def test_races_are_listed_the_latest_first_and_survive_a_restart(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert store.races.all() == []
    first, second = race("a", 10.0), race("b", 20.0, RaceState.FAILED, "The engine torch failed.")
    for record in (second, first):
        store.races.keep(record)
    store.close()
    again = RunStore(tmp_path).races.all()
    assert again == [second, first]
    assert [kept.score for kept in kept_races(again)] == [score(), score()]


def test_a_race_is_deleted(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.races.keep(race("a"))
    store.races.keep(race("b"))
    before = store.changes()
    store.races.delete("a")
    store.races.delete("nobody")
    assert [record.id for record in store.races.all()] == ["b"]
    assert store.changes() != before


def test_an_infinite_error_is_kept_as_nan(tmp_path: Path) -> None:
    measured = score()
    measured.apply(Lap("numpy", 1, 0.5, math.inf))
    RunStore(tmp_path).races.keep(race_record(measured, RaceState.COMPLETED, "", 10.0, 15.0))
    (kept,) = kept_races(RunStore(tmp_path).races.all())
    assert math.isnan(kept.score.laps[-1].result)


@pytest.mark.parametrize(
    ("column", "value"),
    [("scores", "{}"), ("contest", "[]"), ("contest", '{"task": "chess"}'), ("state", "lost"),
     ("environment", "no JSON"), ("started", "soon")],
)  # fmt: skip
def test_a_race_of_another_version_is_left_out(tmp_path: Path, column: str, value: str) -> None:
    store = RunStore(tmp_path)
    store.races.keep(race("a"))
    store.races.keep(race("b", 20.0))
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute(f"UPDATE races SET {column} = ? WHERE id = 'a'", (value,))
    assert [kept.record.id for kept in kept_races(store.races.all())] == ["b"]


def test_races_outlive_a_damaged_database(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    kept = [race(f"{number}", float(number)) for number in range(30)]
    for record in kept:
        # A failure this long fills a page of its own.
        store.races.keep(replace(record, failure=f"<{record.id}>" + "x" * 3500))
    store.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (tmp_path / FILE).read_bytes()
    page = content.index(b"<7>") // 4096 * 4096
    (tmp_path / FILE).write_bytes(content[:page] + b"\xa5" * 4096 + content[page + 4096 :])
    mark_suspect(tmp_path)
    store = RunStore(tmp_path)
    ids = {record.id for record in store.races.all()}
    assert "was damaged" in store.notice
    assert "7" not in ids
    assert len(ids) >= 25, "those on other pages are there"


def test_a_folder_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunStore(tmp_path).races.keep(race())
    monkeypatch.setattr(database, "may_write", lambda _home, _path: False)
    store = RunStore(tmp_path)
    with pytest.raises(StoreError, match="cannot be written"):
        store.races.keep(race("b"))
    assert [record.id for record in store.races.all()] == ["a"]
