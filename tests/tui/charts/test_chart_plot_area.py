"""Curves become the dots that they should, whatever their number."""

import numpy as np

from mnist_tui.charts.axes import Limits, Scale
from mnist_tui.charts.plot_area import BRAILLE, by_column, dashed, line_cells, marker_cells
from mnist_tui.charts.series import Series


def series(y: object, x: object = None) -> Series:
    values = np.asarray(y, np.float64)
    made = Series("x")
    made.extend(values, x=np.arange(len(values)) if x is None else np.asarray(x, np.float64))
    return made


def drawn(
    curve: Series, x: Limits, y: Limits, width: int, height: int, dash: tuple[int, int] = (1, 0)
) -> list[str]:
    bits = line_cells(by_column(curve, "x", x, 2 * width), y, height)
    return ["".join(chr(BRAILLE + cell) for cell in row) for row in dashed(bits, *dash).tolist()]


def test_a_diagonal_is_one_dot_wide() -> None:
    diagonal = series([0, 7], x=[0, 7])
    assert drawn(diagonal, Limits(0, 7), Limits(0, 7), 4, 2) == ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]


def test_a_flat_line_lies_on_the_dots_of_its_value() -> None:
    flat = series([0.0, 0.0])
    assert drawn(flat, Limits(0, 1), Limits(0, 1), 3, 2) == ["⠀⠀⠀", "⣀⣀⣀"]
    flat = series([1.0, 1.0])
    assert drawn(flat, Limits(0, 1), Limits(0, 1), 3, 2) == ["⠉⠉⠉", "⠀⠀⠀"]


def test_a_jump_is_joined_by_a_vertical_line() -> None:
    jump = series([0, 0, 7, 7], x=[0, 3, 4, 7])
    assert drawn(jump, Limits(0, 7), Limits(0, 7), 4, 2) == ["⠀⠀⡏⠉", "⣀⣸⠀⠀"]


def test_a_spike_of_one_point_in_a_million_is_drawn() -> None:
    values = np.zeros(1_000_000)
    values[654_321] = 1.0
    picture = drawn(series(values), Limits(0, 999_999), Limits(0, 1), 50, 5)
    column = 654_321 * 99 // 999_999 // 2
    assert all(row[column] != chr(BRAILLE) for row in picture)
    assert sum(row[column + 2 :].count(chr(BRAILLE)) for row in picture[:-1]) == 4 * (48 - column)


def test_a_gap_breaks_the_line_and_is_reported() -> None:
    values = np.ones(16)
    values[6:10] = np.nan
    values[9] = np.inf
    columns = by_column(series(values), "x", Limits(0, 15), 16)
    bits = line_cells(columns, Limits(0, 2), 1)
    assert (bits != 0).tolist() == [[True, True, True, False, False, True, True, True]]
    assert np.flatnonzero(columns.gaps).tolist() == [6, 7, 8, 9]


def test_a_point_between_gaps_is_still_a_dot() -> None:
    lonely = series([np.nan, 1.0, np.nan])
    assert drawn(lonely, Limits(0, 2), Limits(0, 1), 2, 1) == ["⠀⠁"]


def test_zeros_on_a_log_axis_fall_off_its_lower_end() -> None:
    values = series([1.0, 1.0, 0.0, 0.0, 1.0, 1.0])
    picture = drawn(values, Limits(0, 5), Limits(0.1, 10, Scale.LOG), 3, 2)
    assert picture == ["⣀⠀⣀", "⢸⠀⡇"]


def test_lines_come_from_and_go_to_points_outside_of_the_window() -> None:
    slope = series([0.0, 30.0], x=[-10, 20])
    inside = drawn(slope, Limits(0, 7), Limits(10, 17), 4, 2)
    assert inside == ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]
    assert drawn(slope, Limits(0, 7), Limits(100, 200), 4, 2) == ["⠀⠀⠀⠀"] * 2


def test_decimated_columns_hold_the_extremes_of_their_points() -> None:
    values = np.random.default_rng(5).normal(size=40_000)
    columns = by_column(series(values), "x", Limits(0, 39_999), 80)
    places = np.floor(np.arange(40_000) / 39_999 * 79 + 0.5)
    for column in range(80):
        mine = values[places == column]
        assert columns.low[column] == mine.min()
        assert columns.high[column] == mine.max()
        assert (columns.first[column], columns.last[column]) == (mine[0], mine[-1])


def test_markers_lie_in_the_cell_of_their_value() -> None:
    columns = by_column(series([0, 1, 5, np.nan]), "x", Limits(0, 3), 8)
    rows, cells = marker_cells(columns, Limits(0, 1), 3)
    assert sorted(set(zip(rows.tolist(), cells.tolist(), strict=True))) == [(0, 1), (2, 0)]


def test_a_dotted_line_leaves_out_columns() -> None:
    flat = series([0.0, 0.0])
    assert drawn(flat, Limits(0, 1), Limits(0, 1), 3, 1, dash=(1, 1)) == ["⡀⡀⡀"]


def test_empty_and_hopeless_series_draw_nothing() -> None:
    for values in ([], [np.nan] * 3, [np.inf, -np.inf, 1e300]):
        curve = Series("x")
        curve.extend(values, x=np.arange(len(values)))
        assert drawn(curve, Limits(0, 5), Limits(0, 1), 3, 1) == ["⠀⠀⠀"]
