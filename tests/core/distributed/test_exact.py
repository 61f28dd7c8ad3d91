"""Two ranks against one process, on the same global batches."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from helpers.rank_cases import CASES, Outcome, run_case
from mnist_core.backend.backend import configure
from mnist_core.backend.python_process import python_command
from mnist_core.distributed.environment import RankBackend
from mnist_core.distributed.launch import LocalRanks

TESTS = Path(__file__).parents[2]

Outcomes = Mapping[str, tuple[Outcome, Outcome]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """Of each case, what came of it in rank 0 and in rank 1: one pair of processes for all."""
    return in_two_ranks(tmp_path_factory.mktemp("ranks"), list(CASES), "ring")


def in_two_ranks(folder: Path, names: Sequence[str], backend: RankBackend) -> Outcomes:
    code = (
        f"import sys; sys.path.insert(0, {str(TESTS)!r})\n"
        "from pathlib import Path; from helpers.rank_cases import compute\n"
        f"compute({names!r}, Path({str(folder)!r}))"
    )
    with LocalRanks(python_command(code), 2, backend) as ranks:
        assert ranks.wait() == (0, "")

    def outcome(name: str, rank: int) -> Outcome:
        with np.load(folder / f"{name}-{rank}.npz") as file:
            return Outcome(**file)

    return {name: (outcome(name, 0), outcome(name, 1)) for name in names}


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", [name for name in CASES if name != "halved"])
def test_two_ranks_learn_what_one_process_learns(name: str, outcomes: Outcomes) -> None:
    alone = run_case(CASES[name], configure("cpu", 1))
    together = outcomes[name][0]

    assert len(together.losses) == len(alone.losses) > 0
    np.testing.assert_allclose(together.losses, alone.losses, rtol=0, atol=1e-5)
    np.testing.assert_allclose(together.norms, alone.norms, rtol=1e-4)
    np.testing.assert_allclose(together.accuracies, alone.accuracies, rtol=0, atol=1e-12)
    np.testing.assert_allclose(together.parameters, alone.parameters, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_both_ranks_have_the_same_run_to_the_bit(name: str, outcomes: Outcomes) -> None:
    first, second = outcomes[name]

    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_that_diverges_goes_back_in_both(outcomes: Outcomes) -> None:
    losses = outcomes["halved"][0].losses

    assert not np.isfinite(losses).all() or losses.max() > 10 * losses[0]
    assert len(losses) > 8, "it went back, so there are more updates than in two epochs"


@pytest.mark.parametrize("name", ["patience", "target"])
def test_a_rule_ends_it_in_both(name: str, outcomes: Outcomes) -> None:
    for outcome in outcomes[name]:
        assert 0 < len(outcome.losses) < 9 * 4, "nine epochs of four updates were planned"


@pytest.mark.usefixtures("uncompiled")
def test_ranks_by_mpi_learn_the_same(tmp_path: Path) -> None:
    for name, (first, second) in in_two_ranks(tmp_path, ["dropout", "stopped"], "mpi").items():
        alone = run_case(CASES[name], configure("cpu", 1))

        np.testing.assert_allclose(first.losses, alone.losses, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(first.parameters, second.parameters)
