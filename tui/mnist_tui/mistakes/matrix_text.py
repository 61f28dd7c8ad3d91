"""What is said in words about a confusion matrix: what a cell means, and what is out of view."""

from collections.abc import Iterator

from rich.cells import cell_len

from mnist_tui.mistakes.matrix_layout import MatrixCounts, MatrixLayout, Part
from mnist_tui.text.numbers import count, share_text
from mnist_tui.text.visible_text import fitting, shorten

_SHORT = 3
"""Cells of a name up to which `0-7` is understood; longer ones are `cat to dog`."""
_NAME_IN_WORDS = 16
_NAME_IN_RANGE = 8


def cell_text(counts: MatrixCounts, true: int | None, predicted: int | None, width: int) -> str:
    """What a cell says; without a true class a column, without a predicted one a row."""
    return fitting(_cell_texts(counts, true, predicted), width)


def _cell_texts(counts: MatrixCounts, true: int | None, predicted: int | None) -> Iterator[str]:
    if true is not None and predicted is not None:
        number, whole = counts.rows[true][predicted], counts.true_totals[true]
        for cells in (_NAME_IN_WORDS, 6):
            a = shorten(counts.names[true], cells)
            b = shorten(counts.names[predicted], cells)
            of_whole = f"{number} of {whole}"
            if true == predicted:
                yield f"true {a}, predicted {b}: {of_whole} ({share_text(number, whole, 5)}%) right"
            yield f"true {a}, predicted {b}: {of_whole} ({share_text(number, whole, 5)}%)"
            yield f"{a} → {b}: {of_whole}"
        yield str(number)
        return
    if true is not None:
        subject, right = f"true {counts.names[true]}", counts.right[true]
        whole, measure = counts.true_totals[true], "recall"
    elif predicted is not None:
        subject, right = f"predicted {counts.names[predicted]}", counts.right[predicted]
        whole, measure = counts.predicted_totals[predicted], "precision"
    else:
        subject, right, whole, measure = "all", counts.total_right, counts.total, "accuracy"
    subject = shorten(subject, _NAME_IN_WORDS + 10)
    percents = share_text(right, whole, 5) + ("%" if whole else "")
    yield f"{subject}: {right} of {whole} right, {measure} {percents}"
    yield f"{subject}: {right} of {whole} right"
    yield f"{right} of {whole} right"


def hidden_text(
    counts: MatrixCounts, layout: MatrixLayout, top: int, left: int, width: int
) -> list[str]:
    """What is out of view, in as many lines as the layout keeps for it.

    The mistakes to the right are those of all rows, those below are those of all columns.
    """
    seen_rows = slice(top, top + layout.rows)
    seen_columns = slice(left, left + layout.columns)
    across = down = ""
    if layout.columns < layout.classes:
        before = counts.mistakes(columns=slice(left))
        after = counts.mistakes(columns=slice(seen_columns.stop, None))
        across = _range("columns", counts, seen_columns)
        across += _beyond(counts, seen_columns, before, "to the left", after, "to the right")
    if layout.rows < layout.classes:
        before = counts.mistakes(slice(top))
        after = counts.mistakes(slice(seen_rows.stop, None))
        down = _range("rows", counts, seen_rows)
        down += _beyond(counts, seen_rows, before, "above", after, "below")
    omitted = "" if layout.with_all_totals else "not all totals shown"
    whole = counts.mistakes()
    out_of_view = count(whole - counts.mistakes(seen_rows, seen_columns))
    unseen = f"{out_of_view} of {count(whole, 'mistake')} hidden"
    if layout.footer.count(Part.HIDDEN) == 2:
        return [
            fitting([_joined(across, omitted), across, unseen], width),
            fitting([down, _range("rows", counts, seen_rows)], width),
        ]
    forms = [_joined(across, down, omitted), _joined(across, down)]
    if across or down:
        ranges = [_range("columns", counts, seen_columns)] if across else []
        ranges += [_range("rows", counts, seen_rows)] if down else []
        forms += [f"{', '.join(ranges)} · {unseen}", unseen]
        forms += [f"{out_of_view} mistakes hidden", f"{out_of_view} hidden"]
    return [fitting([form for form in forms if form], width)]


def _range(noun: str, counts: MatrixCounts, seen: slice) -> str:
    """`columns 0-7 of 63`."""
    first, last = (counts.names[place] for place in (seen.start, seen.stop - 1))
    if first == last:
        text = shorten(first, _NAME_IN_RANGE)
    elif max(cell_len(first), cell_len(last)) <= _SHORT:
        text = f"{first}-{last}"
    else:
        text = f"{shorten(first, _NAME_IN_RANGE)} to {shorten(last, _NAME_IN_RANGE)}"
    return f"{noun} {text} of {counts.classes}"


def _beyond(
    counts: MatrixCounts, seen: slice, before: int, place_before: str, after: int, place_after: str
) -> str:
    """`, 3 mistakes above, 12 below`, naming only the sides where something is hidden."""
    text = ""
    if seen.start > 0:
        text += f", {_mistakes(before)} {place_before}"
    if seen.stop < counts.classes:
        text += f", {count(after) if text else _mistakes(after)} {place_after}"
    return text


def _mistakes(number: int) -> str:
    return count(number, "mistake") if number else "no mistakes"


def _joined(*texts: str) -> str:
    return " · ".join(text for text in texts if text)
