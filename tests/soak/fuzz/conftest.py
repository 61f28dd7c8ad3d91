"""Generated inputs: each must be taken, or refused in the words that the product has for it."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.strategies import SearchStrategy

from helpers.fuzzing import LONGEST_SENTENCE, Fuzz
from helpers.recordings import points, put_recording
from helpers.stored_runs import put_run
from mnist_core.store import RunStore
from mnist_tui.runs.columns import RunRow

_CASES = Path(__file__).parents[3] / ".hypothesis"
"""Hypothesis keeps inputs that failed there, and tries them first the next time."""


@pytest.fixture
def fuzz(
    tally: Callable[..., None],
    repeats: Callable[[int, int], int],
    varied: None,
    request: pytest.FixtureRequest,
) -> Fuzz:
    """`fuzz(what, inputs, refused, take)` has `take` take inputs, `full` of them in the soak.

    It may raise `refused`, with a sentence, and nothing else.
    """
    soak = bool(request.config.getoption("--soak"))

    def run(
        what: str,
        inputs: SearchStrategy[Any],
        refused: type[Exception] | tuple[type[Exception], ...],
        take: Callable[[Any], object],
        *,
        full: int = 20_000,
    ) -> None:
        tried = 0

        @settings(
            max_examples=repeats(25, full),
            deadline=None,
            # The short form finds the same on each machine; new inputs are for the soak.
            derandomize=not soak,
            database=DirectoryBasedExampleDatabase(_CASES / what) if soak else None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.reuse, Phase.generate, Phase.shrink],
        )
        @given(inputs)
        def one(given: Any) -> None:
            nonlocal tried
            tried += 1
            sentence = "."
            try:
                take(given)
            except refused as error:
                sentence = str(error)
            assert 0 < len(sentence) < LONGEST_SENTENCE

        one()
        tally(f"{what}, damaged or invented", tried)

    return run


@pytest.fixture
def kept_rows(tmp_path: Path) -> list[RunRow]:
    """Two runs and a recording, as the table has them."""
    home = tmp_path / "kept"
    put_run(home, "a", "run 1", note="first try", tags=("x",), hidden_sizes="64, 32")
    put_run(home, "b", "run 2", state="failed", accuracies=(), rate=None, optimizer="adam")
    put_recording(home, "loop", [points({"loss": [3.0, 2.0]})], lr=0.1, optimizer="adam")
    with closing(RunStore(home)) as store:
        return [RunRow.of(record, "lr 0.1") for record in store.kept()]
