"""A menu: a letter for each word."""

from textual.app import App

from mnist_tui.ui.menu import Menu, letters

WORDS = {"first": "alpha [/]", "second": "alps", "third": "past"}


def test_each_word_has_a_letter_of_its_own_from_the_word_where_it_can() -> None:
    assert letters(["state", "started", "test loss", "time", "tt"]) == ["s", "t", "e", "i", "a"]
    assert letters(["quit", "jk", "q"]) == ["u", "a", "b"], "q, j and k mean something else"


async def test_a_letter_enter_and_esc() -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        for keys, wanted in (
            (("l",), "second"),
            (("p",), "third"),
            (("enter",), "second"),
            (("down", "enter"), "third"),
            (("escape",), None),
            (("z", "escape"), None),
            (("l", "l"), "second"),
        ):
            taken: list[str | None] = []
            await app.push_screen(Menu("Choose", WORDS, "second"), taken.append)
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
            assert taken == [wanted], keys
            assert len(app.screen_stack) == 1
