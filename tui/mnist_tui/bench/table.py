"""Columns of text."""

from collections.abc import Sequence

from mnist_core.benchmark.quartiles import Quartiles


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line a row: the first column left-aligned, the others right-aligned, two blanks between."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def spread(values: Quartiles, digits: int) -> str:
    """The lower and the upper quartile."""
    return f"{values.lower:.{digits}f} to {values.upper:.{digits}f}"
