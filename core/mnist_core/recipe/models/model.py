"""What describes a model: what comes before its dense layers. No array, no library."""

from dataclasses import dataclass
from typing import NamedTuple


class Convolution(NamedTuple):
    """A convolution with stride 1; 2x2 max pooling and then the activation follow.

    Where the activation never falls, as relu, their order makes no difference.
    """

    channels: int
    """Filters."""
    kernel: int
    """Height and width of a filter in pixels."""
    padding: int
    """Pixels of 0 around the image."""


@dataclass(frozen=True, slots=True)
class Model:
    """A network: convolutions, then dense layers of `hidden_sizes`, then one unit a class."""

    convolutions: tuple[Convolution, ...] = ()

    @property
    def smallest_side(self) -> int:
        """Pixels of the smallest image that leaves one place after the last pooling."""
        side = 1
        for convolution in reversed(self.convolutions):
            side = 2 * side + convolution.kernel - 1 - 2 * convolution.padding
        return max(1, side)
