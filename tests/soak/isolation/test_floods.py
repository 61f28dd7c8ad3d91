"""A page, or many, that ask the server of `mnist-tui serve` for all they can."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import ClientSession, WSMsgType, web

from mnist_tui.web.messages import MOST_BYTES
from mnist_tui.web.site import Site
from mnist_tui.web.visitors import Reach

READS_TO_THE_END = """
import os
os.write(1, b"__GANGLION__\\nD\\0\\0\\0\\x02up")
while os.read(0, 4096):
    pass
"""
MOST_TABS = 2


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Site, str]]:
    """A site with a small program in its tabs, and its address."""
    command = [sys.executable, "-S", "-c", READS_TO_THE_END]
    site = Site(command, Reach("127.0.0.1", is_local=True), MOST_TABS)
    runner = web.AppRunner(site.application(), access_log=None)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    try:
        yield site, f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        await runner.cleanup()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_page_that_opens_tab_after_tab(
    repeats: Callable[[int, int], int], tally: Callable[..., None]
) -> None:
    count, told = repeats(20, 1000), 0
    async with served() as (site, url), ClientSession(url) as client:
        kept = [await client.ws_connect("/ws") for _ in range(MOST_TABS)]
        for tab in kept:
            assert (await tab.receive()).data == b"up"
        before = open_files()
        for _ in range(count):
            async with client.ws_connect("/ws") as tab:
                message = await tab.receive()
                told += message.type is WSMsgType.BINARY and b"tabs at a time" in message.data
        assert told == count
        assert site.open_tabs == MOST_TABS
        assert open_files() <= before + 5
        for tab in kept:
            await tab.send_str('["ping", "x"]')
            assert await tab.receive_json() == ["pong", "x"]
    tally("Tabs beyond those allowed", count)


async def test_pages_of_other_sites(
    repeats: Callable[[int, int], int], tally: Callable[..., None]
) -> None:
    count = repeats(20, 1000)
    async with served() as (site, url), ClientSession(url) as client:
        origins = ("http://evil.example", "null", "https://127.0.0.1", "http://localhost", "\x80")
        for number in range(count):
            headers = {"Origin": origins[number % len(origins)], "Upgrade": "websocket"}
            async with client.get("/ws", headers=headers) as answer:
                assert answer.status == 403
        assert site.open_tabs == 0
    tally("Requests of pages of other sites", count)


async def test_messages_without_end(
    repeats: Callable[[int, int], int], tally: Callable[..., None]
) -> None:
    flood = ('["stdin", "%s"]' % ("x" * 1000), '["resize", {"width": 9, "height": 9}]', "[", "",
             '["focus"]', '["ping", "x"]')  # fmt: skip
    count = repeats(300, 100_000)
    async with served() as (site, url), ClientSession(url) as client:
        quiet = await client.ws_connect("/ws")
        assert (await quiet.receive()).data == b"up"
        loud = await client.ws_connect("/ws")
        with suppress(ConnectionError):  # it may be closed for it
            for number in range(count):
                await loud.send_str(flood[number % len(flood)])
            await loud.send_str("x" * (MOST_BYTES + 1))
        await quiet.send_str('["ping", "still here"]')
        assert await quiet.receive_json() == ["pong", "still here"]
        await loud.close()
        while site.open_tabs > 1:
            await asyncio.sleep(0.01)
    tally("Messages of a page that floods", count)


async def test_connections_that_say_nothing(
    repeats: Callable[[int, int], int], tally: Callable[..., None]
) -> None:
    count = repeats(20, 400)
    async with served() as (site, url), ClientSession(url) as client:
        host, port = url.removeprefix("http://").split(":")
        silent = []
        for number in range(count):
            _, writer = await asyncio.open_connection(host, int(port))
            if number % 2:
                writer.write(b"GET /ws HTTP/1.1\r\nHost: ")
            silent.append(writer)
        tab = await client.ws_connect("/ws")
        assert (await tab.receive()).data == b"up"
        assert site.open_tabs == 1
        for writer in silent:
            writer.close()
    tally("Connections that say nothing", count)
