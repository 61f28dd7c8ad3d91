"""What the network screen shows: the units of a layer in an order, and all that is told of one."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.units import (
    UnitActivity,
    class_weights,
    feature_maps,
    has_hidden_units,
    shown_layers,
    unit_pictures,
    weight_norms,
    weights_onward,
)
from mnist_core.recipe.models.table import MODELS
from mnist_tui.lab.current_model import Model
from mnist_tui.text.numbers import count, percent
from mnist_tui.text.visible_text import class_name, visible

DEAD = "∅"
"""The sign of a unit that says the same of every sample."""
_SHARE_IN_SCALE = 0.995
"""Of the weights; the few beyond are drawn as strong as colours can be."""
_MOST_MEASURED = 100_000
_SAMPLES = 16
"""That excite a unit most, and least, of which those that fit are shown."""


class By(StrEnum):
    """What units are sorted by."""

    NORM = "norm"
    INDEX = "index"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class Sorting:
    """The order of units: the largest norm or weight first, or the lowest index."""

    by: By = By.NORM
    label: int = 0
    """The class whose use of them counts."""
    reverse: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Numbers with names, each to be a bar to the left or right."""

    title: str
    names: tuple[str, ...]
    """Safe to draw."""
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Exciting:
    """Samples with what a unit makes of them."""

    title: str
    images: NDArray[np.uint8]
    """(samples, height, width)."""
    captions: tuple[str, ...]
    """The class and the sum of each."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitDetail:
    """All that is told of one unit."""

    title: str
    facts: tuple[str, ...]
    picture: NDArray[np.float32] | None
    """(height, width) from -1 to 1; None: its inputs are no pixels."""
    bars: tuple[Bars, ...]
    samples: tuple[Exciting, ...]
    dark_on_light: bool


@dataclass(frozen=True, eq=False)
class UnitsView:
    """The units of one layer of a model."""

    model: Model
    layer: int
    """From 0."""
    sorting: Sorting
    order: NDArray[np.intp]
    """(units,) their indices in the order in which they are shown."""
    activity: UnitActivity | None
    """None: the samples are being counted."""

    @property
    def is_hidden(self) -> bool:
        """Whether they are hidden units, not the classes themselves."""
        return has_hidden_units(self.model.parameters)

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(self.order)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Safe to draw, one a class."""
        dataset = self.model.dataset
        return tuple(class_name(label, dataset.class_names) for label in range(dataset.class_count))

    @property
    def has_pictures(self) -> bool:
        """Whether the inputs are pixels."""
        return self.layer == 0

    @property
    def picture_shape(self) -> tuple[int, int]:
        """(height, width) of the picture of a unit: as the images, or as a filter."""
        filters = MODELS[self.model.hyperparameters.model].convolutions
        return (filters[0].kernel,) * 2 if filters else self.model.dataset.image_shape

    @property
    def are_filters(self) -> bool:
        """Whether each is moved over the whole image and makes a map of it."""
        return self.layer < len(MODELS[self.model.hyperparameters.model].convolutions)

    def pictures(self, units: NDArray[np.intp]) -> NDArray[np.float32]:
        """(units, height, width) the weights of units of the first layer, from -1 to 1."""
        weights = unit_pictures(self.model.parameters, units, self.picture_shape)
        return np.asarray(np.clip(np.nan_to_num(weights / self.scale), -1, 1))

    def picture(self, unit: int) -> NDArray[np.float32]:
        """(height, width) that of one."""
        return np.asarray(self.pictures(np.array([unit]))[0])

    @cached_property
    def scale(self) -> float:
        """The weight that is drawn in full."""
        weights = self.model.parameters[0].reshape(-1)
        # Of very many, some tell as much. An odd step takes them from all units.
        sizes = np.abs(weights[:: 1 + len(weights) // _MOST_MEASURED // 2 * 2])
        finite = sizes[np.isfinite(sizes)]
        largest = float(np.quantile(finite, _SHARE_IN_SCALE)) if len(finite) else 0.0
        return largest or 1.0

    @cached_property
    def norms(self) -> NDArray[np.float32]:
        """(units,)."""
        return weight_norms(self.model.parameters, self.layer)

    @cached_property
    def uses(self) -> NDArray[np.float32]:
        """(units, classes) how much each class uses each unit."""
        return class_weights(self.model.parameters, self.layer)

    @cached_property
    def means(self) -> NDArray[np.float32] | None:
        """(units, classes) of activation; None: the samples are being counted."""
        return None if self.activity is None else self.activity.class_means(len(self.class_names))

    @cached_property
    def dead(self) -> NDArray[np.bool_]:
        """(units,); none is until the samples are counted."""
        return np.zeros(self.count, np.bool_) if self.activity is None else self.activity.dead

    def name(self, unit: int) -> str:
        """Its index, or the class that it stands for."""
        return str(unit) if self.is_hidden else self.class_names[unit]

    def caption(self, unit: int) -> str:
        """Name, whether it is dead, and what it is sorted by."""
        value = self.norms[unit]
        if self.sorting.by is By.CLASS and self.is_hidden:
            value = self.uses[unit, self.sorting.label]
        number = signed(value) if self.sorting.by is By.CLASS else f"{value:.2f}"
        return " ".join([self.name(unit), *([DEAD] if self.dead[unit] else []), number])

    @property
    def title(self) -> str:
        """The layer, how many units there are, and how many are dead, once that is known."""
        if not self.is_hidden:
            return f"Templates · {count(self.count, 'class', 'classes')}"
        layers = shown_layers(self.model.parameters)
        kind = "filter" if self.are_filters else "unit"
        parts = [f"Layer {self.layer + 1}/{layers}", count(self.count, kind)]
        if self.activity is not None:
            parts.append(f"{int(self.dead.sum())} dead")
        return " · ".join(parts)

    @property
    def order_text(self) -> str:
        """What they are sorted by."""
        order = self.sorting.by.value
        if self.sorting.by is By.CLASS:
            order = f"weight to {self.class_names[self.sorting.label]}"
        return f"by {order}" + (" reversed" if self.sorting.reverse else "")

    # -- one of them -----------------------------------------------------------------------------

    def detail(self, unit: int) -> UnitDetail:
        """All that is told of a unit."""
        bias = float(self.model.parameters[2 * self.layer + 1][unit])
        facts = [f"norm {self.norms[unit]:.3g}", f"bias {bias:+.3g}"]
        if self.has_pictures:
            facts.append(f"drawn up to ±{self.scale:.2g}")
        facts += self._activity_facts(unit)
        kind = "Filter" if self.are_filters else "Unit" if self.is_hidden else "Class"
        return UnitDetail(
            title=f"{kind} {self.name(unit)} · {visible(self.model.when)}",
            facts=tuple(facts),
            picture=self.picture(unit) if self.has_pictures else None,
            bars=tuple(self._bars(unit)),
            samples=tuple(self._samples(unit)),
            dark_on_light=self.model.dataset.dark_on_light,
        )

    def _activity_facts(self, unit: int) -> list[str]:
        activity = self.activity
        if activity is None:
            return ["samples are being counted"]
        facts = [f"{DEAD} dead: always the same"] if self.dead[unit] else []
        if activity.off_shares is not None:
            share = percent(float(activity.off_shares[unit]), 1)
            facts.append(f"off everywhere in {share}" if self.are_filters else f"off for {share}")
        elif self.is_hidden:
            facts.append(f"{self.model.hyperparameters.activation} is never off")
        return [*facts, count(len(activity), "test sample")]

    def _bars(self, unit: int) -> list[Bars]:
        bars = []
        if self.layer and self.means is not None:
            bars.append(Bars("Mean by class", self.class_names, self.means[unit]))
        if self.is_hidden:
            outgoing = weights_onward(self.model.parameters, self.layer)[unit]
            last = self.layer + 1 == shown_layers(self.model.parameters)
            title = "Weights to classes" if last else f"Weights to layer {self.layer + 2}"
            names = self.class_names if last else tuple(map(str, range(len(outgoing))))
            bars.append(Bars(title, names, outgoing))
        return bars

    def _samples(self, unit: int) -> list[Exciting]:
        activity = self.activity
        if activity is None:
            return []
        most = activity.most_excited(unit, _SAMPLES)
        exciting = self._exciting("Excite it most", activity, unit, most)
        if self.are_filters:
            return [exciting, self._maps(unit, most)]
        least = activity.least_excited(unit, _SAMPLES)
        return [exciting, self._exciting("Excite it least", activity, unit, least)]

    def _maps(self, unit: int, rows: NDArray[np.intp]) -> Exciting:
        """What a filter makes of samples, each as dark as its largest value allows."""
        model = self.model
        maps = feature_maps(
            model.parameters, self.layer, unit, model.test.images[rows],
            model.hyperparameters, model.dataset,
        )  # fmt: skip
        maps = np.nan_to_num(np.maximum(maps, 0), posinf=0)
        peaks = maps.max(axis=(1, 2), initial=0)
        levels = np.rint(255 * maps / np.where(peaks > 0, peaks, 1)[:, None, None]).astype(np.uint8)
        images = 255 - levels if model.dataset.dark_on_light else levels
        captions = tuple(f"up to {peak:.3g}" for peak in peaks)
        return Exciting("Its map of each", images, captions)

    def _exciting(
        self, title: str, activity: UnitActivity, unit: int, rows: NDArray[np.intp]
    ) -> Exciting:
        test, sums = self.model.test, activity.sums[rows, unit]
        captions = tuple(
            f"{self.class_names[label]} {signed(value)}"
            for label, value in zip(test.labels[rows].tolist(), sums.tolist(), strict=True)
        )
        return Exciting(title, test.images[rows], captions)


def sorted_units(model: Model, layer: int, sorting: Sorting) -> NDArray[np.intp]:
    """(units,) the indices of the units of a layer in that order; equals by their index."""
    norms = weight_norms(model.parameters, layer)
    values: NDArray[np.float32] | NDArray[np.intp] = -norms
    if sorting.by is By.INDEX:
        values = np.arange(len(norms))
    elif sorting.by is By.CLASS:
        values = -class_weights(model.parameters, layer)[:, sorting.label]
    order = np.argsort(values, kind="stable")
    return order[::-1] if sorting.reverse else order


def signed(value: float) -> str:
    """With its sign and two decimals, or fewer of a large number."""
    return f"{value:+.2f}" if abs(value) < 100 else f"{value:+.3g}"
