"""OpenBLAS under MLX, each case in a process of its own: MLX binds its BLAS once."""

import itertools
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from helpers.python_process import run_python
from mnist_core.backend.openblas import bundled_libraries, reason_to_keep

on_linux_cpu = pytest.mark.skipif(
    sys.platform != "linux" or bundled_libraries() is None,
    reason="only MLX's CPU wheel for Linux has its BLAS replaced",
)

REFERENCE = ("libblas-bd8a282c.so.3.10.0", "libgfortran-f7379c93.so.5.0.0")

PRODUCTS = """
import numpy as np
from mnist_core.backend.mlx import mx
random = np.random.default_rng(0)
a, b = random.random((256, 784)), random.random((784, 256))
exact = np.einsum("ij,jk->ik", a, b)
single = [x.astype(np.float32) for x in (a, b)]

def error(product):
    return np.abs(np.asarray(product) - exact).max() / exact.max()

assert error(mx.matmul(*map(mx.array, single))) < 1e-6
assert error(single[0] @ single[1]) < 1e-6
assert error(a @ b) < 1e-12
square = a[:, :256]
assert np.abs(square @ np.linalg.solve(square, np.eye(256)) - np.eye(256)).max() < 1e-9
"""


@on_linux_cpu
def test_mlx_calls_openblas_and_numpy_keeps_its_own(tmp_path: Path) -> None:
    log = tmp_path / "bindings"
    (library,) = run_python(
        PRODUCTS + "maps = open('/proc/self/maps').read().split()\n"
        "print(next(word for word in maps if 'libmnist_openblas' in word))",
        LD_DEBUG="bindings",
        LD_DEBUG_OUTPUT=log,
    )

    # The dynamic linker's own log: "binding file FROM [0] to TO [0]: normal symbol `NAME'".
    bindings = [
        (Path(words[3]).name, words[6], words[-1].strip("`'"))
        for file in tmp_path.iterdir()
        for line in file.read_text(errors="replace").splitlines()
        if (words := line.split())[1:3] == ["binding", "file"]
    ]
    bound = {(source, name) for source, target, name in bindings if target == library}
    assert ("libmlx.so", "cblas_sgemm") in bound
    assert {source for source, _ in bound} == {"libmlx.so", Path(library).name}


@on_linux_cpu
@pytest.mark.parametrize(
    "order",
    itertools.permutations(
        ["mnist_core.backend.mlx", "numpy", *(["torch"] if find_spec("torch") else [])]
    ),
    ids=" ".join,
)
def test_every_import_order_gives_the_same_products(order: tuple[str, ...]) -> None:
    torch_too = (
        "import torch\nassert error(torch.matmul(*map(torch.from_numpy, single))) < 1e-6\n"
        if "torch" in order
        else ""
    )

    served = run_python(
        "".join(f"import {module}\n" for module in order)
        + PRODUCTS
        + torch_too
        + "from mnist_core.backend.matrix_products import serving_library\n"
        + "print(serving_library().name)"
    )

    assert served[0].startswith("libmnist_openblas")


@on_linux_cpu
def test_after_mlx_it_is_too_late_and_the_reason_says_so() -> None:
    reason, serving = run_python(
        "import mlx.core\n"
        "from mnist_core.backend.openblas import install_blas\n"
        "print(install_blas())\n"
        "from mnist_core.backend.matrix_products import serving_library\n"
        "print(serving_library().name)"
    )

    assert "imported before" in reason
    assert serving.startswith("libblas-")


@on_linux_cpu
def test_without_a_usable_cache_mlx_still_computes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    reason, blas, advice, product = run_python(
        "from mnist_core.backend.backend import configure\n"
        "from mnist_core.backend.openblas import install_blas\n"
        "print(install_blas())\n"
        "print(configure().blas)\n"
        "print(configure().advice)\n"
        "from mnist_core.backend.mlx import mx\n"
        "print(mx.matmul(mx.full((2, 3), 2.0), mx.full((3, 2), 5.0)).tolist())",
        XDG_CACHE_HOME=tmp_path / "file",
    )

    assert "set XDG_CACHE_HOME" in reason
    assert blas == "reference BLAS"
    assert advice == reason
    assert product == "[[30.0, 30.0], [30.0, 30.0]]"


@on_linux_cpu
def test_threads_that_install_at_once_get_one_answer() -> None:
    answers = run_python(
        "import threading\n"
        "from mnist_core.backend.openblas import install_blas\n"
        "start, found = threading.Barrier(4), []\n"
        "def install():\n"
        "    start.wait()\n"
        "    found.append(install_blas())\n"
        "    import mnist_core.backend.mlx\n"
        "threads = [threading.Thread(target=install) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(found)"
    )

    assert answers == ["['', '', '', '']"]


@on_linux_cpu
def test_products_are_right_on_many_threads_at_once() -> None:
    right = run_python(
        PRODUCTS + "import threading\n"
        "right = []\n"
        "def multiply():\n"
        "    try:\n"
        "        for _ in range(5):\n"
        "            right.append(error(mx.matmul(*map(mx.array, single))) < 1e-6)\n"
        "    finally:\n"
        "        mx.clear_streams()\n"
        "threads = [threading.Thread(target=multiply) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(len(right), all(right))"
    )

    assert right == ["20 True"]


def test_importing_the_back_end_loads_nothing() -> None:
    loaded = run_python(
        "import sys, mnist_core.backend.backend\n"
        "from pathlib import Path\n"
        "maps = Path('/proc/self/maps')\n"
        "print('mlx.core' in sys.modules, maps.exists() and 'openblas' in maps.read_text())"
    )

    assert loaded == ["False False"]


@pytest.mark.parametrize(
    ("platform", "imported", "bundled", "reason"),
    [
        ("linux", False, REFERENCE, ""),
        ("darwin", False, None, "BLAS of the operating system"),
        ("linux", True, REFERENCE, "imported before"),
        ("linux", False, None, "mlx-cpu, is not installed"),
        ("linux", False, ("libopenblas-0123abcd.so.0",), "no longer brings the slow"),
    ],
)
def test_mlx_keeps_its_own_blas_where_replacing_it_would_not_help(
    platform: str, imported: bool, bundled: tuple[str, ...] | None, reason: str
) -> None:
    said = reason_to_keep(platform, imported, bundled)

    assert reason in said
    assert bool(said) == bool(reason)


@on_linux_cpu
@pytest.mark.parametrize(
    ("given", "expected"), [({}, "4"), ({"OPENBLAS_THREAD_TIMEOUT": "9"}, "9")]
)
def test_idle_threads_sleep_soon_unless_the_user_says_otherwise(
    given: dict[str, str], expected: str
) -> None:
    asked = run_python(
        "import ctypes, os\n"
        "load, seen = ctypes.CDLL, []\n"
        "def look(name, *rest, **more):\n"
        "    if 'libmnist_openblas' in str(name):\n"
        "        seen.append(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))\n"
        "    return load(name, *rest, **more)\n"
        "ctypes.CDLL = look\n"
        "from mnist_core.backend.openblas import install_blas\n"
        "assert not install_blas()\n"
        "print(*seen)\n"
        "print(os.environ.get('OPENBLAS_THREAD_TIMEOUT', ''))\n",
        **given,
    )
    # Whoever is started or loaded later, as a rival in a benchmark, is as the user has it.
    assert asked == [expected, given.get("OPENBLAS_THREAD_TIMEOUT", "")]
