"""The files of compiled kernels: which are damaged, and which are known to be whole.

MLX loads each kernel that has its name, whatever it holds. One that a crash of the machine or a
full disk has cut short cannot be loaded or, worse, ends the process with a bus error when it is.
"""

import hashlib
import json
import os
import struct
import tempfile
from pathlib import Path

KERNELS = "mlx/*/cpu/lib*.so"
"""In a folder of kernels; MLX gives them these names once they are complete."""

_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_ELF_HEADER = struct.Struct("<6s34xQ10xHH2x")
"""Kind, offset of the section table, size of an entry, number of entries."""


def discard_damaged(folder: Path) -> None:
    """Remove the kernels in `folder` that are cut short.

    Raises:
        OSError: one cannot be read or removed.
    """
    for kernel in folder.glob(KERNELS):
        if _is_cut_short(kernel):
            kernel.unlink(missing_ok=True)


def _is_cut_short(kernel: Path) -> bool:
    """Whether its end is missing: there linkers put the section table."""
    try:
        with kernel.open("rb") as file:
            header = file.read(_ELF_HEADER.size)
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return False
    if len(header) < _ELF_HEADER.size:
        return True
    kind, table, entry_size, entries = _ELF_HEADER.unpack(header)
    return bool(kind != _ELF64_LITTLE_ENDIAN or size < table + entry_size * entries)


def vouch(marker: Path) -> None:
    """Write into `marker` which kernels of its folder this process has loaded, and what they are.

    Raises:
        OSError: it cannot be written.
    """
    folder, files = marker.parent, _loaded_files()
    loaded = {
        str(path.relative_to(folder)): _digest(path)
        for path in folder.glob(KERNELS)
        if str(path) in files
    }
    number, made = tempfile.mkstemp(prefix="making-", dir=folder)
    with os.fdopen(number, "w") as file:
        json.dump(loaded, file)
    Path(made).replace(marker)


def all_whole(marker: Path) -> bool:
    """Whether the kernels that `marker` names are what they were; one that is not is removed.

    Raises:
        OSError: a file is there, but cannot be read or removed.
    """
    try:
        digests = dict(json.loads(marker.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):  # none, or of an older version, or damaged
        return False
    # Each is looked at, so that each that is damaged goes.
    whole = [_is_whole(marker.parent / name, digest) for name, digest in digests.items()]
    return all(whole)


def _is_whole(kernel: Path, digest: object) -> bool:
    try:
        whole = _digest(kernel) == digest
    except FileNotFoundError:
        return False
    if not whole:
        kernel.unlink(missing_ok=True)
    return whole


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _loaded_files() -> set[str]:
    """The files that are part of this process; Linux alone tells."""
    lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    return {line.split(maxsplit=5)[-1] for line in lines}
