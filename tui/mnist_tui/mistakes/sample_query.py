"""Which samples the gallery shows, and in which order: their answers, the filter, the query."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Examples
from mnist_core.network.evaluation import margins, probabilities
from mnist_core.network.mistakes import Labels, answer_changes, confusion_matrix, disagreements
from mnist_core.network.suspects import normalised_margins, self_confidences, suspect
from mnist_core.store import StoredAnswers
from mnist_core.store.answers import AnswerHistory, measured
from mnist_tui.text.numbers import whole_number
from mnist_tui.text.visible_text import shorten


class Order(StrEnum):
    """What samples are sorted by; each begins with what is most worth a look."""

    LOSS = "loss"
    CONFIDENCE = "confidence"
    MARGIN = "margin"
    SELF_CONFIDENCE = "self-confidence"
    NORMALISED_MARGIN = "normalised margin"
    INDEX = "index"

    @property
    def ascends(self) -> bool:
        """Whether what is most worth a look has the smallest value."""
        return self in (Order.SELF_CONFIDENCE, Order.NORMALISED_MARGIN, Order.INDEX)


@dataclass(frozen=True)
class LabelledAnswers:
    """Samples with the answers to them; without answers, samples to look at."""

    examples: Examples
    class_names: tuple[str, ...]
    answers: StoredAnswers | None = None
    marked: frozenset[int] = frozenset()
    """The indices of those that somebody has marked."""

    @property
    def labels(self) -> NDArray[np.uint16]:
        """(samples,)"""
        return self.examples.labels

    @property
    def predictions(self) -> Labels:
        """(samples,); without answers the labels: none is wrong where nothing was said."""
        return self.labels if self.answers is None else self.answers.predictions

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """(samples,)"""
        return np.asarray(self.predictions != self.labels)

    @property
    def losses(self) -> NDArray[np.float32] | None:
        """(samples,) in nats."""
        return None if self._measured is None else self._measured[0]

    @property
    def confidences(self) -> NDArray[np.float32] | None:
        """(samples,), of the predicted class."""
        return None if self._measured is None else self._measured[1]

    @cached_property
    def _measured(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        return None if self.answers is None else measured(self.answers, self.labels)

    @cached_property
    def margins(self) -> NDArray[np.float32] | None:
        """(samples,) `mnist_core.network.evaluation.margins`; None where no logits were kept."""
        if self.answers is None or self.answers.logits is None:
            return None
        return margins(self.answers.logits)

    @cached_property
    def _shares(self) -> NDArray[np.float32] | None:
        if self.answers is None or self.answers.logits is None:
            return None
        return probabilities(self.answers.logits)

    @cached_property
    def self_confidences(self) -> NDArray[np.float32] | None:
        """(samples,) `mnist_core.network.suspects`; None where no logits were kept."""
        return None if self._shares is None else self_confidences(self._shares, self.labels)

    @cached_property
    def normalised_margins(self) -> NDArray[np.float32] | None:
        """The same."""
        return None if self._shares is None else normalised_margins(self._shares, self.labels)

    @property
    def knows_suspects(self) -> bool:
        return self._shares is not None

    @cached_property
    def suspect(self) -> NDArray[np.bool_]:
        """(samples,) whose label is disbelieved; none where no logits were kept."""
        if self._shares is None:
            return np.zeros(len(self.labels), np.bool_)
        return suspect(self._shares, self.labels)

    @cached_property
    def matrix(self) -> NDArray[np.int64]:
        """(classes, classes), rows true and columns predicted; without answers all are right."""
        return confusion_matrix(self.labels, self.predictions, len(self.class_names))

    def measure(self, order: Order) -> NDArray[np.float64] | None:
        """(samples,) of what samples are sorted by; None where it is not known for this epoch."""
        match order:
            case Order.INDEX:
                return np.arange(len(self.labels), dtype=np.float64)
            case Order.CONFIDENCE:
                values = self.confidences
            case Order.LOSS:
                values = self.losses
            case Order.MARGIN:
                values = self.margins
            case Order.SELF_CONFIDENCE:
                values = self.self_confidences
            case Order.NORMALISED_MARGIN:
                values = self.normalised_margins
        return None if values is None else values.astype(np.float64)


# -- the filter line: words that all must hold ----------------------------------------------------


EXAMPLES = "49, 4>9, conf>0.9, loss>3, class:7, index:947"

_LONGEST_TERM = 60
"""Cells of a term that sentences repeat."""

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
_PAIR = re.compile("(.*?)[>→](.*)", re.DOTALL)
"""A true class and what it was taken for; a side that is empty asks for nothing. Where the names
of the classes are single characters, as those of digits, nothing has to stand between the two."""
_CLASS_FIELDS = {"true": "true", "pred": "pred", "predicted": "pred", "class": "class"}
_NUMBER_FIELDS = {
    "conf": Order.CONFIDENCE,
    "confidence": Order.CONFIDENCE,
    "loss": Order.LOSS,
    "margin": Order.MARGIN,
    "index": Order.INDEX,
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
    bare = _find_class(term, class_names)
    if bare is not None:
        return _class_test("class", bare)
    pair = _PAIR.fullmatch(term)
    if pair is None and len(term) == 2 and all(letter in class_names for letter in term):
        pair = re.fullmatch("(.)(.)", term)
    if pair is not None and (not pair[1] or _find_class(pair[1], class_names) is not None):
        tests = [
            _class_test(field, _class_index(term, value, class_names))
            for field, value in zip(("true", "pred"), pair.groups(), strict=True)
            if value
        ]
        return lambda labelled: np.logical_and.reduce([test(labelled) for test in tests])
    shown = shorten(repr(term), _LONGEST_TERM)
    match = _TERM.fullmatch(term)
    if match is None:
        raise FilterError(f"{shown} cannot be understood; try {EXAMPLES}, wrong or right.")
    name, sign, value = match[1].lower(), match[2], match[3]
    if name in _CLASS_FIELDS:
        if sign not in ":=":
            raise FilterError(f"{shown}: a class is named with a colon, as in {name}:4.")
        return _class_test(_CLASS_FIELDS[name], _class_index(term, value, class_names))
    if name in _NUMBER_FIELDS:
        try:
            number = float(value)
        except ValueError:
            raise FilterError(f"{shown} needs a number behind {sign}.") from None
        return _number_test(_NUMBER_FIELDS[name], _COMPARISONS[sign], number)
    names = ", ".join([*_CLASS_FIELDS, *_NUMBER_FIELDS])
    raise FilterError(
        f"There is nothing called {shorten(repr(name), _LONGEST_TERM)} here; there are {names}."
    )


def _find_class(value: str, class_names: tuple[str, ...]) -> int | None:
    """The class of that name, or of that number; None for neither."""
    lowered = [name.lower() for name in class_names]
    if value.lower() in lowered:
        return lowered.index(value.lower())
    return whole_number(value, len(class_names) - 1)


def _class_index(term: str, value: str, class_names: tuple[str, ...]) -> int:
    index = _find_class(value, class_names)
    if index is not None:
        return index
    shown = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
    raise FilterError(
        f"{shorten(repr(term), _LONGEST_TERM)} names no class; the classes are {shown}."
    )


def _class_test(field: str, index: int) -> _Test:
    def test(labelled: LabelledAnswers) -> _Mask:
        true = np.asarray(labelled.labels == index)
        said = np.zeros(len(true), np.bool_)
        if labelled.answers is not None:
            said = np.asarray(labelled.predictions == index)
        return {"true": true, "pred": said, "class": true | said}[field]

    return test


def _number_test(
    measure: Order, compare: Callable[[NDArray[np.float64], float], _Mask], number: float
) -> _Test:
    def test(labelled: LabelledAnswers) -> _Mask:
        values = labelled.measure(measure)
        if values is None:
            return np.zeros(len(labelled.labels), np.bool_)
        return np.asarray(compare(values, number))

    return test


# -- the query ------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What the samples of a gallery have in common, in the words of its title."""

    WRONG = "wrong"
    ALL = "all"
    SUSPECT = "suspect"
    MARKED = "marked"
    FIXED = "fixed"
    NEWLY_BROKEN = "newly broken"
    ALWAYS_WRONG = "always wrong"
    NEVER_WRONG = "never wrong"
    ONLY_OURS = "right here, wrong there"
    ONLY_THEIRS = "wrong here, right there"
    BOTH_WRONG = "wrong here and there"

    @property
    def compares_epochs(self) -> bool:
        """Whether it is about an earlier epoch too."""
        return self in (Kind.FIXED, Kind.NEWLY_BROKEN, Kind.ALWAYS_WRONG, Kind.NEVER_WRONG)

    @property
    def compares_runs(self) -> bool:
        """Whether it is about another run too."""
        return self in (Kind.ONLY_OURS, Kind.ONLY_THEIRS, Kind.BOTH_WRONG)


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """What a person has asked to see."""

    kind: Kind = Kind.WRONG
    true: int | None = None
    predicted: int | None = None
    """A cell of the matrix, with the true class, the predicted one, or both."""
    order: Order = Order.LOSS
    reverse: bool = False
    filter: SampleFilter = EVERY_SAMPLE
    since: int = 0
    """The epoch that changes are counted from."""

    @property
    def has_cell(self) -> bool:
        return self.true is not None or self.predicted is not None

    def of_kind(self, kind: Kind) -> "SampleQuery":
        """This kind; what is suspect begins with the label that is disbelieved most."""
        if Kind.SUSPECT not in (kind, self.kind) or kind is self.kind:
            return replace(self, kind=kind)
        order = Order.NORMALISED_MARGIN if kind is Kind.SUSPECT else Order.LOSS
        return replace(self, kind=kind, order=order, reverse=False)

    def with_cell(self, true: int | None, predicted: int | None) -> "SampleQuery":
        """This cell, the mistakes in it, or for the diagonal what is right."""
        kind = Kind.ALL if true is not None and true == predicted else Kind.WRONG
        return replace(self, kind=kind, true=true, predicted=predicted)


def rows(
    query: SampleQuery,
    labelled: LabelledAnswers,
    history: AnswerHistory | None = None,
    theirs: Labels | None = None,
) -> NDArray[np.intp]:
    """The samples asked for, in their order, as indices (shown,).

    `theirs` (samples,) is what another run's model said. Where a measure to sort by is not known,
    as the margin of an epoch without logits, the order is that of the files.
    """
    mask = query.filter.mask(labelled) & _of_kind(query, labelled, history, theirs)
    if query.true is not None:
        mask &= labelled.labels == query.true
    if query.predicted is not None:
        mask &= labelled.predictions == query.predicted
    found = np.flatnonzero(mask)
    values = labelled.measure(query.order)
    if values is None:
        return found
    # The diagonal is worth a look where the model is least sure.
    right = query.true is not None and query.true == query.predicted
    descends = query.order.ascends == query.reverse
    if right and query.order in (Order.CONFIDENCE, Order.MARGIN):
        descends = not descends
    keys = values[found]
    # NaN, a model that has broken down, comes first either way.
    keys = np.where(np.isnan(keys), -np.inf, -keys if descends else keys)
    return found[np.argsort(keys, kind="stable")]


def _of_kind(
    query: SampleQuery,
    labelled: LabelledAnswers,
    history: AnswerHistory | None,
    theirs: Labels | None,
) -> NDArray[np.bool_]:
    kind = query.kind
    if kind is Kind.MARKED and not query.filter.of_any_kind:
        return np.isin(np.arange(len(labelled.labels)), list(labelled.marked))
    if kind is Kind.ALL or labelled.answers is None or query.filter.of_any_kind:
        return np.ones(len(labelled.labels), np.bool_)
    if kind is Kind.SUSPECT:
        return labelled.suspect
    if kind is Kind.WRONG:
        return labelled.wrong
    found = np.zeros(len(labelled.labels), np.bool_)
    if kind.compares_runs and theirs is not None:
        seen = disagreements(labelled.labels, labelled.answers.predictions, theirs)
        found[
            {
                Kind.ONLY_OURS: seen.only_ours,
                Kind.ONLY_THEIRS: seen.only_theirs,
                Kind.BOTH_WRONG: seen.both_wrong,
            }[kind]
        ] = True
    elif kind.compares_epochs and history is not None:
        first, last = sorted((query.since, labelled.answers.epoch))
        changed = answer_changes(labelled.labels, history.predictions(first, last))
        found[
            {
                Kind.FIXED: changed.fixed,
                Kind.NEWLY_BROKEN: changed.newly_broken,
                Kind.ALWAYS_WRONG: changed.always_wrong,
                Kind.NEVER_WRONG: changed.never_wrong,
            }[kind]
        ] = True
    return found
