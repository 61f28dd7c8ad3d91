"""The process of one engine: it makes it, warms it up, and measures it whenever it is asked.

Between two measurements it waits on its connection and takes no time from the engine whose turn it
is.
"""

import sys
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from mnist_core.benchmark.messages import EngineFailed, EngineReady, Job, Trace
from mnist_core.events import failure_sentence


def work(connection: Connection) -> None:
    """Answer each message until the other side closes the connection."""
    try:
        job: Job[Any] = connection.recv()
        begun = job.begin()
        _settle()
        connection.send(EngineReady(begun.description))
        while True:
            message = connection.recv()
            if isinstance(message, Trace):
                assert begun.trace is not None, "only what can be traced is asked to"
                answer = begun.trace()
            else:
                answer = begun.measure()
            _settle()
            connection.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):  # nobody asks any more
        return
    except Exception as error:  # noqa: BLE001 - the process's edge: it goes on as a message
        connection.send(EngineFailed(failure_sentence(error), traceback.format_exc()))


def _settle() -> None:
    """Wait until the threads of this process rest, at most a second.

    Those of OpenBLAS look out for more work for a tenth of a second, in a loop that would slow down
    the engine whose turn is next.
    """
    deadline = time.monotonic() + 1
    busy = True
    while busy and time.monotonic() < deadline:
        before = time.process_time()
        time.sleep(0.02)
        busy = time.process_time() - before > 0.002


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as to_parent:
        work(to_parent)
