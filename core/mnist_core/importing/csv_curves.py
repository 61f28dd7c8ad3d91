"""Curves in a file of comma-separated values."""

import csv
from pathlib import Path

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


def read_csv(path: Path) -> ImportedCurves:
    """A header names the columns, and each row has a number or nothing in each.

    A column called step (or iteration, global_step and the like) says where a row belongs; without
    one, rows are counted from 0. A column of text alone is left out.

    Raises:
        ImportProblem: the file is another one.
        OSError: it cannot be read.
    """
    rows = CurveRows(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            columns = _Columns(f"{path}, line 1", next(reader, []))
            for cells in reader:
                if cells:
                    columns.read(f"{path}, line {reader.line_num}", cells, rows)
        except csv.Error as error:
            raise ImportProblem(f"{path}, line {reader.line_num}: {error}.") from error
        except UnicodeDecodeError as error:
            raise ImportProblem(
                f"{path}, after line {reader.line_num}: this is no text in UTF-8."
            ) from error
    columns.check()
    rows.left_out = dict.fromkeys(columns.words)
    return rows.result(path.stem)


class _Columns:
    """The columns of a file, and what of each was seen."""

    def __init__(self, where: str, header: list[str]) -> None:
        self._names = [name.strip() for name in header]
        if not self._names:
            raise ImportProblem(f"{where}: a header that names the columns is missing.")
        for name in self._names:
            if not checked_name(where, name):
                raise ImportProblem(f"{where}: a column has no name.")
        if len(set(self._names)) < len(self._names):
            raise twice(where, self._names)
        if all(_is_number(name) for name in self._names):
            raise ImportProblem(f"{where}: there are numbers in place of a header.")
        lower = [name.lower() for name in self._names]
        self._step = next((name for name in STEP_NAMES if name in lower), None)
        self._kinds = lower
        self._counted = 0
        self.words: dict[str, str] = {}
        """Of each column with text, where that stands first and what it is."""
        self._numeric: set[str] = set()

    def read(self, where: str, cells: list[str], rows: CurveRows) -> None:
        """Add the numbers of a row."""
        if len(cells) != len(self._names):
            raise ImportProblem(
                f"{where}: there are {len(cells)} cells, and {len(self._names)} in the header."
            )
        step: float | None = None if self._step else float(self._counted)
        self._counted += 1
        values, moments = {}, {}
        for name, kind, text in zip(self._names, self._kinds, cells, strict=True):
            cell = text.strip()
            if not cell:
                continue
            try:
                number = float(cell)
            except ValueError:
                self.words.setdefault(name, f"{where}: {name} is {cell[:40]!r}, which is no number")
                continue
            self._numeric.add(name)
            if kind == self._step:
                step = checked_step(where, number)
            elif kind in RELATIVE_TIMES or kind in WALL_TIMES:
                moments[kind] = checked_time(where, number)
            else:
                values[name] = number
        if step is None:
            raise ImportProblem(f"{where}: the step is missing.")
        rows.add_given(step, moments, values)

    def check(self) -> None:
        """Raises ImportProblem where a column has both numbers and text."""
        for name, problem in self.words.items():
            if name in self._numeric:
                raise ImportProblem(f"{problem} as in other lines.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
