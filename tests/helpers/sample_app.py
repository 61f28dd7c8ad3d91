"""A small Textual app for the tests of the terminal; it ends with exit code 7."""

import os
import signal
import subprocess
import sys
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import Resize
from textual.widgets import Button, Input, Static


class SampleApp(App[None]):
    """Shows its size and notes what happened to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "note('escape')", "Note"),
        ("f2", "note('f2')", "Note"),
        ("f3", "leave_child", "Leave a child"),
        ("ctrl+q", "leave", "Leave"),
    ]

    def compose(self) -> ComposeResult:
        yield Static(id="size")
        yield Static(Text("wrong", style="bold #ff0000"))
        yield Input()
        yield Button("Press me")
        yield Static("notes:", id="notes")

    def on_mount(self) -> None:
        self.notes = ["notes:"]

    def on_resize(self, event: Resize) -> None:
        self.query_one("#size", Static).update(f"size {event.size.width} by {event.size.height}")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.action_note(event.value)

    def on_button_pressed(self) -> None:
        self.action_note("pressed")

    def action_note(self, note: str) -> None:
        self.notes.append(note)
        self.query_one("#notes", Static).update(" ".join(self.notes))

    def action_leave(self) -> None:
        self.exit(return_code=7)

    def action_leave_child(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what the child would get, and inherits
        child = [sys.executable, "-c", "import signal; signal.pause()"]
        nowhere = subprocess.DEVNULL
        subprocess.Popen(child, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        self.exit(return_code=7)


if __name__ == "__main__":
    app = SampleApp()
    app.run()
    sys.stdout.write(f"after the app, in {os.environ['TERM']}\n")
    sys.exit(app.return_code)
