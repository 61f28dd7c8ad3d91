"""This very program, to be started again in a process of its own."""

from collections.abc import Sequence

from mnist_core.backend.python_process import python_command


def program_command(flags: Sequence[str] = ()) -> list[str]:
    """The command line that runs `mnist-tui` with `flags`, in this very environment."""
    return python_command("from mnist_tui.cli import main; main()", *flags)
