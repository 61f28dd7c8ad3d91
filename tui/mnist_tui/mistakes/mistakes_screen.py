"""The mistakes screen: what the model gets wrong, how sure it was, and what changed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from mnist_core.network.mistakes import ConfusedPair, confused_pairs, confusion_matrix
from mnist_core.store import StoreError
from mnist_tui.mistakes.calibration_dialog import CalibrationDialog
from mnist_tui.mistakes.class_curves_dialog import ClassCurvesDialog
from mnist_tui.mistakes.confused_pairs import ConfusedPairs
from mnist_tui.mistakes.confusion_matrix import ConfusionMatrix
from mnist_tui.mistakes.explanation import Why
from mnist_tui.mistakes.filter_line import SampleFilterLine
from mnist_tui.mistakes.gallery import NO_TILES, Gallery, Tiles
from mnist_tui.mistakes.mistakes_view import (
    MistakesSource,
    MistakesView,
    empty_text,
    order_text,
    title_text,
    unanswered_text,
)
from mnist_tui.mistakes.sample_query import Kind, Order, SampleQuery, rows
from mnist_tui.mistakes.sample_view import SampleView
from mnist_tui.mistakes.why_source import WhySource
from mnist_tui.settings.keys import Scope, bindings
from mnist_tui.text.picture_style import PICTURE_STYLES, PictureStyle
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import LineInput, Question
from mnist_tui.ui.digit_style import NextStyleAsked
from mnist_tui.ui.filter_line import FilterLine
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.menu import Menu
from mnist_tui.ui.sizes import WIDTHS

POLL_INTERVAL = 0.25
"""Seconds between two looks at whether a run has completed another epoch."""
_SEARCH_INTERVAL = 0.05
"""Seconds between two looks at whether the nearest training samples have been found."""
_MOST_PAIRS = 100
_NO_DATA = "Samples appear here once there is data."


class MistakesScreen(Screen[None]):
    """Draws what `source` offers; keeps the user's selection while a run goes on."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.MISTAKES)
    AUTO_FOCUS = "Gallery"
    HORIZONTAL_BREAKPOINTS = WIDTHS

    def __init__(
        self,
        source: MistakesSource,
        why_source: WhySource,
        picture_style: PictureStyle = PICTURE_STYLES[0],
    ) -> None:
        super().__init__()
        self._source = source
        self._why_source = why_source
        self._why = Why.DIGIT
        """What is shown of the sample under the cursor."""
        self._view: MistakesView | None = None
        self._query = SampleQuery()
        self._for_one: SampleQuery | None = None
        """What was chosen to show a sample that is no mistake."""
        self._train = False
        """Whether training samples are shown, which no model answers."""
        self._picture_style = picture_style
        self._subtracts = False
        """Whether the matrix says how many more there are than of the other run."""
        self._working_keys: object = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="mistakes"):
            with Vertical(id="seen-by-class"):
                yield Static(id="unanswered", markup=False)
                yield ConfusionMatrix(id="matrix")
                yield SampleView(id="sample")
            with Vertical(id="seen-by-sample"):
                yield Gallery(id="gallery")
                yield ConfusedPairs(id="pairs")
        yield SampleFilterLine()
        yield KeyFooter()

    def on_mount(self) -> None:
        self.show_style(self._picture_style)
        self.set_interval(POLL_INTERVAL, self._poll)
        self._searching = self.set_interval(_SEARCH_INTERVAL, self._draw_sample, pause=True)
        self._draw()

    def on_screen_resume(self) -> None:
        """The screen is on top, for the first time or again."""
        self._source.forget()
        self._poll()

    # -- drawing ---------------------------------------------------------------------------------

    def _poll(self) -> None:
        """Take what is new; the selection and the scroll stay where they are."""
        if not self.is_current:
            return
        found = self._source.view(train=self._train)
        if found is not self._view:
            same = (
                self._view is not None
                and found is not None
                and (found.labelled.class_names == self._view.labelled.class_names)
            )
            self._view = found
            if not same:
                self._query = SampleQuery()
                self._filter_line.class_names = found.labelled.class_names if found else ()
                self._filter_line.clear()
                self._filter_line.rest()
            self._draw()

    @property
    def _filter_line(self) -> SampleFilterLine:
        return self.query_one(SampleFilterLine)

    def _draw(self) -> None:
        view = self._view
        answered = view is not None and view.epoch is not None
        self.set_class(not answered, "-unanswered")
        self.query_one("#unanswered", Static).update(unanswered_text(train=self._train))
        if view is not None:
            labelled = view.labelled
            matrix = self.query_one(ConfusionMatrix)
            right = 100 * (1 - labelled.wrong.mean()) if len(labelled.labels) else 0.0
            parts = ["Confusion"]
            if answered:
                less = ""
                if self._subtracts and view.other is not None:
                    at = view.other.epoch
                    less = f" less {view.other.name}" + f" at epoch {at}" * (at != view.epoch)
                parts += [f"{view.run_name}{less}", f"epoch {view.epoch}", f"{right:.2f} % right"]
            matrix.border_title = Content(visible(" · ".join(filter(None, parts))))
            matrix.show(labelled.matrix, labelled.class_names, *self._subtracted_from(view))
            self._mark_cell()
            pairs = self._pairs()
            totals = labelled.matrix.sum(axis=1).tolist()
            self.query_one(ConfusedPairs).show(pairs, labelled.class_names, totals)
        self._draw_gallery()

    def _pairs(self) -> Sequence[ConfusedPair]:
        """The pairs of classes that are confused, the most confused first."""
        if self._view is None:
            return ()
        return confused_pairs(self._view.labelled.matrix, _MOST_PAIRS)

    def _subtracted_from(self, view: MistakesView) -> tuple[NDArray[np.int64] | None, str]:
        """The matrix of the other run and its name, where that is to be subtracted."""
        labelled, other = view.labelled, view.other
        if other is None or not self._subtracts:
            return None, ""
        classes = len(labelled.class_names)
        return confusion_matrix(labelled.labels, other.predictions, classes), visible(other.name)

    def _draw_gallery(self) -> None:
        gallery = self.query_one(Gallery)
        view = self._view
        if view is None:
            gallery.border_title = Content("Samples")
            gallery.border_subtitle = ""
            gallery.show(replace(NO_TILES, empty=_NO_DATA))
            self._draw_sample()
            return
        labelled, query = view.labelled, self._query
        theirs = view.other.predictions if view.other is not None else None
        shown = rows(query, labelled, view.history, theirs)
        gallery.border_title = Content(visible(title_text(view, query, len(shown))))
        gallery.border_subtitle = order_text(view, query)
        gallery.show(Tiles(labelled, shown, view.dark_on_light, empty_text(view, query)))
        self._draw_sample()
        self._show_keys()

    def _mark_cell(self) -> None:
        matrix, query = self.query_one(ConfusionMatrix), self._query
        if query.has_cell:
            matrix.select(query.true, query.predicted)
        else:
            matrix.clear()

    def _draw_sample(self) -> None:
        gallery, sample = self.query_one(Gallery), self.query_one(SampleView)
        index = gallery.current
        if self._view is None or index is None:
            sample.border_title = Content("Sample")
            sample.show(None)
            self._searching.pause()
            return
        explanation = self._why_source.explain(self._view, index, self._why)
        way = explanation.why if explanation is not None else ""
        parts = f"Sample {index}", visible(self._view.run_name), way
        sample.border_title = Content(" · ".join(filter(None, parts)))
        sample.show(self._view.detail(index), explanation)
        if self._why_source.is_searching:
            self._searching.resume()
        else:
            self._searching.pause()

    # -- choosing --------------------------------------------------------------------------------

    @on(ConfusionMatrix.Chosen)
    @on(ConfusedPairs.Chosen)
    def _choose_cell(self, event: ConfusionMatrix.Chosen | ConfusedPairs.Chosen) -> None:
        event.stop()
        self._show_cell(event.true, event.predicted)

    def _show_cell(self, true: int | None, predicted: int | None) -> None:
        self._show(self._query.with_cell(true, predicted))
        self._mark_cell()
        self._to_gallery()

    @on(Gallery.Moved)
    def _move(self, event: Gallery.Moved) -> None:
        event.stop()
        self._draw_sample()

    @on(SampleView.EpochChosen)
    def _choose_epoch(self, event: SampleView.EpochChosen) -> None:
        event.stop()
        self._source.show_epoch(event.epoch)
        self._poll()

    def show_sample(self, index: int) -> None:
        """Look at one test sample, among the mistakes if it is one, else among all samples."""
        self.call_after_refresh(self._go_to, index)

    def on_screen_suspend(self) -> None:
        """What was chosen to show one sample ends with the visit, and so does a search."""
        self._why_source.forget()
        self._searching.pause()
        if self._query == self._for_one:
            self._query = SampleQuery(since=self._query.since)

    def _go_to(self, index: int) -> None:
        self._train = False
        self._poll()
        if self._view is None:
            return
        self.action_clear_samples()
        wrong = self._view.labelled.wrong
        if not (len(wrong) and wrong[index]) and Kind.ALL in self._view.kinds:
            self._for_one = replace(self._query, kind=Kind.ALL)
            self._show(self._for_one)
        self.query_one(Gallery).go_to(index)

    def _to_gallery(self) -> None:
        self.remove_class("-matrix")
        self.set_focus(self.query_one(Gallery))

    def _show(self, query: SampleQuery) -> None:
        self._query = query
        self._draw_gallery()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        view = self._view
        match action:
            case "choose_kind":
                return view is not None and bool(view.kinds)
            case "mark_sample" | "note_sample":
                shows = self.is_mounted and self.query_one(Gallery).current is not None
                return view is not None and bool(view.run_id) and self._source.may_mark and shows
            case (
                "choose_order" | "reverse_order" | "show_matrix" | "show_calibration"
                | "show_class_curves"
            ):  # fmt: skip
                return view is not None and view.epoch is not None
            case "cycle_why":
                answered = view is not None and view.epoch is not None
                return answered and self.query_one(Gallery).current is not None
            case "step_pair":
                return bool(self._pairs())
            case "subtract_matrix":
                compares = view is not None and view.epoch is not None and view.other is not None
                return compares and self.query_one(ConfusionMatrix).is_on_screen
            case "move_epoch" | "set_since":
                return view is not None and len(view.history.epochs) > 1
            case "filter_samples" | "switch_samples":
                return view is not None
            case "clear_samples":
                return (
                    self._query != SampleQuery()
                    or self.has_class("-matrix")
                    or (self.is_mounted and self._filter_line.display)
                )
            case _:
                return True

    def _show_keys(self) -> None:
        keys = ("choose_kind", "move_epoch", "mark_sample", "clear_samples", "cycle_why")
        now = [self.check_action(key, ()) for key in keys]
        if now != self._working_keys:
            self._working_keys = now
            self.refresh_bindings()

    def action_choose_kind(self) -> None:
        if self._view is None:
            return
        kinds, kind = self._view.kinds, self._query.kind

        def chosen(name: str | None) -> None:
            if name is not None:
                self._show(self._query.of_kind(Kind(name)))

        words = {each.value: each.value for each in kinds}
        self.app.push_screen(Menu("Show", words, kind if kind in kinds else kinds[0]), chosen)

    def action_choose_order(self) -> None:
        order, reverse = self._query.order, self._query.reverse

        def chosen(name: str | None) -> None:
            if name is not None:
                again = name == order and not reverse
                self._show(replace(self._query, order=Order(name), reverse=again))

        self.app.push_screen(Menu("Sort by", {each: each for each in Order}, order), chosen)

    def action_reverse_order(self) -> None:
        self._show(replace(self._query, reverse=not self._query.reverse))

    def action_move_epoch(self, by: int) -> None:
        self._source.move_epoch(by)
        self._poll()

    def action_set_since(self) -> None:
        """Count changes from the epoch looked at."""
        view = self._view
        if view is not None and view.epoch is not None:
            self._show(replace(self._query, since=view.epoch))
            self.notify(f"Changes are counted from epoch {view.epoch}.")

    def action_switch_samples(self) -> None:
        self._train = not self._train
        self._poll()

    def action_cycle_why(self) -> None:
        """Show the next of the ways to ask why the model said what it did."""
        self._why = self._why.following
        self._draw_sample()

    def action_digit_style(self) -> None:
        self.post_message(NextStyleAsked())

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digits in another style from now on."""
        self.query_one(Gallery).show_style(style)
        self.query_one(SampleView).show_style(style)

    def action_step_pair(self, by: int) -> None:
        """Show the mistakes of the pair that is confused next less or more than that on show."""
        pairs = [(pair.true, pair.predicted) for pair in self._pairs()]
        shown = self._query.true, self._query.predicted
        at = pairs.index(shown) + by if shown in pairs else 0
        at = max(0, min(at, len(pairs) - 1))
        self.query_one(ConfusedPairs).highlighted = at
        self._show_cell(*pairs[at])

    def action_show_matrix(self) -> None:
        self.add_class("-matrix")
        self.set_focus(self.query_one(ConfusionMatrix))

    def action_show_calibration(self) -> None:
        view = self._view
        if view is not None and view.epoch is not None:
            self.app.push_screen(
                CalibrationDialog(view.history, view.labelled.labels, view.run_name, view.epoch)
            )

    def action_show_class_curves(self) -> None:
        view = self._view
        if view is not None and view.epoch is not None:
            labelled = view.labelled
            self.app.push_screen(
                ClassCurvesDialog(
                    view.history, labelled.labels, labelled.class_names, view.run_name, view.epoch
                )
            )

    def action_subtract_matrix(self) -> None:
        self._subtracts = not self._subtracts
        self._draw()

    def action_clear_samples(self) -> None:
        """One step back: from the filter, the cell and the kind to all mistakes."""
        self._filter_line.clear()
        self._filter_line.rest()
        self._show(SampleQuery(since=self._query.since))
        self._mark_cell()
        self._to_gallery()

    # -- the filter ------------------------------------------------------------------------------

    def action_filter_samples(self) -> None:
        self._filter_line.edit()

    @on(FilterLine.Changed)
    def _filter(self, event: FilterLine.Changed) -> None:
        event.stop()
        if self._view is not None:
            self._show(replace(self._query, filter=self._filter_line.sample_filter))

    @on(FilterLine.Left)
    def _leave_filter(self, event: FilterLine.Left) -> None:
        event.stop()
        self.set_focus(self.query_one(Gallery))
        self._filter_line.rest()

    # -- marks -----------------------------------------------------------------------------------

    def action_mark_sample(self) -> None:
        """Mark the sample under the cursor, or take its mark away, with its note if that is so."""
        index = self.query_one(Gallery).current
        if self._view is None or index is None:
            return
        view, kept = self._view, self._view.marks.get(index)
        if kept is None:
            self._change_marks(lambda: self._source.mark(view, view.new_mark(index)))
        elif not kept.note:
            self._change_marks(lambda: self._source.unmark(view, kept))
        else:

            def answered(yes: bool | None) -> None:
                if yes:
                    self._change_marks(lambda: self._source.unmark(view, kept))

            self.app.push_screen(
                Question(
                    f"Take the mark of sample {index} away, with its note “{visible(kept.note)}”?",
                    "Take it away",
                    "Keep it",
                ),
                answered,
            )

    def action_note_sample(self) -> None:
        index = self.query_one(Gallery).current
        if self._view is None or index is None:
            return
        view = self._view
        mark = view.marks.get(index) or view.new_mark(index)

        def answered(note: str | None) -> None:
            if note is not None:
                self._change_marks(lambda: self._source.mark(view, replace(mark, note=note)))

        title = f"Note on {view.samples_name} sample {index}"
        same_counts = index not in view.marks
        self.app.push_screen(
            LineInput(title, mark.note, "Why to look at it", same_counts=same_counts), answered
        )

    def _change_marks(self, change: Callable[[], None]) -> None:
        """Change the store and show the result, or a sentence why that failed."""
        try:
            change()
        except StoreError as error:
            self.notify(visible(str(error)), severity="error", markup=False)
        self._poll()
