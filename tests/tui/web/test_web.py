"""The parts of the web page that need no app: flags, visitors, and a process that misbehaves."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from unittest.mock import AsyncMock, Mock

import pytest
from aiohttp import (
    ClientConnectionResetError,
    ClientSession,
    ClientWebSocketResponse,
    WSMsgType,
    web,
)

from mnist_core.shell_commands import install_command
from mnist_tui.cli import make_app, run
from mnist_tui.commands.flags import AppFlags
from mnist_tui.runtime.output import OutputLost
from mnist_tui.web.driver import TabInput
from mnist_tui.web.messages import MOST_BYTES, Size
from mnist_tui.web.serve import app_command
from mnist_tui.web.served_app import ServedApp
from mnist_tui.web.site import Site
from mnist_tui.web.tab import Tab
from mnist_tui.web.visitors import Reach, is_name, refusal


@pytest.mark.parametrize("transpose", [False, True])
def test_the_app_is_started_with_the_flags_of_the_server(transpose: bool) -> None:
    flags = AppFlags(
        data="-odd name", home="runs here", threads=2, preset="mlx-wide", transpose=transpose
    )
    given = {"learning_rate": "0.01", "hidden_sizes": "64, 32", "shuffle": False}
    words = app_command(flags, given)
    after = words[words.index("-c") + 2 :]
    function, bound, _ = make_app().parse_args(after)
    assert function is make_app().default_command or function.__name__ == "open_app"
    assert bound.kwargs == given
    assert bound.args == (flags,)


def test_without_the_extra_a_sentence_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    assert run(["serve", "--port=0"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "The web page needs the extra web, which is not installed. "
        f"To install it: {install_command('web', 'serve')}\n"
    )


def test_a_sentence_that_nobody_reads_is_lost_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setattr(sys.stderr, "write", write)
    with pytest.raises(OutputLost):
        run(["serve", "--port=0"])


LOCAL = Reach("127.0.0.1", is_local=True, names=frozenset({"gpu.lan"}))
OPEN = Reach("0.0.0.0", is_local=False, names=frozenset({"laboratory", "gpu.lan"}))


@pytest.mark.parametrize(
    ("host", "origin", "reach", "is_refused"),
    [
        ("127.0.0.1:8000", None, LOCAL, False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", LOCAL, False),
        ("localhost:9000", "http://localhost:9000", LOCAL, False),
        ("[::1]:8000", "http://[::1]:8000", LOCAL, False),
        ("GPU.lan", "https://gpu.lan", LOCAL, False),
        ("Laboratory:8000", "http://laboratory:8000", Reach("laboratory", is_local=True), False),
        ("127.0.0.1:8000", "http://localhost:8000", LOCAL, True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001", LOCAL, True),
        ("127.0.0.1:8000", "null", LOCAL, True),
        ("127.0.0.1:8000", "", LOCAL, True),
        ("example.org", "http://example.org", LOCAL, True),
        ("127.0.0.1.example.org", None, LOCAL, True),
        ("192.168.1.5:8000", None, LOCAL, True),
        ("", None, LOCAL, True),
        ("[:::", None, LOCAL, True),
        ("192.168.1.5:8000", "http://192.168.1.5:8000", OPEN, False),
        ("[fe80::5]:8000", "http://[fe80::5]:8000", OPEN, False),
        ("localhost:8000", "http://localhost:8000", OPEN, False),
        ("Laboratory.:8000", "http://laboratory.:8000", OPEN, False),
        ("gpu.lan", "https://gpu.lan", OPEN, False),
        ("gpu.lan", "https://example.org", OPEN, True),
        ("example.org:8000", "http://example.org:8000", OPEN, True),
        ("192.168.1.5.example.org", "http://192.168.1.5.example.org", OPEN, True),
        ("2130706433:8000", "http://2130706433:8000", OPEN, True),
        ("", None, OPEN, True),
    ],
)
def test_who_is_refused(host: str, origin: str | None, reach: Reach, is_refused: bool) -> None:
    assert bool(refusal(host, origin, reach)) is is_refused


def test_only_where_others_reach_it_a_server_has_all_names_of_the_machine() -> None:
    own = socket.gethostname()
    assert Reach.of("0.0.0.0", ["Zürich.example."], is_local=False).has(f"{own}.")
    assert Reach.of("0.0.0.0", ["Zürich.example."], is_local=False).has("xn--zrich-kva.example")
    assert Reach.of("127.0.0.1", ["gpu.lan"], is_local=True).names == {"gpu.lan"}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("gpu.lan", True),
        ("Zürich.example", True),
        ("my_box", True),
        ("192.168.1.5", True),
        ("fe80::5", True),
        ("http://gpu.lan", False),
        ("gpu.lan:8000", False),
        ("gpu.lan/page", False),
        ("*.lan", False),
        ("", False),
    ],
)
def test_what_the_flag_for_names_takes(
    name: str, is_one: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert is_name(name) is is_one
    if not is_one:
        assert run(["serve", f"--allow-host={name}"]) == 2
        assert "--allow-host takes a name such as gpu.lan" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        (("120", "40"), Size(120, 40)),
        ((120, 40), Size(120, 40)),
        (("x", None), Size(80, 24)),
        (("-3", "99999999"), Size(1, 500)),
        ((float("inf"), []), Size(80, 24)),
    ],
)
def test_a_size_is_within_bounds(asked: tuple[object, object], size: Size) -> None:
    assert Size.asked(*asked) == size


@asynccontextmanager
async def site_of(source: str, max_tabs: int = 1) -> AsyncIterator[tuple[Site, ClientSession]]:
    """A site that shows a Python program in its tabs."""
    site = Site([sys.executable, "-c", source], LOCAL, max_tabs)
    # aiohttp's own server for tests cancels a request whose browser has gone, unlike this.
    runner = web.AppRunner(site.application(), access_log=None)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    try:
        async with ClientSession(f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
            yield site, client
    finally:
        await runner.cleanup()
    assert not site._relays


@asynccontextmanager
async def tab_of(source: str) -> AsyncIterator[ClientWebSocketResponse]:
    """A tab whose app is a Python program."""
    async with site_of(source) as (_, client), client.ws_connect("/ws") as tab:
        yield tab


async def shown(tab: ClientWebSocketResponse) -> str:
    """Everything the tab is sent until the server closes it."""
    parts = [bytes(message.data) async for message in tab if message.type is WSMsgType.BINARY]
    return b"".join(parts).decode()


async def test_why_the_app_does_not_start_is_shown_as_plain_text() -> None:
    source = "import sys; sys.exit('There is no back end \\x1b[31mhere.')"
    async with tab_of(source) as tab:
        assert "There is no back end ␛[31mhere." in await shown(tab)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("raise SystemExit(3)", "The app ended unexpectedly, with exit code 3."),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "The app ended unexpectedly, killed by SIGKILL.",
        ),
    ],
)
async def test_an_end_without_a_word_is_said(source: str, sentence: str) -> None:
    async with tab_of(source) as tab:
        assert sentence in await shown(tab)


DRAWS_FOR_EVER = """
import os
packet = b"D" + (5).to_bytes(4, "big") + b"frame"
os.write(1, b"__GANGLION__\\n")
os.write(1, packet)
os.read(0, 1)
while os.read(0, 4096):
    pass
for _ in range(100_000):
    os.write(1, packet)
"""


async def test_what_is_drawn_after_the_tab_is_closed_does_not_hold_the_app_up() -> None:
    async with tab_of(DRAWS_FOR_EVER) as tab:
        assert (await tab.receive()).data == b"frame"


async def test_messages_that_make_no_sense_have_no_effect() -> None:
    echo = """
import os
os.write(1, b"__GANGLION__\\n")
data = os.read(0, 4096)
os.write(1, b"D" + len(data).to_bytes(4, "big") + data)
"""
    async with tab_of(echo) as tab:
        for text in ("no JSON", "[]", "7", '["stdin"]', '["stdin", 5]', '["resize", 3]', '["x"]'):
            await tab.send_str(text)
        await tab.send_bytes(b"bytes")
        await tab.send_str('["ping", "12"]')
        assert await tab.receive_json() == ["pong", "12"]
        await tab.send_str('["stdin", "r\u00e9"]')
        assert (await tab.receive()).data == b"D\0\0\0\x03r\xc3\xa9"


NEVER_ENDS = "import os, signal; os.write(1, b'__GANGLION__\\nD\\0\\0\\0\\2up'); signal.pause()"


async def test_an_app_that_does_not_end_is_killed() -> None:
    app = await ServedApp.start([sys.executable, "-c", NEVER_ENDS], Size(80, 24))
    sent: asyncio.Queue[bytes] = asyncio.Queue()
    relay = asyncio.create_task(app.relay(sent.put))
    assert await sent.get() == b"up"
    await app.end(patience=0.1)
    await relay
    assert b"killed by SIGKILL" in await sent.get()


READS_TO_THE_END = """
import os
os.write(1, b"__GANGLION__\\n" + b"D" + (2).to_bytes(4, "big") + b"up")
while os.read(0, 4096):
    pass
"""


async def test_a_tab_above_the_cap_is_told_so_until_another_is_closed() -> None:
    async with site_of(READS_TO_THE_END, max_tabs=2) as (site, client):
        first, second = await client.ws_connect("/ws"), await client.ws_connect("/ws")
        assert (await first.receive()).data == (await second.receive()).data == b"up"
        third = await client.ws_connect("/ws")
        assert "shows the app in 2 tabs at a time" in await shown(third)
        assert site.open_tabs == 2
        await first.close()
        fourth = await client.ws_connect("/ws")
        assert (await fourth.receive()).data == b"up"
        assert len(site._relays) == 2


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        ('["stdin", "' + "x" * MOST_BYTES + '"]', None, "what it sent could not be read: "),
        ("[" * 100_000, 1008, "it sent a message with more than 16 brackets"),
        ('[{"a":' * 50_000 + "}]" * 50_000, 1008, "it sent a message with more than 16 brackets"),
    ],
    ids=["long", "deep list", "deep objects"],
)
async def test_a_message_without_bounds_closes_its_tab_alone(
    message: str, code: int | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with site_of(READS_TO_THE_END, max_tabs=2) as (_site, client):
        good, bad = await client.ws_connect("/ws"), await client.ws_connect("/ws")
        assert (await good.receive()).data == (await bad.receive()).data == b"up"
        with suppress(ConnectionError):  # the server need not take all of a long one
            await bad.send_str(message)
        await shown(bad)
        assert code is None or bad.close_code == code
        await good.send_str('["ping", "[[[[[[[[[[[[[[[[[[[[["]')
        assert await good.receive_json() == ["pong", "[" * 21]
    assert f"A tab was closed, since {said}" in caplog.text
    assert "Traceback" not in caplog.text


async def test_what_an_app_leaves_unread_closes_its_tab(caplog: pytest.LogCaptureFixture) -> None:
    async with site_of(NEVER_ENDS) as (site, client):
        tab = await client.ws_connect("/ws")
        assert (await tab.receive()).data == b"up"
        [app] = site._relays
        for _ in range(9):
            await tab.send_str('["stdin", "' + "x" * (MOST_BYTES // 2) + '"]')
        await shown(tab)
        assert tab.close_code == 1008
        app.kill()
    assert "that its app has not read" in caplog.text


async def test_an_app_that_has_not_drawn_yet_is_ended_with_its_tab() -> None:
    starting = "import os, signal; os.write(1, b'not yet'); signal.pause()"
    async with site_of(starting) as (site, client):
        tab = await client.ws_connect("/ws")
        await tab.send_str('["ping", "is there"]')
        assert await tab.receive_json() == ["pong", "is there"]
        [(app, relay)] = site._relays.items()
        await tab.close()
        await relay
        assert app._process.returncode == -signal.SIGTERM


DRAWS_UNTIL_CLOSED = """
import os, select
packet = b"D" + (4096).to_bytes(4, "big") + b"." * 4096
os.write(1, b"__GANGLION__\\n")
while not select.select([0], [], [], 0)[0]:
    os.write(1, packet)
"""


async def test_an_app_does_not_wait_for_a_tab_that_takes_nothing() -> None:
    app = await ServedApp.start([sys.executable, "-c", DRAWS_UNTIL_CLOSED], Size(80, 24))
    asked = asyncio.Event()

    async def send(_data: bytes) -> None:
        asked.set()
        await asyncio.Event().wait()

    relay = asyncio.create_task(app.relay(send))
    await asked.wait()
    await app.end(patience=1e6)
    await relay
    assert app._process.returncode == 0


async def test_nothing_is_awaited_of_a_tab_that_has_not_taken_the_last_picture() -> None:
    app = await ServedApp.start([sys.executable, "-c", DRAWS_UNTIL_CLOSED], Size(80, 24))
    connection, ended = Mock(spec=asyncio.Transport), asyncio.Event()
    connection.abort.side_effect = ended.set
    browser = Mock(spec=web.WebSocketResponse)
    asked = asyncio.Event()

    async def taken(_data: bytes) -> None:
        asked.set()
        await ended.wait()
        raise ClientConnectionResetError

    browser.send_bytes = taken
    browser.close = AsyncMock(side_effect=lambda **_: connection.abort.assert_called_once_with())
    showing = asyncio.create_task(Tab(browser, connection).show(app))
    await asked.wait()
    await app.end(patience=1e6)
    await showing
    browser.close.assert_awaited_once()


def is_full(tab: Tab) -> bool:
    """Whether what is sent to it waits in the server."""
    assert tab._transport is not None
    return tab._transport.get_write_buffer_size() > 0


async def test_the_app_of_a_browser_that_takes_nothing_ends_with_its_last_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mnist_tui.web.tab._LOOK", 0.01)
    # Only what the tab says may end it here.
    monkeypatch.setattr("mnist_tui.web.tab.HEARTBEAT", 1e6)
    async with site_of(DRAWS_UNTIL_CLOSED) as (site, client):
        address = client._base_url
        assert address is not None
        assert address.host is not None
        with socket.create_connection((address.host, address.port or 80)) as browser:
            browser.sendall(
                b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            while not site._relays or not is_full(next(iter(site._tabs))):
                await asyncio.sleep(0.01)  # nothing tells of it
            [relay] = site._relays.values()
            browser.shutdown(socket.SHUT_WR)
            await relay


def test_input_ends_with_the_tab_and_not_after_all_that_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(sys, "__stdin__", theirs)
    with theirs:
        ours.sendall(b"x" * 50_000)
        reading = iter(TabInput())
        assert next(reading) == b"x" * 1024
        ours.close()
        assert len(b"".join(reading)) <= 2048


async def test_typed_text_is_cut_so_that_the_app_hears_of_the_end_between() -> None:
    counts = """
import os
os.write(1, b"__GANGLION__\\n")
data = b""
while len(data) < 3015:
    data += os.read(0, 4096)
kinds = bytes([data[0], data[1029], data[2058]])
os.write(1, b"D" + len(kinds).to_bytes(4, "big") + kinds)
"""
    async with tab_of(counts) as tab:
        await tab.send_str('["stdin", "' + "x" * 3000 + '"]')
        assert (await tab.receive()).data == b"DDD"
