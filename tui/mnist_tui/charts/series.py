"""The numbers behind a curve: values that grow while a run goes on."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


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


BLOCK = 32
LARGEST_DRAWN = 1e30


def drawable(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` with NaN for what no axis can hold: not finite, or beyond ±1e30."""
    return np.where(np.abs(values) <= LARGEST_DRAWN, values, np.nan)


class Extrema:
    """Extrema of blocks of 32, 1024, 32 768 ... values, so that the work for a stretch grows with
    the logarithm of its length. Only whole blocks are kept; ends are read from the level below.
    """

    def __init__(self, values: GrowingArray) -> None:
        self._values = values
        self._levels: list[tuple[GrowingArray, GrowingArray]] = []

    def between(self, edges: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smallest and largest drawable value of each stretch edges[i] <= index < edges[i+1].

        `edges` is (n+1,), ascending; the answers are (n,), NaN where nothing can be drawn.
        """
        self._catch_up()
        start, stop = edges[:-1], edges[1:]
        low = np.full(len(start), np.nan)
        high = np.full(len(start), np.nan)
        level = 0
        while (start < stop).any():
            lows, highs = self._level(level)
            first_block, last_block = -(-start // BLOCK), stop // BLOCK
            if level == len(self._levels) or not (first_block < last_block).any():
                _reduce(start, stop, lows, highs, low, high)
                break
            head = np.minimum(stop, first_block * BLOCK)
            tail = np.maximum(head, last_block * BLOCK)
            _reduce(start, head, lows, highs, low, high)
            _reduce(tail, stop, lows, highs, low, high)
            start, stop = first_block, np.maximum(first_block, last_block)
            level += 1
        return low, high

    def _level(self, level: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if level == 0:
            return self._values.values, self._values.values
        lows, highs = self._levels[level - 1]
        return lows.values, highs.values

    def _catch_up(self) -> None:
        level = 0
        while True:
            lows, highs = self._level(level)
            blocks = len(lows) // BLOCK
            if level == len(self._levels):
                if blocks == 0:
                    return
                self._levels.append((GrowingArray(), GrowingArray()))
            block_lows, block_highs = self._levels[level]
            fresh = slice(len(block_lows) * BLOCK, blocks * BLOCK)
            block_lows.extend(np.fmin.reduce(drawable(lows[fresh]).reshape(-1, BLOCK), axis=1))
            block_highs.extend(np.fmax.reduce(drawable(highs[fresh]).reshape(-1, BLOCK), axis=1))
            level += 1


def _reduce(
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    lows: NDArray[np.float64],
    highs: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    """Fold values start[i] .. stop[i] into low[i] and high[i]."""
    longest = int((stop - start).max(initial=0))
    if longest == 0:
        return
    index = start[:, None] + np.arange(longest)
    outside = index >= stop[:, None]
    index[outside] = 0
    chosen = drawable(lows[index])
    chosen[outside] = np.nan
    np.fmin(low, np.fmin.reduce(chosen, axis=1), out=low)
    if highs is not lows:
        chosen = highs[index]
        chosen[outside] = np.nan
    np.fmax(high, np.fmax.reduce(chosen, axis=1), out=high)


_PART = 8192


class Smoother:
    """An exponential moving average with the bias correction of Kingma and Ba, "Adam", section 3.

    m_t = f m_(t-1) + (1-f) y_t, and the answer is m_t / (1 - f^t), so that the curve starts at the
    first value and not at zero. Values that cannot be drawn stay gaps and are not averaged.
    """

    def __init__(self, factor: float) -> None:
        """`factor` f: 0 follows the values, 0.99 averages about the last hundred.

        Raises ValueError outside of 0 <= factor < 1.
        """
        if not 0 <= factor < 1:
            raise ValueError(f"smoothing must be at least 0 and below 1, not {factor}")
        self.factor = factor
        self._mean = 0.0
        self._count = 0

    def smooth(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The average after each of `values` (n,), which follow those of earlier calls."""
        smoothed = drawable(values)
        present = ~np.isnan(smoothed)
        known = smoothed[present]
        # In parts that stay in the processor's cache.
        parts = [self._average(known[i : i + _PART]) for i in range(0, len(known), _PART)]
        smoothed[present] = np.concatenate([np.empty(0), *parts])
        return smoothed

    def _average(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.factor == 0:
            return values
        mean = (1 - self.factor) * values
        mean[0] += self.factor * self._mean
        # After a round the weights reach back twice as far, as in a parallel prefix sum.
        reach, weight = 1, self.factor
        while reach < len(mean) and weight > 1e-17:
            mean[reach:] += weight * mean[:-reach]
            reach, weight = 2 * reach, weight * weight
        count = np.arange(self._count + 1, self._count + len(values) + 1)
        self._mean, self._count = float(mean[-1]), int(count[-1])
        corrected: NDArray[np.float64] = mean / (1 - self.factor**count)
        return corrected


class Series:
    """Values y, each with its place on every x axis: `Series("step", "epoch", "time")`.

    Values that are not finite are kept, drawn as gaps, and never counted in limits.
    """

    def __init__(self, *axes: str) -> None:
        self._x = {axis: GrowingArray() for axis in axes}
        self._y = GrowingArray()
        self._extrema = Extrema(self._y)
        self._gaps = GrowingArray()
        self._smoother: Smoother | None = None
        self._smoothed: Series | None = None
        self._complement: Series | None = None

    def __len__(self) -> int:
        return len(self._y)

    @property
    def y(self) -> NDArray[np.float64]:
        """(points,)"""
        return self._y.values

    def x(self, axis: str) -> NDArray[np.float64]:
        """(points,), never decreasing. Raises KeyError for an axis the series was not made with."""
        return self._x[axis].values

    def extend(self, y: ArrayLike, **x: ArrayLike) -> None:
        """Append values (n,) and their places (n,) on every axis; a single number counts as one.

        Raises ValueError, and appends nothing, when an axis is missing or unknown, when the lengths
        differ, or when an axis would go back.
        """
        values = np.atleast_1d(np.asarray(y, np.float64))
        places = {axis: np.atleast_1d(np.asarray(place, np.float64)) for axis, place in x.items()}
        if places.keys() != self._x.keys():
            raise ValueError(f"the series has the x axes {sorted(self._x)}, not {sorted(places)}")
        for axis, place in places.items():
            if place.shape != values.shape or values.ndim != 1:
                raise ValueError(f"{axis} has shape {place.shape}, the values {values.shape}")
            joined = np.concatenate([self.x(axis)[-1:], place])
            if not (np.isfinite(place).all() and (joined[1:] >= joined[:-1]).all()):
                raise ValueError(f"{axis} must be finite and must not go back")
        for axis, place in places.items():
            self._x[axis].extend(place)
        self._append(values)

    def _append(self, values: NDArray[np.float64]) -> None:
        gaps = len(self._y) + np.flatnonzero(np.isnan(drawable(values)))
        self._gaps.extend(gaps.astype(np.float64))
        self._y.extend(values)

    def extrema(
        self, edges: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smallest and largest drawable value between successive indices `edges` (n+1,), as (n,).

        Without edges, of all points, as (1,). NaN where nothing can be drawn.
        """
        return self._extrema.between(np.array([0, len(self)]) if edges is None else edges)

    def gaps(self, edges: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) Whether a value that cannot be drawn lies between successive `edges` (n+1,)."""
        return np.diff(np.searchsorted(self._gaps.values, edges)) > 0

    def smoothed(self, factor: float) -> "Series":
        """The same places with smoothed values; 0 is the series itself.

        One factor is kept and brought up to date at each call; another one starts from the
        beginning. Raises ValueError as `Smoother` does.
        """
        if factor == 0:
            return self
        if self._smoother is None or self._smoothed is None or self._smoother.factor != factor:
            self._smoother = Smoother(factor)
            self._smoothed = self._at_same_places()
        self._smoothed._append(self._smoother.smooth(self.y[len(self._smoothed) :]))
        return self._smoothed

    def complement(self) -> "Series":
        """The same places with 1 - y, such as the error rates of accuracies.

        It is kept, and brought up to date at each call.
        """
        if self._complement is None:
            self._complement = self._at_same_places()
        self._complement._append(1 - self.y[len(self._complement) :])
        return self._complement

    def _at_same_places(self) -> "Series":
        """Without values yet."""
        series = Series(*self._x)
        series._x = self._x
        return series

    def at(self, axis: str, place: float, reach: float = 0.0) -> tuple[float, float] | None:
        """Where on `axis` and how much: the nearest point within `reach`, else the last before.

        None when the series has not begun there.
        """
        places = self.x(axis)
        after = int(np.searchsorted(places, place, side="right"))
        before = after - 1
        nearest = before
        if after < len(places) and places[after] - place <= reach:
            ahead = places[after] - place
            nearest = after if before < 0 or ahead < place - places[before] else before
        return None if nearest < 0 else (float(places[nearest]), float(self.y[nearest]))
