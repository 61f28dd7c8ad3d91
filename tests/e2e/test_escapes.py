"""Control sequences are found wherever chunks are cut, and reduced to what pyte draws."""

import random

import pyte
import pytest

from helpers.display import Display
from helpers.escapes import Csi, Splitter, drawable

OUTPUT = "a\x1b[?2026$pb\x1b]0;title\x07c\x1b[1;4:3mé\x1bP+q544e\x1b\\d\x1b[>1u\x1b7e"


def drawn(output: str, columns: int = 40, rows: int = 2) -> Display:
    """What the display of the other tests shows, once pyte itself is known to show the same."""
    screen, plain = Display(columns, rows), pyte.Screen(columns, rows)
    stream = pyte.Stream(plain)
    for piece in Splitter().pieces(output):
        screen.take(piece)
        stream.feed(drawable(piece))
    assert screen.buffer == plain.buffer
    for part in ("x", "y", "attrs", "hidden"):
        assert getattr(screen.cursor, part) == getattr(plain.cursor, part)
    return screen


def test_a_sequence_is_read_whole_wherever_the_stream_is_cut() -> None:
    whole = list(Splitter().pieces(OUTPUT))
    splitter = Splitter()
    in_single_characters = [piece for character in OUTPUT for piece in splitter.pieces(character)]
    assert in_single_characters == whole
    assert whole[1] == Csi("?", "2026", "$p")
    assert [piece for piece in whole if isinstance(piece, str) and piece.isalpha()] == list(
        "abcéde"
    )


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[>1u",
        "\x1b[<u",
        "\x1b[?u",
        "\x1b[?2026$p",
        "\x1b[?2026h",
        "\x1b[>q",
        "\x1b[2 q",
        "\x1b[14t",
        "\x1b[c",
        "\x1b[6n",
        "\x1b[?3h",
        "\x1b]52;c;aGVsbG8=\x07",
        "\x1b]8;;https://example.org\x1b\\",
        "\x1bP>|terminal\x1b\\",
        "\x1b_Gi=31;AAAA\x1b\\",
        "\x1b(B",
        "\x1b=",
        "\x9b5n",
    ],
)
def test_a_sequence_that_draws_nothing_leaves_no_trace(sequence: str) -> None:
    screen = drawn(f"ab{sequence}cd")
    expected = "ab5ncd" if sequence.startswith("\x9b") else "abcd"
    assert screen.display[0].rstrip() == expected
    assert screen.columns == 40


@pytest.mark.parametrize(
    ("colour", "foreground", "background"),
    [
        ("31", "red", "default"),
        ("38;2;255;0;16", "ff0010", "default"),
        ("38:2::255:0:16", "ff0010", "default"),
        ("38:2:255:0:16", "ff0010", "default"),
        ("38:5:196;48;2;58;58;58", "ff0000", "3a3a3a"),
        ("31;58;2;255;0;0", "red", "default"),
        ("31;58:2::32:0:0", "red", "default"),
        ("31;58;5;32", "red", "default"),
    ],
)
def test_every_way_to_write_a_colour_gives_it(
    colour: str, foreground: str, background: str
) -> None:
    cell = drawn(f"\x1b[{colour}mx").buffer[0][0]
    assert (cell.data, cell.fg, cell.bg) == ("x", foreground, background)


def test_kinds_of_underline_are_underline_and_an_empty_style_resets() -> None:
    row = drawn("\x1b[1;4:3mx\x1b[4:0my\x1b[;4mz\x1b[mw").buffer[0]
    assert [(row[x].bold, row[x].underscore) for x in range(4)] == [
        (True, True),
        (True, False),
        (False, True),
        (False, False),
    ]


def test_surplus_parameters_and_broken_sequences_do_not_raise() -> None:
    screen = drawn("\x1b[1;2;3;4Hx\x1b[9;9;9Ky\x1b\x1b[31\nz")
    assert "xy" in screen.display[0]


def test_the_short_way_draws_what_pyte_draws() -> None:
    styles = ["1", "0", "", "38;2;9;8;7", "48;5;196", "2;3", "22;23;39", "7"]
    texts = ["plain", "⣿⡇", "─│╭", "漢字", "e\u0301", "a much longer text than the line has room"]
    places = ["\x1b[1;1H", "\x1b[2;9H", "\r\n", "\x1b[K", "\x1b[4h", "\x1b[4l", "\x1b(0", "\x1b(B"]
    generator = random.Random(5)
    output = "".join(
        f"{generator.choice(places)}\x1b[{generator.choice(styles)}m{generator.choice(texts)}"
        for _ in range(400)
    )
    screen = drawn(output, 20, 4)
    assert len({cell.fg for row in screen.buffer.values() for cell in row.values()}) > 1
