"""What tests ask of the fixture `fuzz`."""

from collections.abc import Callable
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy

LONGEST_SENTENCE = 2000
"""Characters of what a person is told about an input, whatever that is."""


class Fuzz(Protocol):
    def __call__(
        self,
        what: str,
        inputs: SearchStrategy[Any],
        refused: type[Exception] | tuple[type[Exception], ...],
        take: Callable[[Any], object],
        *,
        full: int = ...,
    ) -> None: ...
