"""Runs that last: a database of their metrics, and files of their weights."""

from mnist_core.store.errors import StoreError
from mnist_core.store.records import (
    BATCH_DTYPE,
    Environment,
    EpochRecord,
    RunRecord,
    RunState,
    Score,
    StoredAnswers,
    StoredLabels,
)
from mnist_core.store.run_store import ResumePoint, RunStore

__all__ = [
    "BATCH_DTYPE",
    "Environment",
    "EpochRecord",
    "ResumePoint",
    "RunRecord",
    "RunState",
    "RunStore",
    "Score",
    "StoreError",
    "StoredAnswers",
    "StoredLabels",
]
