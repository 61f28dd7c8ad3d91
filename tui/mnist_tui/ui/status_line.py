"""Two lines at the top: what this is and runs on, and how the run goes."""

from collections.abc import Iterator

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from mnist_core.backend.backend import Backend
from mnist_core.data.loader import DatasetProgressed
from mnist_tui.lab.machine_load import MachineWatch
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.text.numbers import count, duration, percent, rate
from mnist_tui.text.styled_text import STATE_SIGNS
from mnist_tui.text.visible_text import shorten, visible
from mnist_tui.ui.bars import bar
from mnist_tui.ui.machine_line import machine_line

_BAR_WIDTH = 12
_NAME_WIDTH = 16


def heading(session: Session, backend: Backend | None, width: int) -> Content:
    """The first line: the program, the data, and the machine where there is room for it."""
    left = Content.styled(" mnist-tui", "bold $primary")
    dataset = session.data.dataset
    if dataset is not None:
        odd = dataset.synthetic or dataset.doubts
        colour = "$text-warning" if odd else "$foreground"
        left += Content.styled(f"  {shorten(visible(dataset.name), 30)}", f"bold {colour}")
        left += _muted(f"  {count(len(dataset.train))} / {count(len(dataset.test))}")
    elif session.data.progress is not None:
        left += _muted(f"  {visible(_loading(session.data.progress))}")
    if backend is not None:
        for words in _machine(backend):
            gap = width - left.cell_length - cell_len(words)
            if gap >= 2:
                left += Content(" " * gap) + _muted(words)
                break
    return left.truncate(width, ellipsis=True)


def _machine(backend: Backend) -> Iterator[str]:
    """What computes, and how fast; then the same in fewer words."""
    parts = [f"MLX {backend.device}", visible(backend.blas)]
    threads = "1 thread" if backend.threads == 1 else f"{backend.threads} threads"
    if backend.gflops is not None:
        yield " · ".join([*parts, f"{backend.gflops:.0f} GFLOP/s", threads]) + " "
    yield " · ".join([*parts, threads]) + " "


def _loading(progress: DatasetProgressed) -> str:
    if not progress.bytes_done:
        return progress.message
    done = f"{progress.bytes_done / 1e6:.1f}"
    total = f" of {progress.bytes_total / 1e6:.1f}" if progress.bytes_total else ""
    return f"{progress.message}  {done}{total} MB"


def run_line(session: Session, width: int, *, crowded: bool = False) -> Content:
    """The second line: state, epoch, progress, speed, time left, latest metrics.

    `crowded`: others hold training up, which stands beside the speed that it explains.

    Parts are left out, the least important first, where `width` is short; the state and the epoch
    always stay.
    """
    state = session.state
    sign, tone = STATE_SIGNS[state]
    colour = "$primary" if tone == "primary" else f"$text-{tone}"
    progress = session.progress
    # As wide as the longest word, so that nothing behind it moves when the state changes.
    line = Content.styled(f" {sign} {state.value:<9}", f"bold {colour}")
    if progress is None or progress.started is None:
        return line
    if progress.name:
        line += Content.styled(f"  {shorten(visible(progress.name), _NAME_WIDTH)}", "bold")
    queue = session.queue
    if queue.in_turn:
        line += _muted(f" {queue.asked - len(queue.waiting)} of {queue.asked}")
    planned = progress.planned_epochs
    line += Content.styled(f"  epoch {progress.epoch_under_way}/{planned}", "bold")
    parts = _parts(progress, state, crowded=crowded)
    kept = _most_important([(rank, part.cell_length) for rank, part in parts],
                           width - line.cell_length)  # fmt: skip
    return Content("").join([line, *(parts[index][1] for index in kept)])


def _parts(progress: RunProgress, state: State, *, crowded: bool) -> list[tuple[int, Content]]:
    """(importance, words) in the order in which they stand on the line."""
    share = progress.step / progress.planned_steps if progress.planned_steps else 0.0
    done = Content.styled(f"  {bar(share, _BAR_WIDTH)}", "$primary")
    parts = [(5, done + Content(f" {percent(share):>5}"))]
    if progress.batch is not None:
        total = str(progress.steps_per_epoch)
        parts.append((1, _muted(f"  batch {progress.batch.batch:>{len(total)}}/{total}")))
    left = progress.seconds_left
    # Beside the time of a whole run stands what fits it.
    speed = progress.examples_per_second if state.is_active else progress.mean_examples_per_second
    if speed is not None:
        parts.append((2, _muted(f"  {rate(speed):>9}")))
        if crowded and state is State.RUNNING:
            parts.append((2, Content.styled("  machine busy", "$text-warning")))
    if state.is_active and left is not None:
        parts.append((3, _muted(f"  ETA {duration(left)}")))
    elif not state.is_active and len(progress.train_loss):
        parts.append((3, _muted(f"  in {duration(progress.train_loss.x('time')[-1])}")))
    return parts + _results(progress)


def _results(progress: RunProgress) -> list[tuple[int, Content]]:
    """What the end of the last epoch has shown; of a network that has not learned yet, that it is
    that.

    The training figure is over the epoch, while the network changed, and says so.
    """
    if not len(progress.test_accuracy):
        return []
    test = percent(float(progress.test_accuracy.y[-1]), 2)
    if progress.evaluated_epoch == 0:
        return [(6, _muted(f"  untrained: test {test}"))]
    results = [(6, _muted("  test ") + Content.styled(test, "bold"))]
    epoch = progress.epoch
    if epoch is not None and epoch.train_accuracy is not None:
        train = _muted("  train mean ") + Content(percent(epoch.train_accuracy, 2))
        results.insert(0, (4, train))
    return results


def _muted(words: str) -> Content:
    return Content.styled(words, "$text-muted")


def _most_important(parts: list[tuple[int, int]], room: int) -> list[int]:
    """Indices, in order, of the (importance, width) that fit in `room` cells."""
    kept = []
    for index in sorted(range(len(parts)), key=lambda index: -parts[index][0]):
        if parts[index][1] <= room:
            kept.append(index)
            room -= parts[index][1]
    return sorted(kept)


class StatusLine(Widget):
    """Draws :func:`heading` and :func:`run_line`, and where it is wanted :func:`machine_line`; the
    screen refreshes it.
    """

    DEFAULT_CSS = """
    StatusLine { height: 2; background: $surface; }
    StatusLine.-machine { height: 3; }
    """

    def __init__(self, session: Session, backend: Backend | None, machine: MachineWatch) -> None:
        super().__init__()
        self._session = session
        self._backend = backend
        self._machine = machine

    def show_machine(self, shown: bool) -> None:
        """Show the line on the machine from now on, or not."""
        self.set_class(shown, "-machine")

    def render(self) -> Content:
        width, crowded = self.size.width, self._machine.is_crowded
        lines = [
            heading(self._session, self._backend, width),
            run_line(self._session, width, crowded=crowded),
        ]
        if self.has_class("-machine"):
            lines.append(machine_line(self._machine, width))
        return Content("\n").join(lines)
