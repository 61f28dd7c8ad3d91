"""What a number of a recipe counts as where it is used: MLX computes in float32."""

import math
import struct

_SMALLEST_NORMAL = 2.0**-126
"""Numbers nearer to 0 are 0 on a GPU, and change nothing anywhere."""


def in_float32(value: float) -> float:
    """The float32 nearest to `value`: infinite where it is too large, 0 where it is too small."""
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(rounded) if abs(rounded) >= _SMALLEST_NORMAL else 0.0
