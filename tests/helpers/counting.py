"""Counting what is drawn, from outside."""

from collections import Counter
from typing import Any

import pytest


def count_calls(patch: pytest.MonkeyPatch, owner: type, method: str) -> Counter[object]:
    """How often each instance of `owner` has run `method` since: a counter that goes on."""
    calls: Counter[object] = Counter()
    original = getattr(owner, method)

    def counted(self: object, *args: Any, **kwargs: Any) -> Any:
        calls[self] += 1
        return original(self, *args, **kwargs)

    patch.setattr(owner, method, counted)
    return calls
