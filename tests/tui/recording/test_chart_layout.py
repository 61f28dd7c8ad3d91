"""How charts of many names share the screen."""

import pytest

from mnist_tui.lab.recorded_curves import ChartNames, charts_of, that_match
from mnist_tui.recording.chart_layout import LEAST_HEIGHT, LEAST_WIDTH, grid_for, rows_of


def drawn(*names: str) -> list[tuple[str, list[str]]]:
    """Title and names of each chart."""
    return [(chart.title, [name for _, name in chart.names]) for chart in charts_of(names)]


def test_train_validation_and_test_of_one_suffix_share_a_chart() -> None:
    assert drawn("val/loss", "lr", "train/loss", "train/acc", "test/loss", "grad/a", "grad/b") == [
        ("loss", ["train/loss", "val/loss", "test/loss"]),
        ("lr", ["lr"]), ("train/acc", ["train/acc"]), ("grad/a", ["grad/a"]),
        ("grad/b", ["grad/b"]),
    ]  # fmt: skip
    assert drawn("loss", "val_loss", "accuracy") == [
        ("loss", ["loss", "val_loss"]), ("accuracy", ["accuracy"]),
    ]  # fmt: skip
    assert drawn("loss/train", "loss/dev", "a/b/eval") == [
        ("loss", ["loss/train", "loss/dev"]), ("a/b/eval", ["a/b/eval"]),
    ]  # fmt: skip
    assert drawn("train", "val", "/", "test/") == [
        ("train", ["train"]), ("val", ["val"]), ("/", ["/"]), ("test/", ["test/"]),
    ]  # fmt: skip


def test_each_name_is_drawn_once_group_by_group() -> None:
    names = [f"{group}/{k}" for k in range(5) for group in ("x", "y", "train")] + ["z"]
    charts = charts_of(names)
    assert sorted(name for chart in charts for _, name in chart.names) == sorted(names)
    groups = [chart.group for chart in charts]
    assert groups == ["x"] * 5 + ["y"] * 5 + ["train"] * 5 + [""]


@pytest.mark.parametrize("size", [(60, 17), (80, 21), (120, 37), (200, 57), (10, 3)])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 13, 29, 1000])
def test_the_grid_fills_the_room_with_charts_that_can_be_read(
    size: tuple[int, int], count: int
) -> None:
    width, height = size
    columns, rows = grid_for(count, width, height)
    assert 1 <= columns * rows <= 30
    assert columns == 1 or columns * LEAST_WIDTH <= width
    assert rows == 1 or rows * LEAST_HEIGHT <= height
    # No row is empty.
    assert columns * (rows - 1) < max(count, 1)


def charts(*groups: str) -> list[ChartNames]:
    return [ChartNames(group, str(k), (("", str(k)),)) for k, group in enumerate(groups)]


def test_a_group_that_fills_a_row_begins_one() -> None:
    rows = rows_of(charts(*"abbbbccd"), 3)
    assert ["".join(chart.group for chart in row) for row in rows] == ["a", "bbb", "b", "ccd"]
    assert [len(row) for row in rows_of(charts(*"abcdefg"), 3)] == [3, 3, 1]


def test_a_filter_takes_words_in_any_order() -> None:
    names = ["train/Loss", "train/acc", "val/loss"]
    assert that_match(names, "LOSS tr") == ["train/Loss"]
    assert that_match(names, " ") == names
    assert that_match(names, "x") == []
