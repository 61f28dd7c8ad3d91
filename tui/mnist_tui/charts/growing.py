"""An array that grows at its end."""

import numpy as np
from numpy.typing import NDArray


class GrowingArray:
    """A one-dimensional float64 array with cheap appends: its room doubles when it is full."""

    def __init__(self) -> None:
        self._room = np.empty(64)
        self._length = 0
        self._set_view()

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> NDArray[np.float64]:
        """(length,) A read-only view; it stays as it is when more is appended."""
        return self._view

    def extend(self, values: NDArray[np.float64]) -> None:
        """Append `values` (n,)."""
        length = self._length + len(values)
        if length > len(self._room):
            room = np.empty(max(length, 2 * len(self._room)))
            room[: self._length] = self._room[: self._length]
            self._room = room
        self._room[self._length : length] = values
        self._length = length
        self._set_view()

    def _set_view(self) -> None:
        self._view = self._room[: self._length]
        self._view.flags.writeable = False
