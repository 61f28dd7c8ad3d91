"""The plots of recordings: curves by name, those of other recordings below them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mnist_core.store import RunStore, StoreError
from mnist_core.store.recordings import FIRST_OF_ID
from mnist_tui.charts.axes import Scale
from mnist_tui.charts.plot import Curve, LineStyle, Plot, YAxis
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import Look, Marks
from mnist_tui.lab.recorded_curves import ChartNames, Part, RecordedCurves
from mnist_tui.lab.run_plots import TEST, TRAIN, VALIDATION, X_AXES
from mnist_tui.text.visible_text import visible

_MOST_MARKED = 30
"""Points of a curve beyond which markers would merge into a bar."""
_DENSE = 100
"""Points beyond which a curve is smoothed, unless it was measured on held-out data."""
_COLORS: dict[Part, str] = {"": TRAIN, "train": TRAIN, "validation": VALIDATION, "test": TEST}
_MARKERS: dict[Part, str] = {"": "●", "train": "●", "validation": "◆", "test": "■"}
_LABELS: dict[Part, str] = {"validation": "val"}
"""Small charts have little room for legends."""


@dataclass(frozen=True, slots=True)
class RecordedOverlay:
    """Another recording in the charts of one."""

    curves: RecordedCurves
    label: str
    look: Look


class MarkedRecordings:
    """Reads the curves of the recordings among the marked ones."""

    def __init__(self, store: RunStore, marks: Marks) -> None:
        self._store = store
        self._marks = marks
        self._curves: dict[str, RecordedCurves] = {}

    def update(self) -> bool:
        """Read on; whether there is anything else to draw."""
        before, more = self._curves, False
        self._curves = {}
        for marked in self._marks.ids:
            if not marked.startswith(FIRST_OF_ID):
                continue
            try:
                record = self._store.recordings.get(marked)
                curves = before.get(marked) or RecordedCurves(record)
                more = curves.update(self._store, record) or more
            except StoreError:
                # Deleted meanwhile, or unreadable; the runs screen says what is wrong.
                continue
            self._curves[marked] = curves
        return more or before.keys() != self._curves.keys()

    def overlays(self, but: str) -> list[RecordedOverlay]:
        """Every one in the order of marks, except `but`, which is drawn already."""
        return [
            RecordedOverlay(curves, visible(curves.record.name), look)
            for recording_id, curves in self._curves.items()
            if recording_id != but and (look := self._marks.look(recording_id)) is not None
        ]


def recorded_plot(
    chart: ChartNames,
    curves: RecordedCurves | None,
    overlays: Sequence[RecordedOverlay],
    view: View,
    cursor: float | None = None,
) -> Plot:
    """What `chart` shows of the recording at hand, above the `overlays`; all of it, not only the
    window of the view.
    """
    drawn = [curve for overlay in overlays for curve in _overlay_curves(chart, overlay, view)]
    if curves is not None:
        drawn += _curves(chart, curves, view)
    return Plot(
        curves=sorted(drawn, key=lambda curve: not curve.is_noise),
        x=replace(X_AXES[view.axis]),
        y=YAxis(
            scale=Scale.LOG if view.log else Scale.LINEAR,
            # How a learning rate warms up is what it is looked at for.
            cut_start=view.cut_start
            and "loss" in chart.title.casefold()
            and any(len(curve.series) > _DENSE for curve in drawn),
        ),
        cursor=cursor,
        empty="It has no numbers yet." if chart.names else "",
    )


def _curves(chart: ChartNames, curves: RecordedCurves, view: View) -> Iterator[Curve]:
    known = set(curves.names)
    for part, name in chart.names:
        if name not in known:
            continue
        series, color = curves.series(name), _COLORS[part]
        smoothing = view.smoothing if len(series) > _DENSE and part in ("", "train") else 0.0
        if smoothing:
            yield Curve(series, color, line=LineStyle.NOISE, dim=True)
        marker = _MARKERS[part] if len(series) <= _MOST_MARKED else ""
        # Alone in its chart it is named by the title.
        label = _LABELS.get(part, part) or ("now" if len(chart.names) == 1 else visible(name))
        yield Curve(series, color, label, marker=marker, smoothing=smoothing)


def _overlay_curves(chart: ChartNames, overlay: RecordedOverlay, view: View) -> Iterator[Curve]:
    known, look = set(overlay.curves.names), overlay.look
    for part, name in chart.names:
        if name not in known:
            continue
        series = overlay.curves.series(name)
        smoothing = view.smoothing if len(series) > _DENSE and part in ("", "train") else 0.0
        is_training = part == "train" and len(chart.names) > 1
        marker = look.sign if len(series) <= _MOST_MARKED else ""
        yield Curve(
            series,
            look.color,
            overlay.label + (f" {_LABELS.get(part, part)}" if part else ""),
            LineStyle.DOTTED if is_training else look.line,
            marker,
            dim=is_training,
            beside=True,
            smoothing=smoothing,
        )
