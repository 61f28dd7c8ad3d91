"""Histograms of any numbers: none is lost, none raises, and they come back as they were kept."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mnist_core.network.distributions import (
    BINS,
    HISTOGRAM_DTYPE,
    Distributions,
    edges,
    histograms,
    on_axis,
    pack,
    parameter_names,
    unpack,
)

FLOATS = arrays.arrays(np.float32, st.integers(0, 200), elements=st.floats(width=32))
FINITE = arrays.arrays(
    np.float32,
    st.integers(1, 200),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def histogram(values: NDArray[np.float32]) -> np.void:
    row: np.void = histograms([values])[0]
    return row


@given(FLOATS)
def test_every_value_is_counted_once(values: NDArray[np.float32]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = histogram(values)
    assert row["counts"].sum() + row["not_finite"] == len(values)
    assert row["not_finite"] == np.count_nonzero(~np.isfinite(values))
    finite = values[np.isfinite(values)].astype(np.float64)
    assert float(row["sum"]) == pytest.approx(float(finite.sum()), rel=1e-9, abs=1e-30)
    assert float(row["squares"]) == pytest.approx(float((finite**2).sum()), rel=1e-9, abs=1e-30)
    if len(finite):
        assert (row["least"], row["greatest"]) == (finite.min(), finite.max())


@given(FINITE)
def test_bins_hold_what_lies_between_their_edges(values: NDArray[np.float32]) -> None:
    row = histogram(values)
    below = np.concatenate([[0], np.cumsum(row["counts"])])
    limits = edges(row)
    # A value at an edge is in either bin, as float64 rounds.
    close = 1e-9 * (limits[-1] - limits[0])
    for place, limit in enumerate(limits[1:-1], start=1):
        assert np.count_nonzero(values < limit - close) <= below[place]
        assert below[place] <= np.count_nonzero(values <= limit + close) or limits[0] == limits[-1]


def test_many_values_are_counted_as_numpy_counts_them() -> None:
    values = np.random.default_rng(0).normal(0, 1, (700, 500)).astype(np.float32)
    row = histogram(values)
    expected, _ = np.histogram(values.astype(np.float64), BINS)
    assert np.abs(row["counts"].astype(np.int64) - expected).max() <= 1
    assert row["counts"].sum() == values.size


def test_zeros_are_in_the_first_bin() -> None:
    row = histogram(np.zeros(32, np.float32))
    assert row["counts"].tolist() == [32, *[0] * (BINS - 1)]
    assert (row["least"], row["greatest"], row["not_finite"]) == (0, 0, 0)


def test_of_a_diverged_array_is_told_how_many_are_not_finite() -> None:
    row = histogram(np.array([np.nan, np.inf, -np.inf, 3e38, -3e38], np.float32))
    assert (row["not_finite"], row["counts"].sum()) == (3, 2)
    assert histogram(np.full(7, np.nan, np.float32))["not_finite"] == 7


@given(FINITE, st.integers(1, 50), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_on_any_axis_all_values_are_somewhere(
    values: NDArray[np.float32], cells: int, low: float, width: float
) -> None:
    shares = on_axis(histogram(values), low, low + width, cells)
    assert shares.shape == (cells,)
    assert float(shares.sum()) == pytest.approx(1)
    assert (shares >= 0).all()


def test_on_its_own_axis_a_histogram_is_itself() -> None:
    row = histogram(np.random.default_rng(1).normal(0, 1, 5000).astype(np.float32))
    shares = on_axis(row, float(row["least"]), float(row["greatest"]), BINS)
    np.testing.assert_allclose(shares, row["counts"] / 5000)


def test_without_a_finite_value_there_is_no_share() -> None:
    assert not on_axis(histogram(np.array([np.nan], np.float32)), -1, 1, 10).any()


@given(st.lists(FLOATS, max_size=4))
def test_what_is_packed_comes_back_to_the_bit(values: list[NDArray[np.float32]]) -> None:
    found = Distributions.of(dict(zip("abcd", values, strict=False)))
    again = unpack(pack(found))
    assert again.names == found.names
    assert again.rows.dtype == HISTOGRAM_DTYPE
    assert again.rows.tobytes() == found.rows.tobytes()


@pytest.mark.parametrize("data", [b"", b"no zlib", pack(Distributions.of({}))[:-3]])
def test_what_is_damaged_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="distributions are damaged"):
        unpack(data)


def test_the_largest_network_takes_less_than_20_kb_an_epoch() -> None:
    """Eight hidden layers are the most; their numbers are as hard to compress as any."""
    random = np.random.default_rng(0)
    names = parameter_names(18)
    found = {
        f"{kind}/{name}": random.uniform(-1, 1, 500_000).astype(np.float32)
        for kind in ("weights", "gradients")
        for name in names
    }
    found |= {
        f"activations/layers.{k}": random.normal(size=9999).astype(np.float32) for k in range(9)
    }
    assert len(pack(Distributions.of(found))) <= 20_000


def test_names_are_those_of_exported_weights() -> None:
    assert parameter_names(4) == (
        "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
    )  # fmt: skip
