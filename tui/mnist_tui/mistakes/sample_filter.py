"""The filter line of the gallery: `true:4 pred:9 conf>0.9`, words that all must hold."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_tui.mistakes.labelled_answers import LabelledAnswers

EXAMPLES = "true:4 pred:9, conf>0.9, loss>3, class:7, index:947"

_Mask = NDArray[np.bool_]
_Test = Callable[[LabelledAnswers], _Mask]

_COMPARISONS: Mapping[str, Callable[[NDArray[np.float64], float], _Mask]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    ":": operator.eq,
}
_TERM = re.compile(r"([a-z]+)(>=|<=|>|<|=|:)(.*)", re.IGNORECASE | re.DOTALL)
_CLASS_FIELDS = {"true": "true", "pred": "pred", "predicted": "pred", "class": "class"}
_NUMBER_FIELDS = {
    "conf": "confidence",
    "confidence": "confidence",
    "loss": "loss",
    "margin": "margin",
    "index": "index",
}


class FilterError(ValueError):
    """The message is a sentence about the term that cannot be understood."""


@dataclass(frozen=True, slots=True)
class SampleFilter:
    """Which samples a text asks for; an empty one asks for all."""

    text: str
    _tests: tuple[_Test, ...] = ()
    of_any_kind: bool = False
    """Whether it asks for samples that may be right, whatever else is chosen."""

    def mask(self, labelled: LabelledAnswers) -> _Mask:
        """(samples,) Whether each is asked for."""
        mask = np.ones(len(labelled.labels), np.bool_)
        for test in self._tests:
            mask &= test(labelled)
        return mask


EVERY_SAMPLE = SampleFilter("")


def parse_sample_filter(text: str, class_names: tuple[str, ...]) -> SampleFilter:
    """Read a filter; classes go by name, or by their number.

    Raises:
        FilterError: a term that cannot be understood.
    """
    terms = text.split()
    return SampleFilter(
        text,
        tuple(_test(term, class_names) for term in terms),
        any(term.lower() == "right" or term.lower().startswith("index") for term in terms),
    )


def _test(term: str, class_names: tuple[str, ...]) -> _Test:
    if term.lower() == "wrong":
        return lambda labelled: labelled.wrong
    if term.lower() == "right":
        return lambda labelled: ~labelled.wrong
    match = _TERM.fullmatch(term)
    if match is None:
        raise FilterError(f"{term!r} cannot be understood; try {EXAMPLES}, wrong or right.")
    name, sign, value = match[1].lower(), match[2], match[3]
    if name in _CLASS_FIELDS:
        if sign not in ":=":
            raise FilterError(f"{term!r}: a class is named with a colon, as in {name}:4.")
        return _class_test(_CLASS_FIELDS[name], _class_index(term, value, class_names))
    if name in _NUMBER_FIELDS:
        try:
            number = float(value)
        except ValueError:
            raise FilterError(f"{term!r} needs a number behind {sign}.") from None
        return _number_test(_NUMBER_FIELDS[name], _COMPARISONS[sign], number)
    names = ", ".join([*_CLASS_FIELDS, *_NUMBER_FIELDS])
    raise FilterError(f"There is nothing called {name!r} here; there are {names}.")


def _class_index(term: str, value: str, class_names: tuple[str, ...]) -> int:
    lowered = [name.lower() for name in class_names]
    if value.lower() in lowered:
        return lowered.index(value.lower())
    if value.isdecimal() and int(value) < len(class_names):
        return int(value)
    shown = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
    raise FilterError(f"{term!r} names no class; the classes are {shown}.")


def _class_test(field: str, index: int) -> _Test:
    def said(labelled: LabelledAnswers) -> _Mask:
        if labelled.answers is None:
            return np.zeros(len(labelled.labels), np.bool_)
        return np.asarray(labelled.answers.predictions == index)

    def true(labelled: LabelledAnswers) -> _Mask:
        return np.asarray(labelled.labels == index)

    if field == "true":
        return true
    return said if field == "pred" else lambda labelled: true(labelled) | said(labelled)


def _number_test(
    field: str, compare: Callable[[NDArray[np.float64], float], _Mask], number: float
) -> _Test:
    def test(labelled: LabelledAnswers) -> _Mask:
        values = measure(labelled, field)
        if values is None:
            return np.zeros(len(labelled.labels), np.bool_)
        return np.asarray(compare(values, number))

    return test


def measure(labelled: LabelledAnswers, field: str) -> NDArray[np.float64] | None:
    """(samples,) of a measure by its name; None where it is not known for this epoch."""
    match field:
        case "index":
            return np.arange(len(labelled.labels), dtype=np.float64)
        case "confidence":
            values = labelled.confidences
        case "loss":
            values = labelled.losses
        case "margin":
            values = labelled.margins
        case _:
            raise KeyError(field)
    return None if values is None else values.astype(np.float64)
