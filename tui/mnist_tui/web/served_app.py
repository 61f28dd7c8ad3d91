"""A process of the app, and the pipes to it.

textual-serve has a class for this too. It starts a shell, forgets a process that still draws when
its tab is closed, and prints what goes wrong on the server's terminal; here that is shown in the
tab.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self

from mnist_tui.runtime.startup import BROWSER_DRIVER
from mnist_tui.text.visible_text import visible
from mnist_tui.web.messages import BadMessage, Size

PATIENCE = 30.0
"""Seconds that an app gets to stop and keep its run."""

_PARTING = 1.0
"""Seconds that a tab gets to take the last sentence of its app."""

_MOST_WAITING = 4 << 20
"""Bytes that an app may leave unread: more than anybody types or moves the mouse."""

_MOST_TYPED = 1024
"""Bytes typed in one packet. The app hears between packets that the tab is closed."""

_READY = b"__GANGLION__\n"
"""What Textual's driver writes before its first packet."""

_LONGEST_ERROR = 8192
"""Bytes of what the process wrote to stderr that the tab shows."""

Send = Callable[[bytes], Coroutine[Any, Any, None]]


class ServedApp:
    """A process that draws the app for one tab."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._is_ready = False
        """Whether it has begun to draw, so may have a run to keep."""
        self._told_to_end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sending: asyncio.Task[None] | None = None
        """The last that was handed to the tab."""

    @classmethod
    async def start(cls, command: Sequence[str], size: Size) -> Self:
        """Start the process.

        Raises:
            OSError: it cannot be started.
        """
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=_environment(size),
            # Ctrl-C at the server's terminal is for the server, which then ends the apps.
            start_new_session=True,
        )
        return cls(process)

    async def relay(self, send: Send) -> bool:
        """Hand what the app draws to `send`, until the process has ended.

        Returns whether the tab has taken all of that, or is closed: from one that still has not,
        nothing is to be waited for.

        If it did not end well, why is sent as text. `send` may raise ConnectionError once its tab
        is closed; what is drawn after that, or while the app ends, is dropped: an app whose tab
        takes nothing must not wait for it.
        """
        reading = asyncio.create_task(self._read_errors())
        is_open = await self._relay_packets(send)
        errors = await reading
        code = await self._process.wait()
        reason = errors.decode(errors="replace").strip()
        if not reason and code and not (self._told_to_end.done() and code == -signal.SIGTERM):
            reason = f"The app ended unexpectedly, {_said(code)}."
        if is_open and reason:
            self._sending = asyncio.create_task(send(as_screen(reason)))
            await asyncio.wait({self._sending}, timeout=_PARTING)
            _is_sent(self._sending)
        return self._sending is None or self._sending.done()

    def type(self, text: str) -> None:
        """Hand over what the terminal in the tab sends: keys and the mouse.

        Raises:
            BadMessage: the app has too much of it before it.
        """
        data = text.encode(errors="replace")
        for begin in range(0, len(data), _MOST_TYPED):
            self._tell(b"D", data[begin : begin + _MOST_TYPED])

    def resize(self, size: Size) -> None:
        self._tell_meta({"type": "resize", "width": size.columns, "height": size.rows})

    def focus(self, *, has_focus: bool) -> None:
        self._tell_meta({"type": "focus" if has_focus else "blur"})

    @property
    def is_ending(self) -> bool:
        """Whether it has ended or was told to."""
        return self._process.stdin is None or self._process.stdin.is_closing()

    async def end(self, patience: float = PATIENCE) -> None:
        """Let the app stop and keep its run; kill it where that takes too many seconds."""
        if not self._told_to_end.done():
            self._told_to_end.set_result(None)
        if self._process.stdin is not None and not self.is_ending:
            self._process.stdin.transport.abort()  # what it has not read is of no use any more
        if not self._is_ready and self._process.returncode is None:
            self._process.terminate()  # it would first start to the end, and has nothing to keep
        try:
            await asyncio.wait_for(self._process.wait(), patience)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            self._process.kill()

    async def _relay_packets(self, send: Send) -> bool:
        """Hand on what is drawn until the process ends; whether the tab is still open then."""
        output = self._process.stdout
        assert output is not None  # it is a pipe
        is_open = True
        try:
            while (await output.readuntil()) != _READY:
                pass
            self._is_ready = True
            while True:
                head = await output.readexactly(5)
                packet = await output.readexactly(int.from_bytes(head[1:], "big"))
                # All but what is drawn is of no use here: the app opens no pages and sends no
                # files, and its end is the process's.
                if head[:1] == b"D" and is_open and not self._told_to_end.done():
                    is_open = await self._send(send, packet)
        except asyncio.IncompleteReadError:
            pass  # the process ended
        return is_open

    async def _send(self, send: Send, packet: bytes) -> bool:
        """Send a packet; False: the tab is closed, or has not taken it when the app is to end."""
        self._sending = sending = asyncio.create_task(send(packet))
        await asyncio.wait({sending, self._told_to_end}, return_when=asyncio.FIRST_COMPLETED)
        return _is_sent(sending)

    async def _read_errors(self) -> bytes:
        """The last that the process writes to stderr."""
        assert self._process.stderr is not None  # it is a pipe
        errors = b""
        while data := await self._process.stderr.read(4096):
            errors = (errors + data)[-_LONGEST_ERROR:]
        return errors

    def _tell_meta(self, what: dict[str, Any]) -> None:
        self._tell(b"M", json.dumps(what).encode())

    def _tell(self, kind: bytes, payload: bytes) -> None:
        """Send the app a packet, without waiting for it: a tab that closes must be noticed."""
        pipe = self._process.stdin
        if pipe is None or self.is_ending:
            return
        pipe.write(kind + len(payload).to_bytes(4, "big") + payload)
        if pipe.transport.get_write_buffer_size() > _MOST_WAITING:
            raise BadMessage(f"it sent {_MOST_WAITING} bytes that its app has not read")


def _is_sent(sending: asyncio.Task[None]) -> bool:
    """Whether the tab has taken it. If it still may, it is left alone.

    Cancelling it would break the connection's later sends: they share what aiohttp waits for.
    """
    if not sending.done():
        sending.add_done_callback(_is_sent)
        return False
    if sending.cancelled() or isinstance(sending.exception(), ConnectionError):
        return False
    sending.result()
    return True


def _environment(size: Size) -> dict[str, str]:
    return {
        **os.environ,
        "TEXTUAL_DRIVER": BROWSER_DRIVER,
        "TEXTUAL_COLOR_SYSTEM": "truecolor",
        "TEXTUAL_FPS": "60",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": str(size.columns),
        "ROWS": str(size.rows),
    }


def as_screen(text: str) -> bytes:
    """What makes a terminal show nothing but `text`."""
    lines = "\r\n".join(visible(line) for line in text.splitlines())
    return f"\x1b[?1049l\x1b[0m\x1b[?25l\x1b[2J\x1b[H{lines}\r\n".encode(errors="replace")


def _said(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
