"""Hyperparameters that change while a run goes: what, to which value, and after which update."""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from mnist_core.recipe.hyperparameters import (
    HyperparameterField,
    Hyperparameters,
    HyperparametersError,
    TakesEffect,
    field_called,
    hyperparameter_fields,
    make_hyperparameters,
    quoted,
)

Value = float | int
"""Every field that can change during a run is a number."""


class ChangeError(ValueError):
    """A change that cannot be made; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Change:
    """One hyperparameter has another value from some update on."""

    step: int
    """Updates done before: 0 is the start. A field of the next epoch waits for its end."""
    field: str
    value: Value

    def __str__(self) -> str:
        """The text that :func:`parse_change` reads back as the same change, to the bit."""
        return f"{self.step}:{self.field}={self.value_text}"

    @property
    def value_text(self) -> str:
        """The text of the value, without loss."""
        return repr(self.value)

    @property
    def takes_effect(self) -> TakesEffect:
        return hyperparameter_fields()[self.field].takes_effect


def changeable_fields() -> tuple[HyperparameterField, ...]:
    """Those that can change during a run."""
    return tuple(
        field
        for field in hyperparameter_fields().values()
        if field.takes_effect is not TakesEffect.NEXT_RUN
    )


def make_change(step: int, field: str, value: Value | str) -> Change:
    """Check a change; `field` may be any name that people call it, `value` the text they type.

    Raises:
        ChangeError: there is no such field, it cannot change during a run, or not to this value.
    """
    meant = field_called(field)
    if meant is None or meant.takes_effect is TakesEffect.NEXT_RUN:
        which = ", ".join(each.name for each in changeable_fields())
        reason = (
            f"There is no hyperparameter {quoted(field)}"
            if meant is None
            else f"{meant.label} cannot change during a run"
        )
        raise ChangeError(f"{reason}; these can: {which}.")
    name = meant.name
    if step < 0:
        raise ChangeError(f"A change takes a step from 0 on, not {step}.")
    try:
        made = make_hyperparameters({name: value})
    except HyperparametersError as error:
        raise ChangeError(str(error)) from error
    return Change(step, name, getattr(made, name))


def read_change(step: int, field: str, value: str) -> Change:
    """A change that was made once, also if :func:`make_change` would refuse it today.

    Raises:
        ValueError: there is no such field, or it cannot change to this value.
    """
    if field not in {each.name for each in changeable_fields()}:
        raise ChangeError(f"{field} cannot change during a run.")
    made = Hyperparameters.model_validate({field: value})
    return Change(step, field, getattr(made, field))


def parse_change(text: str) -> Change:
    """Read STEP:FIELD=VALUE, such as 500:learning_rate=0.05.

    Raises:
        ChangeError: it is no such text, or :func:`make_change` refuses it.
    """
    match = re.fullmatch(r"\s*(\d{1,15})\s*:([^=]*)=(.*)", text, re.DOTALL)
    if match is None:
        raise ChangeError(
            f"{quoted(text)} is no change: it takes STEP:FIELD=VALUE, such as "
            "500:learning_rate=0.05, where STEP is the number of updates done before."
        )
    step, field, value = match.groups()
    return make_change(int(step), field, value.strip())


class ChangeQueue:
    """The changes that a run is to make: those known before it, and those asked for while it goes.

    Training takes them; any thread may ask.
    """

    def __init__(self, scheduled: Iterable[Change] = ()) -> None:
        self.scheduled: tuple[Change, ...] = tuple(sorted(scheduled, key=lambda each: each.step))
        """Those known before, in the order of their steps."""
        self._asked: list[tuple[str, Value]] = []
        self._lock = threading.Lock()

    def ask(self, field: str, value: Value | str) -> Change:
        """Change `field` as soon as it can be: at the next update, or the next epoch's first.

        Returns what was understood, at step 0.

        Raises:
            ChangeError: see :func:`make_change`.
        """
        change = make_change(0, field, value)
        with self._lock:
            self._asked.append((change.field, change.value))
        return change

    @property
    def asked(self) -> bool:
        """Whether anything asked for waits; cheap enough to look at before every batch."""
        return bool(self._asked)

    def take(self, kind: TakesEffect) -> list[tuple[str, Value]]:
        """Remove and return what was asked for of fields that take effect so, oldest first."""
        fields = hyperparameter_fields()
        with self._lock:
            taken = [each for each in self._asked if fields[each[0]].takes_effect is kind]
            self._asked = [each for each in self._asked if fields[each[0]].takes_effect is not kind]
        return taken
