"""The parts of the web page that need no app: flags, visitors, and a process that misbehaves."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from mnist_tui.cli import make_app, run
from mnist_tui.commands.flags import LaunchFlags
from mnist_tui.runtime.output import OutputLost
from mnist_tui.web.serve import app_command
from mnist_tui.web.messages import Size
from mnist_tui.web.served_app import ServedApp
from mnist_tui.web.site import Site
from mnist_tui.web.visitors import Reach, is_name, refusal


def test_the_app_is_started_with_the_flags_of_the_server() -> None:
    flags = LaunchFlags(data="-odd name", home="runs here", threads=2, preset="mlx-wide")
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
        "The web page needs the extra web, which is not installed: make run EXTRA=web ARGS=serve "
        "installs it and serves the page.\n"
    )


def test_a_sentence_that_nobody_reads_is_lost_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setattr(sys.stderr, "write", write)
    with pytest.raises(OutputLost):
        run(["serve", "--port=0"])


@pytest.mark.parametrize(
    ("host", "origin", "local_name", "is_refused"),
    [
        ("127.0.0.1:8000", None, "127.0.0.1", False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1", False),
        ("localhost:9000", "http://localhost:9000", "127.0.0.1", False),
        ("[::1]:8000", "http://[::1]:8000", "::1", False),
        ("Laboratory:8000", "http://laboratory:8000", "laboratory", False),
        ("127.0.0.1:8000", "http://localhost:8000", "127.0.0.1", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001", "127.0.0.1", True),
        ("127.0.0.1:8000", "null", "127.0.0.1", True),
        ("127.0.0.1:8000", "", "127.0.0.1", True),
        ("example.org", "http://example.org", "127.0.0.1", True),
        ("127.0.0.1.example.org", None, "127.0.0.1", True),
        ("192.168.1.5:8000", None, "127.0.0.1", True),
        ("", None, "127.0.0.1", True),
        ("[:::", None, "127.0.0.1", True),
        ("192.168.1.5:8000", "http://192.168.1.5:8000", None, False),
        ("gpu.lan", "https://gpu.lan", None, False),
        ("gpu.lan", "https://example.org", None, True),
    ],
)
def test_who_is_refused(
    host: str, origin: str | None, local_name: str | None, is_refused: bool
) -> None:
    assert bool(refusal(host, origin, local_name)) is is_refused


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
async def tab_of(source: str) -> AsyncIterator[ClientWebSocketResponse]:
    """A tab whose app is a Python program."""
    site = Site([sys.executable, "-c", source], "127.0.0.1")
    async with (
        TestClient(TestServer(site.application())) as client,
        client.ws_connect("/ws") as socket,
    ):
        yield socket
    assert not site._relays


async def shown(socket: ClientWebSocketResponse) -> str:
    """Everything the tab is sent until the server closes it."""
    parts = [bytes(message.data) async for message in socket if message.type is WSMsgType.BINARY]
    return b"".join(parts).decode()


async def test_why_the_app_does_not_start_is_shown_as_plain_text() -> None:
    source = "import sys; sys.exit('There is no back end \\x1b[31mhere.')"
    async with tab_of(source) as socket:
        assert "There is no back end ␛[31mhere." in await shown(socket)


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
    async with tab_of(source) as socket:
        assert sentence in await shown(socket)


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
    async with tab_of(DRAWS_FOR_EVER) as socket:
        assert (await socket.receive()).data == b"frame"


async def test_messages_that_make_no_sense_have_no_effect() -> None:
    echo = """
import os
os.write(1, b"__GANGLION__\\n")
data = os.read(0, 4096)
os.write(1, b"D" + len(data).to_bytes(4, "big") + data)
"""
    async with tab_of(echo) as socket:
        for text in ("no JSON", "[]", "7", '["stdin"]', '["stdin", 5]', '["resize", 3]', '["x"]'):
            await socket.send_str(text)
        await socket.send_bytes(b"bytes")
        await socket.send_str('["ping", "12"]')
        assert await socket.receive_json() == ["pong", "12"]
        await socket.send_str('["stdin", "r\u00e9"]')
        assert (await socket.receive()).data == b"D\0\0\0\x03r\xc3\xa9"


async def test_an_app_that_does_not_end_is_killed() -> None:
    source = "import signal; print('up', flush=True); signal.pause()"
    app = await ServedApp.start([sys.executable, "-c", source], Size(80, 24))
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(data)

    relay = asyncio.create_task(app.relay(send))
    await app.end(patience=0.1)
    await relay
    assert b"killed by SIGKILL" in b"".join(sent)
