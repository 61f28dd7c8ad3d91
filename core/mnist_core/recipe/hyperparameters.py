"""Every hyperparameter, declared once: default, bounds, label, help, and when an edit takes effect.

Flags, form rows, JSON and presets are all derived from :class:`Hyperparameters`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticUndefined

from mnist_core.recipe.float32 import in_float32
from mnist_core.recipe.models.table import MODELS, ModelName


class TakesEffect(StrEnum):
    """When an edit made during a run is applied."""

    NOW = "now"
    NEXT_EPOCH = "next epoch"
    NEXT_RUN = "next run"


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """What a person needs to know of a hyperparameter: attached to its declaration."""

    label: str
    help: str
    takes_effect: TakesEffect
    expects: str = ""
    """What may be typed, in words; only where the bounds do not already say it."""
    short_name: str = ""
    """For tables, charts and filters; empty: the name is short enough."""
    not_swept: str = ""
    """Why a sweep tries no other values of it, as a sentence; empty: it does."""


def _split_sizes(value: object) -> object:
    """Turn "128, 64" into (128, 64); the empty text means no hidden layer."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",")) if value.strip() else ()
    return value


def _parse_validation(value: object) -> object:
    if isinstance(value, str):
        word = value.strip().lower()
        return int(word) if word.isdecimal() else word
    return value


Activation = Literal["relu", "sigmoid", "tanh", "gelu", "silu", "leaky_relu"]
OptimizerName = Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "muon"]
Schedule = Literal["constant", "cosine"]
PixelScaling = Literal["unit", "standard", "none"]
Validation = Literal["none", "published"] | Annotated[int, Field(ge=1, le=10_000_000)]


class Hyperparameters(BaseModel):
    """All that decides a run besides its data, machine, device and thread count. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Annotated[
        ModelName,
        FieldDescription(
            "Model",
            "What comes before the hidden layers. mlp has nothing there and is the fastest; lenet "
            "has two layers of filters that are moved over the image: it misreads a third as many "
            "digits, takes many times as long, and needs images of 12x12 pixels or more.",
            TakesEffect.NEXT_RUN,
        ),
    ] = "mlp"
    hidden_sizes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=4096)], ...],
        Field(max_length=8),
        BeforeValidator(_split_sizes),
        FieldDescription(
            "Hidden layers",
            "Units in each hidden layer, such as 32, 32. More units or layers learn finer shapes, "
            "but train slower and overfit sooner; fewer are faster and coarser. Empty: no hidden "
            "layer, which with the model mlp is softmax regression.",
            TakesEffect.NEXT_RUN,
            expects="up to 8 whole numbers from 1 to 4096, separated by commas, or nothing",
            short_name="hidden",
        ),
    ] = (32, 32)
    activation: Annotated[
        Activation,
        FieldDescription(
            "Activation",
            "The curve between layers. relu is fast and a safe choice; sigmoid and tanh flatten "
            "out and learn slower in deep networks; gelu and silu are smooth relatives of relu; "
            "leaky_relu lets a little through below zero.",
            TakesEffect.NEXT_RUN,
        ),
    ] = "relu"
    dropout: Annotated[
        float,
        Field(ge=0, lt=1),
        FieldDescription(
            "Dropout",
            "The share of hidden units switched off at random in each batch. Higher fights "
            "overfitting and slows learning; lower learns faster and may overfit; 0 switches "
            "nothing off.",
            TakesEffect.NOW,
        ),
    ] = 0.0
    optimizer: Annotated[
        OptimizerName,
        FieldDescription(
            "Optimizer",
            "The rule that turns gradients into updates. sgd is plain; adam, adamw and rmsprop "
            "adapt the step of each weight and want a learning rate near 0.001; adagrad does so "
            "with ever smaller steps; lion steps by signs alone and wants a rate near 0.0001; muon "
            "evens out the steps of a whole layer.",
            TakesEffect.NEXT_RUN,
        ),
    ] = "sgd"
    learning_rate: Annotated[
        float,
        Field(gt=0, le=100),
        FieldDescription(
            "Learning rate",
            "How far each update moves the weights. Higher learns faster until it overshoots and "
            "the loss jumps or diverges; lower is steadier and slower.",
            TakesEffect.NOW,
            short_name="lr",
        ),
    ] = 0.1
    momentum: Annotated[
        float,
        Field(ge=0, lt=1),
        FieldDescription(
            "Momentum",
            "How much of the last update is carried into the next. Higher rolls through noise and "
            "flat stretches, too high overshoots; lower follows each batch more closely. 0.9 is "
            "common with sgd, 0.95 with muon.",
            TakesEffect.NOW,
        ),
    ] = 0.0
    weight_decay: Annotated[
        float,
        Field(ge=0, le=10),
        FieldDescription(
            "Weight decay",
            "Pulls every weight towards zero at each update. Higher keeps the network simpler "
            "and fights overfitting, too high stops it from learning; lower leaves the weights "
            "free to grow.",
            TakesEffect.NOW,
            short_name="wd",
        ),
    ] = 0.0
    schedule: Annotated[
        Schedule,
        FieldDescription(
            "Schedule",
            "How the learning rate moves over the run. constant holds it; cosine lowers it along "
            "half a cosine to one hundredth at the planned end, where added epochs stay.",
            TakesEffect.NEXT_RUN,
        ),
    ] = "constant"
    warmup_steps: Annotated[
        int,
        Field(ge=0, le=1_000_000),
        FieldDescription(
            "Warm-up steps",
            "Batches over which the learning rate climbs to its full value. More makes a gentler "
            "start, which helps high rates; fewer get to the full rate sooner; 0 starts there.",
            TakesEffect.NEXT_RUN,
            short_name="warmup",
        ),
    ] = 0
    batch_size: Annotated[
        int,
        Field(ge=1, le=65_536),
        FieldDescription(
            "Batch size",
            "Examples averaged for one update. Larger gives smoother and fewer updates an epoch; "
            "smaller gives noisier and more updates, and takes longer.",
            TakesEffect.NEXT_EPOCH,
            short_name="bs",
        ),
    ] = 256
    epochs: Annotated[
        int,
        Field(ge=1, le=100_000),
        FieldDescription(
            "Epochs",
            "Passes over the training set. More learns longer, until the test loss rises again: "
            "then the network is overfitting; fewer end sooner, perhaps half learned.",
            TakesEffect.NEXT_EPOCH,
            not_swept="All trials train the same number of epochs, or the longest would win.",
        ),
    ] = 10
    patience: Annotated[
        int,
        Field(ge=0, le=100_000),
        FieldDescription(
            "Patience",
            "Ends the run after so many epochs that are no better than the best. Better is a "
            "higher validation accuracy, or test accuracy where nothing is held out. More waits "
            "longer for a late gain; fewer end sooner, perhaps at a lull; 0 trains all epochs.",
            TakesEffect.NEXT_EPOCH,
            not_swept="All trials end by the same rule, or the most patient would win.",
        ),
    ] = 0
    target_accuracy: Annotated[
        float,
        Field(ge=0, le=1),
        FieldDescription(
            "Target accuracy",
            "Ends the run with the epoch that reaches it: 0.98 is 98 %. It is that of validation, "
            "or of the test where nothing is held out. Higher trains longer; lower ends sooner; 0 "
            "trains all epochs.",
            TakesEffect.NEXT_EPOCH,
            short_name="target",
            not_swept="All trials end by the same rule, or the highest target would win.",
        ),
    ] = 0.0
    shuffle: Annotated[
        bool,
        FieldDescription(
            "Shuffle",
            "The order of the batches. yes draws a new one each epoch; no keeps that of the "
            "files, which can teach the network that order.",
            TakesEffect.NEXT_RUN,
            expects="yes or no",
        ),
    ] = True
    pixel_scaling: Annotated[
        PixelScaling,
        FieldDescription(
            "Pixel scaling",
            "unit divides pixels by 255; standard subtracts the mean of the training set and "
            "divides by its deviation; none feeds 0 to 255, which makes large steps and often "
            "diverges.",
            TakesEffect.NEXT_RUN,
            short_name="pixels",
        ),
    ] = "unit"
    label_smoothing: Annotated[
        float,
        Field(ge=0, lt=1),
        FieldDescription(
            "Label smoothing",
            "The share of the target spread evenly over all classes. Higher keeps the network "
            "less sure of itself; lower lets it grow surer; 0 asks for full certainty. Reported "
            "test losses stay unsmoothed.",
            TakesEffect.NEXT_RUN,
            short_name="smoothing",
        ),
    ] = 0.0
    validation: Annotated[
        Validation,
        BeforeValidator(_parse_validation),
        FieldDescription(
            "Validation",
            "Examples held out to compare runs by. A number takes the last so many of the "
            "training set: more give steadier figures, fewer leave more to train on; published "
            "takes all but the last ten test images, which are shown; none trains on everything.",
            TakesEffect.NEXT_RUN,
            expects="none, published, or a whole number of examples",
            not_swept="All trials are ranked by the same examples.",
        ),
    ] = "none"
    seed: Annotated[
        int,
        Field(ge=0, le=2**32 - 1),
        FieldDescription(
            "Seed",
            "Start of all random numbers: initial weights, batch order, dropout. The same seed "
            "repeats a run exactly; another, higher or lower, shows how much is luck.",
            TakesEffect.NEXT_RUN,
            not_swept="A lucky seed is no better recipe; --seeds trains each trial with several.",
        ),
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperparameterField(FieldDescription):
    """One declared hyperparameter, in the form that flags, form rows and help are made from.

    What the declaration leaves out of its description is filled in.
    """

    name: str
    default: Any
    choices: tuple[str, ...]
    """The words that may be chosen; empty for free values."""
    kind: type
    """tuple, str, float, int or bool."""

    @property
    def flag(self) -> str:
        """The command line flag, in kebab case."""
        return "--" + self.name.replace("_", "-")

    def format(self, value: Any) -> str:
        """The text that :func:`make_hyperparameters` reads back as `value`."""
        if isinstance(value, tuple):
            return ", ".join(str(size) for size in value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.12g}" if isinstance(value, float) else str(value)


def _bounds_in_words(constraints: list[Any]) -> str:
    low = high = ""
    for constraint in constraints:
        match constraint:
            case Ge(bound):
                low = f"from {bound}"
            case Gt(bound):
                low = f"above {bound}"
            case Le(bound):
                high = f"to {bound}" if low.startswith("from") else f"and at most {bound}"
            case Lt(bound):
                high = f"to below {bound}" if low.startswith("from") else f"below {bound}"
            case _:
                pass
    return f"{low} {high}".strip()


@cache
def hyperparameter_fields() -> Mapping[str, HyperparameterField]:
    """Every hyperparameter by name, in the order of declaration."""
    fields = {}
    for name, info in Hyperparameters.model_fields.items():
        assert info.default is not PydanticUndefined, name
        description = next(item for item in info.metadata if isinstance(item, FieldDescription))
        choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
        kind = type(info.default)
        noun = "a whole number" if kind is int else "a number"
        expects = (
            "one of " + ", ".join(choices)
            if choices
            else f"{noun} {_bounds_in_words(info.metadata)}".strip()
        )
        fields[name] = HyperparameterField(
            label=description.label,
            help=description.help,
            takes_effect=description.takes_effect,
            expects=description.expects or expects,
            short_name=description.short_name or name,
            not_swept=description.not_swept,
            name=name,
            default=info.default,
            choices=choices,
            kind=kind,
        )
    return fields


def field_called(text: str) -> HyperparameterField | None:
    """The one that people call so: by name in snake or kebab case, or short, such as lr."""
    name = text.strip().lower().removeprefix("--").replace("-", "_")
    fields = hyperparameter_fields()
    return fields.get(name) or next(
        (field for field in fields.values() if field.short_name == name), None
    )


class HyperparametersError(ValueError):
    """Values that were refused: `problems` maps field names to sentences for the user."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def make_hyperparameters(
    values: Mapping[str, Any], base: Hyperparameters | None = None
) -> Hyperparameters:
    """Validate `values` (typed values or the texts a person types) on top of `base`.

    Bounds hold for a number as float32 too, as which MLX takes it: a dropout of 0.99999999 is 1.

    Raises:
        HyperparametersError: with one sentence for each field that was refused.
    """
    fields = hyperparameter_fields()
    given = base.model_dump() if base else {}
    try:
        made = Hyperparameters.model_validate(given | dict(values))
    except ValidationError as error:
        problems = {}
        for detail in error.errors(include_url=False, include_context=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            if name in fields:
                problems[name] = (
                    f"{fields[name].label}: {quoted(values.get(name))} is not usable; "
                    f"it takes {fields[name].expects}."
                )
            else:
                problems[name] = f"There is no hyperparameter {quoted(name)}."
        raise HyperparametersError(problems) from error
    problems = {
        name: f"{fields[name].label}: {quoted(values.get(name, value))} is not usable, since MLX "
        f"computes in float32, where it counts as {counted:g}; it takes {fields[name].expects}."
        for name, value, counted in _unlike_in_float32(made)
    }
    if problems:
        raise HyperparametersError(problems)
    return made


def _unlike_in_float32(made: Hyperparameters) -> Iterator[tuple[str, float, float]]:
    """The numbers that leave their bounds when MLX takes them: name, value, and what it becomes.

    It is no part of :class:`Hyperparameters`, which reads stored runs too.
    """
    for name, info in Hyperparameters.model_fields.items():
        value = getattr(made, name)
        if isinstance(value, float):
            counted = in_float32(value)
            if not all(_holds(constraint, counted) for constraint in info.metadata):
                yield name, value, counted


def _holds(constraint: Any, value: Any) -> bool:
    match constraint:
        case Ge(bound):
            return bool(value >= bound)
        case Gt(bound):
            return bool(value > bound)
        case Le(bound):
            return bool(value <= bound)
        case Lt(bound):
            return bool(value < bound)
        case _:
            return True


def quoted(value: object) -> str:
    """How sentences show what somebody gave, which may be long."""
    text = (
        "an empty field" if value == "" else repr(value) if isinstance(value, str) else str(value)
    )
    return text if len(text) <= 60 else text[:57] + "..."


_USES_MOMENTUM = frozenset({"sgd", "muon"})
_USES_WEIGHT_DECAY = frozenset({"sgd", "adamw", "lion", "muon"})


def unused_fields(hyperparameters: Hyperparameters) -> dict[str, str]:
    """The fields that have no effect beside the others, each with the reason as a sentence."""
    unused = {}
    optimizer = hyperparameters.optimizer
    if optimizer not in _USES_MOMENTUM:
        unused["momentum"] = f"{optimizer} has no momentum setting."
    if optimizer not in _USES_WEIGHT_DECAY:
        unused["weight_decay"] = f"{optimizer} has no weight decay."
    if not hyperparameters.hidden_sizes:
        reason = "Without hidden layers there is nothing to apply it to."
        unused["dropout"] = reason
        if not MODELS[hyperparameters.model].convolutions:
            unused["activation"] = reason
    return unused


def to_json(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Plain JSON values; `make_hyperparameters` reads them back."""
    return hyperparameters.model_dump(mode="json")


def differing_fields(one: Hyperparameters, other: Hyperparameters) -> list[str]:
    """The names of the fields in which the two differ, in the order of their declaration."""
    return [name for name in hyperparameter_fields() if getattr(one, name) != getattr(other, name)]
