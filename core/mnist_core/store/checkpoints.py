"""Checkpoints: training states as safetensors files, of which the last and the best are kept."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import DivergenceReason, GuardState, TrainingState
from mnist_core.store.files import safetensors_bytes, write_whole
from mnist_core.store.plain_values import check_plain
from mnist_core.store.records import StoreError, is_id

_FORMAT = "2"
_FORMATS = ("1", _FORMAT)
"""Those that can be read; 1 had no guard."""
_MOST_SLOTS = 8
"""Arrays that an optimizer remembers of each parameter; today two are the most."""
_LONGEST_REASON = 200
"""Characters: what safetensors says may quote the file."""
_HEALTHY = "healthy."
"""Before the names of the arrays of the state to go back to."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest state that could be read back."""

    state: TrainingState | None
    """None: there is none."""
    problem: str
    """Why a newer one could not be used, as a sentence; empty: there is no newer one."""


class Checkpoints:
    """The checkpoints of one run, in a folder of their own.

    A file is named after where the run stood; one at the end of an epoch stands for the model of
    that epoch.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, home: Path, run_id: str) -> "Checkpoints":
        """Those of a run that is kept under `home`.

        Raises:
            StoreError: `run_id` is no id.
        """
        if not is_id(run_id):
            raise StoreError(f"The database in {home} has {run_id!r:.40} in the place of an id.")
        return cls(home / "checkpoints" / run_id)

    def save(self, state: TrainingState) -> None:
        """Write `state` whole or not at all, then drop all but it and that of the best epoch.

        Raises:
            OSError: it could not be written; those before are still there.
        """
        path = self._path(state.epoch, state.batch)
        write_whole(path, state_to_bytes(state))
        self._keep({path, self._path(state.best_epoch, 0)})

    def last(self, *, up_to_step: int | None = None, finite: bool = False) -> Checkpoint:
        """The newest state that can be used.

        Args:
            up_to_step: pass over states of later updates than this one.
            finite: pass over states with parameters that are not finite numbers.
        """
        problem = ""
        for path in reversed(self._files()):
            try:
                state = _from_file(path)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                problem = problem or f"The checkpoint {path} cannot be used ({reason})."
                continue
            if up_to_step is not None and state.step > up_to_step:
                problem = problem or f"The checkpoint {path} is ahead of the run's metrics."
                continue
            if finite and not _is_finite(state):
                problem = problem or f"The checkpoint {path} holds numbers that are not finite."
                continue
            return Checkpoint(state, problem)
        return Checkpoint(None, problem)

    def epoch(self, epoch: int) -> TrainingState | None:
        """The state at the end of `epoch`; None where it was not kept or cannot be read."""
        try:
            return _from_file(self._path(epoch, 0))
        except (OSError, ValueError):
            return None

    def epochs(self) -> list[int]:
        """Those at whose end the state was kept, in their order."""
        ends = (re.fullmatch(r"epoch-(\d+)-batch-0+", path.stem) for path in self._files())
        return [int(end[1]) for end in ends if end]

    def cut(self, state: TrainingState | None) -> None:
        """Drop those past `state`, since the run goes on from there; None drops all."""
        last = self._path(state.epoch, state.batch) if state else None
        self._keep({path for path in self._files() if last and path <= last})

    def copy_to(self, other: "Checkpoints") -> None:
        """Give `other`, which has none, the same ones.

        Raises:
            OSError: they could not all be copied.
        """
        for path in self._files():
            write_whole(other._folder / path.name, path.read_bytes())

    def delete(self) -> None:
        """Remove them all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, epoch: int, batch: int) -> Path:
        # Sorted by name they are in the order of training.
        return self._folder / f"epoch-{epoch:06}-batch-{batch:08}.safetensors"

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("epoch-*.safetensors"))

    def _keep(self, kept: set[Path]) -> None:
        # What a kill left half written goes too: only the owner of the run comes here.
        for path in [*self._files(), *self._folder.glob(".*.part")]:
            if path not in kept:
                path.unlink(missing_ok=True)


def _is_finite(state: TrainingState) -> bool:
    arrays = (*state.parameters, *(state.optimizer_state or ()))
    return all(bool(np.isfinite(array).all()) for array in arrays)


def state_to_bytes(state: TrainingState) -> bytes:
    """What a checkpoint of `state` has in its file."""
    named: dict[str, NDArray[np.float32]] = {}
    rest = _values(state, named, "")
    # safetensors takes the memory as it lies, whatever the strides say.
    arrays = {name: np.asarray(array, order="C") for name, array in named.items()}
    # JSON writes a float so that it reads back as the same one.
    text = json.dumps(rest)
    about = {"format": _FORMAT, "state": text, "digest": _digest(text, arrays)}
    return safetensors_bytes(arrays, about)


def _values(
    state: TrainingState, arrays: dict[str, NDArray[np.float32]], prefix: str
) -> dict[str, Any]:
    """The plain values of a state by name; its arrays go to `arrays`."""
    values = {each.name: getattr(state, each.name) for each in fields(state)}
    parameters, optimizer_state = values.pop("parameters"), values.pop("optimizer_state")
    # By their bits, since a negative zero has others.
    if optimizer_state and not any(np.any(array.view(np.uint32)) for array in optimizer_state):
        # As large as the parameters, and nothing but zeros where there is no momentum.
        values["zeros"] = len(optimizer_state) // len(parameters)
        optimizer_state = None
    values["has_optimizer_state"] = optimizer_state is not None
    for name, group in (("parameters", parameters), ("optimizer_state", optimizer_state or ())):
        arrays |= {f"{prefix}{name}.{index}": array for index, array in enumerate(group)}
    if state.guard is not None:
        guard = {each.name: getattr(state.guard, each.name) for each in fields(state.guard)}
        if state.guard.healthy is not None:
            guard["healthy"] = _values(state.guard.healthy, arrays, _HEALTHY)
        values["guard"] = guard
    return values


def _state(
    values: dict[str, Any], arrays: Mapping[str, NDArray[np.float32]], prefix: str
) -> TrainingState:
    """The other way round.

    Raises:
        KeyError, TypeError or ValueError: something is missing, unknown, or of another type.
    """
    if not isinstance(values, dict):
        raise TypeError("a state is an object")
    has_optimizer_state = values.pop("has_optimizer_state")
    guard = values.pop("guard", None)
    if guard is not None:
        healthy = guard["healthy"]
        guard["healthy"] = None if healthy is None else _state(healthy, arrays, _HEALTHY)
        check_plain(GuardState, guard)
        guard["window"] = tuple(map(float, guard["window"]))
        reason = guard.get("diverged")
        guard["diverged"] = None if reason is None else DivergenceReason(reason)
    if any(array.dtype != np.float32 for array in arrays.values()):
        raise TypeError("arrays are float32")
    parameters = _numbered(arrays, f"{prefix}parameters")
    optimizer_state = _numbered(arrays, f"{prefix}optimizer_state")
    slots = values.pop("zeros", 0)
    if slots not in range(_MOST_SLOTS + 1):
        raise ValueError("no optimizer remembers as much")
    if slots:
        optimizer_state = tuple(np.zeros_like(each) for each in parameters for _ in range(slots))
    check_plain(TrainingState, values)
    return TrainingState(
        parameters=parameters,
        optimizer_state=optimizer_state if has_optimizer_state or slots else None,
        guard=None if guard is None else GuardState(**guard),
        **values,
    )


def _from_file(path: Path) -> TrainingState:
    """Raises OSError or ValueError when there is no whole state in the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"it is damaged: {str(error)[:_LONGEST_REASON]}") from error
    if metadata.get("format") not in _FORMATS or "state" not in metadata:
        raise ValueError("it was not made by this version of mnist-tui")
    if metadata.get("digest") != _digest(metadata["state"], arrays):
        raise ValueError("it is damaged: its checksum does not match")
    try:
        return _state(json.loads(metadata["state"]), arrays, "")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("it was not made by this version of mnist-tui") from error


def state_from_bytes(data: bytes) -> TrainingState:
    """The state that :func:`state_to_bytes` gave of.

    Raises:
        ValueError: it did not.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        path.write_bytes(data)
        return _from_file(path)


def _digest(text: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """A checksum: safetensors itself would not notice a changed byte in an array."""
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _numbered(
    arrays: Mapping[str, NDArray[np.float32]], name: str
) -> tuple[NDArray[np.float32], ...]:
    names = sorted(
        (key for key in arrays if key.startswith(f"{name}.")),
        key=lambda key: int(key.rpartition(".")[2]),
    )
    return tuple(arrays[key] for key in names)
