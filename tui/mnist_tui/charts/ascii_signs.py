"""What charts are drawn with, in ASCII: sign for sign, so that all columns stay where they are."""

from collections.abc import Mapping

from mnist_tui.charts.plot_area import BRAILLE

_SIGNS = str.maketrans(
    {
        # Axes, lines and shades.
        **dict.fromkeys("│┤├┃", "|"),
        **dict.fromkeys("─┈", "-"),
        **dict.fromkeys("└┘┬┴┼┌┐", "+"),
        **dict.fromkeys("┊╎", ":"),
        **dict.fromkeys("━╍", "="),
        "░": "%",
        # Markers of points, none like another.
        "◆": "o",
        "▲": "A",
        "■": "H",
        "▼": "V",
        "★": "*",
        "✚": "+",
        "◇": "q",
        "△": "n",
        "□": "#",
        "▽": "u",
        "☆": "w",
        "✕": "X",
        "●": "@",
        "○": "O",
        # In words.
        "↑": "^",
        "↓": "v",
        "×": "x",  # noqa: RUF001 - the sign of a gap
        "±": "~",
        "·": "-",
        "…": ".",
    }
)


def _braille_signs() -> Mapping[int, str]:
    """For each of the 256 patterns of dots a sign that lies where its dots do."""
    rows = (0x01 | 0x08, 0x02 | 0x10, 0x04 | 0x20, 0x40 | 0x80)
    signs = {}
    for bits in range(256):
        filled = [row for row, mask in enumerate(rows) if bits & mask]
        if not filled:
            sign = " "
        elif filled[-1] - filled[0] >= 2:
            sign = "|"
        elif filled[-1] == 0:
            sign = '"'
        elif filled[0] == 3:
            sign = "_"
        else:
            sign = {0: "'", 1: "-", 2: "."}[filled[0]]
        signs[BRAILLE + bits] = sign
    return signs


_TABLE = {**_SIGNS, **_braille_signs()}


def in_ascii(text: str) -> str:
    """`text` of a chart as ASCII, of the same length; other signs, as in names, stay."""
    return text.translate(_TABLE)
