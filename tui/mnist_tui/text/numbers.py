"""Numbers and times as people read them on the screen."""

import math
from datetime import datetime
from typing import Protocol


def count(number: int, noun: str = "", plural: str = "") -> str:
    """60000 as "60 000" or, of a noun, "60 000 examples"; one of it as "1 example"."""
    digits = f"{number:_}".replace("_", " ")
    return f"{digits} {noun if number == 1 else plural or noun + 's'}" if noun else digits


def whole_number(text: str, most: int) -> int | None:
    """The number from 0 to `most` that `text` is in decimal digits; None where it is none.

    Python converts no more than 4300 digits.
    """
    usable = text.isdecimal() and len(text) <= max(18, len(str(most))) and int(text) <= most
    return int(text) if usable else None


def metric(value: float | None) -> str:
    """A loss or an accuracy: four decimals, fewer digits for huge ones; "-" when there is none."""
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) >= 1000 else f"{value:.4f}"


def percent(share: float, digits: int = 0) -> str:
    """0.9312 as "93 %" or, with two digits, "93.12 %"."""
    return f"{share * 100:.{digits}f} %" if math.isfinite(share) else "nan"


def percent_of(part: int, whole: int, cells: int) -> str:
    """`part` of `whole` in percent without the sign, in at most `cells` (3 or more); "-" of none.

    Only the whole is 100: 9999 of 10 000 are 99.9.
    """
    if whole == 0:
        return "-"
    if part == whole:
        return "100"
    digits = 1 if cells >= 4 else 0
    return f"{min(100 * part / whole, 99.9 if digits else 99):.{digits}f}"


def gigabytes(size: int) -> str:
    """Bytes: 412000000 as "412 MB", 7800000000 as "7.8 GB"."""
    if size < 999.5e6:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:.{1 if size < 99.95e9 else 0}f} GB"


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


_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def ago(moment: float, now: float) -> str:
    """`moment` as "3 min ago", or as a date when it is a week old; both in seconds since 1970.

    At most 10 cells wide.
    """
    seconds = now - moment
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    if seconds < 7 * _DAY:
        return f"{seconds // _DAY:.0f} d ago"
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d")


class ComputedWith(Protocol):
    """What a run was computed with; the event that starts it and what is kept of it say so."""

    @property
    def threads(self) -> int: ...
    @property
    def streams(self) -> int: ...
    @property
    def ranks(self) -> int: ...


def threads_text(machine: ComputedWith) -> str:
    """What a run is computed with: "1 thread", "1 thread in each of 2 streams", or of ranks."""
    text = count(machine.threads, "thread")
    for number, name in ((machine.streams, "streams"), (machine.ranks, "ranks")):
        if number > 1:
            text += f" in each of {number} {name}"
    return text
