"""The app in a browser: a page with a terminal, and a process of the app for each tab."""

import os

BROWSER_DRIVER = "mnist_tui.web.driver:BrowserDriver"
"""What Textual is to draw the app with, as the variable TEXTUAL_DRIVER has it."""


def is_drawn_in_browser() -> bool:
    """Whether `mnist-tui serve` has started this process."""
    return os.environ.get("TEXTUAL_DRIVER") == BROWSER_DRIVER
