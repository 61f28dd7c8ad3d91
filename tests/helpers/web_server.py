"""`mnist-tui serve` as a process, and tabs of its page: WebSocket clients with a screen."""

import asyncio
import codecs
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from helpers.display import Display
from helpers.escapes import Splitter
from helpers.processes import children_of, still_there

PROGRAM = "from mnist_tui.cli import main; main()"
COMMAND = [sys.executable, "-c", PROGRAM]
PATIENCE = 300.0
"""Seconds to wait for anything: never reached unless something is wrong."""


class WebServer:
    """A server that says where it is."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    def apps(self) -> list[int]:
        """The numbers of the processes behind the tabs."""
        return children_of(self.process.pid)

    async def error_line(self) -> str:
        """The next line that it writes to stderr."""
        assert self.process.stderr is not None
        return (await asyncio.wait_for(self.process.stderr.readline(), PATIENCE)).decode()

    async def errors(self) -> str:
        """What it wrote to stderr; waits for its end."""
        assert self.process.stderr is not None
        return (await asyncio.wait_for(self.process.stderr.read(), PATIENCE)).decode()

    async def end(self, signal: int) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(signal)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


@contextlib.asynccontextmanager
async def web_server(
    *flags: str | Path, program: str = PROGRAM, cwd: Path | None = None
) -> AsyncIterator[WebServer]:
    """`mnist-tui serve` on a free port; it is killed at the end of the block."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        "serve",
        "--port=0",
        *map(str, flags),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        cwd=cwd,
    )
    try:
        assert process.stdout is not None
        said = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
        found = re.search(r"http://\S+:\d+/", said)
        assert found, said or await process.communicate()
        yield WebServer(process, found[0])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Tab:
    """A terminal in a browser, as the server sees it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, columns: int, rows: int) -> None:
        self._socket = socket
        self._screen = Display(columns, rows)
        self._splitter = Splitter()
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def screen(self) -> str:
        return "\n".join(self._screen.display)

    async def send(self, *message: object) -> None:
        await self._socket.send_str(json.dumps(message))

    async def press(self, keys: str) -> None:
        await self.send("stdin", keys)

    async def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        await self.send("resize", {"width": columns, "height": rows})

    async def wait_for(self, pattern: str) -> str:
        """Wait until the screen has this regular expression, and return the screen."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not re.search(pattern, self.screen()):
                    message = await self._socket.receive()
                    assert message.type is aiohttp.WSMsgType.BINARY, (
                        f"{message} came before {pattern!r}:\n{self.screen()}"
                    )
                    for piece in self._splitter.pieces(self._decoder.decode(message.data)):
                        self._screen.take(piece)
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in:\n{self.screen()}") from None
        return self.screen()

    async def wait_closed(self) -> str:
        """Wait until the server closes the connection, and return the last screen."""
        async with asyncio.timeout(PATIENCE):
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    for piece in self._splitter.pieces(self._decoder.decode(message.data)):
                        self._screen.take(piece)
        return self.screen()


@contextlib.asynccontextmanager
async def tab(
    url: str, columns: int = 120, rows: int = 40, origin: str | None = None
) -> AsyncIterator[Tab]:
    """A tab, closed at the end of the block."""
    address = f"{url}ws?width={columns}&height={rows}"
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(address, origin=origin) as socket,
    ):
        yield Tab(socket, columns, rows)


async def wait_gone(numbers: list[int]) -> None:
    """Wait until these processes have ended."""
    async with asyncio.timeout(PATIENCE):
        while still_there(numbers):
            await asyncio.sleep(0.02)  # nothing tells of the end of another's child
