"""The network screen: what each unit of a layer has learned, live, and at epochs that are kept."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen

from mnist_core.network.units import UnitActivity, has_hidden_units, shown_layers
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.lab.current_model import Model
from mnist_tui.network.distributions_dialog import DistributionsDialog
from mnist_tui.network.network_source import NetworkSource
from mnist_tui.network.unit_grid import UnitGrid
from mnist_tui.network.unit_view import UnitView
from mnist_tui.network.units_view import By, Sorting, UnitsView, sorted_units
from mnist_tui.settings.keys import Scope, bindings
from mnist_tui.text.picture_style import PICTURE_STYLES, PictureStyle
from mnist_tui.ui.digit_style import NextStyleAsked
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.menu import Menu
from mnist_tui.ui.sizes import WIDTHS

POLL_INTERVAL = 0.5
"""Seconds between two looks at whether the network has learned more: what a run tells it of its
weights comes as often, and nobody sees more.
"""
_COUNT_INTERVAL = 0.02
"""Seconds between two parts of the samples: keys and drawing come between them."""


class NetworkScreen(Screen[None]):
    """Draws the model that `source` finds; asks samples of it in parts, so that no key waits."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.NETWORK)
    AUTO_FOCUS = "UnitGrid"
    HORIZONTAL_BREAKPOINTS = WIDTHS

    def __init__(
        self, source: NetworkSource, picture_style: PictureStyle = PICTURE_STYLES[0]
    ) -> None:
        super().__init__()
        self._source = source
        self._picture_style = picture_style
        self._model: Model | None = None
        self._recipe: Hyperparameters | None = None
        """Of the run that was shown last."""
        self._is_live = False
        """Whether `_model` will be another one in a moment."""
        self._layer = 0
        self._sorting = Sorting()
        self._order: NDArray[np.intp] = np.empty(0, np.intp)
        self._activity: UnitActivity | None = None
        """That of the samples, once all have been asked."""
        self._counted: UnitActivity | None = None
        """The one that is being counted."""
        self._view: UnitsView | None = None
        self._sentence: str | None = None
        """Why there is no view."""
        self._working_keys: object = None

    def compose(self) -> ComposeResult:
        with Horizontal(id="network"):
            yield UnitGrid(id="units")
            yield UnitView(id="unit")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.show_style(self._picture_style)
        self.set_interval(POLL_INTERVAL, self._poll)
        self._counting = self.set_interval(_COUNT_INTERVAL, self._count, pause=True)

    def on_screen_resume(self) -> None:
        """The screen is on top, for the first time or again."""
        self._source.forget()
        self._poll()

    # -- what is shown ---------------------------------------------------------------------------

    def _poll(self) -> None:
        """Take what the network has learned since the last look."""
        if not self.is_current:
            return
        found, is_live = self._source.find(), self._source.is_live
        if isinstance(found, str):
            self._show_sentence(found)
        elif found is not self._model or is_live != self._is_live:
            self._take(found, is_live=is_live)
        self._show_keys()

    def _show_sentence(self, sentence: str) -> None:
        if sentence != self._sentence:
            self._sentence, self._model, self._view = sentence, None, None
            self._activity = self._counted = None
            self.query_one(UnitGrid).show_sentence(sentence)
            self.query_one(UnitView).show(None)

    def _take(self, model: Model, *, is_live: bool) -> None:
        """Show another model; while one trains, its units keep their order and nothing blinks."""
        goes_on = self._model is not None and self._is_live and is_live
        same_run = self._recipe is model.hyperparameters
        self._recipe = model.hyperparameters
        self._model, self._is_live, self._sentence = model, is_live, None
        if not same_run:
            self._layer, self._sorting = 0, Sorting()
            self.query_one(UnitGrid).show_first()
        self._show_layer(keeps=same_run and goes_on)

    def _show_layer(self, *, keeps: bool = False) -> None:
        """Show the units of the layer; `keeps` their order, and what is known of the samples."""
        model = self._model
        if model is None:
            return
        falls_behind = self._counted is not None
        self._counted = UnitActivity(
            model.parameters, self._layer, model.test, model.hyperparameters, model.dataset,
            brief=self._is_live,
        )  # fmt: skip
        self._counting.resume()
        if not keeps:
            self._activity = None
            self._order = sorted_units(model, self._layer, self._sorting)
        # Of a network that trains, pictures come with what samples say a moment later: drawn once,
        # they take half as much from training.
        if not keeps or falls_behind:
            self._draw()

    def _count(self) -> None:
        """Ask the next samples."""
        counted = self._counted
        if counted is None or not self.is_current:
            self._counting.pause()
            return
        if not counted.is_whole:
            counted.take_part()
        if counted.is_whole:
            self._counting.pause()
            self._activity, self._counted = counted, None
            self._draw()

    def _draw(self) -> None:
        model = self._model
        if model is None:
            return
        self._view = UnitsView(model, self._layer, self._sorting, self._order, self._activity)
        self.query_one(UnitGrid).show(self._view)
        self._draw_unit()

    @on(UnitGrid.Moved)
    def _move(self, event: UnitGrid.Moved) -> None:
        event.stop()
        self._draw_unit()

    def _draw_unit(self) -> None:
        unit = self.query_one(UnitGrid).current
        if self._view is not None and unit is not None:
            self.query_one(UnitView).show(self._view.detail(unit))

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        model = self._model
        match action:
            case "choose_order" | "reverse_order":
                return model is not None
            case "step_class":
                return model is not None and has_hidden_units(model.parameters)
            case "next_layer":
                return model is not None and shown_layers(model.parameters) > 1
            case "move_epoch":
                return len(self._source.epochs()) > 0
            case "show_distributions":
                return self._source.progress is not None
            case "show_latest":
                return self._source.looks_back
            case _:
                return True

    def _show_keys(self) -> None:
        keys = (
            "choose_order", "step_class", "next_layer", "move_epoch", "show_distributions",
            "show_latest",
        )  # fmt: skip
        now = [self.check_action(key, ()) for key in keys]
        if now != self._working_keys:
            self._working_keys = now
            self.refresh_bindings()

    def action_choose_order(self) -> None:
        model = self._model
        if model is None:
            return
        words = {By.NORM.value: "norm of the weights", By.INDEX.value: "index"}
        if has_hidden_units(model.parameters):
            words[By.CLASS.value] = f"weight to class {self._class_name(model)}"

        def chosen(name: str | None) -> None:
            if name is not None:
                self._sort(replace(self._sorting, by=By(name), reverse=False))

        self.app.push_screen(Menu("Sort by", words, self._sorting.by), chosen)

    def _class_name(self, model: Model) -> str:
        return model.dataset.class_names[self._sorting.label]

    def action_reverse_order(self) -> None:
        self._sort(replace(self._sorting, reverse=not self._sorting.reverse))

    def action_step_class(self, by: int) -> None:
        model, sorting = self._model, self._sorting
        if model is None:
            return
        classes = model.dataset.class_count
        label = (sorting.label + by) % classes if sorting.by is By.CLASS else sorting.label
        self._sort(replace(sorting, by=By.CLASS, label=label))

    def _sort(self, sorting: Sorting) -> None:
        """Sort by the weights as they are now, and go to the first unit."""
        model = self._model
        if model is None:
            return
        self._sorting = sorting
        self._order = sorted_units(model, self._layer, sorting)
        self.query_one(UnitGrid).show_first()
        self._draw()

    def action_next_layer(self) -> None:
        if self._model is None:
            return
        self._layer = (self._layer + 1) % shown_layers(self._model.parameters)
        self.query_one(UnitGrid).show_first()
        self._show_layer()

    def action_move_epoch(self, by: int) -> None:
        self._source.move_epoch(by)
        self._poll()

    def action_show_latest(self) -> None:
        self._source.show_latest()
        self._poll()

    def action_show_distributions(self) -> None:
        self.app.push_screen(DistributionsDialog(self._source), lambda _: self._poll())

    def action_digit_style(self) -> None:
        self.post_message(NextStyleAsked())

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        self.query_one(UnitGrid).show_style(style)
        self.query_one(UnitView).show_style(style)
