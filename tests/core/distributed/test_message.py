"""What rank 0 says, and what a process finds out about ranks."""

import math
import re

import numpy as np
import pytest

from mnist_core.distributed.environment import StartedAs, check_mlx, started_as
from mnist_core.distributed.errors import RanksError
from mnist_core.distributed.message import NOTHING, Kind, Message

VARIABLES = ("MLX_RANK", "MLX_HOSTFILE", "OMPI_COMM_WORLD_RANK")


@pytest.mark.parametrize("value", [0.1, -1e-300, 2.0**53 - 1, math.pi, math.inf, math.nan, -0.0])
def test_a_message_is_read_back_to_the_bit_after_others_have_added_nothing(value: float) -> None:
    sent = Message(Kind.EVALUATED, value, -value)
    floats = sent.to_floats() + NOTHING.to_floats() + NOTHING.to_floats()

    assert floats.dtype == np.float32
    read = Message.from_floats(floats)
    assert read.kind is Kind.EVALUATED
    ours, theirs = np.array([sent.first, sent.second]), np.array([read.first, read.second])
    np.testing.assert_array_equal(ours.view(np.uint64), theirs.view(np.uint64))


def test_whoever_says_nothing_adds_zeros() -> None:
    assert not NOTHING.to_floats().any()


@pytest.mark.parametrize("version", ["0.31.2", "0.32.1", "0.32"])
def test_an_mlx_that_waits_for_the_dead_is_refused(version: str) -> None:
    with pytest.raises(RanksError, match=re.escape(f"MLX 0.32.2 or newer, and this is {version}")):
        check_mlx(version)


@pytest.mark.parametrize("version", ["0.32.2", "0.32.4.dev1", "0.33.0", "1.0"])
def test_newer_ones_are_not(version: str) -> None:
    check_mlx(version)


def test_a_process_knows_which_rank_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert started_as() is None
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "3")
    assert started_as() == StartedAs("mpi", 3, "OMPI_COMM_WORLD_RANK")
    monkeypatch.setenv("MLX_RANK", "1")
    assert started_as() == StartedAs("mpi", 3, "OMPI_COMM_WORLD_RANK"), (
        "without a host file it is none of a ring"
    )
    monkeypatch.setenv("MLX_HOSTFILE", "hosts.json")
    assert started_as() == StartedAs("ring", 1, "MLX_RANK")
