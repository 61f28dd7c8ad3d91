"""The measured speed of matrix products: what it leaves behind, not how large it is."""

import math
import sys

import pytest

from mnist_core.backend.matrix_products import (
    OpenBlas,
    compare_gflops,
    find_openblas,
    glance_gflops,
    numpy_library,
    serving_library,
)
from mnist_core.backend.openblas import bundled_libraries

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or bundled_libraries() is None,
    reason="about MLX's CPU wheel for Linux",
)


def openblas_of_mlx() -> OpenBlas:
    library = serving_library()
    assert library is not None
    openblas = find_openblas(library)
    assert openblas is not None
    return openblas


def test_numpy_is_served_by_a_library_of_its_own() -> None:
    library = numpy_library()

    assert library is not None
    assert library.is_file()
    assert library != serving_library()


def test_a_glance_is_a_speed() -> None:
    assert 0 < glance_gflops() < math.inf


@pytest.mark.parametrize("threads", [1, 2])
def test_a_comparison_leaves_the_threads_as_they_were(threads: int) -> None:
    mlx = openblas_of_mlx()
    library = numpy_library()
    numpy = find_openblas(library) if library else None
    of_mlx, of_numpy = mlx.threads, numpy.threads if numpy else None
    mlx.threads = threads
    try:
        speed = compare_gflops(threads)
        assert mlx.threads == threads
    finally:
        mlx.threads = of_mlx

    assert min(speed.mlx, speed.numpy, speed.mlx_on_one_thread) > 0
    assert (speed.mlx == speed.mlx_on_one_thread) == (threads == 1)
    assert (numpy.threads if numpy else None) == of_numpy
