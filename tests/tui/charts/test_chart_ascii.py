"""Charts in ASCII."""

from mnist_tui.charts.ascii_signs import in_ascii
from mnist_tui.charts.plot import LineStyle
from mnist_tui.charts.plot_area import BRAILLE
from mnist_tui.lab.overlay import LOOKS, REFERENCE


def test_every_pattern_of_dots_and_every_line_has_a_sign() -> None:
    drawn = "".join(chr(BRAILLE + bits) for bits in range(256))
    drawn += "".join(line.value for line in LineStyle)
    assert in_ascii(drawn).isascii()
    assert len(in_ascii(drawn)) == len(drawn)
    assert [sign for sign in in_ascii(drawn) if sign == " "] == [" "], "only where no dot is"


def test_runs_keep_signs_of_their_own() -> None:
    signs = [in_ascii(look.sign) for look in (*LOOKS, REFERENCE)]
    assert all(map(str.isascii, signs))
    assert len(set(signs)) == len(signs)


def test_names_stay_as_they_are() -> None:
    assert in_ascii("né 手") == "né 手"


def test_heights_within_a_cell_are_told_apart() -> None:
    assert [in_ascii(chr(BRAILLE + bits)) for bits in (0x01, 0x02, 0x04, 0x40)] == [
        '"', "-", ".", "_",
    ]  # fmt: skip
