"""`mnist-tui serve`: the app behind a WebSocket, and who may use it."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest

from helpers.idx_folder import write_idx_folder
from helpers.web_server import COMMAND, tab, wait_gone, web_server
from mnist_core.store import RunState, RunStore


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """Start the app with a small data set and a run that does not end by itself."""
    digits = write_idx_folder(tmp_path / "digits")
    return [f"--data={digits}", f"--home={tmp_path / 'home'}", "--epochs=100000"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    store = RunStore(tmp_path / "home")
    yield store
    store.close()


async def test_closing_the_tab_stops_and_keeps_the_run(flags: list[str], store: RunStore) -> None:
    async with web_server(*flags) as server:
        async with tab(server.url) as opened:
            form = await opened.wait_for("Learning rate")
            assert "digits" in form
            await opened.wait_for("idle")
            await opened.press("r")
            await opened.wait_for(r"running .* epoch [1-9]")
            apps = server.apps()
            assert len(apps) == 1
        await wait_gone(apps)
        assert await server.end(signal.SIGINT) == 130
        assert await server.errors() == ""
    [run] = store.runs()
    assert run.state is RunState.STOPPED
    assert run.hyperparameters.epochs == 100000
    assert store.model(run.id).step == run.step > 0


async def test_the_end_of_the_server_stops_and_keeps_the_run(
    flags: list[str], store: RunStore
) -> None:
    async with web_server(*flags) as server, tab(server.url) as opened:
        await opened.wait_for("idle")
        await opened.press("r")
        await opened.wait_for(r"running .* epoch [1-9]")
        apps = server.apps()
        server.process.send_signal(signal.SIGINT)
        await opened.wait_closed()
        assert await server.process.wait() == 130
        assert "runs under way are stopped and kept" in await server.errors()
        await wait_gone(apps)
    assert [run.state for run in store.runs()] == [RunState.STOPPED]


STUBBORN = r"""
import sys
from pathlib import Path
from mnist_tui.web.served_app import ServedApp
from mnist_tui.web.site import serve_site

ServedApp.end.__defaults__ = (1e6,)  # seconds: the test does not wait for them
app = r"import os, signal; os.write(1, b'__GANGLION__\nD\0\0\0\2up'); signal.pause()"
command, log = [sys.executable, "-c", app], Path("unused.log")
sys.exit(serve_site(command, "127.0.0.1", 0, log, allowed_hosts=[], max_tabs=1))
"""


async def test_a_second_ctrl_c_ends_apps_that_do_not_end(tmp_path: Path) -> None:
    async with web_server(program=STUBBORN, cwd=tmp_path) as server, tab(server.url) as opened:
        await opened.wait_for("up")
        apps = server.apps()
        assert len(apps) == 1
        server.process.send_signal(signal.SIGINT)
        assert "Ending the apps" in await server.error_line()
        assert server.apps() == apps, "it takes its time"
        assert await server.end(signal.SIGINT) == 130
        await wait_gone(apps)


async def test_a_killed_server_leaves_no_app_behind(flags: list[str], store: RunStore) -> None:
    async with web_server(*flags) as server, tab(server.url) as opened:
        await opened.wait_for("idle")
        await opened.press("r")
        await opened.wait_for(r"running .* epoch [1-9]")
        apps = server.apps()
        assert await server.end(signal.SIGKILL) == -signal.SIGKILL
        await wait_gone(apps)
    assert [run.state for run in store.runs()] == [RunState.STOPPED]


async def test_a_tab_that_is_closed_at_once_leaves_nothing_behind(flags: list[str]) -> None:
    async with web_server(*flags) as server:
        async with tab(server.url):
            pass
        async with tab(server.url) as opened:
            await opened.wait_for("idle")
            apps = server.apps()
            await opened.press("q")
            await opened.wait_closed()
        await wait_gone(apps)
        assert await server.end(signal.SIGTERM) == 130
        assert await server.errors() == ""


async def test_the_app_follows_the_size_of_the_tab(flags: list[str]) -> None:
    async with web_server(*flags) as server, tab(server.url, 120, 40) as opened:
        await opened.wait_for(r"(?m)^╰.*╯\n.*q Quit *\Z")
        await opened.resize(100, 30)
        screen = await opened.wait_for(r"(?m)^╰.*╯\n.*q Quit *\Z")
        assert {len(line) for line in screen.split("\n")} == {100}


async def test_the_page_fetches_nothing_from_elsewhere(flags: list[str]) -> None:
    async with web_server(*flags) as server, aiohttp.ClientSession() as client:
        loaded: dict[str, str] = {}
        left = [server.url]
        while left:
            address = left.pop()
            async with client.get(address) as response:
                assert response.status == 200, address
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                if response.content_type not in ("text/html", "text/css", "text/javascript"):
                    loaded[address] = ""
                    continue
                loaded[address] = await response.text()
            for reference in references(loaded[address]):
                target = urljoin(address, reference)
                if target.startswith("data:") or target in loaded:
                    continue
                assert urlsplit(target).netloc == urlsplit(server.url).netloc, target
                left.append(target)
        names = {Path(urlsplit(address).path).name for address in loaded}
        assert {"textual.js", "xterm.css", "page.js", "RobotoMono-VariableFont_wght.ttf"} <= names
        script = next(text for address, text in loaded.items() if address.endswith("textual.js"))
        assert not re.search(r"https?://|wss?://", script)


def references(text: str) -> list[str]:
    """What an HTML page or a style sheet loads."""
    found = re.findall(r"""(?:\bsrc|\bhref)\s*=\s*["']([^"']+)""", text)
    found += re.findall(r"""\burl\(\s*["']?([^"')]+)""", text)
    found += re.findall(r"""@import\s+["']([^"']+)""", text)
    return found if "<html" in text or "{" in text else []


async def status_of_socket(url: str, **headers: str) -> int:
    """What the server answers to a page that asks for a WebSocket."""
    async with aiohttp.ClientSession() as client:
        try:
            async with client.ws_connect(f"{url}ws", headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status


async def test_pages_of_other_sites_are_refused(flags: list[str]) -> None:
    async with web_server(*flags) as server:
        own = server.url.rstrip("/")
        port = urlsplit(server.url).port
        assert await status_of_socket(server.url, Origin=own) == 101
        assert await status_of_socket(server.url, Origin="https://example.org") == 403
        assert await status_of_socket(server.url, Origin="null") == 403
        assert await status_of_socket(server.url, Origin=f"{own}0") == 403
        rebound = f"example.org:{port}"
        assert await status_of_socket(server.url, Host=rebound, Origin=f"http://{rebound}") == 403
        async with (
            aiohttp.ClientSession() as client,
            client.get(server.url, headers={"Host": rebound}) as refused,
        ):
            assert (refused.status, await refused.text()) == (
                403,
                "This server is reached as 127.0.0.1 only. Other names need --allow-host NAME.\n",
            )


async def test_another_address_is_served_with_a_warning(flags: list[str]) -> None:
    allowed = ["--allow-host=laboratory.example", "--allow-host=gpu.lan"]
    async with web_server(*flags, "--host=0.0.0.0", *allowed) as server:
        port = urlsplit(server.url).port
        local = f"http://127.0.0.1:{port}/"
        assert await status_of_socket(local, Origin=local.rstrip("/")) == 101
        for name in ("laboratory.example", "gpu.lan", socket.gethostname()):
            named = f"{name}:{port}"
            assert await status_of_socket(local, Host=named, Origin=f"http://{named}") == 101
            assert await status_of_socket(local, Host=named, Origin="http://example.org") == 403
        rebound = f"example.org:{port}"
        assert await status_of_socket(local, Host=rebound, Origin=f"http://{rebound}") == 403
        await server.end(signal.SIGTERM)
        assert "Anyone who can reach this address can use mnist-tui" in await server.errors()


async def test_no_more_tabs_than_asked_for_have_an_app(flags: list[str]) -> None:
    async with web_server(*flags, "--max-tabs=1") as server:
        async with tab(server.url) as opened:
            await opened.wait_for("idle")
            async with tab(server.url) as above:
                assert "shows the app in 1 tab at a time" in await above.wait_closed()
            assert len(server.apps()) == 1
        async with tab(server.url) as opened:
            await opened.wait_for("idle")
            assert len(server.apps()) == 1


async def test_a_tab_closed_under_a_flood_of_keys_keeps_its_run(
    flags: list[str], store: RunStore
) -> None:
    async with web_server(*flags) as server:
        async with tab(server.url) as opened:
            await opened.wait_for("idle")
            await opened.press("r")
            await opened.wait_for(r"running .* epoch [1-9]")
            apps = server.apps()
            await opened.press("j" * 200_000)
        await wait_gone(apps)
    assert [run.state for run in store.runs()] == [RunState.STOPPED]


def refused(*flags: str) -> tuple[int, str]:
    """Exit code and stderr of a server that cannot serve."""
    done = subprocess.run(
        [*COMMAND, "serve", *flags], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(f"--port={port}") == (
            1,
            f"Port {port} of 127.0.0.1 is in use. Choose another with --port, or any that is free "
            "with --port 0.\n",
        )


def test_an_address_that_is_not_this_machines_is_said() -> None:
    # TEST-NET-1: no machine has it.
    assert refused("--host=192.0.2.1", "--port=0") == (
        1,
        "192.0.2.1 is no address of this machine. Choose one with --host.\n",
    )


def test_wrong_flags_of_the_app_are_refused_before_anything_is_served() -> None:
    code, said = refused("--port=0", "--learning-rate=fast")
    assert code == 2
    assert "learning" in said.lower()
