"""How weights, gradients and activations are distributed: histograms of an epoch. NumPy only.

Each histogram has edges of its own, from the least value to the greatest, so none has to know how
large a network's numbers may become; a drawing over epochs brings them to one axis.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 64
"""Of equal width: more than a terminal has lines for, and some 150 bytes once compressed."""
HISTOGRAM_DTYPE = np.dtype(
    [
        ("least", "<f4"),
        ("greatest", "<f4"),
        ("sum", "<f8"),
        ("squares", "<f8"),
        ("not_finite", "<u4"),
        ("counts", "<u4", (BINS,)),
    ]
)
"""Of one array: its finite values between `least` and `greatest`, their sum and sum of squares, how
many are not finite, and how many lie in each bin. Bin k goes from
least + k (greatest - least)/BINS to the next edge, which belongs to the next bin but for the last.
Where all are equal the bins have no width, and the first has them all."""
EXAMPLES = 500
"""Test samples whose activations are counted, the first ones. They go forward once an epoch, which
is half a percent of the arithmetic of an epoch of MNIST."""
_PART = 1 << 14
"""Values that are counted together: they stay in a core's cache, which is six times as fast."""
KINDS = ("weights", "gradients", "activations")


@dataclass(frozen=True, slots=True, eq=False)
class Distributions:
    """The histograms of an epoch.

    A name is a kind of `KINDS`, a slash and an array, as exports name it:
    "weights/layers.0.weight".
    """

    names: tuple[str, ...]
    rows: NDArray[np.void]
    """(names,) of `HISTOGRAM_DTYPE`."""

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.float32]]) -> "Distributions":
        """Those of `arrays` of any shape, by name."""
        return cls(tuple(arrays), histograms(arrays.values()))

    def get(self, name: str) -> np.void | None:
        """The histogram of a name, of `HISTOGRAM_DTYPE`; None where there is none."""
        if name not in self.names:
            return None
        row: np.void = self.rows[self.names.index(name)]
        return row


def histograms(arrays: Iterable[NDArray[np.float32]]) -> NDArray[np.void]:
    """(arrays,) of `HISTOGRAM_DTYPE`: one of each array of floats, whatever its shape and values.

    An array without a finite value has 0 for `least` and `greatest`.
    """
    arrays = list(arrays)
    rows = np.zeros(len(arrays), HISTOGRAM_DTYPE)
    for row, array in zip(rows, arrays, strict=True):
        _count(row, np.asarray(array, np.float32).reshape(-1))
    return rows


def _count(row: np.void, values: NDArray[np.float32]) -> None:
    is_finite = np.isfinite(values)
    row["not_finite"] = len(values) - np.count_nonzero(is_finite)
    finite = values[is_finite] if row["not_finite"] else values
    if not len(finite):
        return
    row["least"], row["greatest"] = finite.min(), finite.max()
    least, width = float(row["least"]), float(row["greatest"]) - float(row["least"])
    for start in range(0, len(finite), _PART):
        # In float64 no difference or square of float32 is too large.
        part = finite[start : start + _PART].astype(np.float64)
        row["sum"] += part.sum()
        row["squares"] += part @ part
        part -= least
        part *= BINS / width if width else 0.0
        bins = np.minimum(part.astype(np.int32), BINS - 1)
        row["counts"] += np.bincount(bins, minlength=BINS).astype(np.uint32)


def edges(row: np.void) -> NDArray[np.float64]:
    """(BINS + 1,) the edges of a histogram's bins."""
    return np.linspace(float(row["least"]), float(row["greatest"]), BINS + 1)


def on_axis(row: np.void, low: float, high: float, cells: int) -> NDArray[np.float64]:
    """(cells,) the share of the finite values in each of so many cells from `low` to `high`.

    What lies in a bin is spread evenly over its width. What lies outside of the axis is in its
    outer cells.
    """
    counts = row["counts"].astype(np.float64)
    total = counts.sum()
    if not total:
        return np.zeros(cells)
    least, greatest = float(row["least"]), float(row["greatest"])
    if greatest <= least:
        shares = np.zeros(cells)
        place = int(np.clip((least - low) / (high - low), 0, 1) * cells)
        shares[min(place, cells - 1)] = 1.0
        return shares
    below = np.concatenate([[0.0], np.cumsum(counts) / total])
    limits = np.linspace(low, high, cells + 1)
    limits[0], limits[-1] = min(low, least), max(high, greatest)
    return np.diff(np.interp(limits, edges(row), below))


def parameter_names(count: int) -> tuple[str, ...]:
    """The names of so many arrays of parameters, a weight and a bias of each layer in turn."""
    kinds = ("weight", "bias")
    return tuple(f"layers.{index // 2}.{kinds[index % 2]}" for index in range(count))


def pack(found: Distributions) -> bytes:
    """What the store keeps of an epoch: the names as a JSON list, a line feed and the rows as they
    lie in memory, compressed by zlib.
    """
    return zlib.compress(json.dumps(found.names).encode() + b"\n" + found.rows.tobytes())


def unpack(data: bytes) -> Distributions:
    """The other way round.

    Raises:
        ValueError: it is damaged.
    """
    try:
        names, _, rows = zlib.decompress(data).partition(b"\n")
    except zlib.error as error:
        raise ValueError(f"distributions are damaged: {error}") from error
    found = Distributions(tuple(json.loads(names)), np.frombuffer(rows, HISTOGRAM_DTYPE))
    if len(found.names) != len(found.rows):
        raise ValueError("distributions are damaged: histograms are missing")
    return found
