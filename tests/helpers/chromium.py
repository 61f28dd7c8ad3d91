"""Headless Chromium, driven over its DevTools protocol."""

import asyncio
import base64
import contextlib
import itertools
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE = 60.0
"""Seconds to wait for anything: never reached unless something is wrong."""

Listener = Callable[[dict[str, Any]], None]


def find_chromium() -> str | None:
    """The program, or None where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return None


class BrowserTab:
    """A tab of the browser: commands go out, and events are kept."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, list[Listener]] = {}

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each such event."""
        self._listeners.setdefault(event, []).append(listener)

    async def listen(self) -> None:
        """Take in what the browser sends, until it closes the connection."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            for listener in self._listeners.get(said.get("method", ""), []):
                listener(said["params"])

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Do something, and return what it answers."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await asyncio.wait_for(answer, PATIENCE)
        assert "result" in said, f"{method}: {said}"
        result: dict[str, Any] = said["result"]
        return result

    async def value_of(self, expression: str) -> Any:
        """What JavaScript makes of this in the page."""
        said = await self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def press(self, key: str) -> None:
        """Press the key of a letter."""
        code = {"key": key, "code": f"Key{key.upper()}", "windowsVirtualKeyCode": ord(key.upper())}
        await self.command("Input.dispatchKeyEvent", type="keyDown", text=key, **code)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **code)

    async def screenshot(self) -> bytes:
        """What the tab shows, as PNG."""
        said = await self.command("Page.captureScreenshot", format="png")
        return base64.b64decode(said["data"])


class Browser:
    def __init__(self, client: aiohttp.ClientSession, address: str) -> None:
        self._client = client
        self._address = address

    @contextlib.asynccontextmanager
    async def tab(self) -> AsyncIterator[BrowserTab]:
        """An empty tab, closed at the end of the block."""
        async with self._client.put(f"http://{self._address}/json/new?about:blank") as response:
            target = await response.json()
        # Screenshots are longer than a message may usually be.
        async with self._client.ws_connect(
            target["webSocketDebuggerUrl"], max_msg_size=0
        ) as socket:
            opened = BrowserTab(socket)
            listening = asyncio.create_task(opened.listen())
            try:
                yield opened
            finally:
                async with self._client.get(f"http://{self._address}/json/close/{target['id']}"):
                    await listening


@contextlib.asynccontextmanager
async def browser(program: str, profile: Path) -> AsyncIterator[Browser]:
    """A browser without windows, ended with the block."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--window-size=1280,800",
        *as_root,
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            said: list[str] = []
            while not (found := re.search(r"listening on ws://([^/]+)/", "".join(said[-1:]))):
                line = await process.stderr.readline()
                assert line, "Chromium did not start: " + "".join(said)
                said.append(line.decode(errors="replace"))
        complaints = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as client:
            yield Browser(client, found[1])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    await complaints
