"""Help: every key and every hyperparameter, what belongs to the present screen first."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from mnist_core.recipe.hyperparameters import TakesEffect, hyperparameter_fields
from mnist_core.recipe.presets import presets
from mnist_tui.settings.keys import Key, Scope
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import Dialog, TextLine

_TITLES: Mapping[Scope, str] = {
    Scope.TRAIN: "Train",
    Scope.MISTAKES: "Mistakes",
    Scope.RUNS: "Runs",
    Scope.RECORDING: "A recording",
    Scope.RACE: "Race",
    Scope.SWEEPS: "Sweeps",
    Scope.NETWORK: "Network",
    Scope.DRAW: "Draw a digit",
    Scope.CHARTS: "Charts",
    Scope.ZOOM: "Closer to charts",
    Scope.EVERYWHERE: "Everywhere",
}

_MOVING = (
    ("tab, shift+tab", "Move", "Go to the next or the previous part of the screen. A click does "
     "it too."),
    ("arrows", "Move", "Up and down between fields and rows, left and right through choices. "
     "Tables take h j k l too."),
    ("enter", "Apply", "In a field: take the values and train; while a run goes on, change it. "
     "Until then a value is only a draft, and its row says so."),
    ("/", "Search", "In this help: show only the lines that have the words typed."),
)  # fmt: skip

_WHEN: Mapping[TakesEffect, str] = {
    TakesEffect.NOW: "An edit takes effect at once.",
    TakesEffect.NEXT_EPOCH: "An edit takes effect with the next epoch.",
    TakesEffect.NEXT_RUN: "An edit takes effect with the next run.",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and rows of as many cells each; the last cell is the longest."""

    title: str
    rows: Sequence[tuple[str, ...]]


def sections(table: Iterable[Key], here: Collection[Scope]) -> Iterator[Section]:
    """All there is to say; what belongs to the scopes `here` comes first."""
    keys = {
        scope: Section(
            title, [(key.shown_keys, key.label, key.help) for key in table if key.scope is scope]
        )
        for scope, title in _TITLES.items()
    }
    first = [scope for scope in keys if scope in here and scope is not Scope.EVERYWHERE]
    yield from (keys.pop(scope) for scope in first)
    yield keys.pop(Scope.EVERYWHERE)
    yield Section("Moving about", _MOVING)
    fields = hyperparameter_fields().values()
    yield Section(
        "Hyperparameters",
        [(field.label, f"{field.help} {_WHEN[field.takes_effect]}") for field in fields],
    )
    yield Section("Presets", [(preset.name, preset.source) for preset in presets().values()])
    yield from (Section(f"On another screen: {keys[scope].title}", keys[scope].rows)
                for scope in keys)  # fmt: skip


def found(every: Iterable[Section], words: str) -> list[Section]:
    """The sections with the rows that have all of `words`; a title that has them keeps all rows."""
    wanted = words.casefold().split()
    if not wanted:
        return list(every)

    def has(text: str) -> bool:
        return all(word in text.casefold() for word in wanted)

    kept = (
        Section(
            section.title,
            [row for row in section.rows if has(section.title) or has(" ".join(row))],
        )
        for section in every
    )
    return [section for section in kept if section.rows]


def sections_text(shown: Iterable[Section]) -> RenderableType:
    """The sections one below the other."""
    parts: list[RenderableType] = []
    for section in shown:
        parts += [Text(section.title, style="bold underline"), _table(section), Text("")]
    return Group(*parts[:-1])


def _table(section: Section) -> Table:
    table = Table.grid(padding=(0, 2))
    columns = len(section.rows[0])
    for column in range(columns):
        last = column == columns - 1
        style = "" if column else "bold"
        table.add_column(no_wrap=not last, style=style, ratio=1 if last else None)
    for row in section.rows:
        *short, text = row
        table.add_row(*map(Text, short), Text(text, style="dim"))
    return table


class HelpScreen(Dialog[None]):
    """Sections on one scrolling page, which words typed after / narrow down."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("question_mark,f1,q", "dismiss(None)", "Close"),
        Binding("slash", "search", "Search"),
        Binding("j,down", "scroll('down')", show=False),
        Binding("k,up", "scroll('up')", show=False),
        # Behind a dialog the keys of the app do nothing by themselves.
        Binding("ctrl+d", "app.page(1)", show=False),
        Binding("ctrl+u", "app.page(-1)", show=False),
    ]
    AUTO_FOCUS = "#help"

    def __init__(self, table: Iterable[Key], here: Collection[Scope]) -> None:
        """`table` has the keys that work; what belongs to the scopes `here` comes first."""
        super().__init__()
        self._sections = list(sections(table, here))

    def compose(self) -> ComposeResult:
        page = VerticalScroll(id="help")
        page.border_title = "Help"
        page.border_subtitle = "/ searches, esc closes"
        with page:
            yield TextLine(id="help-search", placeholder="words to search for", compact=True)
            yield Static(sections_text(self._sections), id="help-text", markup=False)

    @property
    def _page(self) -> VerticalScroll:
        return self.query_one("#help", VerticalScroll)

    def action_search(self) -> None:
        search = self.query_one("#help-search", Input)
        search.display = True
        # At once, since letters for it may be on their way.
        self.set_focus(search)

    @on(Input.Changed, "#help-search")
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        shown = found(self._sections, event.value)
        text = sections_text(shown) if shown else f"Nothing here says {visible(event.value)}."
        self.query_one("#help-text", Static).update(text)
        self._page.scroll_home(animate=False)

    @on(Input.Submitted, "#help-search")
    def _to_page(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_focus(self._page)

    def action_leave(self) -> None:
        """Esc: out of the search, and then out of help."""
        search = self.query_one("#help-search", Input)
        if search.display:
            search.value = ""
            search.display = False
            self.set_focus(self._page)
        else:
            self.dismiss(None)

    def action_scroll(self, direction: str) -> None:
        if direction == "down":
            self._page.scroll_down()
        else:
            self._page.scroll_up()
