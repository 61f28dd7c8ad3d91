"""Write the table of `mnist_tui/text/glyphs.py` to standard output: what each character covers.

    .venv/bin/python scripts/glyph_table.py FONT [FONT...]

Each FONT is a file of a monospace font. Of several the mean is taken, since nobody knows which one
a terminal has. Needs Pillow, which `make lint` installs.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_core.data.drawn_digit import resample
from mnist_tui.text.glyphs import SAMPLES_ACROSS, SAMPLES_DOWN

CHARACTERS = " .'`,-_:;/\\|()[]{}<>!jJlLTYVvocCUuO^\"=+~%#@*&$FfPg?"
"""Strokes, corners and rounds. More letters read no better, and distract; digits would mislead."""
_SIZE = 200
"""Pixels of an em: so large that the edges of strokes count for nothing."""


def coverage(font_file: Path) -> NDArray[np.floating[Any]]:
    """(characters, down, across), 0 to 1: how much of each part of its cell a character inks.

    A cell is as wide as the font's characters, and as high as its ascent and descent together.
    """
    font = ImageFont.truetype(font_file, _SIZE)
    width, height = round(font.getlength("M")), sum(font.getmetrics())
    cells = []
    for character in CHARACTERS:
        cell = Image.new("L", (width, height))
        ImageDraw.Draw(cell).text((0, 0), character, font=font, fill=255)
        cells.append(np.asarray(cell))
    return resample(np.stack(cells), SAMPLES_DOWN, SAMPLES_ACROSS) / 255


def main() -> None:
    parts = np.mean([coverage(Path(name)) for name in sys.argv[1:]], axis=0)
    for character, rows in zip(CHARACTERS, np.rint(15 * parts).astype(int), strict=True):
        name = f"'{character}'" if character == '"' else f'"{character}"'.replace("\\", "\\\\")
        digits = " ".join("".join(f"{part:x}" for part in row) for row in rows)
        sys.stdout.write(f'    {name}: "{digits}",\n')


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
