"""The processes of a group or of a parent, as the operating system lists them."""

import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

_PROC = Path("/proc")


def members_of_group(group: int) -> list[tuple[int, str]]:
    """Number and command of each process in a process group that has not ended yet."""
    return [
        (number, command) for number, _parent, its_group, command in _all() if its_group == group
    ]


def children_of(parent: int) -> list[int]:
    """The numbers of the processes that a process has started and that have not ended yet."""
    return [number for number, its_parent, _group, _command in _all() if its_parent == parent]


def started_in(home: Path) -> list[str]:
    """Number and command of each process with `home` in its environment; only Linux tells."""
    found: list[str] = []
    for number, _parent, _group, command in _all() if _PROC.is_dir() else ():
        try:
            environment = (_PROC / str(number) / "environ").read_bytes()
        except OSError:  # it ended since the folder was listed, or is another user's
            continue
        if f"MNIST_TUI_HOME={home}\0".encode() in environment:
            found.append(f"{number} {command}")
    return found


def still_there(numbers: Collection[int]) -> list[int]:
    """Those of the processes that have not ended yet."""
    return [number for number, *_ in _all() if number in numbers]


def _all() -> Iterator[tuple[int, int, int, str]]:
    return _from_proc() if (_PROC / "self" / "stat").exists() else _from_ps()


def _from_proc() -> Iterator[tuple[int, int, int, str]]:
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            status = (folder / "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it ended since the folder was listed
            continue
        name, _, fields = status.partition("(")[2].rpartition(")")
        state, parent, group = fields.split()[:3]
        if state not in {"Z", "X"}:  # ended, and nobody has asked for the exit code
            yield int(folder.name), int(parent), int(group), name


def _from_ps() -> Iterator[tuple[int, int, int, str]]:
    columns = ["-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "stat=", "-o", "comm="]
    listing = subprocess.run(["ps", "-A", *columns], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        number, parent, group, state, command = line.split(maxsplit=4)
        if not state.startswith("Z"):
            yield int(number), int(parent), int(group), command
