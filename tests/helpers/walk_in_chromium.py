"""Walk through the page of `mnist-tui serve` in headless Chromium: `make test-web`.

It says what it saw, and ends with 0 where there is no Chromium too. With a folder as its argument
it leaves its screenshots there.
"""

import asyncio
import base64
import io
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pyte
from PIL import Image

from helpers.chromium import PATIENCE, Browser, BrowserTab, browser, find_chromium
from helpers.idx_folder import write_idx_folder
from helpers.web_server import WebServer, wait_gone, web_server
from mnist_core.store import RunState, RunStore


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Walk:
    """A tab with the app, what it asked the network for, and what it was sent to draw."""

    def __init__(self, tab: BrowserTab) -> None:
        self.tab = tab
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._screen = pyte.Screen(400, 100)
        self._stream = pyte.ByteStream(self._screen)
        self._news = asyncio.Event()

    async def open(self, url: str) -> None:
        tab = self.tab
        tab.on("Network.requestWillBeSent", lambda sent: self._add(sent["request"]["url"]))
        tab.on("Network.webSocketCreated", lambda made: self._add(made["url"]))
        tab.on("Network.webSocketFrameReceived", lambda got: self._draw(got["response"]))
        tab.on("Log.entryAdded", lambda entry: self._complain(entry["entry"]))
        tab.on("Runtime.exceptionThrown", lambda thrown: self.complaints.append(str(thrown)))
        for domain in ("Network", "Page", "Log", "Runtime"):
            await tab.command(f"{domain}.enable")
        await tab.command("Page.navigate", url=url)

    async def wait_for(self, pattern: str) -> None:
        """Wait until the app has drawn this regular expression."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not re.search(pattern, "\n".join(self._screen.display)):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            shown = "\n".join(line.rstrip() for line in self._screen.display).strip()
            raise AssertionError(f"no {pattern!r} in:\n{shown}\n{self.complaints}") from None

    def forget_screen(self) -> None:
        """Take what was drawn until now for nothing."""
        self._screen.reset()

    async def wait_class(self, name: str) -> None:
        """Wait until the page's body has this class."""
        async with asyncio.timeout(PATIENCE):
            while not await self.tab.value_of(f"document.body?.classList.contains('{name}')"):
                await asyncio.sleep(0.05)  # the page tells nobody

    def _add(self, url: str) -> None:
        if not url.startswith("data:"):
            self.requests.append(url)

    def _complain(self, entry: dict[str, str]) -> None:
        if entry["level"] == "error":
            self.complaints.append(entry["text"])

    def _draw(self, frame: dict[str, str | int]) -> None:
        if frame["opcode"] == 2:  # binary: what the app draws
            self._stream.feed(base64.b64decode(str(frame["payloadData"])))
            self._news.set()


def look(png: bytes, name: str, keep: Path | None) -> dict[tuple[int, int, int], float]:
    """The colours of a screenshot and their share of it."""
    if keep is not None:
        (keep / f"{name}.png").write_bytes(png)
    image = Image.open(io.BytesIO(png)).convert("RGB")
    pixels = image.width * image.height
    counted = image.getcolors(pixels) or []
    return {colour: count / pixels for count, colour in counted}  # type: ignore[misc]


async def train_and_close(
    opened: Browser, server: WebServer, store: RunStore, keep: Path | None
) -> None:
    """The app is drawn and trains by keys alone; closing the tab keeps the run."""
    async with opened.tab() as tab:
        walk = Walk(tab)
        await walk.open(server.url)
        await walk.wait_for("Learning rate")
        await walk.wait_for("idle")
        assert await tab.value_of("document.querySelectorAll('.xterm canvas').length") > 0
        assert await tab.value_of("document.fonts.check('16px \"Roboto Mono\"')")
        await tab.press("r")
        await walk.wait_for(r"running .* epoch [1-9]")
        colours = look(await tab.screenshot(), "running", keep)
        background = max(colours.values())
        assert len(colours) > 100, f"only {len(colours)} colours"
        assert 0.3 < background < 0.97, f"{background:.0%} of the page has one colour"
        hosts = {urlsplit(url).netloc for url in walk.requests}
        assert hosts == {urlsplit(server.url).netloc}, walk.requests
        assert walk.complaints == []
        apps = server.apps()
    await wait_gone(apps)
    assert [run.state for run in store.runs()] == [RunState.STOPPED]
    say(f"The app was drawn in {len(colours)} colours and trained by a key.")
    say(f"{len(walk.requests)} requests, all to {hosts.pop()}.")
    say("Closing the tab stopped the run and kept it.")


async def quit_and_open_again(opened: Browser, server: WebServer, keep: Path | None) -> None:
    """After q the page says so, and its button opens the app anew."""
    async with opened.tab() as tab:
        walk = Walk(tab)
        await walk.open(server.url)
        await walk.wait_for("idle")
        await tab.press("q")
        await walk.wait_class("-closed")
        look(await tab.screenshot(), "ended", keep)
        assert await tab.value_of("document.querySelector('#ended').offsetHeight") > 0
        walk.forget_screen()
        await tab.value_of("document.querySelector('#ended button').click()")
        await walk.wait_for("idle")
    say("The page says when the app has ended, and opens it again.")


async def walk(program: str, folder: Path, keep: Path | None) -> None:
    digits = write_idx_folder(folder / "digits")
    home = folder / "home"
    store = RunStore(home)
    async with web_server(f"--data={digits}", f"--home={home}", "--epochs=100000") as server:
        async with browser(program, folder / "profile") as opened:
            await train_and_close(opened, server, store, keep)
            await quit_and_open_again(opened, server, keep)
        assert await server.end(signal.SIGINT) == 130
        errors = await server.errors()
    assert errors == "", errors
    store.close()


def main(arguments: Sequence[str]) -> int:
    program = find_chromium()
    if program is None:
        say("Skipped: there is no chromium here (Debian: sudo apt install chromium).")
        return 0
    keep = Path(arguments[0]) if arguments else None
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mnist-tui-web-", ignore_cleanup_errors=True) as name:
        for variable in ("CACHE", "CONFIG", "DATA", "STATE"):
            os.environ[f"XDG_{variable}_HOME"] = str(Path(name) / variable.lower())
        asyncio.run(walk(program, Path(name), keep))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
