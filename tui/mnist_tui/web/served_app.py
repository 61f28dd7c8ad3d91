"""A process of the app, and the pipes to it.

textual-serve has a class for this too. It starts a shell, forgets a process that still draws when
its tab is closed, and prints what goes wrong on the server's terminal; here that is shown in the
tab.
"""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mnist_tui.runtime.startup import BROWSER_DRIVER
from mnist_tui.text.visible_text import visible

PATIENCE = 30.0
"""Seconds that an app gets to stop and keep its run."""

_READY = b"__GANGLION__\n"
"""What Textual's driver writes before its first packet."""

_LONGEST_ERROR = 8192
"""Bytes of what the process wrote to stderr that the tab shows."""

Send = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the tab's terminal, in cells."""

    columns: int
    rows: int

    @classmethod
    def asked(cls, columns: object, rows: object) -> Self:
        """What a browser asks for, within bounds; 80 by 24 where that is no size."""
        return cls(_bounded(columns, 80, 1000), _bounded(rows, 24, 500))


def _bounded(value: object, default: int, most: int) -> int:
    try:
        return max(1, min(most, int(value)))  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return default


class ServedApp:
    """A process that draws the app for one tab."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

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

    async def relay(self, send: Send) -> None:
        """Hand what the app draws to `send`, until the process has ended.

        If it did not end well, why is sent as text. `send` may raise ConnectionError once its tab
        is closed; what is drawn after that is dropped.
        """
        reading = asyncio.create_task(self._read_errors())
        send = _until_closed(send)
        await self._relay_packets(send)
        errors = await reading
        code = await self._process.wait()
        if reason := errors.decode(errors="replace").strip():
            await send(_as_screen(reason))
        elif code:
            await send(_as_screen(f"The app ended unexpectedly, {_said(code)}."))

    async def type(self, text: str) -> None:
        """Hand over what the terminal in the tab sends: keys and the mouse."""
        await self._tell(b"D", text.encode(errors="replace"))

    async def resize(self, size: Size) -> None:
        await self._tell_meta({"type": "resize", "width": size.columns, "height": size.rows})

    async def focus(self, *, has_focus: bool) -> None:
        await self._tell_meta({"type": "focus" if has_focus else "blur"})

    @property
    def is_ending(self) -> bool:
        """Whether it has ended or was told to."""
        return self._process.stdin is None or self._process.stdin.is_closing()

    async def end(self, patience: float = PATIENCE) -> None:
        """Let the app stop and keep its run; kill it where that takes too many seconds."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), patience)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            self._process.kill()

    async def _relay_packets(self, send: Send) -> None:
        output = self._process.stdout
        assert output is not None  # it is a pipe
        try:
            while (await output.readuntil()) != _READY:
                pass
            while True:
                head = await output.readexactly(5)
                packet = await output.readexactly(int.from_bytes(head[1:], "big"))
                # All but what is drawn is of no use here: the app opens no pages and sends no
                # files, and its end is the process's.
                if head[:1] == b"D":
                    await send(packet)
        except asyncio.IncompleteReadError:
            pass  # the process ended

    async def _read_errors(self) -> bytes:
        """The last that the process writes to stderr."""
        assert self._process.stderr is not None  # it is a pipe
        errors = b""
        while data := await self._process.stderr.read(4096):
            errors = (errors + data)[-_LONGEST_ERROR:]
        return errors

    async def _tell_meta(self, what: dict[str, Any]) -> None:
        await self._tell(b"M", json.dumps(what).encode())

    async def _tell(self, kind: bytes, payload: bytes) -> None:
        pipe = self._process.stdin
        if pipe is None or self.is_ending:
            return
        try:
            pipe.write(kind + len(payload).to_bytes(4, "big") + payload)
            await pipe.drain()
        except ConnectionError:
            pass  # the process ended


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


def _until_closed(send: Send) -> Send:
    is_open = True

    async def sent(data: bytes) -> None:
        nonlocal is_open
        if is_open:
            try:
                await send(data)
            except ConnectionError:
                is_open = False

    return sent


def _as_screen(text: str) -> bytes:
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
