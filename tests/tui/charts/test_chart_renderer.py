"""Whole charts, drawn as text."""

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.read_out import text_of
from mnist_tui.charts import renderer as renderer_module
from mnist_tui.charts.axes import AxisUnit, Scale
from mnist_tui.charts.frame import Layout, frame_codes
from mnist_tui.charts.plot import Annotation, Curve, Ink, LineStyle, Plot, XAxis, YAxis
from mnist_tui.charts.renderer import Picture, PlotRenderer
from mnist_tui.charts.series import Series


def series(y: object, first: int = 1) -> Series:
    values = np.asarray(y, np.float64)
    made = Series("step")
    made.extend(values, step=np.arange(first, first + len(values)))
    return made


def curve(y: object, label: str = "", line: LineStyle = LineStyle.SOLID, **more: object) -> Curve:
    return replace(Curve(series(y), "red", label, line), **more)  # type: ignore[arg-type]


def compose(plot: Plot, width: int = 40, height: int = 10) -> Picture:
    return PlotRenderer().render(plot, width, height)


def falling(points: int = 100) -> np.ndarray:
    return 2.3 * np.exp(-np.arange(points) / 20)


def test_a_whole_chart() -> None:
    plot = Plot([curve([0, 0, 8, 8], "loss")], XAxis(end=4), YAxis(include=0))
    assert text_of(compose(plot, 29, 8)) == [
        "━━ loss 8.0000",
        "     │                ⡰⠉⠉⠉⠉⠉⠉",
        "    5┤               ⡰⠁      ",
        "     │              ⡜        ",
        "     │            ⢀⠎         ",
        "    0┤     ⢀⣀⣀⣀⣀⣀⣀⠎          ",
        "     └┬──────────┬──────────┬",
        " step 0          2          4",
    ]


def test_the_frame_is_what_plotext_draws_around_an_empty_plot_area() -> None:
    layout = Layout(20, 6, 4, ((0, "0"), (7, "5")), ((0, "0"), (3, "1")), "step")
    rows = [bytes(row).decode("utf-32-le") for row in frame_codes(layout)]
    assert rows == [
        "   1┤               ",
        "    │               ",
        "    │               ",
        "   0┤               ",
        "    └┬──────┬───────",
        "step 0      5       ",
    ]


def test_a_curve_meets_the_tick_of_its_value() -> None:
    for height in range(8, 40):
        for value in (1.0, 2.0, 3.0):
            flat = curve([value] * 10, marker="●", line=LineStyle.NONE)
            # Unseen, but within the limits.
            ends = curve([0.0, 5.0], line=LineStyle.NONE)
            rows = text_of(compose(Plot([flat, ends]), 40, height))
            starts = f"{value:.0f}┤", f"{value}┤"
            labelled = [row for row in rows if row.strip().startswith(starts)]
            assert all("●" in row for row in labelled)


@pytest.fixture
def frames_drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many frames a renderer has asked for that were not those of the picture before."""
    layouts: list[Layout] = []

    def counted(layout: Layout) -> NDArray[np.uint32]:
        layouts.append(layout)
        return frame_codes(layout)

    monkeypatch.setattr(renderer_module, "frame_codes", counted)
    return lambda: len(list(groupby(layouts)))


def test_the_frame_is_drawn_once_while_limits_and_size_stay(
    frames_drawn: Callable[[], int],
) -> None:
    renderer = PlotRenderer()
    growing = series(falling(10))
    plot = Plot([Curve(growing, "red", "train")], XAxis(end=1000), YAxis(include=0))
    for step in range(11, 900):
        growing.extend(falling(1000)[step], step=step)
        renderer.render(plot, 60, 15)
    assert frames_drawn() == 1
    renderer.render(plot, 61, 15)
    assert frames_drawn() == 2
    renderer.render(replace(plot, x=XAxis(end=2000)), 61, 15)
    assert frames_drawn() == 3
    growing.extend(7.0, step=900)
    renderer.render(plot, 61, 15)
    assert frames_drawn() == 4


def test_without_a_planned_end_the_x_axis_grows_in_few_steps(
    frames_drawn: Callable[[], int],
) -> None:
    renderer = PlotRenderer()
    growing = Series("time")
    axis = XAxis("time", AxisUnit.SECONDS, "time")
    for second in range(1, 1000):
        growing.extend(0.5, time=second)
        picture = renderer.render(Plot([Curve(growing, "red")], axis, YAxis(include=0)), 60, 15)
        assert picture.area is not None
        assert picture.area.x.high >= second
    assert frames_drawn() < 25


def test_another_view_is_not_held_back_by_calm_limits() -> None:
    renderer = PlotRenderer()
    falling_at_first = curve([1.6, *[1.0] * 99])
    wide = renderer.render(Plot([falling_at_first]), 60, 15).area
    narrow = renderer.render(Plot([falling_at_first], y=YAxis(cut_start=True)), 60, 15).area
    assert wide is not None
    assert narrow is not None
    assert narrow.y.high < 1.6 <= wide.y.high


def test_a_ghost_lies_below_the_live_curve_and_a_smooth_one_above_its_noise() -> None:
    ghost = curve([1.0] * 10, "run 1", LineStyle.DOTTED, dim=True)
    raw = curve([1.0] * 10, line=LineStyle.NOISE, dim=True)
    live = curve([1.0] * 5, "train")
    inks = compose(Plot([ghost, raw, live], XAxis(end=10))).inks
    seen = set(inks.ravel().tolist())
    assert Ink.CURVE + 2 in seen
    assert Ink.CURVE + 1 in seen
    assert Ink.CURVE + 0 not in seen
    row = np.flatnonzero((inks == Ink.CURVE + 2).any(axis=1))
    assert len(row) == 1
    columns = np.flatnonzero(inks[row[0]] == Ink.CURVE + 2)
    assert np.flatnonzero(inks[row[0]] == Ink.CURVE + 1).min() > columns.max()


def test_gaps_are_marked_and_never_in_the_limits() -> None:
    values = falling()
    values[50:60] = np.inf
    values[70] = np.nan
    picture = compose(Plot([curve(values)], XAxis(end=100), YAxis(include=0)), 61, 12)
    assert picture.area is not None
    assert (picture.area.y.low, picture.area.y.high) == (0.0, 2.5)
    bottom = text_of(picture)[picture.area.top + picture.area.height - 1]
    left = picture.area.left
    marks = [i - left for i, c in enumerate(bottom) if c == "\N{MULTIPLICATION SIGN}"]
    assert marks == [28, 29, 30, 31, 32, 38]


def test_a_run_that_is_all_nan_still_has_axes() -> None:
    rows = text_of(compose(Plot([curve([np.nan] * 5, "train")])))
    assert any("└" in row for row in rows)
    assert "nan" in rows[0]


def test_zeros_do_not_stretch_a_log_axis() -> None:
    values = falling()
    values[40:50] = 0.0
    picture = compose(Plot([curve(values)], XAxis(end=100), YAxis(scale=Scale.LOG)), 60, 12)
    assert picture.area is not None
    assert (picture.area.y.low, picture.area.y.high) == (0.01, 5.0)


def test_accuracy_zooms_within_its_bounds() -> None:
    accuracy = np.concatenate([[0.1], np.linspace(0.9, 0.97, 99)])
    axis = YAxis(AxisUnit.PERCENT, bounds=(0, 1))
    whole = compose(Plot([curve(accuracy)], y=axis), 60, 15).area
    zoomed = compose(Plot([curve(accuracy)], y=replace(axis, cut_start=True)), 60, 15).area
    assert whole is not None
    assert zoomed is not None
    assert (whole.y.low, whole.y.high) == (0.0, 1.0)
    assert zoomed.y.low >= 0.85
    assert zoomed.y.high <= 1.0


def test_the_legend_names_last_and_best_and_tells_curves_apart_without_colour() -> None:
    plot = Plot(
        [
            curve([0.9, 0.5], "run 6", LineStyle.DOTTED, dim=True),
            curve([0.8, 0.4], "train"),
            curve([0.7, 0.2, 0.3], "test", LineStyle.NONE, marker="●", best="low"),
        ]
    )
    row = text_of(compose(plot, 80, 10))[0]
    assert row == "● test 0.3000 best 0.2000   ━━ train 0.4000   ┈┈ run 6 0.5000"


def test_a_narrow_legend_keeps_the_live_values_and_counts_the_rest() -> None:
    ghosts = [curve([0.5], f"an old run {i}", LineStyle.DOTTED, dim=True) for i in range(9)]
    row = text_of(compose(Plot([*ghosts, curve([0.4], "train")]), 40, 10))[0]
    assert row == "━━ train 0.4000   ┈┈ an old …   +8"


def test_a_label_from_outside_is_plain_text_of_its_width() -> None:
    row = text_of(compose(Plot([curve([0.5], "[red]x[/]\x1b[31m手手")]), 80, 10))[0]
    assert row == "━━ [red]x[/]␛[31m手手 0.5000"


def test_the_cursor_marks_its_place_and_reads_the_values_there() -> None:
    test = Series("step")
    test.extend([0.9, 0.4], step=[0, 50])
    plot = Plot(
        [Curve(series(falling()), "red", "train"), Curve(test, "red", "test", LineStyle.NONE, "●")],
        XAxis(end=100),
        YAxis(include=0),
        cursor=49.9,
    )
    picture = compose(plot, 60, 12)
    rows = text_of(picture)
    assert rows[0].split() == ["step", "50", "━━", "train", "0.1985", "●", "test", "0.4000"]
    assert picture.area is not None
    column = rows[picture.area.top + picture.area.height].index("▲")
    assert picture.area.x_at(column) == pytest.approx(49.9, abs=100 / 54)
    assert rows[1][column] == "│"
    early = text_of(compose(replace(plot, cursor=0.0), 60, 12))[0].split()
    assert early == ["step", "0", "━━", "train", "-", "●", "test", "0.9000"]


def test_boundaries_stand_behind_the_curves_and_never_crowd() -> None:
    few = compose(Plot([curve([1.0] * 100)], XAxis(end=100), boundaries=[25, 50, 75]), 60, 12)
    assert text_of(few)[1].count("┊") == 3
    many = Plot([curve([1.0] * 100)], XAxis(end=100), boundaries=np.arange(1, 100).tolist())
    assert 3 <= text_of(compose(many, 60, 12))[1].count("┊") <= 15


def test_an_empty_chart_says_what_will_be_there() -> None:
    rows = text_of(compose(Plot([curve([])], empty="Loss will be drawn here: press r"), 20, 5))
    assert [row.strip() for row in rows if row.strip()] == ["Loss will be drawn", "here: press r"]
    assert {len(row) for row in rows} == {20}


def test_every_size_can_be_drawn_and_has_that_size() -> None:
    plot = Plot(
        [curve(falling(), "train"), curve([1e30, np.nan, -5], "odd", marker="●")],
        boundaries=[10],
        cursor=3,
        empty="nothing yet",
    )
    for width in [*range(30), 200]:
        for height in [*range(20), 60]:
            for shown in (plot, Plot(empty="nothing yet")):
                picture = compose(shown, width, height)
                rows = text_of(picture)
                assert len(rows) == height
                assert all(len(row) == width for row in rows[len(picture.header) :])


@pytest.mark.parametrize("scale", list(Scale))
@pytest.mark.parametrize("values", [[0.0], [-1.0, 1e38], [1e-300, 1e300], [5e-324], [np.inf]])
def test_extreme_values_can_be_drawn(values: list[float], scale: Scale) -> None:
    rows = text_of(compose(Plot([curve(values, "x")], y=YAxis(scale=scale)), 40, 12))
    assert len(rows) == 12
    assert any("└" in row for row in rows)


def test_a_window_shows_a_part() -> None:
    area = compose(Plot([curve(falling())], XAxis(window=(20, 40))), 60, 12).area
    assert area is not None
    assert (area.x.low, area.x.high) == (20, 40)


def test_where_there_is_room_for_little_the_cursor_reads_out_a_value() -> None:
    series = Series("step")
    series.extend([0.25] * 10, step=list(range(10)))
    curves = [Curve(series, "red", name) for name in ("train", "test", "before")]
    narrow = text_of(compose(Plot(curves, cursor=5.0), 23, 8))[0]
    assert "0.2500" in narrow
    assert narrow.rstrip().endswith("+2")
    assert "step 5" in text_of(compose(Plot(curves, cursor=5.0), 60, 8))[0]


def test_marks_stand_at_their_places_with_their_words_where_there_is_room() -> None:
    flat = curve([1.0] * 100, "train")
    marks = [
        Annotation(20, "lr 0.05"),
        Annotation(60, "wd 0.1"),
        Annotation(63, "momentum 0.9"),
        Annotation(99, "lr 0.01"),
    ]
    picture = compose(Plot([flat], XAxis(end=100), YAxis(include=0), annotations=marks), 80, 12)
    area = picture.area
    assert area is not None
    rows = [row[area.left :] for row in text_of(picture)[len(picture.header) :]]
    places = [column for column, cell in enumerate(rows[1]) if cell == "╎"]
    assert [area.x_at(area.left + column) for column in places] == pytest.approx(
        [20, 60, 63, 99], abs=100 / area.width
    )
    assert "lr" not in rows[0], "the curve lies there"
    assert "╎lr 0.05 " in rows[1]
    assert "wd 0.1" not in rows[1], "the next mark stands where it would be read"
    assert "╎momentum 0.9" in rows[1]
    assert "lr 0.01" not in rows[1], "it would reach beyond the plot area"
    assert set(picture.inks[picture.codes == ord("╎")].tolist()) == {Ink.ANNOTATION}


def test_the_cursor_reads_the_mark_it_points_to() -> None:
    plot = Plot(
        [curve([1.0] * 100, "train")], XAxis(end=100), annotations=[Annotation(50, "lr 0.05")]
    )
    assert "lr 0.05" in text_of(compose(replace(plot, cursor=50.2), 60, 12))[0]
    assert "lr 0.05" not in text_of(compose(replace(plot, cursor=60), 60, 12))[0]


def test_words_of_marks_are_plain_text() -> None:
    plot = Plot([curve([1.0] * 9)], XAxis(end=100), annotations=[Annotation(50, "a\x1b[31mb")])
    assert "a�[31mb" in "".join(text_of(compose(plot, 80, 12)))


def test_two_kinds_of_values_have_an_axis_each() -> None:
    norm = curve(np.linspace(1, 100, 50), "norm")
    rate = curve([0.1] * 25 + [0.05] * 25, "rate", LineStyle.DASHED, right=True)
    plot = Plot(
        [rate, norm],
        XAxis(end=50),
        y=YAxis(scale=Scale.LOG),
        right=YAxis(include=0),
        cursor=40,
    )
    picture = compose(plot, 60, 14)
    rows, area = text_of(picture), picture.area
    assert area is not None
    assert area.right is not None
    assert (area.right.low, area.right.high) == (0, 0.1)
    assert (area.y.low, area.y.high) == (1, 100)
    assert all(len(row) == 60 for row in rows[len(picture.header) :])
    assert any(row.startswith("  100┤") for row in rows)
    assert any(row.rstrip().endswith("├0.100") for row in rows)
    assert "0.0500" in rows[0]
    late = picture.inks[: area.height, area.left + 3 * area.width // 4 :] == Ink.CURVE
    assert np.flatnonzero(late.any(axis=1)).tolist() == [area.height // 2], "half of 0.1"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38])
def test_values_that_are_no_numbers_never_move_the_limits_of_any_curve(bad: float) -> None:
    values = falling()
    values[30:33] = bad
    for smoothing in (0.0, 0.9, 0.99):
        smooth = curve(values, "train", smoothing=smoothing)
        right = curve(values, "rate", right=True)
        plot = Plot([smooth, right], XAxis(end=100), YAxis(include=0), right=YAxis(include=0))
        picture = compose(plot, 60, 12)
        assert picture.area is not None
        assert picture.area.y.low == 0.0
        assert picture.area.y.high == 2.5
        assert picture.area.right is not None
        assert picture.area.right.high == 2.5
        marked = (picture.codes == ord("\N{MULTIPLICATION SIGN}")).any(axis=0)
        assert 1 <= marked.sum() <= 3


def test_the_gap_of_an_infinite_norm_is_marked_on_a_log_axis_too() -> None:
    plot = Plot([curve([1.0, np.inf, 2.0], "norm")], XAxis(end=4), YAxis(scale=Scale.LOG))
    picture = compose(plot, 40, 10)
    assert picture.area is not None
    assert (picture.area.y.low, picture.area.y.high) == (1, 2)
    assert (picture.codes == ord("\N{MULTIPLICATION SIGN}")).sum() == 1


def test_every_size_can_be_drawn_with_marks_and_a_second_axis() -> None:
    rate = curve([0.1, 0.0, 1e30], "rate", right=True)
    plot = Plot(
        [rate, curve([1.0, 2.0])], right=YAxis(), annotations=[Annotation(1, "lr 0.05")], cursor=2
    )
    for width in range(40):
        for height in range(14):
            rows = text_of(compose(plot, width, height))
            assert len(rows) == height


def test_what_axes_leave_out_is_marked_with_its_value() -> None:
    losses = curve([2.3, *[0.3] * 50, *[0.2] * 49], "train")
    whole = "\n".join(text_of(compose(Plot([losses]), 60, 15)))
    assert "↑" not in whole
    picture = compose(Plot([losses], y=YAxis(cut_start=True)), 60, 15)
    assert picture.area is not None
    assert picture.area.y.high < 0.5
    top = text_of(picture)[picture.area.top]
    assert top[picture.area.left :].startswith("↑ 2.3000")
    accuracies = curve([0.0893, *[0.92] * 99])
    percent = YAxis(AxisUnit.PERCENT, bounds=(0, 1), cut_start=True)
    picture = compose(Plot([accuracies], y=percent), 60, 15)
    assert picture.area is not None
    bottom = text_of(picture)[picture.area.top + picture.area.height - 1]
    assert bottom[picture.area.left :].startswith("↓ 8.93 %")


def test_finals_that_differ_by_little_are_told_apart_once_the_start_is_cut() -> None:
    better = curve(1 - 0.91 * np.exp(-np.arange(100) / 6) - 0.05)
    worse = curve(1 - 0.91 * np.exp(-np.arange(100) / 6) - 0.09)
    axis = YAxis(AxisUnit.PERCENT, bounds=(0, 1))
    for cut_start, least, most in ((False, 0, 1), (True, 4, 20)):
        y = replace(axis, cut_start=cut_start)
        picture = compose(Plot([better, worse], y=y), 60, 20)
        last = picture.inks[:, -3]
        rows = [np.flatnonzero(last == Ink.CURVE + index) for index in (0, 1)]
        assert least <= rows[1].max() - rows[0].min() <= most


def test_raw_values_do_not_stretch_an_axis_whose_start_is_cut() -> None:
    raw = replace(curve([0.1, 0.9] * 50, line=LineStyle.NOISE), dim=True)
    smooth = curve([0.5, 0.52] * 50, "train")
    area = compose(Plot([raw, smooth], y=YAxis(cut_start=True)), 60, 15).area
    assert area is not None
    assert area.y.high - area.y.low < 0.1
    alone = compose(Plot([raw], y=YAxis(cut_start=True)), 60, 15).area
    assert alone is not None
    assert alone.y.high - alone.y.low >= 0.8


def test_limits_do_not_depend_on_the_curves_that_were_shown_before() -> None:
    renderer, good, bad = PlotRenderer(), curve([0.9, 0.92, 0.95]), curve([0.1, 0.2, 0.1])
    first = renderer.render(Plot([good]), 60, 15).area
    renderer.render(Plot([good, bad]), 60, 15)
    again = renderer.render(Plot([good]), 60, 15).area
    assert first is not None
    assert again is not None
    assert (again.x, again.y) == (first.x, first.y)


WHY_EMPTY = "Nothing here is above 0, so a logarithmic axis cannot show it. A linear one does."


@pytest.mark.parametrize(
    ("values", "empty"),
    [
        ([0.0, 0.0, 0.0], True),
        ([0.0, -1.0, np.nan], True),
        ([0.0, 0.5, 0.0], False),
        ([np.nan, np.nan, np.nan], False),
    ],
)
def test_an_empty_log_axis_says_why(values: list[float], empty: bool) -> None:
    on_log = Plot([curve(values)], XAxis(end=3), YAxis(scale=Scale.LOG))
    said = " ".join(" ".join(text_of(compose(on_log, 60, 12))).translate({0x2502: None}).split())
    assert (WHY_EMPTY.split(".")[0] in said) == empty
    linear = replace(on_log, y=YAxis())
    assert "Nothing here" not in " ".join(text_of(compose(linear, 60, 12)))


def test_why_a_log_axis_is_empty_is_said_at_any_size() -> None:
    plot = Plot([curve([0.0, 0.0])], XAxis(end=2), YAxis(scale=Scale.LOG))
    for width in range(1, 40):
        for height in range(1, 14):
            assert len(text_of(compose(plot, width, height))) == height


def test_a_log_axis_is_not_empty_for_a_part_of_a_run_that_has_no_points() -> None:
    plot = Plot([curve([0.0] * 3 + [1.0] * 9)], XAxis(window=(1, 3)), YAxis(scale=Scale.LOG))
    assert "Nothing here" in " ".join(text_of(compose(plot, 90, 12)))
    plot = replace(plot, x=XAxis(window=(20, 30)))
    assert "Nothing here" not in " ".join(text_of(compose(plot, 90, 12)))


def test_a_log_axis_that_ends_in_zeros_shows_how_it_began() -> None:
    y = YAxis(scale=Scale.LOG, cut_start=True)
    rows = text_of(compose(Plot([curve([1e-5] + [0.0] * 30)], XAxis(end=31), y), 60, 12))
    assert "Nothing here" not in " ".join(rows)
    assert any("1e-05" in row or "1e-5" in row for row in rows)


def test_limits_leave_out_what_would_flatten_the_rest_unless_it_is_alone() -> None:
    calm, exploded = curve(falling(), "test"), curve(falling() * 1e6, "before", stretches=False)
    area = compose(Plot([exploded, calm])).area
    assert area is not None
    assert area.y.high < 3
    area = compose(Plot([exploded, curve([], "test")])).area
    assert area is not None
    assert area.y.high > 1e6


def test_a_run_that_had_ended_before_the_cursor_has_no_value_there() -> None:
    before = curve([0.5] * 50, "before", beside=True)
    curves = [curve([0.25] * 100, "test"), before]
    assert "before 0.5000" in text_of(compose(Plot(curves, cursor=50.0), 60, 8))[0]
    read = text_of(compose(Plot(curves, cursor=90.0), 60, 8))[0]
    assert read.split() == ["step", "90", "━━", "test", "0.2500", "━━", "before", "-"]


def test_a_narrow_chart_shortens_names_before_it_drops_them() -> None:
    curves = [curve([0.25] * 9, "train smoothed"), curve([0.5] * 9, "test")]
    read = text_of(compose(Plot(curves, cursor=5.0), 46, 8))[0]
    assert read.split() == ["step", "5", "━━", "train…", "0.2500", "━━", "test", "0.5000"]
