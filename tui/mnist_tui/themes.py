"""The colours of the app: calm, one accent, red only for what is wrong."""

from textual.theme import Theme

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
    variables={"footer-key-foreground": "#0969da", "border": "#d0d7de"},
)
