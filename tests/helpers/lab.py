"""An app under Pilot, as a person uses it: keys go in, and the screen is read."""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget

from helpers.settling import settled
from mnist_tui.lab.session import Hold

RACE = Hold("A race is under way.", "race is under way. Stop it, keep what it measured")
PATIENCE = 300.0
"""Seconds to wait for anything: never reached unless something is wrong."""

SIZES = [
    (60, 20),
    (80, 24),
    pytest.param((120, 40), marks=pytest.mark.soak),
    pytest.param((200, 60), marks=pytest.mark.soak),
]
"""From the smallest; where there is room, which snapshots show too, the soak looks."""


AnyApp = TypeVar("AnyApp", bound=App[Any])


class Lab(Generic[AnyApp]):
    """The app and its pilot."""

    app: AnyApp
    pilot: Pilot[Any]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Let the app go on until `wanted`, and do what that asks for; its timers do the work.

        What is `wanted` may be over by then.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while not wanted():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"It has not come to that:\n{self.text()}")
        await settled()

    def text(self) -> str:
        """The whole screen as text."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def footer(self) -> str:
        """The commands that the footer offers where there is room."""
        return " ".join(
            str(binding.description)
            for _, binding, enabled, _ in self.app.screen.active_bindings.values()
            if binding.show and enabled
        )

    def focused(self) -> Widget | None:
        """What takes the keys now."""
        return self.app.focused

    def said(self) -> str:
        """Every notification so far."""
        return "\n".join(notification.message for notification in self.app._notifications)
