"""Moments as the subcommands of `mnist-tui runs` write them."""

from datetime import UTC, datetime


def local_time_text(seconds: float) -> str:
    """A time since 1970 by the clock on the wall, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def utc_text(seconds: float) -> str:
    """A time since 1970 in UTC after ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
