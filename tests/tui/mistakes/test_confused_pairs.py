"""The list of the most confused pairs: what it shows, its keys and its mouse."""

import pytest
from rich.cells import cell_len
from textual import events
from textual.app import App, ComposeResult

from mnist_core.network.mistakes import ConfusedPair
from mnist_tui.mistakes.confused_pairs import NO_ANSWERS, NO_MISTAKES, ConfusedPairs

DIGITS = [str(digit) for digit in range(10)]
PAIRS = [
    ConfusedPair(4, 9, 12),
    ConfusedPair(7, 2, 9),
    ConfusedPair(3, 5, 9),
    ConfusedPair(9, 4, 1),
]
TOTALS = [1000] * 10


class PairsApp(App[None]):
    CSS = """
    ConfusedPairs { border: round white; padding: 0; height: 1fr; scrollbar-size-vertical: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[tuple[int, int]] = []

    def compose(self) -> ComposeResult:
        yield ConfusedPairs()

    def on_confused_pairs_chosen(self, event: ConfusedPairs.Chosen) -> None:
        self.chosen.append((event.true, event.predicted))

    @property
    def pairs(self) -> ConfusedPairs:
        return self.query_one(ConfusedPairs)

    @property
    def lines(self) -> list[str]:
        return [strip.text for strip in self.screen._compositor.render_strips()]


def many(classes: int) -> list[ConfusedPair]:
    return [
        ConfusedPair(label, (label + 1) % classes, 2 * classes - label) for label in range(classes)
    ]


def within(lines: list[str]) -> list[list[str]]:
    """The words of the lines within the border."""
    return [line[1:-1].replace("▸", " ").split() for line in lines[1:-1]]


def sentence(lines: list[str]) -> str:
    return " ".join(word for words in within(lines) for word in words)


async def test_pairs_are_listed_with_their_share_of_the_true_class() -> None:
    app = PairsApp()
    async with app.run_test(size=(44, 8)) as pilot:
        app.pairs.show(PAIRS, DIGITS, TOTALS)
        await pilot.pause()
        assert "Most confused" in app.lines[0]
        assert "true → predicted, count, share of true" in app.lines[-1]
        rows = within(app.lines)
        assert rows[:4] == [
            ["4", "→", "9", "12", "1.2%"],
            ["7", "→", "2", "9", "0.9%"],
            ["3", "→", "5", "9", "0.9%"],
            ["9", "→", "4", "1", "0.1%"],
        ]
        assert not any(rows[4:])


async def test_without_pairs_a_sentence_tells_no_mistakes_from_no_predictions() -> None:
    app = PairsApp()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        assert not any(within(app.lines))
        app.pairs.show([], DIGITS, TOTALS)
        await pilot.pause()
        assert sentence(app.lines) == NO_MISTAKES
        app.pairs.show([], DIGITS, [0] * 10)
        await pilot.pause()
        assert sentence(app.lines) == NO_ANSWERS
        await pilot.press("down", "enter")
        assert app.chosen == []
        assert app.pairs.pair is None


async def test_keys_and_clicks_choose_pairs() -> None:
    app = PairsApp()
    async with app.run_test(size=(40, 8)) as pilot:
        app.pairs.show(PAIRS, DIGITS, TOTALS)
        app.pairs.focus()
        await pilot.press("enter", "j", "down", "enter", "k", "enter", "end", "enter")
        assert app.chosen == [(4, 9), (3, 5), (7, 2), (9, 4)]
        await pilot.press("home", "up", "enter")
        assert app.chosen[-1] == (4, 9)
        await pilot.click(offset=(4, 2))
        assert app.chosen[-1] == (7, 2)
        await pilot.click(offset=(4, 0))
        await pilot.click(offset=(4, 7))
        assert len(app.chosen) == 6


@pytest.mark.parametrize("size", [(20, 4), (20, 8), (34, 12), (120, 40)])
async def test_a_long_list_scrolls_and_says_what_is_in_view(size: tuple[int, int]) -> None:
    app = PairsApp()
    async with app.run_test(size=size) as pilot:
        app.pairs.show(many(63), [str(label) for label in range(63)], [200] * 63)
        app.pairs.focus()
        for key in ("home", "pagedown", "end", "up"):
            await pilot.press(key)
            await pilot.pause()
            seen = [int(row[0]) for row in within(app.lines)]
            assert app.pairs.pair is not None
            assert app.pairs.pair[0] in seen
            assert f"{seen[0] + 1}-{seen[-1] + 1} of 63" in app.lines[0]
            assert all(cell_len(line) == size[0] for line in app.lines)


async def test_the_cursor_stays_on_its_pair_when_counts_change() -> None:
    app = PairsApp()
    async with app.run_test(size=(40, 8)) as pilot:
        app.pairs.show(PAIRS, DIGITS, TOTALS)
        app.pairs.focus()
        await pilot.press("down")
        app.pairs.show([ConfusedPair(1, 7, 20), *PAIRS], DIGITS, TOTALS)
        assert app.pairs.pair == (7, 2)
        app.pairs.show([ConfusedPair(1, 7, 20), ConfusedPair(4, 9, 3)], DIGITS, TOTALS)
        assert app.pairs.pair == (4, 9)
        app.pairs.show([], DIGITS, TOTALS)
        app.pairs.show(PAIRS, DIGITS, TOTALS)
        assert app.pairs.pair == (4, 9)


async def test_a_sign_shows_the_cursor() -> None:
    app = PairsApp()
    async with app.run_test(size=(60, 40)) as pilot:
        app.pairs.show(many(30), [str(label) for label in range(30)], [200] * 30)
        app.pairs.focus()
        await pilot.press("down")
        await pilot.pause()
        assert app.lines[2][1:].startswith("▸")
        assert "".join(app.lines).count("▸") == 1


async def test_the_view_stays_where_it_is_when_counts_change() -> None:
    app = PairsApp()
    async with app.run_test(size=(40, 8)) as pilot:
        app.pairs.show(many(30), [str(label) for label in range(30)], [200] * 30)
        app.pairs.focus()
        await pilot.press(*["down"] * 12, "up", "up")
        await pilot.pause()
        before = app.lines
        assert before[1][1:].split()[0] == "7"
        app.pairs.show(many(30), [str(label) for label in range(30)], [200] * 30)
        await pilot.pause()
        assert app.lines == before
        app.pairs.show([ConfusedPair(1, 7, 90), *many(30)], list(map(str, range(30))), [200] * 30)
        await pilot.pause()
        assert [line[:-2] for line in app.lines[1:-1]] == [line[:-2] for line in before[1:-1]]


@pytest.mark.parametrize("width", [14, 20, 34, 60])
async def test_names_from_outside_are_literal_and_numbers_stay_whole(width: int) -> None:
    outside = ["[red]x[/] and more", "日本語の長い名前です", "e\x1b[31m"]
    app = PairsApp()
    async with app.run_test(size=(width, 8)) as pilot:
        app.pairs.show(
            [ConfusedPair(*pair) for pair in ((0, 1, 4321), (1, 2, 98), (2, 0, 7))],
            outside,
            [9000] * 3,
        )
        await pilot.pause()
        text = "\n".join(app.lines)
        assert "\x1b" not in text
        assert all(cell_len(line) == width for line in app.lines)
        assert all(f" {number}" in text for number in (4321, 98, 7))
        if width == 60:
            assert "[red]x[/]" in text
            assert "48.0%" in text


@pytest.mark.parametrize("later", [PAIRS[:1], [], PAIRS[::-1]])
async def test_enter_chooses_the_pair_under_the_cursor_though_others_come_at_once(
    later: list[ConfusedPair],
) -> None:
    app = PairsApp()
    async with app.run_test(size=(44, 8)) as pilot:
        app.pairs.show(PAIRS, DIGITS, TOTALS)
        app.pairs.focus()
        await pilot.press("end")
        app.pairs.action_select()
        app.pairs.show(later, DIGITS, TOTALS)
        await pilot.pause()
        assert app.chosen == [(9, 4)]


@pytest.mark.parametrize(
    ("later", "chosen"),
    [(PAIRS[:1], []), ([], []), (PAIRS[::-1], [(9, 4)]), (PAIRS, [(9, 4)])],
)
async def test_a_click_that_comes_late_chooses_no_pair_that_is_gone(
    later: list[ConfusedPair], chosen: list[tuple[int, int]]
) -> None:
    app = PairsApp()
    async with app.run_test(size=(44, 8)) as pilot:
        app.pairs.show(PAIRS, DIGITS, TOTALS)
        await pilot.pause()
        x, y = 5, 4
        style = app.screen.get_style_at(x, y)
        assert style.meta["option"] == 3
        click = events.Click(app.pairs, x, y, 0, 0, 1, False, False, False, x, y, style)
        click.stop()  # the screen would take it for one more
        app.pairs.post_message(click)
        app.pairs.show(later, DIGITS, TOTALS)
        await pilot.pause()
        assert app.chosen == chosen
