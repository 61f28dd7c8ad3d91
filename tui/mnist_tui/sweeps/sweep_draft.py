"""What the texts of the form of a sweep amount to: what is wrong with each, and the command."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from mnist_core.recipe.hyperparameters import (
    HyperparameterField,
    Hyperparameters,
    HyperparametersError,
    make_hyperparameters,
)
from mnist_core.recipe.presets import nearest_preset
from mnist_core.sweep.choices import Metric, PrunerName, RankOn, SamplerName
from mnist_core.sweep.ranges import (
    Range,
    RangeError,
    check_sampler,
    parse_range,
    parse_ranges,
    swept_fields,
)
from mnist_tui.lab.recipe_text import recipe_flags
from mnist_tui.text.numbers import whole_number

COUNTS: Mapping[str, int] = {"trials": 100_000, "seeds": 1000, "jobs": 256}
"""The fields that take a whole number, and the most of each."""
CHOICES: Mapping[str, tuple[str, ...]] = {
    "sampler": get_args(SamplerName),
    "pruner": get_args(PrunerName),
    "metric": get_args(Metric),
    "rank_on": get_args(RankOn),
}
"""The fields that take a word; the first is the usual one."""


@dataclass(frozen=True, slots=True)
class SweepDraft:
    """Texts as typed, checked."""

    words: tuple[str, ...]
    """What follows `mnist-tui sweep`, but for the machine and the data; none while any text is
    refused.
    """
    ranges: tuple[Range, ...]
    problems: Mapping[str, str]
    """For each refused text a sentence, by field name."""


def check_draft(texts: Mapping[str, str], base: Hyperparameters) -> SweepDraft:
    """Validate the text of every field, as the command would.

    Args:
        texts: by field; those of hyperparameters are empty where `base` has the value.
        base: the recipe that the chosen values are put into.
    """
    sampled = {
        field.name: f"{field.name}={texts[field.name].strip()}"
        for field in swept_fields()
        if texts[field.name].strip()
    }
    problems: dict[str, str] = {}
    for name, text in sampled.items():
        try:
            parse_range(text)
        except RangeError as error:
            problems[name] = str(error)
    for name, most in COUNTS.items():
        text = texts[name].strip()
        if text and not whole_number(text, most):
            problems[name] = f"Takes a whole number from 1 to {most}."
    recipe = _without(base, sampled)
    ranges: tuple[Range, ...] = ()
    if not problems:
        try:
            ranges = parse_ranges(sampled.values(), recipe)
            check_sampler(texts["sampler"], ranges)
        except RangeError as error:
            place = error.field or ("sampler" if ranges else "learning_rate")
            problems[place] = str(error)
    seeds = int(texts["seeds"].strip() or 1) if "seeds" not in problems else 1
    try:
        make_hyperparameters({"seed": base.seed + seeds - 1})
    except HyperparametersError:
        problems["seeds"] = f"Counts the seed {base.seed} up too far."
    if problems:
        return SweepDraft((), (), problems)
    words = [word for each in ranges for word in ("--sample", str(each))]
    for name in COUNTS:
        if texts[name].strip():
            words += [f"--{name}", texts[name].strip()]
    for name in CHOICES:
        words += [f"--{name.replace('_', '-')}", texts[name]]
    return SweepDraft((*words, *recipe_flags(recipe)), ranges, {})


def usual_texts(base: Hyperparameters) -> dict[str, str]:
    """What the form says at first: rates about that of `base`, and layers of some sizes."""
    texts = dict.fromkeys([*(field.name for field in swept_fields()), *COUNTS], "")
    texts |= {name: words[0] for name, words in CHOICES.items()}
    low, high = base.learning_rate / 10, base.learning_rate * 10
    rates = f"{low:.3g}:{high:.3g}:log"
    try:
        parse_range(f"learning_rate={rates}")
    except RangeError:
        rates = "0.01:1:log"
    return texts | {"learning_rate": rates, "hidden_sizes": "32|64|128"}


def range_help(field: HyperparameterField) -> str:
    """What may be typed for a field."""
    if field.kind is bool:
        takes = "yes|no"
    elif field.choices:
        takes = f"some of {'|'.join(field.choices)}"
    elif field.kind is tuple:
        takes = "sizes with | between, such as 32|64,64"
    else:
        takes = "LOW:HIGH, LOW:HIGH:log or A|B|C"
    expects = "" if field.choices or field.kind is bool else f" Each is {field.expects}."
    # What an empty field means on the train screen it does not mean here.
    about = field.help.partition(" Empty:")[0]
    return f"Takes {takes}; empty: as on the train screen.{expects} {about}"


def _without(base: Hyperparameters, sampled: Mapping[str, str]) -> Hyperparameters:
    """`base` with the preset's own values where others are sampled, so that no flag names them."""
    preset = nearest_preset(base).hyperparameters
    return make_hyperparameters({name: getattr(preset, name) for name in sampled}, base)
