"""The web server: its address, one page, who may ask for it, and a WebSocket for each tab.

Only for where the extra web is installed.
"""

import asyncio
import errno
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path

from aiohttp import WSCloseCode, web

from mnist_tui.runtime.log import write_log
from mnist_tui.runtime.output import EXIT_FAILED, EXIT_INTERRUPTED, line_writer
from mnist_tui.text.visible_text import visible
from mnist_tui.web.messages import BadMessage, Size
from mnist_tui.web.served_app import ServedApp
from mnist_tui.web.tab import Tab
from mnist_tui.web.visitors import Reach, is_loopback, refusal

WARNING = (
    "Anyone who can reach this address can use mnist-tui on this machine as you do: train, delete "
    "runs, and write files. Nothing that passes between is encrypted."
)

_LOG = logging.getLogger(__name__)

_PAGE = Path(__file__).with_name("page")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "font-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",  # xterm.js writes styles into the page
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The page and the apps behind its tabs."""

    def __init__(self, command: Sequence[str], reach: Reach, max_tabs: int) -> None:
        """
        Args:
            command: what starts the app for a tab.
            reach: under which names it may be asked.
            max_tabs: how many tabs may have an app at a time.
        """
        self._command = command
        self._reach = reach
        self._max_tabs = max_tabs
        self._tabs: set[Tab] = set()
        """The open ones, each with an app or waiting until that of a closed one has ended."""
        self._places = asyncio.Semaphore(max_tabs)
        self._relays: dict[ServedApp, asyncio.Task[None]] = {}
        """The apps, each with what hands its drawing on until it has ended."""
        self._ending = False

    def application(self) -> web.Application:
        """The site for aiohttp to serve."""

        @web.middleware
        async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get("Origin")
            if reason := refusal(request.host, origin, self._reach):
                return web.Response(status=403, text=reason + "\n")
            return await handler(request)

        application = web.Application(middlewares=[refuse_strangers])
        # Of textual-serve: xterm.js in the page, its style, and the font it asks for.
        terminal = Path(str(files("textual_serve"))) / "static"
        application.add_routes(
            [
                web.get("/", _index),
                web.get("/ws", self._serve_tab),
                web.static("/page", _PAGE),
                web.static("/terminal", terminal),
            ]
        )
        application.on_response_prepare.append(_add_headers)
        application.on_shutdown.append(self._end_apps)
        return application

    @property
    def open_tabs(self) -> int:
        """How many apps are in use, so not about to end."""
        return sum(not app.is_ending for app in self._relays)

    def kill_apps(self) -> None:
        """End every app at once."""
        for app in self._relays:
            app.kill()

    async def _end_apps(self, _application: web.Application) -> None:
        """Let every app stop and keep its run, and start no more."""
        self._ending = True
        await asyncio.gather(*(app.end() for app in self._relays), *self._relays.values())

    async def _serve_tab(self, request: web.Request) -> web.StreamResponse:
        tab = await Tab.opened(request)
        if len(self._tabs) >= self._max_tabs:
            await tab.part(self._no_place())
            return tab.socket
        self._tabs.add(tab)
        try:
            async with self._places:
                size = Size.asked(request.query.get("width"), request.query.get("height"))
                await self._show_app(tab, size)
        finally:
            self._tabs.discard(tab)
        return tab.socket

    def _no_place(self) -> str:
        tabs = "1 tab" if self._max_tabs == 1 else f"{self._max_tabs} tabs"
        return (
            f"This server shows the app in {tabs} at a time, and no more are free. Close one and "
            "open this one again, or start the server with a larger --max-tabs."
        )

    async def _show_app(self, tab: Tab, size: Size) -> None:
        """Show an app in the tab until one of them ends, then end the other."""
        if self._ending:
            await tab.close()
            return
        try:
            app = await ServedApp.start(self._command, size)
        except OSError as error:
            await tab.part(f"The app could not be started: {error.strerror}.")
            return
        self._relays[app] = relay = asyncio.create_task(tab.show(app))
        relay.add_done_callback(lambda _relay: self._relays.pop(app))
        code = WSCloseCode.OK
        try:
            await tab.obey(app)
        except BadMessage as why:
            _LOG.warning("A tab was closed, since %s.", why)
            code = WSCloseCode.POLICY_VIOLATION
        finally:
            self._tabs.discard(tab)
            await asyncio.gather(app.end(), tab.close(code))
            await relay


async def _index(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(_PAGE / "index.html")


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


class _AddressError(Exception):
    """The address cannot be served at; the message is for the user."""


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens at this address; port 0 takes any that is free.

    Raises:
        _AddressError: it cannot.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise _AddressError(f"No address is known for {host!r}.") from error
    family, _, _, _, address = found[0]
    try:
        return socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        raise _AddressError(_sentence(error, host, port)) from error


def _sentence(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} of {host} is in use. Choose another with --port, or any that is "
                "free with --port 0."
            )
        case errno.EACCES:
            return f"This user may not serve at port {port}. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Choose one with --host."
        case _:
            return f"{host} cannot be served at: {error.strerror}."


def _is_local(listening: socket.socket) -> bool:
    """Whether nobody but this machine can reach the socket."""
    return is_loopback(listening.getsockname()[0])


def _url(listening: socket.socket, host: str) -> str:
    """Where a browser finds the page; a host that stands for all addresses gets a name."""
    address, port = listening.getsockname()[:2]
    name = socket.gethostname() if address in ("0.0.0.0", "::") else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def serve_site(
    command: Sequence[str],
    host: str,
    port: int,
    log_file: Path,
    *,
    allowed_hosts: Sequence[str],
    max_tabs: int,
) -> int:
    """Serve the page until Ctrl-C or SIGTERM, which also end every app; the exit code.

    Args:
        command: what starts the app for a tab.
        host: the name or address to serve at.
        port: 0 takes any that is free.
        log_file: where the web server's complaints go.
        allowed_hosts: further names under which it may be asked.
        max_tabs: how many tabs may have an app at a time.
    """
    write_error = line_writer(sys.stderr)
    try:
        listening = _listen(host, port)
    except _AddressError as error:
        write_error(visible(str(error)))
        return EXIT_FAILED
    logging.basicConfig(handlers=[_LogFile(log_file)], level=logging.WARNING)
    with listening:
        if not _is_local(listening):
            write_error(WARNING)
        reach = Reach.of(host, allowed_hosts, is_local=_is_local(listening))
        asyncio.run(_serve(Site(command, reach, max_tabs), _url(listening, host), listening))
    return EXIT_INTERRUPTED


class _LogFile(logging.Handler):
    """Puts what libraries log into the log file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        write_log(self._path, self.format(record))


async def _serve(site: Site, url: str, listening: socket.socket) -> None:
    ending = asyncio.Event()

    def end() -> None:
        if ending.is_set():
            site.kill_apps()
        ending.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup asks to stay when the terminal is closed.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, end)

    runner = web.AppRunner(site.application(), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        line_writer(sys.stdout)(f"mnist-tui is at {url} until Ctrl-C.")
        await ending.wait()
        if site.open_tabs:
            line_writer(sys.stderr)("Ending the apps; runs under way are stopped and kept.")
    finally:
        await runner.cleanup()
