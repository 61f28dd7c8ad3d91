"""The runs screen on a bare app: keys, filter, live updates, a thousand runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

import mnist_tui.app
from helpers.counting import count_calls
from helpers.lab import SIZES, Lab
from helpers.stored_runs import LiveRun, put_many, put_run
from mnist_core.store import RunRecord, RunState, RunStore
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.overlay import LOOKS, Marks
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.settings.keys import set_active_keys
from mnist_tui.settings.rebinding import rebound
from mnist_tui.settings.themes import DARK
from mnist_tui.ui.dialogs import LineInput


class BareApp(App[None]):
    """Only the runs screen; keeps what it asks for."""

    CSS_PATH = str(Path(mnist_tui.app.__file__).with_name("app.tcss"))

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.store = RunStore(home)
        self.marks = Marks()
        self.runs_screen = RunsScreen(self.store, self.marks)
        self.asked: list[RunsScreen.Request] = []

    def on_mount(self) -> None:
        self.push_screen(self.runs_screen)

    def on_runs_screen_opened(self, event: RunsScreen.Opened) -> None:
        self.asked.append(event)

    def on_runs_screen_forked(self, event: RunsScreen.Forked) -> None:
        self.asked.append(event)

    def on_runs_screen_resume_asked(self, event: RunsScreen.ResumeAsked) -> None:
        self.asked.append(event)

    def on_runs_screen_command_asked(self, event: RunsScreen.CommandAsked) -> None:
        self.asked.append(event)


class RunsLab(Lab[BareApp]):
    """The app under Pilot."""

    def __init__(self, app: BareApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.store = app.store
        self.screen = app.runs_screen

    def marked(self) -> tuple[str, ...]:
        """The ids of the marked runs, now."""
        return self.app.marks.ids

    @property
    def table(self) -> RunsTable:
        return self.screen.query_one(RunsTable)

    @property
    def current(self) -> RunRecord:
        row = self.table.row
        assert row is not None, "no run is shown"
        return row.record

    async def write(self, text: str) -> None:
        """Type `text` into the field that has the focus, in place of what is there."""
        field = self.app.screen.query_one(Input)
        assert field.has_focus
        field.value = text
        await self.pilot.pause()

    def lines(self) -> list[str]:
        """The table as text, its header first."""
        return [self.table.render_line(y).text for y in range(self.table.size.height)]

    def names(self) -> list[str]:
        """Of the runs in view, as far as they have one of the names used here."""
        return [record.name for line in self.lines()[1:] for record in self.store.runs()
                if f" {record.name} " in line]  # fmt: skip

    def legend(self) -> str:
        chart = self.screen.query_one("#runs-accuracy", Chart)
        return " ".join(curve.label for curve in chart.plot.curves if curve.label)


OpenLab = Callable[..., AbstractAsyncContextManager[RunsLab]]


@pytest.fixture
def lab(tmp_path: Path) -> OpenLab:
    @asynccontextmanager
    async def open_lab(size: tuple[int, int] = (120, 40)) -> AsyncIterator[RunsLab]:
        app = BareApp(tmp_path)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            try:
                yield RunsLab(app, pilot)
            finally:
                app.store.close()

    return open_lab


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three ended runs; the oldest has the best value, the latest the best last one."""
    put_run(tmp_path, "aaaa", "first", accuracies=(0.1, 0.99, 0.5), started=1000.0, epochs=2,
            tags=("baseline",), note="where it began")  # fmt: skip
    put_run(tmp_path, "bbbb", "second", accuracies=(0.1, 0.7), started=2000.0, epochs=4,
            optimizer="adam", state="stopped")  # fmt: skip
    put_run(tmp_path, "cccc", "third", accuracies=(0.1, 0.9), started=3000.0, epochs=1,
            learning_rate=0.01)  # fmt: skip
    return tmp_path


# -- what is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES[1:])
async def test_runs_are_listed_latest_first_with_a_state_in_words_and_sign(
    lab: OpenLab, three: Path, size: tuple[int, int]
) -> None:
    async with lab(size) as here:
        assert here.names() == ["third", "second", "first"]
        assert "✓ completed" in here.text()
        assert "■ stopped" in here.text()
        assert "99.00 % test" in here.text()
        assert "lr 0.01" in here.text()
        assert "Runs · 3 · newest first" in here.text()
        assert "Accuracy" in here.text()
        assert all(len(line) == here.table.size.width for line in here.lines())
        wide = size[0] > 80
        assert ("third and second (earlier)" in here.text()) == wide
        assert ("1970-01-01" in here.text()) == wide


async def test_without_runs_it_says_how_to_make_one(lab: OpenLab) -> None:
    async with lab() as here:
        assert "No runs yet. Press 1, then r" in here.text()
        for key in ("enter", "space", "P", "f", "R", "Y", "N", "m", "t", "ctrl+d", "u", "o", "/"):
            await here.press(key)
        assert here.app.asked == []
        assert here.app.screen is here.screen
        assert "Filter" not in here.footer()


async def test_text_from_outside_is_shown_as_it_is(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "[/]x[red]", note="[/] [red]note \x1b[31m", tags=("[bold]tag",),
            dataset="[/]data", state="failed")  # fmt: skip
    async with lab((160, 40)) as here:
        await here.press("space", "P")
        await here.until(lambda: here.legend() == "[/]x[red]")
        for words in ("[/]x[red]", "[/] [red]note ␛[31m", "[bold]tag", "[/]data"):
            assert words in here.text()
        await here.press("N")
        assert "Rename [/]x[red]" in here.text()
        await here.press("escape", "ctrl+d")
        assert "Deleted [/]x[red]. u brings it back." in here.said()


async def test_a_validation_value_ranks_and_says_so(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "held out", accuracies=(0.1, 0.9), validation=(0.1, 0.8))
    async with lab() as here:
        assert "80.00 % val" in here.text()
        assert "held out val" in here.legend()
        assert "Accuracy · validation" in here.text()


# -- keys ------------------------------------------------------------------------------------------


async def test_the_cursor_moves_by_keys_and_stays_within_the_runs(
    lab: OpenLab, three: Path
) -> None:
    async with lab() as here:
        for key, name in [("up", "third"), ("j", "second"), ("down", "first"), ("down", "first"),
                          ("k", "second"), ("home", "third"), ("end", "first"),
                          ("pageup", "third"), ("pagedown", "first")]:  # fmt: skip
            await here.press(key)
            assert here.current.name == name, key
        await here.until(lambda: here.legend() == "first")
        assert "where it began" in here.text()
        assert "baseline" in here.text()


async def test_space_marks_runs_in_looks_of_their_own_until_they_are_used_up(
    lab: OpenLab, tmp_path: Path
) -> None:
    for k in range(len(LOOKS) + 1):
        put_run(tmp_path, f"run{k}", f"run {k}", started=1000.0 - k)
    async with lab() as here:
        for look in LOOKS:
            await here.press("space")
            assert look.sign in next(line for line in here.lines() if here.current.name in line)
            await here.press("down")
        assert here.app.marks.is_full
        labels = here.legend()
        assert all(f"run {k}" in labels for k in range(len(LOOKS)))
        await here.press("space")
        assert "there are no more colours" in here.said()
        await here.press("up", "space")
        assert not here.app.marks.is_full


async def test_the_pinned_run_is_what_others_are_told_against(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("down", "P", "up")
        assert here.app.marks.pinned == "bbbb"
        third = next(line for line in here.lines() if "third" in line)
        assert "sgd, lr 0.01" in third
        assert "third and second (pinned)" in here.text()
        assert "Optimizer" in here.text()
        await here.until(lambda: here.legend() == "second third")
        await here.press("down", "P")
        assert here.app.marks.pinned is None


@pytest.mark.parametrize(
    ("key", "request_type"),
    [
        ("enter", RunsScreen.Opened),
        ("f", RunsScreen.Forked),
        ("R", RunsScreen.ResumeAsked),
        ("Y", RunsScreen.CommandAsked),
    ],
)
async def test_what_the_app_must_do_is_asked_with_the_run(
    lab: OpenLab, three: Path, key: str, request_type: type[RunsScreen.Request]
) -> None:
    async with lab() as here:
        await here.press("down", key)
        assert [type(request) for request in here.app.asked] == [request_type]
        assert here.app.asked[0].record.id == "bbbb"


async def test_only_a_run_that_nobody_trains_can_be_resumed_or_deleted(
    lab: OpenLab, three: Path
) -> None:
    live = LiveRun(three, "alive")
    live.train_epoch(0.4)
    try:
        async with lab() as here:
            await here.until(lambda: "alive" in here.text())
            await here.press("home")
            assert here.current.name == "alive"
            assert "Resume" not in here.footer()
            assert "Delete" not in here.footer()
            assert "Fork" in here.footer()
            await here.press("R", "ctrl+d", "down")
            assert here.current.name == "third", "it is still there"
            assert "Resume" in here.footer()
            assert "Delete" in here.footer()
            assert here.app.asked == []
    finally:
        live.close()


async def test_rename_note_and_tags_are_stored(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("N")
        await here.write("  ")
        await here.press("enter")
        assert "A run needs a name." in here.text()
        await here.write("the [/] best")
        await here.press("enter")
        assert here.store.run("cccc").name == "the [/] best"
        assert "the [/] best" in here.text()
        await here.press("m")
        await here.write("look at this again")
        await here.press("enter")
        assert "look at this again" in here.text()
        await here.press("t")
        await here.write("wide, slow,, wide ")
        await here.press("enter")
        assert here.store.run("cccc").tags == ("wide", "slow")
        await here.press("t", "escape")
        assert not isinstance(here.app.screen, LineInput)
        assert here.store.run("cccc").tags == ("wide", "slow")


async def test_a_dialog_left_as_it_was_changes_nothing(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "a\x1bb")
    async with lab() as here:
        await here.press("N", "enter")
        assert here.store.run("aaaa").name == "a\x1bb"


async def test_a_deleted_run_comes_back(lab: OpenLab, three: Path) -> None:
    async with lab((200, 60)) as here:
        await here.press("down", "space", "P", "ctrl+d")
        assert here.names() == ["third", "first"]
        assert here.current.name == "first"
        assert here.marked() == ()
        assert here.app.marks.pinned is None
        assert "Deleted second. u brings it back." in here.said()
        await here.press("ctrl+d")
        assert here.screen.deleted.ids == ("bbbb", "aaaa")
        await here.press("u")
        assert here.current.name == "first"
        assert "Undo" in here.footer()
        assert "Undo" in here.text().splitlines()[-1], "the footer was made anew"
        await here.press("u")
        assert here.names() == ["third", "second", "first"]
        assert here.current.name == "second"
        assert here.marked() == ("bbbb",)
        assert here.app.marks.pinned == "bbbb"
        assert "Undo" not in here.footer()
        await here.press("u")


async def test_what_stays_deleted_is_purged_at_the_end(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("ctrl+d")
        here.screen.deleted.purge(here.store)
        assert here.screen.deleted.ids == ()
        here.store.restore(["cccc"])
        assert len(here.store.runs()) == 2


async def test_sorting_by_keys_and_by_a_click_on_the_header(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        header = here.lines()[0]
        assert "started ↓" in header
        await here.pilot.click(RunsTable, offset=(header.index("best") + 2, 1))
        await here.pilot.pause()
        assert here.names() == ["first", "third", "second"], "by the best value, not the last"
        assert "best ↓" in here.lines()[0]
        assert "by best ↓" in here.text()
        assert here.current.name == "third", "the cursor stays on its run"
        await here.press("O")
        assert here.names() == ["second", "third", "first"]
        assert "best ↑" in here.lines()[0]
        await here.press("o")
        assert "last ↓" in here.lines()[0]
        assert here.names() == ["third", "second", "first"]


async def test_a_click_moves_the_cursor_and_a_second_one_opens(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.pilot.click(RunsTable, offset=(20, 3))
        assert here.current.name == "second"
        assert here.app.asked == []
        await here.pilot.double_click(RunsTable, offset=(20, 4))
        await here.pilot.pause()
        assert [request.record.name for request in here.app.asked] == ["first"]


async def test_the_charts_go_through_axes_and_a_logarithmic_loss(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        charts = list(here.screen.query(Chart))
        seen = [charts[0].plot.x.column]
        for _ in range(3):
            await here.press("x")
            assert charts[0].plot.x.column == charts[1].plot.x.column
            seen.append(charts[0].plot.x.column)
        assert seen == ["epoch", "time", "step", "epoch"]
        await here.press("y")
        assert "Loss · test · log" in here.text()
        await here.pilot.click("#runs-loss", offset=(25, 8))
        await here.pilot.pause()
        assert charts[1].cursor is not None
        assert charts[1].cursor == charts[0].cursor
        await here.press("escape")
        assert charts[0].cursor is charts[1].cursor is None


async def test_both_charts_are_zoomed_and_smoothed_by_the_keys_of_charts(
    lab: OpenLab, three: Path
) -> None:
    async with lab() as here:
        charts = list(here.screen.query(Chart))
        await here.press("end")
        await here.until(lambda: charts[0].plot.x.end == 2.0)
        await here.press("+")
        windows = [chart.plot.x.window for chart in charts]
        assert windows[0] is not None
        assert windows[0] == windows[1]
        assert "zoomed" in here.text()
        charts[1].focus()
        await here.press("left")
        assert charts[0].plot.x.window != windows[0]
        await here.press("0", ">")
        assert charts[0].plot.x.window is None
        smoothed = {curve.smoothing for curve in charts[0].plot.curves}
        assert smoothed == {0.0, 0.95}, "training; what is held out is drawn as it is"
        assert "smoothing 0.95" in here.text()


async def test_z_lets_a_chart_or_the_table_fill_the_screen(lab: OpenLab, three: Path) -> None:
    async with lab(size=(120, 40)) as here:
        chart = here.screen.query_one("#runs-accuracy", Chart)
        before = chart.region
        await here.press("z")
        assert here.table.region.height > 30
        assert not chart.region
        await here.press("escape")
        assert chart.region == before
        chart.focus()
        await here.press("z")
        assert chart.region.width == 120
        assert not here.table.region
        await here.press("z")
        assert chart.region == before


# -- filter ----------------------------------------------------------------------------------------


async def test_the_filter_works_while_it_is_typed(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("/")
        assert here.footer() == "Clear"
        await here.press(*"adam")
        assert here.names() == ["second"]
        assert "Runs · 1 of 3" in here.text()
        await here.press("enter")
        assert here.table.has_focus
        assert "adam" in here.lines()[1]
        await here.press("f")
        assert here.app.asked[-1].record.name == "second"
        await here.press("escape")
        assert here.names() == ["third", "second", "first"]
        assert not here.screen.query_one("#filter-line").display


async def test_a_term_that_is_not_understood_says_so_and_filters_nothing_away(
    lab: OpenLab, three: Path
) -> None:
    async with lab() as here:
        await here.press("/")
        await here.write("lr>fast")
        assert "lr takes a number" in here.text()
        assert len(here.names()) == 3
        await here.write("lr<0.05")
        assert "takes a number" not in here.text()
        assert here.names() == ["third"]
        await here.press("down")
        assert here.table.has_focus


async def test_sentences_name_the_keys_of_the_users_file(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "alone")
    set_active_keys(rebound({"pin_run": ("b",), "clear_filter": ("f9",)})[0])
    async with lab((200, 60)) as here:
        assert "Pin a run with b, or mark one" in here.text()
        await here.press("/")
        await here.write("nothing")
        assert "No run matches nothing. f9 clears the filter." in here.text()


async def test_a_filter_without_a_match_says_how_to_be_rid_of_it(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("down", "/")
        await here.write("[/]nothing")
        assert "No run matches [/]nothing. esc clears the filter." in here.text()
        await here.press("enter", "enter", "space", "ctrl+d", "f")
        assert here.app.asked == []
        await here.press("escape")
        assert here.current.name == "second", "the cursor is back on its run"


# -- other processes -------------------------------------------------------------------------------


async def test_a_run_of_another_process_appears_moves_and_ends(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("down")
        live = LiveRun(three, "elsewhere", epochs=3)
        try:
            await here.until(lambda: "elsewhere" in here.text())
            assert here.current.name == "second", "the cursor stays on its run"
            assert "● running" in here.text()
            live.train_epoch(0.6)
            await here.until(lambda: "60.00 % test" in here.text())
            await here.press("home")
            await here.until(lambda: here.legend() == "elsewhere")
            chart = here.screen.query_one("#runs-accuracy", Chart)
            points = len(chart.plot.curves[-1].series)
            live.train_epoch(0.8)
            await here.until(lambda: "2/3" in here.text())
            assert len(chart.plot.curves[-1].series) == points + 1
        finally:
            live.end()
        await here.until(lambda: here.current.state is RunState.COMPLETED)
        await here.pilot.pause()
        assert "● running" not in here.text()


async def test_a_run_whose_process_dies_is_interrupted(lab: OpenLab, three: Path) -> None:
    live = LiveRun(three, "doomed")
    live.train_epoch(0.6)
    async with lab() as here:
        await here.until(lambda: "● running" in here.text())
        # What a kill does: nothing is written any more, and the lock goes.
        live.close()
        await here.until(lambda: "⊘ interrupted" in here.text())


async def test_edits_of_another_process_show(lab: OpenLab, three: Path) -> None:
    other = RunStore(three)
    async with lab() as here:
        await here.press("down", "P")
        other.rename("cccc", "renamed")
        other.delete(["bbbb"])
        await here.until(lambda: "renamed" in here.text())
        assert "second" not in here.text()
        assert here.app.marks.pinned is None
        assert here.current.name == "first"
    other.close()


async def test_nothing_is_read_while_nothing_changes(
    lab: OpenLab, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lab() as here:
        looks = 0
        changes = here.store.changes

        def counted() -> int:
            nonlocal looks
            looks += 1
            return changes()

        def unwanted() -> list[RunRecord]:
            pytest.fail("the runs were read again")

        monkeypatch.setattr(here.store, "changes", counted)
        monkeypatch.setattr(here.store, "runs", unwanted)
        await here.until(lambda: looks >= 2)


# -- when the store cannot -----------------------------------------------------------------------


async def test_a_store_that_cannot_be_read_is_a_sentence_and_heals(
    lab: OpenLab, three: Path
) -> None:
    database, aside = three / "runs.db", three / "aside.db"
    database.replace(aside)
    database.mkdir()
    async with lab() as here:
        assert "cannot be" in here.text()
        assert "see above" in here.text()
        await here.press("o", "/", "space")
        database.rmdir()
        aside.replace(database)
        await here.until(lambda: "third" in here.text())
        assert not here.screen.query_one("#notice").display


async def test_a_change_that_fails_is_a_sentence(
    lab: OpenLab, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveRun(three, "alive")
    async with lab() as here:
        await here.until(lambda: "alive" in here.text())
        await here.press("home")
        here.screen.action_delete_run()
        await here.pilot.pause()
        assert "Stop it before you delete it" in here.said()
        assert here.screen.deleted.ids == ()
    live.close()


async def test_a_read_only_home_lists_runs_and_changes_none(
    lab: OpenLab, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rights would not do: they do not bind root, as whom tests run in containers.
    monkeypatch.setattr(RunStore, "read_only", True)
    async with lab() as here:
        assert "third" in here.text()
        await here.press("down", "ctrl+d", "N")
        assert here.names() == ["third", "second", "first"]
        assert here.app.screen is here.screen
        for command in ("Rename", "Note", "Tags", "Delete", "Resume"):
            assert command not in here.footer()
        assert "Fork" in here.footer()


# -- a thousand runs -------------------------------------------------------------------------------


async def test_of_a_thousand_runs_only_those_in_view_are_drawn(
    lab: OpenLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_many(tmp_path, 1000)
    lines_drawn = count_calls(monkeypatch, RunsTable, "_line")
    async with lab() as here:
        in_view = here.table.size.height - 1
        assert "Runs · 1 000" in here.text()
        assert lines_drawn[here.table] <= 3 * in_view
        for keys in (("o",), ("O",), ("end",), ("pageup",), ("/", *"lion")):
            before = lines_drawn[here.table]
            await here.press(*keys)
            assert lines_drawn[here.table] - before <= 3 * in_view * len(keys), keys
        assert "Runs · 333 of 1 000" in here.text()
        await here.press("enter", "home")
        before = lines_drawn[here.table]
        await here.press("down")
        assert lines_drawn[here.table] - before <= 4, "the cursor's old line and its new one"


async def test_scrolling_follows_the_cursor_and_the_wheel(lab: OpenLab, tmp_path: Path) -> None:
    put_many(tmp_path, 100)
    async with lab() as here:
        await here.press("end")
        assert here.current.name == "run 1"
        assert " run 1 " in here.lines()[-1]
        await here.press("home")
        assert " run 100 " in here.lines()[1]
        here.table.action_scroll_down()
        here.table.scroll_to(y=10, animate=False)
        await here.pilot.pause()
        assert " run 90 " in here.lines()[1]
        assert "started" in here.lines()[0], "the header stays"
        assert here.current.name == "run 100", "the cursor stays on its run"
        await here.pilot.click(RunsTable, offset=(20, 3))
        assert here.current.name == "run 89"


async def test_a_new_run_does_not_move_the_lines_that_are_read(
    lab: OpenLab, tmp_path: Path
) -> None:
    put_many(tmp_path, 100)
    async with lab() as here:
        for _ in range(3):
            await here.press("pagedown")
        current, place = here.current.name, here.lines()
        row = next(y for y, line in enumerate(place) if f" {current} " in line)
        put_run(tmp_path, "new0", "brand new")
        await here.until(lambda: "Runs · 101" in here.text())
        assert here.current.name == current
        assert f" {current} " in here.lines()[row]
        await here.press("home")
        assert "brand new" in here.lines()[1]
        put_run(tmp_path, "new1", "newer still")
        await here.until(lambda: "newer still" in here.text())
        assert here.current.name == "brand new"
