"""What the mistakes screen shows and says: answers at an epoch, or samples before any run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.evaluation import probabilities, second_guesses
from mnist_core.network.mistakes import Labels
from mnist_core.store import RunStore, StoreError
from mnist_core.store.answers import AnswerHistory
from mnist_core.store.sample_marks import SampleMark, SamplesOf
from mnist_tui.lab.overlay import Marks
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.mistakes.sample_query import Kind, LabelledAnswers, SampleQuery
from mnist_tui.mistakes.sample_text import NOT_KEPT, SampleDetail
from mnist_tui.settings.keys import key_hint, sentence_key
from mnist_tui.text.numbers import count, metric
from mnist_tui.text.visible_text import visible

_MOST_LOOKED_AT = 20
"""Runs of the store in which one to compare with is sought."""


@dataclass(frozen=True)
class OtherRun:
    """Another run to compare with, measured on the same samples."""

    name: str
    epoch: int
    predictions: Labels
    """(samples,)"""


@dataclass(frozen=True)
class MistakesView:
    """Samples, with the answers of one epoch where a run has answered."""

    labelled: LabelledAnswers
    dark_on_light: bool
    samples_name: str
    """test or training."""
    history: AnswerHistory = field(default_factory=AnswerHistory)
    other: OtherRun | None = None
    run_name: str = ""
    """Whose model answered; empty: none did, or it has no name yet."""
    run_id: str = ""
    """With which marks of these samples are kept; empty: with none."""
    marks: Mapping[int, SampleMark] = field(default_factory=dict)
    """Those of these samples, by index."""

    @property
    def epoch(self) -> int | None:
        """The epoch looked at; None: nothing was said of these samples."""
        answers = self.labelled.answers
        return None if answers is None else answers.epoch

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of samples that can be told apart here."""
        if self.epoch is None:
            return [Kind.ALL, Kind.MARKED] if self.run_id else []
        epochs = len(self.history.epochs) > 1
        return [
            kind
            for kind in Kind
            if (epochs or not kind.compares_epochs) and (self.other or not kind.compares_runs)
        ]

    def new_mark(self, index: int) -> SampleMark:
        """A mark of one sample, which nobody has kept yet."""
        labelled = self.labelled
        guess = ""
        if labelled.answers is not None:
            guess = labelled.class_names[int(labelled.predictions[index])]
        samples: SamplesOf = "test" if self.samples_name == "test" else "train"
        return SampleMark(samples, index, labelled.class_names[int(labelled.labels[index])], guess)

    def detail(self, index: int) -> SampleDetail:
        """Everything that is known of one sample."""
        labelled, answers = self.labelled, self.labelled.answers
        logits, notes = None, []
        mark = self.marks.get(index)
        if mark is not None:
            notes.append(f"Marked: {mark.note}" if mark.note else "Marked.")
        if answers is not None and answers.logits is not None:
            logits = answers.logits[index : index + 1]
        if answers is not None and self.other is not None:
            said = labelled.class_names[int(self.other.predictions[index])]
            notes.append(f"{self.other.name} says {said} in epoch {self.other.epoch}.")
        margin = _value(labelled.normalised_margins, index)
        if labelled.suspect[index] and margin is not None:
            notes.append(f"Suspect label: normalised margin {metric(margin)}.")
        return SampleDetail(
            image=labelled.examples.images[index],
            dark_on_light=self.dark_on_light,
            index=index,
            true=int(labelled.labels[index]),
            predicted=None if answers is None else int(answers.predictions[index]),
            class_names=labelled.class_names,
            probabilities=None if logits is None else probabilities(logits)[0],
            confidence=_value(labelled.confidences, index),
            loss=_value(labelled.losses, index),
            margin=_value(labelled.margins, index),
            second=None if logits is None else int(second_guesses(logits)[0]),
            history=self.history.of_sample(index),
            epoch=self.epoch,
            notes=notes,
            samples_name=self.samples_name,
        )


def _value(values: NDArray[np.float32] | None, index: int) -> float | None:
    return None if values is None else float(values[index])


def title_text(view: MistakesView, query: SampleQuery, shown: int) -> str:
    """What the gallery shows: "Wrong · 4 as 9 · 12 of 10 000 test · epoch 3"."""
    parts = ["Samples"]
    if view.epoch is not None:
        kind = query.kind.value.capitalize()
        if query.kind.compares_epochs:
            epochs = view.history.epochs
            kind += f" since epoch {query.since if query.since in epochs else epochs[0]}"
        if query.kind.compares_runs and view.other is not None:
            kind += f" ({view.other.name})"
        parts = [kind]
    elif query.kind is Kind.MARKED:
        parts = ["Marked"]
    if query.has_cell:
        parts.append(_cell_text(view, query))
    parts.append(f"{count(shown)} of {count(len(view.labelled.labels))} {view.samples_name}")
    if view.epoch is not None:
        parts.append(f"epoch {view.epoch}")
    if query.filter.text:
        parts.append(query.filter.text)
    return " · ".join(parts)


def order_text(view: MistakesView, query: SampleQuery) -> str:
    """How the samples are sorted: "by loss"; empty while nothing is known of them."""
    if view.epoch is None:
        return ""
    return f"by {query.order.value}" + (" reversed" if query.reverse else "")


def unanswered_text(*, train: bool) -> str:
    """Why there is no matrix; `train` where the training samples are shown."""
    if train:
        how = f"Press {key_hint('switch_samples')} for the test samples."
        return f"No model is asked about training samples. {how}"
    return (
        "What a model gets wrong stands here once one has been trained: which classes it takes "
        "for which, and how sure it was. "
        f"Press {key_hint('show_screen_train')}, then {key_hint('run')}; or "
        f"{key_hint('show_screen_runs')} to open a run that is kept."
    )


def _cell_text(view: MistakesView, query: SampleQuery) -> str:
    """Such as "4 as 9"."""
    names = view.labelled.class_names
    true = "any" if query.true is None else names[query.true]
    said = "any" if query.predicted is None else names[query.predicted]
    return f"{true} as {said}"


def empty_text(view: MistakesView, query: SampleQuery) -> str:
    """Why no sample is shown, and which key shows others."""
    back, other_kind = sentence_key("clear_samples"), key_hint("choose_kind")
    if query.filter.text:
        of_cell = f" of {visible(_cell_text(view, query))}" if query.has_cell else ""
        return f"No sample{of_cell} matches {visible(query.filter.text)}. {back} clears the filter."
    if query.has_cell:
        return f"No sample is in this cell. {back} shows all mistakes."
    if query.kind is Kind.WRONG and not view.labelled.wrong.any():
        return f"No mistakes: every sample is right. Press {other_kind} to see them."
    if query.kind is Kind.MARKED:
        mark = key_hint("mark_sample")
        return f"No sample is marked. {back} shows others; press {mark} there to mark one."
    if query.kind is Kind.SUSPECT and not view.labelled.knows_suspects:
        return f"{NOT_KEPT} Without them no label is disbelieved. Press {other_kind} for others."
    return f"No sample is {query.kind.value}. Press {other_kind} for something else."


class MistakesSource:
    """Gives the same `MistakesView` again until there is something else to show."""

    def __init__(self, session: Session, store: RunStore, marks: Marks) -> None:
        self._session = session
        self._store = store
        self._marks = marks
        self._key: object = None
        self._view: MistakesView | None = None
        self._other: tuple[object, OtherRun | None] = (None, None)

    @property
    def may_mark(self) -> bool:
        """Whether samples can be marked here."""
        return not self._store.only_reads

    def mark(self, view: MistakesView, mark: SampleMark) -> None:
        """Keep a mark of a sample on show with its run.

        Raises:
            StoreError: it cannot be kept.
        """
        self._store.sample_marks.put(view.run_id, mark)

    def unmark(self, view: MistakesView, mark: SampleMark) -> None:
        """Take a mark away. Raises StoreError as `mark` does."""
        self._store.sample_marks.remove(view.run_id, mark.samples, mark.index)

    def forget(self) -> None:
        """Look again at the run to compare with, since it may be another one."""
        self._session.follow_name()
        self._key, self._other = None, (None, None)

    def view(self, *, train: bool) -> MistakesView | None:
        """What is to be shown now; None without data.

        Before a run has answered, and for the training samples, they are shown as they are.
        """
        progress, dataset = self._session.progress, self._session.data.dataset
        if progress is not None and progress.history.epochs and not train:
            return self._of_run(progress)
        if dataset is None:
            return None
        same = progress is not None and progress.dataset is dataset
        run_id = progress.run_id if progress is not None and same and train else ""
        marks = self._kept_marks(run_id, "train")
        key = (id(dataset), train, run_id, tuple(marks.values()))
        if key != self._key:
            self._key = key
            examples, name = (dataset.train, "training") if train else (dataset.test, "test")
            labelled = LabelledAnswers(examples, dataset.class_names, marked=frozenset(marks))
            self._view = MistakesView(
                labelled, dataset.dark_on_light, name, run_id=run_id, marks=marks
            )
        return self._view

    def _kept_marks(self, run_id: str, samples: SamplesOf) -> dict[int, SampleMark]:
        """Those of a run by index: another process may have made or removed some."""
        if not run_id or not self._store.exists:
            return {}
        try:
            kept = self._store.sample_marks.of(run_id)
        except StoreError:
            return {}
        return {mark.index: mark for mark in kept if mark.samples == samples}

    def move_epoch(self, by: int) -> None:
        """Move the cursor, which the charts share, by `by` evaluated epochs."""
        progress = self._session.progress
        if progress is None or not progress.history.epochs:
            return
        epochs = progress.history.epochs
        place = epochs.index(self._epoch(progress)) + by
        self.show_epoch(epochs[max(0, min(place, len(epochs) - 1))])

    def show_epoch(self, epoch: int) -> None:
        """Move the cursor to the end of an epoch."""
        progress = self._session.progress
        if progress is not None:
            self._session.cursor = float(progress.epoch_steps.end(epoch))

    def _of_run(self, progress: RunProgress) -> MistakesView | None:
        epoch, epochs = self._epoch(progress), progress.history.epochs
        other = self._other_run(progress, epoch if self._session.cursor is not None else None)
        marks = self._kept_marks(progress.run_id, "test")
        answered = (id(progress), progress.name, epoch, epochs[-1], len(epochs), id(other))
        key = (*answered, progress.run_id, tuple(marks.values()))
        if key != self._key:
            self._key = key
            dataset, history = progress.dataset, progress.history
            labelled = LabelledAnswers(
                progress.test, dataset.class_names, history.at(epoch), frozenset(marks)
            )
            self._view = MistakesView(
                labelled,
                dataset.dark_on_light,
                "test",
                history,
                other,
                progress.name,
                progress.run_id,
                marks,
            )
        return self._view

    def _epoch(self, progress: RunProgress) -> int:
        """The epoch under the charts' cursor, or the last one that answered."""
        epochs = progress.history.epochs
        if self._session.cursor is None or not progress.steps_per_epoch:
            return epochs[-1]
        at = math.floor(progress.epoch_steps.epochs(self._session.cursor) + 1e-9)
        return max((epoch for epoch in epochs if epoch <= at), default=epochs[0])

    def _other_run(self, progress: RunProgress, epoch: int | None) -> OtherRun | None:
        """The pinned run, else the one before it here, else in the store, if it was measured on the
        same samples: after `epoch`, or after its last one where it is None or not kept.
        """
        pinned, ghost = self._marks.pinned, self._session.ghost
        key = (id(progress), pinned, id(ghost), epoch)
        if key != self._other[0]:
            found = self._stored(pinned, progress, epoch) if pinned is not None else None
            found = found or self._ghost(ghost, progress, epoch)
            if found is None and progress.from_store:
                found = self._earlier(progress, epoch)
            self._other = (key, found)
        return self._other[1]

    def _earlier(self, progress: RunProgress, epoch: int | None) -> OtherRun | None:
        """The latest run of the store that was begun before this one, and can be compared."""
        try:
            ids = [record.id for record in self._store.runs()]
        except StoreError:
            return None
        before = ids[ids.index(progress.run_id) + 1 :] if progress.run_id in ids else []
        found = (self._stored(run_id, progress, epoch) for run_id in before[:_MOST_LOOKED_AT])
        return next((other for other in found if other is not None), None)

    def _stored(self, run_id: str, progress: RunProgress, epoch: int | None) -> OtherRun | None:
        try:
            record = self._store.run(run_id)
            same = (
                record.id != progress.run_id
                and record.test_examples == len(progress.test)
                and record.fingerprint == progress.dataset.fingerprint
            )
            if not same:
                return None
            answers = None if epoch is None else self._store.answers(record.id, epoch)
            answers = answers or self._store.answers(record.id, record.epoch)
        except StoreError:
            return None
        if answers is None:
            return None
        return OtherRun(record.name, answers.epoch, answers.predictions)

    def _ghost(
        self, ghost: RunProgress | None, progress: RunProgress, epoch: int | None
    ) -> OtherRun | None:
        if ghost is None or ghost is progress:
            return None
        answers = None if epoch is None else ghost.history.at(epoch)
        answers = answers or ghost.history.latest
        if answers is None:
            return None
        if ghost.dataset is not progress.dataset or len(ghost.test) != len(progress.test):
            return None
        return OtherRun(ghost.name or "the run before", answers.epoch, answers.predictions)
