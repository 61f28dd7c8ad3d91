from rich.cells import cell_len

from mnist_tui.text.visible_text import shorten, visible


def test_visible_shows_control_characters_instead_of_obeying_them() -> None:
    assert visible("\x1b[31m a\tb\x7f") == "␛[31m a␉b␡"
    assert visible("right\u202eleft\x9b") == "right�left�"


def test_visible_leaves_ordinary_text_and_markup_alone() -> None:
    for text in ("[/]", "[red]x", "T-shirt/top", "あ", ""):
        assert visible(text) == text


def test_shorten_counts_cells_and_marks_the_cut() -> None:
    assert shorten("Pullover", 8) == "Pullover"
    assert shorten("Pullover", 5) == "Pull…"
    assert shorten("Pullover", 0) == ""
    assert cell_len(shorten("あいうえお", 6)) <= 6
