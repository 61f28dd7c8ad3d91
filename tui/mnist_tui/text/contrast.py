"""How well a colour can be told from what is behind it, as the W3C measures it."""

from textual.color import Color

CURVE = 3.0
"""The least contrast of a curve or a sign (WCAG 2.2, success criterion 1.4.11)."""
TEXT = 4.5
"""The least contrast of text (WCAG 2.2, success criterion 1.4.3)."""
_STEPS = 20


def contrast(color: Color, background: Color) -> float:
    """From 1, the same, to 21, black on white (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(color), _luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(color: Color, background: Color, least: float = CURVE) -> Color:
    """`color`, moved towards black or white as little as gives it the `least` contrast.

    Colours that the terminal chooses are left to it.
    """
    if color.ansi is not None or background.ansi is not None:
        return color
    far = max(
        (Color.parse("white"), Color.parse("black")), key=lambda end: contrast(end, background)
    )
    for step in range(_STEPS):
        moved = color.blend(far, step / _STEPS)
        if contrast(moved, background) >= least:
            return moved
    return far


def _luminance(color: Color) -> float:
    """The relative luminance of sRGB (WCAG 2.2), from 0 to 1."""
    red, green, blue = (_linear(level / 255) for level in (color.r, color.g, color.b))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(level: float) -> float:
    return level / 12.92 if level <= 0.04045 else float(((level + 0.055) / 1.055) ** 2.4)
