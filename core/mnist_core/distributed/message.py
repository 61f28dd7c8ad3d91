"""What rank 0 says to the others, as floats at the head of a sum to which they add zeros."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Kind(IntEnum):
    """What a message is about."""

    NOTHING = 0
    """Go on: the sum is one of the step."""
    STOP = 1
    CHANGE = 2
    """A hyperparameter gets another value: its place among those that can change, the value."""
    EVALUATED = 3
    """The loss and the accuracy of the model, on a set of examples."""
    GO_ON = 4
    """All that was asked for by the end of the epoch has been said."""


@dataclass(frozen=True, slots=True)
class Message:
    """A kind with up to two values."""

    kind: Kind
    first: float = 0.0
    second: float = 0.0

    def to_floats(self) -> NDArray[np.float32]:
        """(`MESSAGE_LENGTH`,): the bits of three float64, 16 at a time, which float32 has exactly.

        All are 0 for `Kind.NOTHING`, so that whoever adds that says nothing.
        """
        values = np.array([self.kind, self.first, self.second], np.float64)
        return values.view(np.uint16).astype(np.float32)

    @classmethod
    def from_floats(cls, floats: NDArray[np.float32]) -> "Message":
        """The other way round, to the bit."""
        kind, first, second = floats.astype(np.uint16).view(np.float64)
        return cls(Kind(int(kind)), float(first), float(second))


NOTHING = Message(Kind.NOTHING)
MESSAGE_LENGTH = len(NOTHING.to_floats())


class Told(Exception):  # noqa: N818 - a message, not an error
    """Rank 0 has said something in the place of its part of a sum, which is void."""

    def __init__(self, message: Message) -> None:
        super().__init__(message)
        self.message = message
