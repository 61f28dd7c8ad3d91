"""A tab of a browser: the WebSocket through which its page shows an app."""

import asyncio
from contextlib import suppress
from typing import Self

from aiohttp import WSCloseCode, WSMsgType, web

from mnist_tui.web.messages import (
    MOST_BYTES,
    BadMessage,
    Focused,
    Ping,
    Size,
    Typed,
    read_message,
)
from mnist_tui.web.served_app import ServedApp, as_screen

HEARTBEAT = 15.0
"""Seconds between two questions whether the browser is still there."""

_GOODBYE = 1.0
"""Seconds that a browser gets to agree to the end of its connection."""

_LOOK = 0.25
"""Seconds between two looks whether a browser that takes nothing has gone."""


class Tab:
    """The connection to one tab."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket = socket
        """For aiohttp, as the answer to the request that opened it."""
        self._transport = transport

    @classmethod
    async def opened(cls, request: web.Request) -> Self:
        """The tab that asks for this."""
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT, timeout=_GOODBYE, max_msg_size=MOST_BYTES
        )
        await socket.prepare(request)
        return cls(socket, request.transport)

    async def show(self, app: ServedApp) -> None:
        """Show what the app draws until it has ended, then close the tab."""
        takes_more = await app.relay(self.socket.send_bytes)
        if not takes_more and self._transport is not None:
            self._transport.abort()
        await self.close()

    async def part(self, sentence: str) -> None:
        """Leave nothing in the tab but a sentence, and close it."""
        with suppress(ConnectionError):
            await self.socket.send_bytes(as_screen(sentence))
        await self.close()

    async def close(self, code: int = WSCloseCode.OK) -> None:
        """Close the connection, by force if its browser takes no more."""
        closing = asyncio.create_task(self.socket.close(code=code))
        await asyncio.wait({closing}, timeout=2 * _GOODBYE)
        if not closing.done() and self._transport is not None:
            self._transport.abort()
        await closing

    async def obey(self, app: ServedApp) -> None:
        """Do what the page asks for until it is closed; what is not known has no effect.

        Raises:
            BadMessage: it must be closed for what it sent.
        """
        watching = asyncio.create_task(self._drop_what_nobody_takes())
        try:
            await self._obey(app)
        finally:
            watching.cancel()

    async def _drop_what_nobody_takes(self) -> None:
        """Cut the connection once the browser has said its last word, as a proxy tells it.

        asyncio then closes it, but first sends what waits to be sent: for ever, if nobody reads.
        """
        while self._transport is not None:
            if self._transport.is_closing():
                self._transport.abort()
                return
            await asyncio.sleep(_LOOK)

    async def _obey(self, app: ServedApp) -> None:
        async for received in self.socket:
            if received.type is WSMsgType.ERROR:
                raise BadMessage(f"what it sent could not be read: {received.data}")
            if received.type is not WSMsgType.TEXT:
                continue
            match read_message(received.data):
                case Typed(text):
                    app.type(text)
                case Size() as size:
                    app.resize(size)
                case Focused(has_focus):
                    app.focus(has_focus=has_focus)
                case Ping(sent):
                    await self.socket.send_json(["pong", sent])
