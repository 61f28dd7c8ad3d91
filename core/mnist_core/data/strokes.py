"""How people write the ten digits: pen strokes as text, and the splines through them.

A skeleton is written as points `x,y` on a grid about 10 units high, x to the right and y down. A
stroke is a smooth curve through its points, `*` after a point makes it a corner, and `/` lifts the
pen. The shapes are drawn by hand for this project; none is traced from a data set.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLES = 64
"""Points along each skeleton, jumps between strokes included: about one for each pixel inked."""

SKELETONS: tuple[tuple[tuple[float, str], ...], ...] = (
    (  # 0
        (3.0, "5.4,0.2 3,0.8 1.2,3.6 1.2,7 3.2,9.7 6.2,9.7 8.6,7 8.8,3.4 7,0.6 4.4,0.2"),
        (2.0, "6.4,0.6 4.2,0.8 2,3.6 1.4,7.2 3.2,9.8 6,9.2 8.4,6.2 8.8,2.4 7,0.1 4.4,0.8"),
        (0.7, "4.2,1.4 2,4 1.4,7.4 3.4,9.9 6.4,9.2 8.6,6.2 8.6,2.2 6,0 4,1 3.6,3"),
        (0.7, "3.4,1.6 1.4,4.4 1.4,7.6 3.6,9.8 6.6,9.6 8.8,7 9,3.6 7.4,1 5.2,0.2"),
    ),
    (  # 1
        (5.0, "5,0 5,5 5,10"),
        (1.0, "5.6,0 5.2,5 4.2,10"),
        (0.8, "3.4,2.4 5.2,0* 5.2,5 5.2,10"),
        (0.5, "1.8,3.8 3.6,2.2 5.4,0* 5.2,5 4.8,10"),
        (0.4, "3,2.6 5.2,0* 5.2,5 5.2,10 / 2.4,10 8,10"),
        (0.2, "5,0 5,5 5,10 / 3,10 7,10"),
    ),
    (  # 2
        (2.0, "1.6,2.6 3.2,0.6 6,0 8,1.8 7.2,4.6 4.6,7.4 1.4,9.8* 5,9.6 9,9.8"),
        (2.0, "1.6,2.4 3.6,0.3 6.6,0.3 7.8,2.6 6.6,6 4.2,9 2,9.8 1.2,8.6 2.6,7.6 5,8.8 9.4,9.6"),
        (1.0, "2,1.6 4.6,0 7.2,1 7.4,4 5.4,7.2 2.6,9.8 1.2,9 3,7.8 6,9 9,8.4"),
        (1.0, "1.4,1.2 4.6,0.2 7.6,1 7.6,3.4 4.8,7 1.6,10* 4.6,9.2 7,10 9.4,9.2"),
        (1.0, "2.4,2 4,0.4 6.2,0.6 6.6,2.8 4.6,6.2 0.8,9.4* 5,9.4 11,9.6"),
        (1.0, "2.6,1.8 4.6,0.2 6.6,1 6.4,3.6 4.4,7.2 2,9.4 0.8,8.6 2.2,7.6 5.4,9 10.6,8.6"),
        (1.0, "3.4,2.4 4.6,0.4 6.8,0.4 7.4,2.8 6.4,5.8 4.2,9 1.8,9.8 1,8.6 3,7.8 5.6,9 8,9.8"),
    ),
    (  # 3
        (2.0, "1.8,1.4 4.4,0 7.2,1.2 6.8,3.6 4,4.8* 7.2,5.6 8,8 5.4,10 1.4,9"),
        (1.5, "1.6,1 5,0 7.6,1.4 6.4,3.8 4.4,4.8 6.6,5.2 8.2,7.2 6.6,9.6 3.4,10 1,8.8"),
        (0.8, "1.8,0.6 4.6,0.4 7.8,0.3* 6,2.4 4.2,4.2* 7.2,5 8.2,7.4 5.8,9.8 1.4,9.4"),
        (0.8, "2,1.2 5,0 7.4,1.6 6,4 4,4.8 3.8,4.2 6,4.6 8,6.8 6.8,9.4 3.8,10 1.4,8.6"),
        (1.0, "2.6,1.6 5.2,0 8,0.8 7.6,2.8 4.6,4.4* 6.8,5.2 6.8,7.6 4,9.6 0.4,9.8"),
        (1.0, "3,1.8 6,0 8.4,1.2 7.2,3.6 4.6,4.8* 7,5.4 7,8 4.2,10 0.6,9.2"),
    ),
    (  # 4
        (2.0, "2.2,0.6 1.8,3 1.2,5.8* 4.6,5.8 8.6,5.4 / 7.2,0.8 6.8,5 6.4,10"),
        (1.5, "2,0.4 1.4,3.4 2.4,5.6 5,5.6 7.2,4 / 7.8,0.2 7.2,4 6.6,10"),
        (0.7, "6.6,0* 4,3.2 1,6.6* 5,6.6 9.4,6.4 / 6.8,0.2 6.6,5 6.4,10"),
        (1.0, "2.6,1 1.8,3.4 2,5.4 5,5.4 8,5 / 6.8,0 6.4,5 5.8,10"),
        (0.4, "6.4,0.4 3.6,2.4 1.6,5.4* 5,5.2 7,3.4 / 7,0.4 6.8,5 6.6,10"),
        (1.0, "1.6,1 1,3 1,5.4* 5,5 10,4.4 / 6.4,1.4 6,5 5.4,10"),
        (1.0, "2.8,1.6 2.2,3.6 3.4,5 5.4,4.6 7.4,2.4 / 8,1 6.6,5 4.6,10"),
    ),
    (  # 5
        (2.0, "8.4,0.2 5.6,0.4 3,0.4* 2.8,2.4 2.4,4.4* 5,3.8 7.8,5.4 7.4,8.6 4.6,10 1.2,9.2"),
        (1.5, "3.2,0.6 2.8,2.4 2.6,4.4* 5,3.8 7.6,5.6 7.2,8.6 4.6,10 1.4,9 / 3,0.4 5.6,0.4 8.8,0"),
        (1.0, "8,0.2 5.2,0.4 3.4,1.6 3,4 5,4.8 7.4,6.2 7,9 4.4,10 1.6,9.2"),
        (0.8, "8.8,0.2 6,0.4 3.6,0.6* 3,2.6 2.8,4.2 5.4,5 6.6,7 5.6,9.4 3.2,10 1,9.4"),
        (1.2, "10,0.4 7,0.8 4.4,1.2* 3.6,3 3,4.8* 5.2,5 6.4,6.8 5.2,9.2 3,10 0.8,9"),
    ),
    (  # 6
        (2.0, "6.8,0 4,2.2 2,6 2.6,9 5,10 7.4,8.8 7.4,6.6 5,5.6 2.4,7.4"),
        (1.5, "5,0 2.8,3 1.8,6.6 3,9.6 5.6,9.8 7.6,8 6.6,6.2 4.4,6.4 2.4,8.4"),
        (1.0, "7.6,0.6 4.6,1.4 2.2,4.8 1.8,8 4,10 7,9.2 8,6.8 6,5.2 3.6,5.8 2.2,7.8"),
        (0.7, "3.6,0 2.6,3 2,7 3.4,9.8 6.4,9.6 7.6,7.6 6,6 3.8,6.8 2.6,8.6"),
        (1.0, "5.6,0 4.2,3 3.2,6.6 3.4,9.4 4.8,10 6,8.6 6,7 4.8,6.6 3.6,8.2"),
        (0.8, "4.6,0 2,3 0.8,6.6 2.2,9.6 5.4,10 8.6,8.4 9,6 6.8,5 4.4,6.4 3.4,8.6"),
    ),
    (  # 7
        (2.5, "1.2,1 4.6,0.6 8.4,0.4* 6,4.6 4.2,10"),
        (1.2, "1,2.4 1.4,0.6* 5,0.6 8.6,0.4* 6.4,4.4 4.8,10"),
        (1.0, "1,1.6 3.6,0.6 7.4,0.4 7.8,2.2 6,5.6 4.4,10"),
        (0.8, "1.2,0.8 4.6,0.6 8.4,0.4* 6,4.8 4.2,10 / 2.8,5.2 5.4,5 8,4.8"),
        (0.8, "2,1.2 5,0.8 8.4,0.6* 8,5 7.6,10"),
        (0.8, "1.6,2.6 3.2,1.2 5.4,1.4 8.2,0.4* 7,5 6.4,10"),
        (1.0, "0.8,3.6 1.2,1.2* 4.6,1.2 8.2,0.6* 6.6,5 5.2,10"),
    ),
    (  # 8
        (2.0, "7.6,1.6 5,0 2.6,1.4 3.2,3.8 6.6,5.6 7.8,8 5.2,10 2.4,8.4 3.2,5.8 6.6,3.8 7.6,1.4"),
        (1.0, "7.8,0.8 4.6,0 2.4,1.8 4,4.2 7,6.2 7.2,9 4.6,10 2.4,8.6 4,5.6 7,3 7.8,0.6"),
        (
            0.8,
            "5,0 2.8,1.2 3,3.4 5,4.6 7,3.4 7.2,1.2 5,0"
            " / 5,4.6 2.4,6.2 2.4,8.8 5,10 7.6,8.8 7.6,6.2 5,4.6",
        ),
        (2.0, "7.6,1 5.4,0 3.4,1.4 4,3.8 5.8,6 6,8.6 4.6,10 3.2,8.8 3.6,6.6 5.8,4 8,1.4"),
        (1.0, "7.8,2 5.8,0.2 3,1.2 3.4,3.6 5.6,5.4 6.6,7.8 5,10 2.6,9.2 3,7 5.6,4.6 8.8,1"),
        (1.0, "4.6,4.6 3,2.6 4.4,0.4 6.8,0.6 7,2.8 4.8,5 3,7.4 3.6,9.8 6,9.6 6.6,7.4 4.4,4.4"),
        (1.0, "8.4,0.6 5.6,0.4 3.6,2 4.4,4.4 6,6.6 5.2,9.4 3.6,9.6 3.2,7.6 5.6,5 8.2,2.6"),
    ),
    (  # 9
        (2.0, "7.4,1.4 5,0 2.2,1.6 2,4 4.4,5 7,3.2 7.6,1.2* 7.2,5 6.4,10"),
        (1.5, "7.4,1 4.6,0 2,2 2.4,4.4 5.2,4.6 7.4,2 7.6,0.8 7.4,5 6,8.6 2.8,10"),
        (1.2, "7,1 4.4,0.2 1.8,2.4 2.8,4.8 6,3.8 7.4,1.2* 6,5.4 4.2,10"),
        (0.8, "6.6,0.4 3.6,0.8 1.8,3.2 3.6,4.8 6.4,3.4 7.2,0.6* 7,5 7,10"),
        (1.2, "7,0.8 5,0.2 3,1.8 3.2,3.8 5,3.8 7.2,1 6.4,4.4 4.4,10"),
        (0.8, "7.8,2 5.6,0.2 2.8,1.6 2.6,4 5,4.8 7.4,2.6 7.4,6.4 6.6,10"),
    ),
)
"""For each digit the ways to write it, each with how common it is among them."""


@dataclass(frozen=True, slots=True)
class StrokeTable:
    """All skeletons as arrays, padded to the longest, so that many are drawn in one step."""

    probabilities: NDArray[np.float64]
    """(10, skeletons), how likely each skeleton is for a digit; rows sum to 1."""
    points: NDArray[np.float32]
    """(skeletons, points, 2), x and y from the middle of the grid, half its height = 1."""
    spacing: NDArray[np.float32]
    """(skeletons, points, 1), distance from a point to the nearer of its neighbours."""
    splines: NDArray[np.float32]
    """(skeletons, SAMPLES, points); splines @ points are samples along the strokes."""
    pen_down: NDArray[np.float32]
    """(skeletons, SAMPLES - 1), 1 where a line joins a sample to the next, 0 between strokes."""


@cache
def stroke_table() -> StrokeTable:
    """Every skeleton of :data:`SKELETONS`, ready to draw."""
    skeletons = [_Skeleton.parse(text) for ways in SKELETONS for _, text in ways]
    digits = np.repeat(np.arange(len(SKELETONS)), [len(ways) for ways in SKELETONS])
    shares = np.array([share for ways in SKELETONS for share, _ in ways])
    probabilities = np.where(digits == np.arange(len(SKELETONS))[:, None], shares, 0.0)
    most = max(len(skeleton.points) for skeleton in skeletons)
    return StrokeTable(
        probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
        points=_stack([skeleton.points / 5 - 1 for skeleton in skeletons], (most, 2)),
        spacing=_stack([skeleton.spacing() / 5 for skeleton in skeletons], (most, 1)),
        splines=_stack([skeleton.spline() for skeleton in skeletons], (SAMPLES, most)),
        pen_down=_stack([skeleton.pen_down() for skeleton in skeletons], (SAMPLES - 1,)),
    )


def _stack(arrays: list[NDArray[np.float64]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The arrays one after another, each filled up with zeros to `shape`."""
    out = np.zeros((len(arrays), *shape), dtype=np.float32)
    for row, array in zip(out, arrays, strict=True):
        row[tuple(slice(length) for length in array.shape)] = array
    return out


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """One way to write a digit. A span is the piece of curve from a point to the next."""

    points: NDArray[np.float64]
    """(points, 2), on the grid of :data:`SKELETONS`."""
    corner: NDArray[np.bool_]
    """(points,)"""
    stroke: NDArray[np.int64]
    """(points,), the number of the stroke a point belongs to."""
    steps: NDArray[np.int64]
    """(points - 1,), into how many lines the span after a point is cut; 0 between strokes."""

    @classmethod
    def parse(cls, text: str) -> "_Skeleton":
        strokes = [part.split() for part in text.split("/")]
        words = [word for words in strokes for word in words]
        points = np.array([[float(value) for value in w.rstrip("*").split(",")] for w in words])
        stroke = np.repeat(np.arange(len(strokes)), [len(words) for words in strokes])
        lengths = np.hypot(*np.diff(points, axis=0).T) * (np.diff(stroke) == 0)
        # Rounding the running length, not each span, makes the steps sum to what is wanted.
        wanted = SAMPLES - len(strokes)
        cuts = np.rint(np.cumsum(lengths) / lengths.sum() * wanted).astype(np.int64)
        corner = np.array([word.endswith("*") for word in words])
        return cls(points, corner, stroke, np.diff(cuts, prepend=0))

    def spacing(self) -> NDArray[np.float64]:
        """Distance to the nearer neighbour, (points, 1)."""
        lengths = np.hypot(*np.diff(self.points, axis=0).T)
        padded = np.concatenate([[np.inf], lengths, [np.inf]])
        nearer: NDArray[np.float64] = np.minimum(padded[:-1], padded[1:])
        return nearer[:, None]

    def pen_down(self) -> NDArray[np.float64]:
        """1 for each line that is drawn, 0 for each jump between strokes, (SAMPLES - 1,)."""
        return np.concatenate([np.ones(count) if count else np.zeros(1) for count in self.steps])

    def spline(self) -> NDArray[np.float64]:
        """The Catmull-Rom spline as weights of the points, (SAMPLES, points).

        Cubic Hermite pieces whose tangents are half the chord from the point before to the point
        after (Catmull and Rom, "A class of local interpolating splines", 1974). At a corner and at
        both ends of a stroke the tangent is the chord of the span itself.
        """
        point = np.eye(len(self.points))
        chord = np.diff(point, axis=0)
        leaving = np.concatenate([chord, np.zeros_like(point[:1])])
        arriving = np.concatenate([np.zeros_like(point[:1]), chord])
        smooth = ~self.corner
        smooth[1:] &= self.stroke[1:] == self.stroke[:-1]
        smooth[:-1] &= self.stroke[:-1] == self.stroke[1:]
        smooth[[0, -1]] = False
        leaving[smooth] = arriving[smooth] = (leaving[smooth] + arriving[smooth]) / 2
        rows = [point[:1]]
        for i, count in enumerate(self.steps):
            if count == 0:
                rows.append(point[i + 1 : i + 2])
                continue
            t = (np.arange(1, count + 1) / count)[:, None]
            rows.append(
                (2 * t**3 - 3 * t**2 + 1) * point[i]
                + (t**3 - 2 * t**2 + t) * leaving[i]
                + (3 * t**2 - 2 * t**3) * point[i + 1]
                + (t**3 - t**2) * arriving[i + 1]
            )
        return np.concatenate(rows)
