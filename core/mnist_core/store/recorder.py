"""Recording a run: its events go to the database and its states to files, by a thread of its own.

The training thread only appends to a list. The recorder writes what has come twice a second, in one
transaction, and checkpoints after the rows that lead to them, so that no checkpoint is ahead of its
curves. What could not be written waits for the next time.
"""

import contextlib
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Generator

from mnist_core.events import (
    Event,
    Mailbox,
    RunEnded,
    RunFailed,
    RunStarted,
    SamplesPredicted,
    failure_sentence,
)
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.database import (
    DAMAGE_ADVICE,
    FILE,
    connect,
    file_identity,
    is_damage,
    mark_suspect,
    transaction,
)
from mnist_core.store.free_room import give_back
from mnist_core.store.ownership import Ownership
from mnist_core.store.pending import Pending
from mnist_core.store.records import END_STATES, RunState
from mnist_core.store.run_writer import RunLostError, RunWriter

WRITE_INTERVAL = 0.5
"""Seconds between two writes."""
RETRY_INTERVAL = 3.0
"""Seconds to wait after a write that failed."""
FINISH_PATIENCE = 5.0
"""Seconds in which the last write may be tried again."""
_FINISH_RETRY = 0.25
_START_PATIENCE = 2.0
"""Seconds to wait for a run to be in the store before it is announced."""


class RunRecorder:
    """Writes one run, which it owns from the start to `finish`."""

    def __init__(self, writer: RunWriter, ownership: Ownership, checkpoints: Checkpoints) -> None:
        """Made by `RunStore.record`; all three are of the same run, which is owned already."""
        self.run_id, self.owner = writer.run_id, writer.owner
        self.is_paused: Callable[[], bool] = lambda: False
        """Tells whether the run waits; set before the run starts."""
        self.problem = ""
        """Why the run is not being kept, and what to do, as a sentence; empty: it is."""
        self.details = ""
        """The traceback behind `problem`, for the log file."""
        self._home = writer.home
        self._writer = writer
        self._ownership = ownership
        self._checkpoints = checkpoints
        self._connection: sqlite3.Connection | None = None
        self._connected_to: tuple[int, ...] = ()
        self._mailbox: Mailbox[Event] = Mailbox()
        self._begun = threading.Event()
        self._tried = threading.Event()
        self._finish = threading.Event()
        self._pending = Pending()
        self._written_state = ""
        self._end_state: RunState | None = None
        self._cause = ""
        self.left_out = ""
        """What of the run is too large to be kept, as a sentence; empty: nothing."""
        self._gone = False
        self._thread = threading.Thread(target=self._work, name="run recorder", daemon=True)

    @property
    def name(self) -> str:
        """What the run is called in the store; empty until it is there."""
        return self._writer.name

    def start(self) -> None:
        """Begin to write.

        Raises:
            RuntimeError: the system starts no thread for it.
        """
        self._thread.start()

    def record(self, event: Event) -> None:
        """Take an event; called by the training thread, at the cost of an append.

        A run that starts is in the store before this returns, unless that takes long.
        """
        if self._gone or isinstance(event, SamplesPredicted):
            return
        self._mailbox.post(event)
        if isinstance(event, RunStarted):
            self._begun.set()
            if self._thread.is_alive():
                # Nobody is told of a run that would be gone with the process.
                self._tried.wait(_START_PATIENCE)

    def finish(self) -> None:
        """Write the rest and give the run up; blocks until that is done, for seconds at most."""
        self._finish.set()
        self._begun.set()
        if self._thread.ident is not None:
            self._thread.join()
        else:
            self._ownership.discard()

    # -- the recorder's thread -------------------------------------------------------------------

    def _work(self) -> None:
        next_try = give_up = wait = 0.0
        try:
            # A run is in the list as soon as it begins.
            self._begun.wait()
            while not self._gone:
                finishing = self._finish.wait(wait)
                wait = WRITE_INTERVAL
                now = time.monotonic()
                if finishing:
                    give_up = give_up or now + FINISH_PATIENCE
                elif now < next_try:
                    # Only what has to be kept is held on to, however long the disk stays full.
                    self._take_mail()
                    continue
                written = self._try_to_write()
                self._tried.set()
                if finishing and (written or time.monotonic() >= give_up):
                    break
                if finishing:
                    time.sleep(_FINISH_RETRY)
                next_try = 0.0 if written else time.monotonic() + RETRY_INTERVAL
            if self.problem and not self._gone:
                self.problem = (
                    f"The last part of the run could not be written to {self._home} and is lost: "
                    f"{self._cause}."
                )
                if self._keeps_some():
                    self.problem += " What was kept before can be resumed."
            if self._connection is not None:
                give_back(self._connection)
        finally:
            self._gone = True
            self._tried.set()
            self._disconnect()
            self._ownership.discard()

    def _try_to_write(self) -> bool:
        """Write what has come; False if it has to be tried again."""
        try:
            self._take_mail()
            self._write()
        except RunLostError as error:
            # In this order: once it is told, nothing more is taken or held.
            self._gone = True
            self._mailbox.drain()
            self.details, self.problem = "", str(error)
            return False
        except BaseException as error:  # noqa: BLE001 - the thread's edge: training goes on
            # Also what is no Exception: a thread that ended so would leave the run for kept.
            self._disconnect()
            self.details = traceback.format_exc()
            self.problem = self._sentence(error)
            return False
        self.problem = self.details = ""
        return True

    def _take_mail(self) -> None:
        self._pending.add(self._mailbox.drain())

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, sqlite3.Error):
            self._cause = str(error)
        elif isinstance(error, OSError):
            self._cause = error.strerror or str(error)
        else:
            self._cause = failure_sentence(error).rstrip(".")
        if isinstance(error, sqlite3.Error) and is_damage(error):
            mark_suspect(self._home)
            return (
                f"The run could not be written: the database in {self._home} is damaged ({error}). "
                f"{DAMAGE_ADVICE}"
            )
        return (
            f"The run could not be written to {self._home}: {self._cause}. "
            "It goes on, and writing is tried again; make room or mend the folder."
        )

    def _connected(self) -> sqlite3.Connection:
        """A connection to the database that lies there now: it may have been set aside."""
        path = self._home / FILE
        identity = file_identity(path)
        if self._connection is not None and identity != self._connected_to:
            self._disconnect()
        if self._connection is None:
            self._connection = connect(path)
            self._connected_to = identity
        return self._connection

    def _keeps_some(self) -> bool:
        """Whether the database that lies there has a part of the run."""
        there = file_identity(self._home / FILE)
        begun = bool(self._written_state) or self._writer.point is not None
        return begun and bool(there) and there == self._connected_to

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _write(self) -> None:
        if not self._ownership.held:
            raise RunLostError(
                f"The lock of this run in {self._home} is gone, so it is no longer kept."
            )
        pending = self._pending
        if pending.started is None and not self._writer.possible_steps:
            # It has not begun, or failed before it did: there is nothing to keep.
            return
        state = self._live_state()
        if pending.has_rows or state != self._written_state:
            self._write_rows_of(state, None)
        for saved in pending.states:
            self._checkpoints.save(saved)
            pending.saved(saved)
        # Only a run whose weights are safe has ended: one that died before is to be resumed.
        if pending.end is not None:
            self._end_state = END_STATES[type(pending.end)]
            self._write_rows_of(self._end_state, pending.end)
            pending.end = None

    def _write_rows_of(self, state: RunState, end: RunEnded | None) -> None:
        pending = self._pending
        step = pending.step
        connection = self._connected()
        is_start, rewound = pending.started is not None, pending.rewound
        written = False
        try:
            with transaction(connection):
                self._writer.write(connection, pending, state, end)
            written = True
        finally:
            if step is not None:
                before = set() if written else self._writer.possible_steps
                self._writer.possible_steps = before | {step}
        self._written_state = state
        self.left_out = self._writer.left_out
        pending.written()
        if is_start and self._writer.point is not None:
            # Not before the metrics are cut too: what is past the state is of no use from now on.
            self._checkpoints.cut(self._writer.point.state)
        if rewound is not None:
            self._checkpoints.cut(rewound.state)

    def _live_state(self) -> RunState:
        if self._end_state is not None:
            return self._end_state
        return RunState.PAUSED if self.is_paused() else RunState.RUNNING


def recorded(
    events: Generator[Event, None, None], recorder: RunRecorder | None
) -> Generator[Event, None, None]:
    """The same events, each handed to `recorder`; the end is stored before anybody is told of it.

    What is thrown in reaches the training, and an error ends the recorded run as failed. None
    records nothing.
    """
    if recorder is None:
        yield from events
        return
    try:
        event = next(events)
        while True:
            recorder.record(event)
            if isinstance(event, RunEnded):
                recorder.finish()
            try:
                yield event
            except GeneratorExit:
                events.close()
                raise
            except BaseException as request:  # noqa: BLE001 - whatever it is, training answers it
                event = events.throw(request)
            else:
                event = next(events)
    except StopIteration:
        return
    except Exception as error:
        recorder.record(RunFailed(failure_sentence(error), ""))
        raise
    finally:
        recorder.finish()
