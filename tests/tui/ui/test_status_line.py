"""The first line at the top: what computes, and how fast, where there is room."""

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.scripted import ScriptedRuns, digits, loaded
from mnist_core.backend.backend import Backend
from mnist_core.store import RunStore
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.ui.status_line import heading

BACKEND = Backend("cpu", "a CPU", "OpenBLAS 0.3.34", 1, "0.32.4", gflops=117.4)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    made = Session(
        ScriptedRuns(),
        DataSource(lambda: loaded(digits(name="mnist"))),
        log=str,
        store=RunStore(tmp_path),
    )
    made.data.load()
    made.tick()
    return made


def test_the_line_ends_with_the_blas_its_speed_and_its_threads(session: Session) -> None:
    line = heading(session, BACKEND, 120).plain

    assert line.endswith("  MLX cpu · OpenBLAS 0.3.34 · 117 GFLOP/s · 1 thread ")
    assert len(line) == 120


@pytest.mark.parametrize(
    ("width", "machine"),
    [(75, "MLX cpu · OpenBLAS 0.3.34 · 1 thread "), (60, "")],
)
def test_a_short_line_leaves_out_the_speed_and_then_the_machine(
    width: int, machine: str, session: Session
) -> None:
    line = heading(session, BACKEND, width).plain

    assert "GFLOP/s" not in line
    assert line.endswith(machine or "30")


def test_a_speed_that_was_not_measured_is_left_out(session: Session) -> None:
    gpu = replace(BACKEND, device="gpu", blas="cuBLAS", threads=8, gflops=None)

    assert heading(session, gpu, 120).plain.endswith("  MLX gpu · cuBLAS · 8 threads ")
