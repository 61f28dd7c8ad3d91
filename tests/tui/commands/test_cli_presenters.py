"""What headless training prints, from scripted events."""

import io
import json
import math
from contextlib import closing
from dataclasses import replace

import pytest
from rich.console import Console
from rich.text import Text

from helpers.scripted_events import (
    STATE,
    batch_completed,
    diverged_run,
    epoch_completed,
    run_completed,
    run_started,
    run_stopped,
    whole_run,
)
from mnist_core.events import (
    CompilationFailed,
    DivergenceDetected,
    DivergenceReason,
    Event,
    HyperparameterChanged,
    RunDiverged,
    RunFailed,
    RunRewound,
)
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.plan import OnDivergence
from mnist_tui.commands.presenters import (
    FinalFigures,
    JsonLines,
    PlainLines,
    Presenter,
    RepeatCompleted,
    epoch_line,
    summarize,
)
from mnist_tui.commands.progress_bars import TerminalLines

NOT_FINITE = DivergenceDetected(3, 1, math.inf, DivergenceReason.LOSS_NOT_FINITE, 2, "Too fast.")


class Printed:
    """The lines that a presenter wrote, by stream."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []

    def plain(self, *events: Event, log_every: int | None = None) -> list[str]:
        return self._show(PlainLines(self.out.append, self.err.append, log_every), events)

    def json(self, *events: Event, log_every: int | None = None) -> list[str]:
        return self._show(JsonLines(self.out.append, self.err.append, log_every), events)

    def _show(self, presenter: Presenter, events: tuple[Event, ...]) -> list[str]:
        with closing(presenter):
            for event in events:
                presenter.show(event)
        return self.out


@pytest.fixture
def printed() -> Printed:
    return Printed()


def test_a_step_that_cannot_be_compiled_is_told_beside_the_figures(printed: Printed) -> None:
    failed = CompilationFailed(3, "MLX could not compile. Check that g++ works.")
    assert printed.plain(failed) == []
    assert printed.err == [failed.message]
    (line,) = printed.json(failed)
    assert json.loads(line)["event"] == "compilation_failed"


def test_a_run_in_plain_lines(printed: Printed) -> None:
    assert printed.plain(*whole_run()) == [
        "digits: 60 000 training examples, 10 000 test examples; 26 506 parameters; "
        "2 epochs of 2 batches; seed 0",
        "MLX on cpu; OpenBLAS 0.3; 2 threads",
        "flags: --preset mlx-docs --epochs 2",
        "epoch 0/2  test loss 2.3000 acc 0.1000",
        "epoch 1/2  train loss 0.5000 acc 0.8000  test loss 0.5000 acc 0.9600  1.50 s",
        "epoch 2/2  train loss 0.5000 acc 0.8000  test loss 0.5000 acc 0.9500  1.50 s",
        "completed after 2 epochs: test accuracy 0.9500 (best 0.9600 in epoch 1), "
        "test loss 0.2500, 3.00 s, 40 000 examples/s",
    ]
    assert printed.err == []


def test_the_best_epoch_is_told_with_the_accuracy_that_decides_it(printed: Printed) -> None:
    end = replace(run_completed(), best_test_accuracy=0.97, best_epoch=1)
    held_out = replace(end, best_validation_accuracy=0.9)
    assert "(best 0.9700 in epoch 1)" in printed.plain(end)[0]
    printed.out.clear()
    assert "(best validation accuracy 0.9000 in epoch 1)" in printed.plain(held_out)[0]


def test_batches_are_told_only_when_asked_for(printed: Printed) -> None:
    lines = printed.plain(*whole_run(), log_every=3)
    assert [line for line in lines if line.startswith("step")] == [
        "step 3  epoch 2  loss 0.6667  acc 0.5000  lr 0.1"
    ]


def test_a_validation_set_gets_its_figures(printed: Printed) -> None:
    started = replace(run_started(), validation_examples=5000)
    epoch = replace(epoch_completed(1), validation_loss=0.4, validation_accuracy=0.85)
    lines = printed.plain(started, epoch)
    assert "60 000 training examples, 5 000 validation examples, 10 000 test" in lines[0]
    assert "  validation loss 0.4000 acc 0.8500  test loss" in lines[-1]


def test_figures_that_are_not_finite_are_words_for_people(printed: Printed) -> None:
    lines = printed.plain(*diverged_run(), NOT_FINITE)
    assert "test loss nan acc 0.1000" in lines[-3]
    assert "test loss nan" in lines[-2]
    assert lines[-1].startswith("diverged: the loss became inf in epoch 1, step 3. Too fast. The ")


@pytest.mark.parametrize("policy", ["continue", "stop", "halve"])
def test_a_divergence_says_what_could_be_done_only_where_nothing_is(
    printed: Printed, policy: OnDivergence
) -> None:
    dead = replace(NOT_FINITE, reason=DivergenceReason.ACCURACY_AT_CHANCE)
    line = printed.plain(replace(run_started(), on_divergence=policy), dead)[-1]
    assert line.startswith("diverged: epoch 1 ended at step 3 with an accuracy as by chance, after")
    assert ("--on-divergence halve would go back to step 2" in line) is (policy == "continue")


def test_a_change_and_a_return_are_told(printed: Printed) -> None:
    started = run_started()
    changed = HyperparameterChanged(
        2, 2, "batch_size", 20_000, 30_000, 5, 3, (Change(2, "batch_size", 20_000),)
    )
    lines = printed.plain(
        started,
        changed,
        epoch_completed(2),
        RunRewound(1, 0, 3, STATE, ()),
        replace(changed, field="learning_rate", value=0.05, previous=0.1),
    )
    assert lines[3:] == [
        "changed after step 2: batch size 20000, was 30000",
        "epoch 2/5  train loss 0.5000 acc 0.8000  test loss 0.5000 acc 0.9000  1.50 s",
        "went back from step 3 to step 1, which was healthy",
        "changed after step 2: learning rate 0.05, was 0.1",
    ]


def test_the_flags_name_the_changes_that_are_known_before(printed: Printed) -> None:
    changes = (Change(5, "learning_rate", 0.05), Change(7, "epochs", 3))
    lines = printed.plain(replace(run_started(), changes=changes))
    assert lines[2] == (
        "flags: --preset mlx-docs --epochs 2 --change 5:learning_rate=0.05 --change 7:epochs=3"
    )


def test_every_end_has_its_word(printed: Printed) -> None:
    diverged = RunDiverged("abc123", 1, 3, 0.1, 0.2, 0, math.nan, 1.0, 9.0, STATE)
    early = replace(run_stopped(), test_accuracy=None, best_test_accuracy=None)
    lines = printed.plain(run_completed(), run_stopped(), diverged, early)
    assert [line.partition(" after")[0] for line in lines[:3]] == [
        "completed",
        "stopped",
        "diverged",
    ]
    assert lines[3] == "stopped before the first evaluation"


@pytest.mark.parametrize("write", ["plain", "json"])
def test_a_failure_is_a_sentence_on_stderr_without_its_traceback(
    printed: Printed, write: str
) -> None:
    getattr(printed, write)(RunFailed("It is \x1b[31mbroken.", "Traceback: secret"))
    assert printed.err == ["It is ␛[31mbroken."]
    assert "secret" not in "".join(printed.out)


def test_names_from_outside_cannot_command_the_terminal(printed: Printed) -> None:
    line = printed.plain(replace(run_started(), dataset="[red]x[/]\x1b[2J"))[0]
    assert line.startswith("[red]x[/]␛[2J: 60 000")


def test_json_is_an_object_a_line_with_null_for_what_is_not_finite(printed: Printed) -> None:
    events = [json.loads(line) for line in printed.json(*diverged_run())]
    assert [event["event"] for event in events] == [
        "run_started",
        "epoch_completed",
        "run_completed",
    ]
    assert events[1]["test_loss"] is None
    assert events[1]["test_accuracy"] == 0.1
    assert events[2]["run_id"] == "abc123"
    assert "state" not in events[1]


def test_json_has_batches_only_when_asked_for(printed: Printed) -> None:
    assert not any("batch_completed" in line for line in printed.json(*whole_run()))
    printed.out.clear()
    lines = printed.json(*whole_run(), log_every=2)
    assert [json.loads(line)["step"] for line in lines if "batch_completed" in line] == [2, 4]


def terminal(*, width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_the_plain_lines_above_a_bar(printed: Printed) -> None:
    console = terminal()
    now = 0.0
    presenter = TerminalLines(console, printed.err.append, None, clock=lambda: now)
    with closing(presenter):
        for event in whole_run()[:-1]:
            now += 1.0
            presenter.show(event)
        running = written(console)
        presenter.show(whole_run()[-1])
    assert "epoch 2/2" in running
    assert "100%" in running
    for line in printed.plain(*whole_run()):
        assert line in written(console)
    # The bar is wiped away, and the cursor is back.
    assert written(console).rindex("\x1b[?25h") > written(console).rindex("\x1b[?25l")
    assert written(console).endswith("40 000 examples/s\n")


def test_the_bar_is_not_drawn_with_every_batch(printed: Printed) -> None:
    console = terminal()
    with closing(TerminalLines(console, printed.err.append, None, clock=lambda: 5.0)) as presenter:
        presenter.show(run_started())
        presenter.show(batch_completed(1))
        drawn = len(written(console))
        presenter.show(batch_completed(2))
        assert len(written(console)) == drawn


def test_the_bar_is_put_away_when_training_breaks_off(printed: Printed) -> None:
    console = terminal()
    with closing(TerminalLines(console, printed.err.append, None)) as presenter:
        presenter.show(run_started())
        assert "\x1b[?25h" not in written(console)
    assert written(console).rindex("\x1b[?25h") > written(console).rindex("\x1b[?25l")


def test_the_bar_leaves_room_for_what_is_typed(printed: Printed) -> None:
    # A full line would wrap where the terminal shows ^C, and be wiped away in part.
    console = terminal(width=40)
    with closing(TerminalLines(console, printed.err.append, None)) as presenter:
        presenter.show(run_started())
        presenter.show(batch_completed(1))
        bars = [Text.from_ansi(line) for line in written(console).splitlines() if "%" in line]
    assert bars
    assert all(30 < bar.cell_len <= 36 for bar in bars)


def test_an_ordinary_epoch_fits_80_columns() -> None:
    assert len(epoch_line(replace(epoch_completed(1), seconds=12.3), epochs=10)) <= 80


def test_the_summary_of_several_seeds(printed: Printed) -> None:
    ends = [run_completed(0.90, 0.5), run_completed(0.94, 0.3), run_completed(0.95, math.nan)]
    summary = summarize(list(map(FinalFigures.of, [4, 5, 6], ends)))
    PlainLines(printed.out.append, printed.err.append, None).show_repeat(summary)
    assert printed.out == [
        "3 runs, seeds 4 to 6",
        "test accuracy: mean 0.9300, deviation 0.0265, median 0.9400, lowest 0.9000, "
        "highest 0.9500",
        "1 of 3 runs ended with a test loss that is not a finite number",
        "test accuracy without them: mean 0.9200, deviation 0.0283, median 0.9200, "
        "lowest 0.9000, highest 0.9400",
        "test loss without them: mean 0.4000, deviation 0.1414, median 0.4000, lowest 0.3000, "
        "highest 0.5000",
    ]
    printed.out.clear()
    JsonLines(printed.out.append, printed.err.append, None).show_repeat(summary)
    (repeat,) = map(json.loads, printed.out)
    assert repeat["event"] == "repeat_completed"
    assert repeat["seeds"] == [4, 5, 6]
    assert repeat["test_accuracy_mean"] == pytest.approx(0.93)
    assert repeat["test_accuracy_deviation"] == pytest.approx(0.0264575)
    assert repeat["test_loss_mean"] == pytest.approx(0.4)
    assert repeat["test_accuracy_of_finite_mean"] == pytest.approx(0.92)
    assert repeat["losses_not_finite"] == 1


def test_a_summary_of_nothing_but_failures_names_no_mean_loss(printed: Printed) -> None:
    summary = summarize([FinalFigures(4, 0.1, math.nan), FinalFigures(5, 0.1, math.inf)])
    PlainLines(printed.out.append, printed.err.append, None).show_repeat(summary)
    assert printed.out == [
        "2 runs, seeds 4 to 5",
        "test accuracy: mean 0.1000, deviation 0.0000, median 0.1000, lowest 0.1000, "
        "highest 0.1000",
        "2 of 2 runs ended with a test loss that is not a finite number",
    ]
    printed.out.clear()
    JsonLines(printed.out.append, printed.err.append, None).show_repeat(summary)
    (repeat,) = map(json.loads, printed.out)
    assert (repeat["test_loss_mean"], repeat["test_accuracy_of_finite_median"]) == (None, None)


def test_the_summary_of_a_single_run_has_no_deviation(printed: Printed) -> None:
    summary = summarize([FinalFigures(4, 0.9, 0.5)])
    PlainLines(printed.out.append, printed.err.append, None).show_repeat(summary)
    assert printed.out[1] == (
        "test accuracy: mean 0.9000, median 0.9000, lowest 0.9000, highest 0.9000"
    )


def test_recipes_are_compared_by_what_sets_them_apart(printed: Printed) -> None:
    def reached(*accuracies: float) -> RepeatCompleted:
        return summarize([FinalFigures(4 + n, value, 0.5) for n, value in enumerate(accuracies)])

    summaries = {
        Hyperparameters(hidden_sizes=(), learning_rate=0.1): reached(0.9, 0.92),
        Hyperparameters(hidden_sizes=(64, 32), learning_rate=0.1): reached(0.95, 0.95),
    }
    PlainLines(printed.out.append, printed.err.append, None).show_comparison(summaries)
    assert printed.out == [
        "2 recipes, in the order of their values:",
        "test accuracy 0.9100 ± 0.0141  test loss 0.5000 ± 0.0000  hidden layers none",
        "test accuracy 0.9500 ± 0.0000  test loss 0.5000 ± 0.0000  hidden layers 64, 32",
    ]
    printed.out.clear()
    JsonLines(printed.out.append, printed.err.append, None).show_comparison(summaries)
    (line,) = map(json.loads, printed.out)
    assert line["event"] == "recipes_compared"
    first, second = line["recipes"]
    assert (first["hyperparameters"], first["seeds"]) == ({"hidden_sizes": []}, [4, 5])
    assert second["hyperparameters"] == {"hidden_sizes": [64, 32]}
    assert second["test_accuracy_mean"] == 0.95
