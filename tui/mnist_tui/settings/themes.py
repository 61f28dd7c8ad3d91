"""The colours of the app: calm, one accent, one hue only for what is wrong.

The colour-blind-safe themes take their hues from Okabe and Ito, "Color Universal Design", 2008
(https://jfly.uni-koeln.de/color/): what is wrong is vermilion, and nothing else is red or green.
Blue is lightened on dark, and orange darkened on light, as far as a curve needs to be read.
"""

from functools import cache

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="laboratory-dark",
    dark=True,
    primary="#6cb6ff",
    secondary="#8ddb8c",
    accent="#f0a45d",
    foreground="#cdd9e5",
    background="#14171c",
    surface="#1b1f26",
    panel="#262c36",
    success="#6bc46d",
    warning="#daaa3f",
    error="#f47067",
    variables={"footer-key-foreground": "#6cb6ff", "border": "#444c56"},
)

LIGHT = Theme(
    name="laboratory-light",
    dark=False,
    primary="#0969da",
    secondary="#1a7f37",
    accent="#bc4c00",
    foreground="#1f2328",
    background="#ffffff",
    surface="#f3f5f8",
    panel="#e4e8ee",
    success="#1a7f37",
    warning="#9a6700",
    error="#cf222e",
    variables={"footer-key-foreground": "#0860c7", "border": "#d0d7de"},
)

SAFE_DARK = Theme(
    name="okabe-ito-dark",
    dark=True,
    primary="#56b4e9",
    secondary="#cc79a7",
    accent="#e69f00",
    foreground="#dde1e6",
    background="#14171c",
    surface="#1b1f26",
    panel="#262c36",
    success="#cc79a7",
    warning="#f0e442",
    error="#d55e00",
    variables={
        "footer-key-foreground": "#56b4e9",
        "border": "#4b5057",
        "text-error": "#ff7a1a",
    },
)

SAFE_LIGHT = Theme(
    name="okabe-ito-light",
    dark=False,
    primary="#0072b2",
    secondary="#a1477b",
    accent="#8a5f00",
    foreground="#1f2328",
    background="#ffffff",
    surface="#f3f5f8",
    panel="#e4e8ee",
    success="#a1477b",
    warning="#8a5f00",
    error="#d55e00",
    variables={
        "footer-key-foreground": "#0072b2",
        "border": "#d0d7de",
        "text-error": "#b04d00",
    },
)

OWN_THEMES = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT)


@cache
def theme_names() -> tuple[str, ...]:
    """The themes that may be chosen: ours, then Textual's own."""
    return (*(theme.name for theme in OWN_THEMES), *sorted(BUILTIN_THEMES))
