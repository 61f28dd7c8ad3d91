"""Another Python at the other end of a pipe, whose last words are kept for when it dies."""

import contextlib
import os
import subprocess
import tempfile
from multiprocessing import Pipe
from typing import Any

from mnist_core.backend.python_process import THREAD_VARIABLES, python_command

_LAST_WORDS = 2000
"""Characters of a dead process's output that are kept for the log."""


class PipedProcess:
    """Runs the function `work` of a module, which gets the descriptor of its end of the pipe."""

    def __init__(self, module: str, threads: int, patience: float = 0.0) -> None:
        """Start it; it imports `module` while this process goes on.

        Args:
            module: where `work` is.
            threads: CPU threads of its matrix products.
            patience: seconds that `close` leaves it to end by itself.
        """
        self._patience = patience
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.connection, theirs = Pipe()
        with theirs:
            # Not -m, which would load the module a second time: its messages would be of classes
            # that the other side does not know.
            code = f"from {module} import work; work({theirs.fileno()})"
            self.process = subprocess.Popen(
                python_command(code),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)),
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )

    def send(self, message: Any) -> None:
        """Send what can be pickled; a process that has died is found out by receiving."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def last_words(self) -> tuple[str, str]:
        """Of a process that is gone: how it ended, and the end of what it wrote."""
        code = self.process.wait()
        self._output.seek(0)
        words = self._output.read().decode(errors="replace")[-_LAST_WORDS:]
        return f"signal {-code}" if code < 0 else f"exit code {code}", words

    def close(self) -> None:
        """Close the pipe, and wait for the end of the process; kill it where that does not come."""
        self.connection.close()
        try:
            self.process.wait(self._patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._output.close()
