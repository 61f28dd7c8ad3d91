"""The processes of a group, as the operating system lists them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def members_of_group(group: int) -> list[tuple[int, str]]:
    """Number and command of each process in a process group that has not ended yet."""
    listing = _from_proc() if (_PROC / "self" / "stat").exists() else _from_ps()
    return [(number, command) for number, its_group, command in listing if its_group == group]


def _from_proc() -> Iterator[tuple[int, int, str]]:
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            status = (folder / "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it ended since the folder was listed
            continue
        name, _, fields = status.partition("(")[2].rpartition(")")
        state, _parent, group = fields.split()[:3]
        if state not in {"Z", "X"}:  # ended, and nobody has asked for the exit code
            yield int(folder.name), int(group), name


def _from_ps() -> Iterator[tuple[int, int, str]]:
    columns = ["-o", "pid=", "-o", "pgid=", "-o", "stat=", "-o", "comm="]
    listing = subprocess.run(["ps", "-A", *columns], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        number, group, state, command = line.split(maxsplit=3)
        if not state.startswith("Z"):
            yield int(number), int(group), command
