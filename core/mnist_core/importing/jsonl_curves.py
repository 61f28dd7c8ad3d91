"""Curves in a file of JSON objects, one a line."""

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mnist_core.importing import ImportProblem
from mnist_core.importing.curve_rows import (
    RELATIVE_TIMES,
    STEP_NAMES,
    WALL_TIMES,
    CurveRows,
    ImportedCurves,
    checked_name,
    checked_step,
    checked_time,
    twice,
)

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""As other programs write what JSON has no number for."""


def read_jsonl(path: Path) -> ImportedCurves:
    """Each line is an object with numbers by name; those within an object get its name and a /.

    A number called step (or iteration, global_step and the like) says where a line belongs; one
    without it belongs to the step of the line before. Without any, lines are counted from 0. What
    is never a number is left out.

    Raises:
        ImportProblem: the file is another one.
        OSError: it cannot be read.
    """
    rows = CurveRows(path)
    words: dict[str, str] = {}
    numeric: set[str] = set()
    step, counted, has_steps = 0.0, 0, False
    with path.open("rb") as file:
        for line_number, line in enumerate(file, 1):
            where = f"{path}, line {line_number}"
            if not line.strip():
                continue
            values: dict[str, float] = {}
            moments: dict[str, float] = {}
            found: float | None = None
            for name, value in _named_values(where, line):
                number = _number(value)
                if number is None:
                    if value is not None:
                        words.setdefault(name, f"{where}: {name} is {_brief(value)}, no number")
                    continue
                numeric.add(name)
                kind = name.lower()
                if name in values:
                    raise twice(where, (name, name))
                if kind in STEP_NAMES:
                    found = checked_step(where, number)
                elif kind in RELATIVE_TIMES or kind in WALL_TIMES:
                    moments[kind] = checked_time(where, number)
                else:
                    values[name] = number
            has_steps = has_steps or found is not None
            if found is not None:
                step = found
            elif not has_steps:
                step = float(counted)
            counted += 1
            rows.add_given(step, moments, values)
    for name, problem in words.items():
        if name in numeric:
            raise ImportProblem(f"{problem} as in other lines.")
    rows.left_out = dict.fromkeys(words)
    return rows.result(path.stem)


def _named_values(where: str, line: bytes) -> list[tuple[str, Any]]:
    try:
        value = json.loads(line, object_pairs_hook=partial(_once, where))
        if isinstance(value, dict):
            return list(_named(where, value))
    except UnicodeDecodeError as error:
        raise ImportProblem(f"{where}: this is no text in UTF-8.") from error
    except RecursionError as error:
        raise ImportProblem(f"{where}: the object has too many levels.") from error
    except ValueError as error:
        raise ImportProblem(f"{where}: this is no JSON ({error}).") from error
    raise ImportProblem(f"{where}: {_brief(value)} stands in place of an object.")


def _once(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise twice(where, [name for name, _ in pairs])
    return values


def _named(where: str, values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        whole = checked_name(where, f"{before}{name}")
        if isinstance(value, dict):
            yield from _named(where, value, f"{whole}/")
        elif whole:
            yield whole, value


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return _NOT_FINITE.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _brief(value: object) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        # It could be read, but from fewer calls deep.
        return "a list"
    return text if len(text) <= 40 else f"{text[:39]}…"
