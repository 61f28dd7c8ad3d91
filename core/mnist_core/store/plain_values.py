"""Numbers and texts as a dataclass declares them: a damaged page or file may hold others."""

import json
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

LONGEST_TIME = 2.0**35
"""Seconds: a thousand years, before 1970 or after. Dates end not far beyond."""

_LARGEST = 2**63
"""SQLite has no larger whole numbers, and a float takes this one too."""

_TAKEN: Mapping[object, tuple[type, ...]] = {
    int: (int,),
    float: (float, int),
    bool: (bool,),
    str: (str,),
    NoneType: (NoneType,),
}
_TIMES = ("started", "updated", "ended", "seconds")


@cache
def _plain_types(kind: type) -> Mapping[str, frozenset[type]]:
    """What each field takes that is a number, a text or None, by name."""
    found = {}
    for name, hint in get_type_hints(kind).items():
        members = get_args(hint) if get_origin(hint) is UnionType else (hint,)
        if all(member in _TAKEN for member in members):
            found[name] = frozenset(taken for member in members for taken in _TAKEN[member])
    return found


def check_plain(kind: type, values: Mapping[str, Any]) -> None:
    """Look at `values`, by name, of which a dataclass `kind` is to be made.

    Raises:
        TypeError: one is of another type than its field.
        ValueError: one is larger than any that was counted or kept.
    """
    for name, taken in _plain_types(kind).items():
        value = values.get(name)
        if name in values and type(value) not in taken:
            raise TypeError(f"{name} is {value!r:.40}")
        if type(value) is int and abs(value) > _LARGEST:
            raise ValueError(f"{name} is too large")


def check_times(values: Mapping[str, Any]) -> None:
    """Raises ValueError if a time or a duration among `values` is no seconds of this age."""
    for name in _TIMES:
        if values.get(name) is not None and not abs(values[name]) <= LONGEST_TIME:
            raise ValueError(f"{name} is {values[name]:g}")


def texts_in(text: object) -> tuple[str, ...]:
    """The texts of a list in JSON.

    Raises:
        ValueError: it is something else.
        RecursionError: it has too many levels.
    """
    found = json.loads(str(text))
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{text!r:.40} is no list of texts")
    return tuple(found)


def object_in(text: object) -> dict[str, Any]:
    """The object in JSON; raises as :func:`texts_in` does."""
    found = json.loads(str(text))
    if not isinstance(found, dict):
        raise ValueError(f"{text!r:.40} is no object")
    return found
