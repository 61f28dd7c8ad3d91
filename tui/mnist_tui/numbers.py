"""Numbers as people read them on the screen."""

import math


def count(number: int) -> str:
    """60000 as "60 000"."""
    return f"{number:_}".replace("_", " ")


def percent(share: float, digits: int = 0) -> str:
    """0.9312 as "93 %" or, with two digits, "93.12 %"."""
    return f"{share * 100:.{digits}f} %" if math.isfinite(share) else "nan"


def rate(examples_per_second: float) -> str:
    """462000.0 as "462k ex/s"."""
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        short = examples_per_second / limit
        # Where rounding would reach the next form, that form is used: 1.0k, never 1000.
        if short >= 0.9995:
            return f"{short:.{0 if short >= 9.95 else 1}f}{letter} ex/s"
    return f"{examples_per_second:.0f} ex/s"


def duration(seconds: float) -> str:
    """75 as "1:15", 3675 as "1:01:15"."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
