"""Processes that do nothing as fast as they can, beside what is measured."""

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Self

from mnist_core.backend.python_process import python_command
from mnist_core.benchmark.worker import ProcessGroup

_LOOP = """
import os, select
while os.read(0, 1):
    while not select.select([0], [], [], 0)[0]:
        for _ in range(20000):
            pass
    if not os.read(0, 1):
        break
"""
"""It turns from the first byte to the next one, and ends with its parent, whose pipe closes."""


class BusyLoops:
    """So many of them, at rest but within `turning`."""

    def __init__(self, count: int, group: ProcessGroup) -> None:
        self._group = group
        self._processes = [
            subprocess.Popen(
                python_command(_LOOP), stdin=subprocess.PIPE, bufsize=0, start_new_session=True
            )
            for _ in range(count)
        ]
        for process in self._processes:
            group.add(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
            self._group.discard(process)

    @contextlib.contextmanager
    def turning(self) -> Iterator[None]:
        """Let all of them turn meanwhile."""
        self._signal()
        try:
            yield
        finally:
            self._signal()

    def _signal(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            # One that was killed ends the measurement anyway.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(b"x")
