"""The language of the filter over runs: words, `optimizer:adam`, `lr>=0.01`."""

import math
import operator
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_core.store import KeptRecord, RecordingRecord, RunRecord, RunState
from mnist_tui.runs.columns import RunRow, score_value
from mnist_tui.text.visible_text import shorten

Test = Callable[[RunRow], bool]

_TERM = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_FIELD_TERM = re.compile(r"([A-Za-z_]+)(<=|>=|!=|=|<|>|:)(.*)", re.DOTALL)


def _is_close(one: float, other: float) -> bool:
    try:
        return math.isclose(one, other, rel_tol=1e-9)
    except OverflowError:
        return one == other  # whole numbers beyond what a float holds


_LONGEST_NAME = 40
"""Cells of a name that is no field's."""
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": _is_close,
    ":": _is_close,
    "!=": lambda one, other: not _is_close(one, other),
}


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Terms that a row must all satisfy."""

    text: str
    tests: tuple[Test, ...]
    problem: str
    """Why a term was not understood, as a sentence; empty: all were. That term asks nothing."""

    def matches(self, row: RunRow) -> bool:
        return all(test(row) for test in self.tests)


def parse_filter(text: str) -> RunFilter:
    """The filter that `text` asks for; quotes keep words together, as in note:"first try"."""
    tests, problems = [], []
    for term in _TERM.findall(text):
        try:
            tests.append(_parse_term(term))
        except _TermError as error:
            problems.append(str(error))
    return RunFilter(text, tuple(tests), problems[0] if problems else "")


class _TermError(ValueError):
    """The message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A field that is compared by size."""

    of: Callable[[RunRecord], float | None]
    read: Callable[[str], float]
    example: str


@dataclass(frozen=True, slots=True)
class _Words:
    """A field that is text, or several texts."""

    of: Callable[[RunRecord], Iterable[str]]
    choices: frozenset[str] = frozenset()
    """Words that stand for themselves only: adam is not the beginning of adamw."""


def _parse_term(term: str) -> Test:
    parts = _FIELD_TERM.fullmatch(term)
    if parts is None:
        word = term.replace('"', "").lower()
        return lambda row: word in row.words
    name, sign, value = parts[1].lower(), parts[2], parts[3].replace('"', "").strip()
    if name == "hidden" or name == "hidden_sizes":
        return _hidden_test(sign, value)
    field = _fields().get(name)
    if field is None:
        raise _TermError(
            f"{shorten(parts[1], _LONGEST_NAME)} is no field. Some are lr, bs, optimizer, acc, "
            "loss, epochs, time, state, tag and data."
        )
    if isinstance(field, _Words):
        return _words_test(name, field, sign, value)
    try:
        wanted = field.read(value)
    except ValueError:
        raise _TermError(f"{name} takes a number, as in {name}{field.example}.") from None
    compare, of_run, of_recording = _COMPARISONS[sign], field.of, _recorded_number(name)

    def test(row: RunRow) -> bool:
        record = row.record
        found = of_run(record) if isinstance(record, RunRecord) else of_recording(record)
        return found is not None and compare(found, wanted)

    return test


def _words_test(name: str, field: _Words, sign: str, value: str) -> Test:
    if sign not in (":", "=", "!="):
        raise _TermError(f"{name} is a word, not a number. Write it as {name}:word.")
    if not value:
        raise _TermError(f"{name}{sign} needs a word behind it.")
    wanted = value.lower()
    whole = sign != ":" or wanted in field.choices

    of_recording = _recorded_words(name)

    def found(row: RunRow) -> bool:
        record = row.record
        texts = field.of(record) if isinstance(record, RunRecord) else of_recording(record)
        return any(wanted == text.lower() if whole else wanted in text.lower() for text in texts)

    return (lambda row: not found(row)) if sign == "!=" else found


def _hidden_test(sign: str, value: str) -> Test:
    """One number: a layer of that size, or one that compares so; several: these layers."""
    try:
        sizes = tuple(int(part) for part in re.split(r"[-,x]", value) if part)
    except ValueError:
        sizes = ()
    if not sizes or (len(sizes) > 1 and sign not in (":", "=", "!=")):
        raise _TermError("hidden takes sizes of layers, as in hidden:32, hidden:64,32 or "
                         "hidden>100.")  # fmt: skip
    if len(sizes) > 1:
        return lambda row: (_hidden_sizes(row) == sizes) != (sign == "!=")
    if sign == "!=":
        return lambda row: sizes[0] not in _hidden_sizes(row)
    compare = _COMPARISONS[sign]
    return lambda row: any(compare(size, sizes[0]) for size in _hidden_sizes(row))


def _hidden_sizes(row: RunRow) -> tuple[int, ...]:
    record = row.record
    return record.hyperparameters.hidden_sizes if isinstance(record, RunRecord) else ()


# -- numbers as people type them -----------------------------------------------------------------


def _number(text: str) -> float:
    """0.01, 1e-3, 10k or 1.5M."""
    factor = {"k": 1e3, "m": 1e6}.get(text[-1:].lower(), 1.0)
    number = float(text[:-1] if factor != 1.0 else text)
    if math.isnan(number):
        raise ValueError(text)
    return number * factor


def _share(text: str) -> float:
    """0.95, 95% or 95."""
    number = _number(text.removesuffix("%"))
    return number / 100 if text.endswith("%") or number > 1 else number


def _seconds(text: str) -> float:
    """90, 90s, 2m, 1h, 1:30, 1:00:00, 3d or 2w."""
    if ":" in text:
        total = 0.0
        for part in text.split(":"):
            total = total * 60 + float(part)
        return total
    factor = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}.get(text[-1:].lower())
    return _number(text) if factor is None else float(text[:-1]) * factor


# -- fields --------------------------------------------------------------------------------------


@cache
def _fields() -> Mapping[str, _Number | _Words]:
    """Every name a term may begin with."""
    fields: dict[str, _Number | _Words] = {}
    for name, declared in hyperparameter_fields().items():
        if declared.kind in (int, float):
            fields[name] = _Number(_hyperparameter_number(name), _number, ">=0.01")
        else:
            choices = frozenset(declared.choices or ("yes", "no"))
            fields[name] = _Words(_hyperparameter_words(name, declared.format), choices)
        fields[declared.short_name] = fields[name]
    for names, field in _RUN_FIELDS.items():
        fields.update(dict.fromkeys(names, field))
    fields["opt"], fields["act"] = fields["optimizer"], fields["activation"]
    return fields


def _hyperparameter_number(name: str) -> Callable[[RunRecord], float]:
    return lambda record: float(getattr(record.hyperparameters, name))


def _hyperparameter_words(
    name: str, write: Callable[[Any], str]
) -> Callable[[RunRecord], Iterable[str]]:
    return lambda record: (write(getattr(record.hyperparameters, name)),)


def _recorded_number(name: str) -> Callable[[RecordingRecord], float | None]:
    """What a field of runs asks of a recording: how long it is, or what it says of itself."""
    if name in ("steps", "step"):
        return lambda record: record.step
    if name in ("time", "seconds"):
        return lambda record: record.seconds
    if name == "age":
        return _age

    def configured(record: RecordingRecord) -> float | None:
        value = record.config.get(name)
        return value if isinstance(value, int | float) else None

    return configured


def _recorded_words(name: str) -> Callable[[RecordingRecord], Iterable[str]]:
    field = _RECORDING_WORDS.get(name)
    return field or (lambda record: (str(record.config[name]),) if name in record.config else ())


_RECORDING_WORDS: Mapping[str, Callable[[RecordingRecord], Iterable[str]]] = {
    "state": lambda record: (record.state,),
    "kind": lambda record: ("recording",),
    "tag": lambda record: record.tags,
    "tags": lambda record: record.tags,
    "name": lambda record: (record.name,),
    "note": lambda record: (record.note,),
    "id": lambda record: (record.id,),
    "host": lambda record: (record.host,),
}


def _age(record: KeptRecord) -> float:
    """Seconds since it was started."""
    return time.time() - record.started


def _loss(record: RunRecord) -> float | None:
    return record.test_loss if record.validation_loss is None else record.validation_loss


_RUN_FIELDS: Mapping[tuple[str, ...], _Number | _Words] = {
    ("acc", "accuracy", "best"): _Number(lambda record: score_value(record.best), _share, ">0.95"),
    ("last",): _Number(lambda record: score_value(record.last), _share, ">0.95"),
    ("test",): _Number(lambda record: record.best_test_accuracy, _share, ">0.95"),
    ("val",): _Number(lambda record: record.best_validation_accuracy, _share, ">0.95"),
    ("loss",): _Number(_loss, _number, "<0.1"),
    ("epochs", "epoch"): _Number(lambda record: record.epoch, _number, ">5"),
    ("planned",): _Number(lambda record: record.epochs, _number, ">5"),
    ("steps", "step"): _Number(lambda record: record.step, _number, ">1000"),
    ("time", "seconds"): _Number(lambda record: record.seconds, _seconds, "<2m"),
    ("age",): _Number(_age, _seconds, ">30d"),
    ("speed", "rate"): _Number(lambda record: record.examples_per_second, _number, ">10k"),
    ("parameters", "params"): _Number(lambda record: record.parameter_count, _number, "<50k"),
    ("threads",): _Number(lambda record: record.environment.threads, _number, ":2"),
    ("kind",): _Words(lambda record: ("run",), frozenset(("run", "recording"))),
    ("state",): _Words(lambda record: (record.state,), frozenset(RunState)),
    ("tag", "tags"): _Words(lambda record: record.tags),
    ("study",): _Words(lambda record: (record.study,)),
    ("data", "dataset"): _Words(lambda record: (record.dataset,)),
    ("name",): _Words(lambda record: (record.name,)),
    ("note",): _Words(lambda record: (record.note,)),
    ("id",): _Words(lambda record: (record.id,)),
    ("device",): _Words(lambda record: (record.environment.device,), frozenset(("cpu", "gpu"))),
    ("host",): _Words(lambda record: (record.host,)),
}
