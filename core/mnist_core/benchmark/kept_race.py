"""Races that have ended, as the store keeps them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import uuid4

from mnist_core.benchmark.race import RaceScore, race_from_json
from mnist_core.store import RaceEnvironment, RaceRecord, RaceState


@dataclass(frozen=True, slots=True)
class KeptRace:
    """A row of the store, with what is in it."""

    record: RaceRecord
    score: RaceScore


def race_record(
    score: RaceScore, state: RaceState, failure: str, started: float, ended: float
) -> RaceRecord:
    """The row for a race of this process, under a new id; times are seconds since 1970.

    What is not ASCII is escaped in JSON, so any text can be stored.
    """
    return RaceRecord(
        uuid4().hex[:8], state, failure, started, ended, RaceEnvironment.here(),
        json.dumps(asdict(score.race)), json.dumps(score.to_json(), allow_nan=False),
    )  # fmt: skip


def kept_races(records: Iterable[RaceRecord]) -> list[KeptRace]:
    """Those that can be read, in their order; one of another version is left out."""
    races = []
    for record in records:
        try:
            race = race_from_json(json.loads(record.race))
            score = RaceScore.from_json(race, json.loads(record.score))
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            RecursionError,
        ):
            continue
        races.append(KeptRace(record, score))
    return races
