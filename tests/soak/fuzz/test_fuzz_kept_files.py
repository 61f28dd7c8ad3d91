"""Files of our own that something has damaged: checkpoints and the database."""

import json
import shutil
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from safetensors.numpy import save

from helpers.fuzzing import Fuzz
from helpers.mutations import damaged_bytes
from helpers.recordings import points, put_recording
from helpers.stored_runs import LiveRun
from mnist_core.benchmark.kept_race import kept_races, race_record
from mnist_core.benchmark.race import CurveReached, Lap, Race, RaceScore
from mnist_core.events import DivergenceReason, GuardState, TrainingState
from mnist_core.recipe.changes import Change
from mnist_core.store import RaceState, RecordingRecord, RunStore, StoreError
from mnist_core.store import checkpoints as checkpoints_module
from mnist_core.store.answers import AnswerHistory
from mnist_core.store.checkpoints import Checkpoints, state_to_bytes
from mnist_core.store.database import FILE
from mnist_core.store.recordings import (
    RecordedImage,
    RecordedPredictions,
    curves_of,
    insert_images,
    insert_predictions,
)
from mnist_tui.commands.runs.times import local_time_text
from mnist_tui.runs.columns import COLUMNS, RunRow

STATE = TrainingState(
    (np.ones((3, 2), np.float32), np.zeros(2, np.float32)),
    (np.ones((3, 2), np.float32), np.ones(2, np.float32)),
    step=30,
    epoch=2,
    best_test_accuracy=0.5,
    best_epoch=2,
)
GUARD = GuardState(2.3, 1.0, 1.0, (0.5, 0.25), diverged=next(iter(DivergenceReason)), healthy=STATE)
CHECKPOINTS = tuple(map(state_to_bytes, (STATE, replace(STATE, guard=GUARD, optimizer_state=None))))


def test_checkpoints(fuzz: Fuzz, tmp_path: Path) -> None:
    def take(content: bytes) -> None:
        check_checkpoint(tmp_path, content)

    fuzz("Checkpoints", damaged_bytes(CHECKPOINTS), (), take)


ODD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.sampled_from([2**63, 10**400, -1, [], {}, [[]], ["x"], {"a": 1}, "1", "inf"]),
)  # fmt: skip


@st.composite
def forged(draw: st.DrawFn) -> bytes:
    """A checkpoint whose checksum is right, though something in it is not."""
    state = json.loads(read_metadata(draw(st.sampled_from(CHECKPOINTS)))["state"])
    arrays = {
        f"{prefix}{group}.{index}": np.zeros(shape, np.float32)
        for prefix in ("", "healthy.")
        for group in ("parameters", "optimizer_state")
        for index, shape in enumerate([(3, 2), (2,)])
    }
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.sampled_from([each for each in (state, state.get("guard")) if each]))
        name = draw(st.sampled_from(sorted(part)))
        match draw(st.sampled_from(("value", "remove", "add", "array", "kind"))):
            case "value":
                part[name] = draw(ODD_VALUES)
            case "remove":
                del part[name]
            case "add":
                part[draw(st.sampled_from(["zeros", "guard", "new", "parameters"]))] = draw(
                    ODD_VALUES
                )
            case "array":
                arrays.pop(draw(st.sampled_from(sorted(arrays))), None)
                arrays["parameters.x"] = np.zeros(1, np.float32)
            case _:
                kind = draw(st.sampled_from(["f8", "i4", "f2", "?"]))
                arrays[draw(st.sampled_from(sorted(arrays)))] = np.zeros(2, kind)
        if not isinstance(state, dict) or not isinstance(state.get("guard", {}), dict | None):
            break
    text = draw(st.sampled_from([json.dumps(state), json.dumps([state]), "[" * 100_000, "1"])) if (
        draw(st.integers(0, 9)) == 0
    ) else json.dumps(state)  # fmt: skip
    digest = checkpoints_module._digest(text, arrays)
    return save(arrays, {"format": "2", "state": text, "digest": digest})


def read_metadata(content: bytes) -> dict[str, str]:
    (length,) = struct.unpack("<Q", content[:8])
    found: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return found


def test_checkpoints_of_another_version(fuzz: Fuzz, tmp_path: Path) -> None:
    fuzz("Checkpoints that are forged", forged(), (), lambda file: check_checkpoint(tmp_path, file))


def check_checkpoint(home: Path, content: bytes) -> None:
    """It is used as a whole, or passed over with a sentence."""
    checkpoints = Checkpoints.of(home, "run")
    path = home / "checkpoints" / "run" / "epoch-000002-batch-00000000.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    last = checkpoints.last(up_to_step=100)
    checkpoints.last(finite=True)
    assert checkpoints.epochs() == [2]
    if last.state is None:
        assert str(path) in last.problem
        assert len(last.problem) < len(str(path)) + 400
        return
    state = last.state
    assert checkpoints.epoch(2) is not None
    assert all(array.dtype == np.float32 for array in state.parameters)
    assert isinstance(state.step, int)
    assert state.seconds + state.loss_sum is not None
    # It can be kept again.
    checkpoints.save(replace(state, epoch=2, batch=0))


# -- the database --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, two recordings and a race, with something in every table."""
    home = tmp_path_factory.mktemp("sound")
    for name in ("first", "second"):
        run = LiveRun(home, name, epochs=2)
        for accuracy in (0.5, 0.75):
            run.train_epoch(accuracy)
        run.end()
    for name in ("conv", "loop"):
        put_recording(home, name, [points({"loss": [3.0, 2.0, 1.0]}), points({"a": [1.0]})], lr=1)
    race = Race("mlp", ("mlx", "numpy"), "mlx", 2, 2, 60, 10, (784, 32, 10), "mlx-docs", "d", True)
    score = RaceScore(race, {"mlx": "MLX"})
    score.apply(Lap("mlx", 1, 0.25, 0.875))
    score.apply(CurveReached("mlx", (0, 1), (0.125, 0.875)))
    with closing(RunStore(home)) as store:
        store.races.keep(race_record(score, RaceState.COMPLETED, "", 10.0, 15.0))
        runs, recordings = store.runs(), store.recordings.all()
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        for record in runs:
            change = Change(2, "learning_rate", 0.5)
            connection.execute(
                "INSERT INTO changes VALUES (?, ?, ?, ?)",
                (record.id, change.step, change.field, change.value_text),
            )
            connection.execute("INSERT INTO gradient_norms VALUES (?, 1, 0.5)", (record.id,))
        for recording in recordings:
            pixels = np.zeros((4, 3), np.uint8)
            insert_images(connection, recording.id, [RecordedImage("grid", 1, pixels)])
            said = RecordedPredictions(1, np.zeros(2, np.uint16), np.full((2, 2), 0.5, np.float32))
            insert_predictions(connection, recording.id, said)
    with closing(sqlite3.connect(home / FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home


def look_at_all(home: Path) -> int:
    """Read all that there is, as the screens and commands do; how many runs there are.

    What cannot be read is passed over, as long as that is said in a sentence.
    """
    seen = 0

    def look(read: Callable[..., Any], *asked: object) -> Any:
        with suppress(StoreError):
            return read(*asked)
        return None

    with closing(RunStore(home)) as store:
        look(store.changes)
        store.tidy()
        look(store.latest)
        look(store.newest)
        for record in look(store.kept) or ():
            seen += 1
            row = RunRow.of(record, "")
            assert all(isinstance(column.text(row, time.time()), str) for column in
                       COLUMNS.values())  # fmt: skip
            local_time_text(record.started)
            look(store.find, record.id)
            if isinstance(record, RecordingRecord):
                found = look(store.recordings.points, record.id)
                curves_of(found or ())
                look(store.recordings.images, record.id)
                look(store.recordings.predictions, record.id)
                continue
            look(store.batches, record.id)
            look(store.gradient_norms, record.id)
            for epoch in look(store.epochs, record.id) or ():
                assert epoch.test_accuracy + epoch.seconds is not None
            look(AnswerHistory.stored, store, record)
            look(store.answers, record.id, record.epoch)
            look(store.tested_labels, record)
            look(store.pixels, record.fingerprint)
            look(store.resume_point, record.id)
            look(store.set_note, record.id, "seen")
        kept_races(look(store.races.all) or ())
    return seen


def copied(sound: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(sound, target)
    return target


def test_a_database_with_damaged_bytes(fuzz: Fuzz, sound_home: Path, tmp_path: Path) -> None:
    sound = (sound_home / FILE).read_bytes()
    pages = len(sound) // 4096
    anywhere = st.lists(
        st.tuples(st.integers(0, len(sound) - 1), st.integers(1, 255)), min_size=1, max_size=40
    )
    whole_pages = st.lists(
        st.tuples(st.integers(0, pages - 1), st.sampled_from(["zero", "cut", "swap"])), max_size=2
    )

    def take(damage: tuple[list[tuple[int, int]], list[tuple[int, str]]]) -> None:
        content = bytearray(sound)
        for at, bits in damage[0]:
            content[at] ^= bits
        for page, how in damage[1]:
            start, other = page * 4096, (page * 7 + 3) % pages * 4096
            match how:
                case "zero":
                    content[start : start + 4096] = bytes(4096)
                case "cut":
                    del content[start:]
                case _ if len(content) == len(sound):
                    one, two = content[start : start + 4096], content[other : other + 4096]
                    content[start : start + 4096] = two
                    content[other : other + 4096] = one
        home = copied(sound_home, tmp_path / "home")
        (home / FILE).write_bytes(content)
        look_at_all(home)
        # What was set aside is as it was, and what took its place is sound.
        for aside in home.glob("runs.damaged-*.db"):
            assert aside.read_bytes() == bytes(content)
        look_at_all(home)

    fuzz("Databases with damaged bytes", st.tuples(anywhere, whole_pages), (), take)


TABLES = ("runs", "batches", "epochs", "packed_answers", "labels", "pixels", "races", "changes",
          "gradient_norms", "recordings", "metric_sets", "points", "recorded_images",
          "recorded_predictions")  # fmt: skip
STORED = st.one_of(
    st.sampled_from([
        "", "x", "[]", "{}", "[1]", '{"a": 1}', "null", "NaN", "[" * 5000, '["a", 1]', "../../..",
        "\x1b[31m", "\0", b"", b"\xff", b"x\x9c\x03\x00\x00\x00\x00\x01", 0, -1, 2**62, -(2**62),
        1e300, float("inf"), float("-inf"), 0.5, "running", "paused", "1e999", '{"threads": "x"}',
    ]),
    st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=24), st.text(max_size=4),
)  # fmt: skip


def test_a_database_with_other_values(fuzz: Fuzz, sound_home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(sound_home / FILE)) as connection:
        columns = [
            (table, row[1])
            for table in TABLES
            for row in connection.execute(f"PRAGMA table_info({table})")
        ]
        assert all(connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in TABLES)
    outside = tmp_path / "outside"
    outside.mkdir()

    def take(changes: list[tuple[tuple[str, str], Any, bool]]) -> None:
        home = copied(sound_home, tmp_path / "home")
        with closing(sqlite3.connect(home / FILE)) as connection, connection:
            for (table, column), value, every in changes:
                where = "" if every else f"WHERE rowid = (SELECT max(rowid) FROM {table})"
                with suppress(sqlite3.Error, UnicodeEncodeError):
                    connection.execute(f"UPDATE {table} SET {column} = ? {where}", (value,))
        look_at_all(home)
        assert outside.is_dir()

    one = st.tuples(st.sampled_from(columns), STORED, st.booleans())
    fuzz("Databases with other values", st.lists(one, min_size=1, max_size=3), (), take)
