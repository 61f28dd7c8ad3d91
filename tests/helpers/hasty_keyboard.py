"""A keyboard and a mouse that wait for nothing; Pilot waits after each key until all is quiet."""

import asyncio
from typing import Any

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.events import Resize
from textual.geometry import Size

from helpers.random_input import Input, Resized, Typed, Waited, code


class Keyboard:
    """Gives inputs to an app as its driver does, without waiting for what they do."""

    def __init__(self, app: App[Any]) -> None:
        assert isinstance(app._driver, HeadlessDriver)
        self._app, self._driver = app, app._driver
        self._parser = XTermParser()

    async def give(self, each: Input) -> None:
        if not self._app.is_running:
            return
        match each:
            case Typed(text):
                for event in self._parser.feed(text):
                    self._driver.process_message(event)
            case Resized(columns, rows):
                size = Size(columns, rows)
                self._driver._size = size
                self._driver.process_message(Resize(size, size))
            case Waited(seconds):
                await asyncio.sleep(seconds)
        await asyncio.sleep(0)

    async def press(self, *keys: str) -> None:
        """Press keys by Textual's names, in one go."""
        for key in keys:
            await self.give(Typed(code(key)))

    async def click(self, x: int, y: int) -> None:
        """Click the cell in column `x` of row `y`, both from 0."""
        await self.give(Typed(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m"))
