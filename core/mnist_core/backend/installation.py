"""Whether MLX is installed in a way that works here, and what to do when it is not."""

import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from mnist_core.shell_commands import (
    PROGRAM,
    install_command,
    reinstall_command,
    replace_command,
)

_EXTRAS = {"mlx-cpu": "cpu", "mlx-cuda-12": "cuda12", "mlx-cuda-13": "cuda13"}
"""The packages that bring MLX's back ends on Linux, with our extras that install them."""

_OLDEST_GLIBC = (2, 35)


class BackendMissing(RuntimeError):  # noqa: N818 - names the state, as the events do
    """MLX, or the asked-for device of it, is not usable: a sentence that says what to do."""


def check_installation() -> None:
    """Find what is wrong with an installation of MLX that would import all the same.

    Raises:
        BackendMissing: two back ends of MLX are installed.
    """
    installed = installed_backends()
    if len(installed) > 1:
        raise BackendMissing(
            f"The packages {' and '.join(installed)} are both installed, and each overwrites files "
            f"of the other. To keep one, run: {replace_command(installed, _EXTRAS[installed[0]])}"
        )


def installed_backends() -> tuple[str, ...]:
    """Which of MLX's back ends for Linux are installed, as package names."""
    return tuple(package for package in _EXTRAS if package_version(package) is not None)


def package_version(package: str) -> str | None:
    """The installed version; None: it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def explain_import_error(
    error: ImportError, platform_name: str, machine: str, libc: str, installed: Sequence[str]
) -> str:
    """Why MLX cannot be imported and what to do, in sentences.

    Args:
        error: from the import of `mlx.core`.
        platform_name: as in `sys.platform`.
        machine: as from `platform.machine()`.
        libc: as from :func:`libc_version`.
        installed: as from :func:`installed_backends`.
    """
    if platform_name == "darwin" and machine != "arm64":
        return (
            "MLX needs Apple silicon, and this Python is built for Intel Macs. On a Mac with an "
            "M-series chip, use an arm64 Python; there is no MLX for Intel Macs."
        )
    if platform_name == "linux" and not _is_recent_glibc(libc):
        return (
            f"MLX's Linux wheels need glibc 2.35 or newer, and this system has {libc or 'none'}. "
            "Use a newer system, such as Ubuntu 22.04 or Debian 12."
        )
    if platform_name == "linux" and not installed:
        return (
            f"MLX has no back end here. Run {install_command('cpu')}, or with an NVIDIA GPU "
            f"{install_command('cuda12')} or {install_command('cuda13')}, for CUDA 12 or 13."
        )
    extra = _EXTRAS[installed[0]] if installed else ""
    return (
        f"MLX is installed but cannot be loaded ({error}). "
        f"Reinstall it: {reinstall_command(PROGRAM, extra)}"
    )


def explain_import_error_here(error: ImportError) -> str:
    """:func:`explain_import_error` for this machine."""
    return explain_import_error(
        error, sys.platform, platform.machine(), libc_version(), installed_backends()
    )


def libc_version() -> str:
    """Such as "glibc 2.36"; empty where the C library is not glibc."""
    names = getattr(os, "confstr_names", {})
    return (os.confstr("CS_GNU_LIBC_VERSION") or "") if "CS_GNU_LIBC_VERSION" in names else ""


def _is_recent_glibc(libc: str) -> bool:
    name, _, version = libc.partition(" ")
    numbers = version.split(".")[:2]
    return (
        name == "glibc"
        and all(number.isdecimal() for number in numbers)
        and tuple(int(number) for number in numbers) >= _OLDEST_GLIBC
    )
