"""This very program, to be started again in a process of its own."""

import sys
from collections.abc import Sequence

from mnist_core.backend.python_process import python_command


def program_command(flags: Sequence[str] = ()) -> list[str]:
    """The command line that runs `mnist-tui` with `flags`, in this very environment.

    It goes by the name of this process, so that the commands it tells a person are the same.
    """
    code = f"import sys; sys.argv[0] = {sys.argv[0]!r}; from mnist_tui.cli import main; main()"
    return python_command(code, *flags)
