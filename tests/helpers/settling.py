"""Knowing that the app has dealt with all it was sent.

Textual's Pilot waits until the process has used hardly any time for 20 ms. On a busy machine that
is late, and beside a thread that trains it is after a second. What it stands for can be looked up:
nothing is queued, nothing is being handled, nothing is still to be drawn.
"""

import asyncio
import time
from typing import Any

from textual._context import active_app
from textual.message_pump import MessagePump
from textual.screen import Screen

_LOOKS = 5
"""So many times in a row all must be at rest: a message from outside arrives a few turns late."""
_LONGEST = 1.0
"""Seconds of work and naps: some handlers wait for what only the test will do.

What other programs take of the processor does not count.
"""
_NAP = 0.002


async def settled(*_bounds: float) -> None:
    """Wait until the app of the test is at rest; takes the place of `textual._wait`'s function."""
    app = active_app.get()
    end = time.thread_time() + _LONGEST
    at_rest = 0
    while at_rest < _LOOKS and time.thread_time() < end:
        await asyncio.sleep(0)
        if not app.screen_stack:
            return
        screen = app.screen
        if app._resize_event or _has_to_draw(screen):
            at_rest = 0
            # The screen draws at its own rate.
            await asyncio.sleep(_NAP)
            end -= _NAP
        elif any(map(_is_busy, (app, *screen.walk_children(with_self=True)))):
            at_rest = 0
        else:
            at_rest += 1


def _is_busy(pump: MessagePump) -> bool:
    if not pump.is_running or pump._closing:
        return False
    queue: Any = pump._message_queue
    waits_for_a_message: Any = queue.ready_event._waiters
    return bool(queue.values or pump._next_callbacks or not waits_for_a_message)


def _has_to_draw(screen: Screen[object]) -> bool:
    return bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
