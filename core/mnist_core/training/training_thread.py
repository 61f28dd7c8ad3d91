"""The thread that trains, for as many runs as there are, one after the other.

MLX gives each thread that uses it streams with threads of their own, which outlive even
`mx.clear_streams()`: a thread for each run would leave one behind each time.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Self


class TrainingThread:
    """Does one job after the other in one thread, which begins with the first of them.

    Close it before the process ends: a thread that has used MLX and still runs then, or that ended
    without clearing its streams, can abort the process.
    """

    def __init__(self, at_end: Callable[[], None] | None = None) -> None:
        """`at_end` is called in the thread when it ends; not if there was no job."""
        self._at_end = at_end
        self._jobs = SimpleQueue[Callable[[], None] | None]()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def do(self, job: Callable[[], None]) -> None:
        """Have `job`, which must not raise, done after those that were given before.

        Raises:
            RuntimeError: the system starts no thread; the job is not taken.
        """
        if self._thread is None or not self._thread.is_alive():
            # A daemon, so that an error on the way to `close` does not keep the process for ever.
            thread = threading.Thread(target=self._work, name="training", daemon=True)
            thread.start()
            self._thread = thread
        self._jobs.put(job)

    def close(self) -> None:
        """Wait until all jobs are done and the thread has ended; another job begins a new one."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        try:
            while self._do_next():
                pass
        finally:
            if self._at_end is not None:
                self._at_end()

    def _do_next(self) -> bool:
        """Wait for a job and do it; False: the end was asked for. It keeps nothing of the job."""
        job = self._jobs.get()
        if job is not None:
            job()
        return job is not None


def mlx_thread() -> TrainingThread:
    """One in which MLX may be used; see `mnist_core.training.training_run.mlx_runs`."""
    return TrainingThread(_clear_streams)


def _clear_streams() -> None:
    # A thread that used MLX and ends with its streams alive can abort the process at exit.
    from mnist_core.backend.mlx import mx

    mx.clear_streams()
