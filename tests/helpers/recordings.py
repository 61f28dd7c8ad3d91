"""Stored recordings for tests, written as a loop of another process would."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mnist_core.store import RunStore
from mnist_core.store.recording_writer import NewRecording, Points, points_of


def points(curves: Mapping[str, ArrayLike], steps: ArrayLike | None = None) -> Points:
    """Rows of curves that are logged together, at one second a row."""
    values = np.stack([np.asarray(curve, np.float64) for curve in curves.values()], axis=1)
    rows = np.arange(len(values), dtype=np.float64)
    return tuple(curves), points_of(rows if steps is None else np.asarray(steps), rows, values)


def put_recording(
    home: Path,
    name: str,
    sets: Sequence[Points],
    *,
    started: float = 1_760_000_000.0,
    **config: object,
) -> str:
    """Keep a complete recording; its id."""
    with closing(RunStore(home)) as store:
        (recording_id,) = store.recordings.add([(NewRecording(name, config, started), sets)])
    return recording_id
