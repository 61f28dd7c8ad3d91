"""The one way to start another Python: with this environment's packages and nobody else's."""

import sys


def python_command(code: str, *arguments: str) -> list[str]:
    """The command line that runs `code` in a Python of its own, with `arguments` in its `sys.argv`.

    -P keeps what lies in the folder it is started in from being imported: with -c or -m alone, a
    `random.py` there would be executed in place of Python's own.
    """
    return [sys.executable, "-P", "-c", code, *arguments]
