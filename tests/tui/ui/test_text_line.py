"""Typing into a line of text: no layout, and the end of a long text is in sight."""

import pytest
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.widget import Widget

from mnist_tui.ui.dialogs import TextLine


class LineApp(App[None]):
    CSS = "TextLine { width: 12; }"

    def compose(self) -> ComposeResult:
        yield TextLine(compact=True)


def shown(app: LineApp) -> str:
    line = app.query_one(TextLine)
    return line.render_line(0).text[: line.size.width]


async def test_typing_lays_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = 0
    reflow = Compositor.reflow

    def counted(compositor: Compositor, parent: Widget, size: Size) -> object:
        nonlocal layouts
        layouts += 1
        return reflow(compositor, parent, size)

    monkeypatch.setattr(Compositor, "reflow", counted)
    app = LineApp()
    async with app.run_test() as pilot:
        await pilot.pause()
        assert layouts
        layouts = 0
        await pilot.press("a", "b", "backspace", "c")
        await pilot.pause()
        assert shown(app).strip() == "ac"
        assert layouts == 0


async def test_a_long_text_scrolls_with_the_cursor() -> None:
    app = LineApp()
    async with app.run_test() as pilot:
        await pilot.press(*"abcdefghijklmnopqrst")
        await pilot.pause()
        assert shown(app).strip() == "jklmnopqrst"
        await pilot.press("home")
        await pilot.pause()
        assert shown(app) == "abcdefghijkl"
        app.query_one(TextLine).value = "short"
        await pilot.pause()
        assert shown(app).strip() == "short"
