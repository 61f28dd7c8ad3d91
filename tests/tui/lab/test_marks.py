"""The looks of marked runs, and the pinned one."""

from collections.abc import Sequence

from mnist_tui.lab.overlay import LOOKS, REFERENCE, Marks


def marked(marks: Marks) -> Sequence[str]:
    return [look.sign for run_id in marks.ids if (look := marks.look(run_id)) is not None]


def test_marks_keep_their_looks_and_say_when_they_are_used_up() -> None:
    marks = Marks()
    every = [f"run{k}" for k in range(len(LOOKS))]
    assert all(marks.toggle(run_id) for run_id in every)
    assert marks.is_full
    assert len(set(marked(marks))) == len(LOOKS)
    changes = marks.changes
    assert not marks.toggle("one too many")
    assert marks.changes == changes
    second = marks.look("run1")
    marks.toggle("run0")
    assert marks.look("run1") == second
    marks.toggle("another")
    assert marks.look("another") == LOOKS[0], "the free look is used again"
    assert marks.ids[-1] == "another"


def test_the_reference_is_one_run_and_runs_that_are_gone_are_forgotten() -> None:
    marks = Marks()
    marks.pin("a")
    assert marks.look("a") == REFERENCE
    marks.pin("b")
    assert (marks.pinned, marks.look("a")) == ("b", None)
    marks.toggle("c")
    changes = marks.changes
    marks.keep_only({"b", "c"})
    assert marks.changes == changes
    marks.keep_only({"x"})
    assert (marks.pinned, marks.ids) == (None, ())
    assert marks.changes > changes
    marks.pin("b")
    marks.pin("b")
    assert marks.pinned is None
