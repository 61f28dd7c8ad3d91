"""The web server: one page, what it is made of, and a WebSocket for each tab."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path

from aiohttp import WSMsgType, web

from mnist_tui.web.address import refusal
from mnist_tui.web.served_app import ServedApp, Size

HEARTBEAT = 15.0
"""Seconds between two questions whether the browser is still there."""

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

    def __init__(self, command: Sequence[str], local_name: str | None) -> None:
        """
        Args:
            command: what starts the app for a tab.
            local_name: where only this machine reaches the site; None if others do.
        """
        self._command = command
        self._local_name = local_name
        self._relays: dict[ServedApp, asyncio.Task[None]] = {}
        """The apps, each with what hands its drawing on until it has ended."""
        self._ending = False

    def application(self) -> web.Application:
        """The site for aiohttp to serve."""

        @web.middleware
        async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
            origin = request.headers.get("Origin")
            if reason := refusal(request.host, origin, self._local_name):
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
    def apps(self) -> int:
        """How many processes of the app there are."""
        return len(self._relays)

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
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT)
        await socket.prepare(request)
        if self._ending:
            await socket.close()
            return socket
        size = Size.asked(request.query.get("width"), request.query.get("height"))
        try:
            app = await ServedApp.start(self._command, size)
        except OSError as error:
            await socket.send_bytes(f"The app could not be started: {error.strerror}.".encode())
            await socket.close()
            return socket
        self._relays[app] = relay = asyncio.create_task(_relay(app, socket))
        relay.add_done_callback(lambda _relay: self._relays.pop(app))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await _obey(message.data, app, socket)
        finally:
            await app.end()
            await relay
        return socket


async def _relay(app: ServedApp, socket: web.WebSocketResponse) -> None:
    await app.relay(socket.send_bytes)
    await socket.close()


async def _obey(text: str, app: ServedApp, socket: web.WebSocketResponse) -> None:
    """Do what textual-serve's script in the page asks for; all else has no effect."""
    try:
        message = json.loads(text)
    except ValueError:
        return
    match message:
        case ["stdin", str(typed)]:
            await app.type(typed)
        case ["resize", {"width": width, "height": height}]:
            await app.resize(Size.asked(width, height))
        case ["focus" | "blur" as change, *_]:
            await app.focus(has_focus=change == "focus")
        case ["ping", str(sent)]:
            await socket.send_json(["pong", sent])


async def _index(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(_PAGE / "index.html")


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
