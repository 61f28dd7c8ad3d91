import pytest
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


@pytest.mark.parametrize(
    "word",
    [
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",  # Sinhala: the conjunct of shri
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: two parts of one word
        "\u0d28\u0d4d\u200d",  # Malayalam: a chillu as it was written before Unicode 5.1
    ],
)
def test_joiners_belong_to_words(word: str) -> None:
    assert visible(word) == word
    assert visible(f"{word}\x1b") == f"{word}␛"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u200da", "a"),
        ("1\u200c2", "12"),
        ("\U0001f469\u200d\U0001f52c", "\U0001f469\U0001f52c"),
        ("\u2764\ufe0f", "\u2764"),
        ("\u260e\ufe0e", "\u260e"),
        ("1\ufe0f\u20e3", "1\u20e3"),
        ("\u845b\U000e0100", "\u845b\U000e0100"),
    ],
)
def test_what_would_move_the_rest_of_a_line_in_some_terminals_goes(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert cell_len(shown) == sum(map(cell_len, shown))


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x61C])
def test_marks_that_turn_the_direction_are_shown(code: int) -> None:
    assert visible(f"a{chr(code)}b") == "a�b"


def test_what_was_made_visible_stays_as_it_is() -> None:
    for text in ("\x00\u202e\u200d\ufe0f", "a\u200c\u200d\x1b", "\ud800\udcff"):
        assert visible(visible(text)) == visible(text)
