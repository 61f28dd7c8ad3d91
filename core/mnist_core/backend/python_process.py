"""The one way to start another Python: with this environment's packages and nobody else's."""

import sys

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What BLAS libraries read their number of threads from when they are loaded."""


def python_command(code: str, *arguments: str) -> list[str]:
    """The command line that runs `code` in a Python of its own, with `arguments` in its `sys.argv`.

    -P keeps what lies in the folder it is started in from being imported: with -c or -m alone, a
    `random.py` there would be executed in place of Python's own.
    """
    return [sys.executable, "-P", "-c", code, *arguments]
