"""The recipes of runs as text: what sets them apart, and the command line that repeats one."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mnist_core.network.parameters import is_wide
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import (
    HyperparameterField,
    Hyperparameters,
    differing_fields,
    hyperparameter_fields,
    unused_fields,
)
from mnist_core.recipe.presets import nearest_preset
from mnist_core.shell_commands import own_command
from mnist_core.store import KeptRecord, RunRecord

_TELLING = ("activation", "optimizer", "schedule")
"""Their words say by themselves what they are of."""

Values = dict[str, object]


def values(record: RunRecord) -> Values:
    """The hyperparameters of a run and its data set, by name; without its epochs."""
    found: Values = vars(record.hyperparameters).copy()
    # How far it is to go stands in a column of its own, and can be changed afterwards.
    del found["epochs"]
    found["dataset"] = record.dataset
    return found


def usual_values(records: Iterable[KeptRecord]) -> Values:
    """For each name the value that most runs share; the default where no two do, or on a tie."""
    every = [values(record) for record in records if isinstance(record, RunRecord)]
    defaults: Values = {name: field.default for name, field in hyperparameter_fields().items()}
    usual: Values = {}
    for name in every[0] if every else ():
        counts = Counter([found[name] for found in every])
        default = defaults.get(name)
        value, most = max(counts.items(), key=lambda item: (item[1], item[0] == default))
        usual[name] = value if most > 1 or name not in defaults else default
    return usual


def distinction(record: KeptRecord, base: Values) -> str:
    """What sets a run apart from `base`, and what was changed while it went on; of a recording,
    what it says of itself.
    """
    if isinstance(record, RunRecord):
        started = short_difference(values(record), base)
        return ", ".join(filter(None, (started, changes_text(record.changes))))
    return config_text(record.config)


def config_text(config: Mapping[str, object]) -> str:
    """The config of a recording as "lr 0.1, optimizer adam"."""
    return ", ".join(f"{name} {config_value_text(value)}" for name, value in config.items())


def config_value_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def short_difference(ours: Values, base: Values) -> str:
    """What `ours` has where it differs, as "lr 0.01, adam"; empty where nowhere."""
    return ", ".join(
        _in_short(name, value) for name, value in ours.items() if value != base.get(name)
    )


def _in_short(name: str, value: object) -> str:
    if name in _TELLING or name == "dataset":
        return str(value)
    field = hyperparameter_fields()[name]
    short = field.short_name
    if name == "pixel_scaling" and value == "none":
        return "raw pixels"
    if value in ((), "none") or value is False:
        return f"no {short}"
    if value is True:
        return short
    if isinstance(value, tuple):
        return f"{short} {'-'.join(map(str, value))}"
    return f"{short} {field.format(value)}"


@dataclass(frozen=True, slots=True)
class RunDifference:
    """One thing that two runs do not share, in words."""

    label: str
    ours: str
    theirs: str


def differences(ours: RunRecord, theirs: RunRecord) -> list[RunDifference]:
    """The hyperparameters that differ, then data and machine where these do."""
    one, other = ours.hyperparameters, theirs.hyperparameters
    found = [
        RunDifference(field.label, _value_text(field, one), _value_text(field, other))
        for field in _differing(one, other)
    ]
    if ours.changes != theirs.changes:
        made, others = (changes_text(run.changes) or "none" for run in (ours, theirs))
        found.append(RunDifference("Changes", made, others))
    if ours.fingerprint != theirs.fingerprint:
        found.append(RunDifference("Data set", ours.dataset, theirs.dataset))
    here, there = ours.environment, theirs.environment
    for label, mine, others in (
        ("Device", here.device, there.device),
        ("BLAS", here.blas, there.blas),
        ("Threads", str(here.threads), str(there.threads)),
        ("Streams", str(here.streams), str(there.streams)),
        ("Ranks", str(here.ranks), str(there.ranks)),
    ):
        if mine != others:
            found.append(RunDifference(label, mine, others))
    return found


def difference_text(ours: Hyperparameters, theirs: Hyperparameters, *, short: bool = False) -> str:
    """What `ours` has where it differs, as "learning rate 0.1", or `short` as "lr 0.1"; "same
    values" where nowhere.
    """
    parts = [
        f"{field.short_name if short else field.label.lower()} {_value_text(field, ours)}"
        for field in _differing(ours, theirs)
    ]
    return ", ".join(parts) or "same values"


def changes_text(changes: Iterable[Change]) -> str:
    """Such as "lr 0.05 from step 500"; empty: there are none."""
    return ", ".join(f"{change_text(change)} from step {change.step}" for change in changes)


def change_text(change: Change) -> str:
    """Such as "lr 0.05"."""
    field = hyperparameter_fields()[change.field]
    return f"{field.short_name} {field.format(change.value)}"


def _differing(one: Hyperparameters, other: Hyperparameters) -> list[HyperparameterField]:
    return [hyperparameter_fields()[name] for name in differing_fields(one, other)]


def _value_text(field: HyperparameterField, hyperparameters: Hyperparameters) -> str:
    return field.format(getattr(hyperparameters, field.name)) or "none"


def command_line(record: RunRecord) -> str:
    """The shell command that gives the run's figures again, on the same machine to the bit.

    Values without effect, such as a momentum beside adam, are in it only where a preset has them,
    since the flags refuse them. A run whose data had no name or folder takes the default data.
    """
    words = ["train"]
    if record.data:
        words += _with_value("--data", record.data)
    if record.transposed:
        words.append("--transpose")
    words += recipe_flags(record.hyperparameters)
    words += change_flags(record.changes)
    until, examples = record.until_epoch, record.train_examples
    if until is not None and until != record.plan.until(None).last_epoch(examples):
        words += ["--until-epoch", str(until)]
    if record.on_divergence != "continue":
        words += ["--on-divergence", record.on_divergence]
    environment = record.environment
    words += ["--device", environment.device, "--threads", str(environment.threads)]
    # Only there another machine, or another version, may take another number.
    if environment.streams > 1 or is_wide(record.hyperparameters, record.parameter_count, examples):
        words += ["--streams", str(environment.streams)]
    if environment.ranks > 1:
        words += ["--ranks", str(environment.ranks)]
    return own_command(*words)


def change_flags(changes: Iterable[Change]) -> list[str]:
    """--change for each."""
    return [word for change in changes for word in ("--change", str(change))]


def recipe_flags(hyperparameters: Hyperparameters) -> list[str]:
    """--preset and the flags that make that preset into `hyperparameters`, as few as can be."""
    unused, preset = unused_fields(hyperparameters), nearest_preset(hyperparameters)
    words = ["--preset", preset.name]
    for name in differing_fields(hyperparameters, preset.hyperparameters):
        if name not in unused:
            words += _flag(hyperparameter_fields()[name], getattr(hyperparameters, name))
    return words


def _flag(field: HyperparameterField, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [field.flag if value else "--no-" + field.flag.removeprefix("--")]
    if isinstance(value, float):
        # Unlike the text for people, this one reads back as the same number.
        return [field.flag, repr(value)]
    return [field.flag, field.format(value).replace(", ", ",")]


def _with_value(flag: str, value: str) -> list[str]:
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]
