"""What was chosen last, each in a small file beside the log."""

from pathlib import Path

from mnist_core.store.files import write_whole


def remembered(path: Path) -> str:
    """The word in the file at `path`; empty where there is none that can be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        # It is a convenience: without it all is as on the first day.
        return ""


def remember(path: Path, word: str) -> None:
    """Write a word into the file at `path`, which need not exist.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, f"{word}\n".encode())
