"""The legend where there is little room: what is compared keeps its value, and says of what."""

import numpy as np
import pytest

from mnist_tui.charts.legend import legend
from mnist_tui.charts.plot import Curve, LineStyle, Plot
from mnist_tui.charts.series import Series

LABEL = "before: same values · test"


def series(value: float) -> Series:
    made = Series("step")
    made.extend(np.array([value]), step=np.array([1.0]))
    return made


def text(width: int) -> str:
    plot = Plot(
        curves=(
            Curve(series(0.118), "$primary", "test", marker="●", best="low"),
            Curve(series(0.0791), "$primary", "train smoothed"),
            Curve(series(0.1684), "$primary", LABEL, LineStyle.DOTTED, dim=True, beside=True),
        )
    )
    (row,) = legend(plot, width, 1, 0.0)
    return "".join(piece for piece, _ in row)


@pytest.mark.parametrize(
    ("width", "label"),
    [(140, LABEL), (81, LABEL), (79, "before: same val… · test"), (73, "before: … · test")],
)
def test_the_value_of_the_run_before_stays_longer_than_its_label(width: int, label: str) -> None:
    assert f"{label} 0.1684" in text(width)
    assert "test 0.1180" in text(width)


def test_then_the_name_alone_has_the_value() -> None:
    assert "before:… 0.1684" in text(66)


def test_at_last_the_value_goes() -> None:
    assert "0.1684" not in text(62)
    assert "before" in text(62)
