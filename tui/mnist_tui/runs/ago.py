"""How long ago something was, in few words."""

from datetime import datetime

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
