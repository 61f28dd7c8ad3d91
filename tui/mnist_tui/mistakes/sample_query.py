"""Which samples the gallery shows, and in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.mistakes import answer_changes, disagreements
from mnist_core.store.answers import AnswerHistory
from mnist_tui.mistakes.labelled_answers import LabelledAnswers
from mnist_tui.mistakes.sample_filter import EVERY_SAMPLE, SampleFilter, measure

Labels = NDArray[np.uint8] | NDArray[np.uint16]


class Kind(StrEnum):
    """What the samples of a gallery have in common, in the words of its title."""

    WRONG = "wrong"
    ALL = "all"
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


class Order(StrEnum):
    """What samples are sorted by; each begins with what is most worth a look."""

    LOSS = "loss"
    CONFIDENCE = "confidence"
    MARGIN = "margin"
    INDEX = "index"


_DESCENDS: Mapping[Order, bool] = {
    Order.LOSS: True,
    Order.CONFIDENCE: True,
    Order.MARGIN: True,
    Order.INDEX: False,
}


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
        said = labelled.labels if labelled.answers is None else labelled.answers.predictions
        mask &= said == query.predicted
    found = np.flatnonzero(mask)
    values = measure(labelled, query.order.value)
    if values is None:
        return found
    # The diagonal is worth a look where the model is least sure.
    right = query.true is not None and query.true == query.predicted
    descends = _DESCENDS[query.order] != query.reverse
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
    if kind is Kind.ALL or labelled.answers is None or query.filter.of_any_kind:
        return np.ones(len(labelled.labels), np.bool_)
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
