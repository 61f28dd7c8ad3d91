"""Runs and races that last: a database of them, and files of the runs' weights."""

from mnist_core.store.races import RaceEnvironment, RaceRecord, RaceState
from mnist_core.store.recordings import KeptRecord, RecordedCurve, RecordingRecord, curves_of
from mnist_core.store.records import (
    BATCH_DTYPE,
    NORM_DTYPE,
    Environment,
    EpochRecord,
    RunRecord,
    RunState,
    Score,
    StoredAnswers,
    StoredLabels,
    StoredPixels,
    StoreError,
)
from mnist_core.store.resume_point import ResumePoint
from mnist_core.store.run_store import RunStore

__all__ = [
    "BATCH_DTYPE",
    "NORM_DTYPE",
    "Environment",
    "EpochRecord",
    "KeptRecord",
    "RaceEnvironment",
    "RaceRecord",
    "RaceState",
    "RecordedCurve",
    "RecordingRecord",
    "ResumePoint",
    "RunRecord",
    "RunState",
    "RunStore",
    "Score",
    "StoreError",
    "StoredAnswers",
    "StoredLabels",
    "StoredPixels",
    "curves_of",
]
