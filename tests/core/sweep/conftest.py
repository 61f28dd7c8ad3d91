"""Studies under a home of their own, and workers that train nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from helpers.scripted_sweeps import Script, plan
from mnist_core.sweep import sweep
from mnist_core.sweep.plan import SweepPlan
from mnist_core.sweep.study import SweepStudy

OpenStudy = Callable[..., SweepStudy]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    script = Script()
    monkeypatch.setattr(sweep, "Worker", script.worker)
    monkeypatch.setattr(sweep, "_TICK", 0.0)
    return script


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenStudy]:
    """`opened()` makes a study, with a plan if one is given, and then opens it once more."""
    with ExitStack() as stack:

        def open_study(of: SweepPlan | None = None, *, url: str | None = None) -> SweepStudy:
            if of is None and (tmp_path / "made").exists():
                study = SweepStudy.resume(tmp_path / "home", url, "one")
            else:
                (tmp_path / "made").touch()
                study = SweepStudy.create(tmp_path / "home", url, "one", of or plan(), 5)
            return stack.enter_context(closing(study))

        yield open_study
