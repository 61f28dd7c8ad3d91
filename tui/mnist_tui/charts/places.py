"""The same moments of a run on another x axis."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_tui.charts.series import Series


def converted(places: ArrayLike, series: Series, axis: str, to: str) -> NDArray[np.float64]:
    """`places` (n,) on `axis` as places (n,) on the axis `to`, both axes of `series`.

    In straight lines from 0 through the points; past the last one at the rate of the whole, which
    is a guess. Without points all are 0.
    """
    wanted = np.atleast_1d(np.asarray(places, np.float64))
    if axis == to:
        return wanted
    here, there = series.x(axis), series.x(to)
    if len(here) == 0:
        return np.zeros(len(wanted))
    # Not np.interp, which would need a copy of both axes with the zeros in front.
    after = np.minimum(np.searchsorted(here, wanted), len(here) - 1)
    begin, end = _before(here, after), here[after]
    share = np.divide(wanted - begin, end - begin, out=np.ones(len(wanted)), where=end > begin)
    known = _before(there, after) + share * (there[after] - _before(there, after))
    rate = float(there[-1] / here[-1]) if here[-1] > 0 else 0.0
    return np.where(wanted > here[-1], there[-1] + (wanted - here[-1]) * rate, known)


def _before(x: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """The point before each `index` (n,); 0 before the first."""
    return np.where(index > 0, x[index - 1], 0.0)
