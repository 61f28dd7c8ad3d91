"""Fetching files from mirrors, verified by checksum, by way of pooch.

A file appears under its final name only when it is whole and its checksum is right: pooch writes
to a temporary name in the same folder, verifies, and renames.
"""

import errno
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pooch  # type: ignore[import-untyped]
import requests

from mnist_core.user_folders import make_private

Progress = Callable[[str, int, int | None], None]
"""Told of every block: file name, bytes done, bytes in all (None when the server does not say)."""

TIMEOUT = (5.0, 15.0)
"""Seconds to wait for a connection, and for the next bytes."""

_BLOCK = 1 << 14
_LEFTOVER_AGE = 24 * 3600.0


class DownloadFailed(Exception):  # noqa: N818 - a past-tense fact, like the events
    """A file could not be fetched or saved, as a sentence."""


class DownloadCancelled(Exception):  # noqa: N818 - a request was obeyed, not an error
    """The caller's event was set; nothing of the unfinished file is left."""


def download(
    files: Mapping[str, str],
    mirrors: Sequence[str],
    folder: Path,
    progress: Progress | None = None,
    cancel: Event | None = None,
    timeout: tuple[float, float] = TIMEOUT,
) -> None:
    """Make `folder` hold `files`, given as {file name: MD5 in hex}; those that it has are kept.

    Each file is asked of the `mirrors` (addresses that end in a slash) in turn, first of the one
    that served the file before. `cancel` is obeyed before each connection and each block, so
    within the `timeout` (connect, read) in seconds when a server is silent.

    Raises:
        DownloadFailed: when no mirror gave a file, or `folder` cannot take it.
        DownloadCancelled: when `cancel` was set.
    """
    # Its messages at a lower level go to stderr, where they would wreck the screen.
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        make_private(folder)
    except OSError as error:
        raise DownloadFailed(_not_saved(next(iter(files)), folder, error)) from error
    _remove_leftovers(folder)
    order = list(mirrors)
    for name, md5 in files.items():
        served = _from_any(order, name, md5, folder, _Stream(name, progress, cancel, timeout))
        order.sort(key=lambda mirror: mirror != served)


@dataclass(frozen=True, slots=True)
class _Stream:
    """What pooch calls to get one address into one file."""

    name: str
    progress: Progress | None
    cancel: Event | None
    timeout: tuple[float, float]

    def __call__(self, url: str, output: str, _pooch: object) -> None:
        self._obey_cancel()
        # A server that unpacks gzip on the way would change the checksum.
        headers = {"Accept-Encoding": "identity"}
        with (
            requests.get(url, stream=True, timeout=self.timeout, headers=headers) as response,
            Path(output).open("wb") as file,
        ):
            response.raise_for_status()
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
            done = 0
            self._tell(done, total)
            for block in response.iter_content(_BLOCK):
                self._obey_cancel()
                file.write(block)
                done += len(block)
                self._tell(done, total)

    def _tell(self, done: int, total: int | None) -> None:
        if self.progress is not None:
            self.progress(self.name, done, total)

    def _obey_cancel(self) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise DownloadCancelled


def _from_any(mirrors: Sequence[str], name: str, md5: str, folder: Path, stream: _Stream) -> str:
    """The mirror that gave the file."""
    hosts: dict[str, list[str]] = {}
    cause: Exception | None = None
    for mirror in mirrors:
        try:
            pooch.retrieve(mirror + name, f"md5:{md5}", name, folder, downloader=stream)
            return mirror
        except requests.RequestException as error:
            reason, cause = _reason(error), error
        except ValueError as error:  # how pooch reports a checksum that differs
            reason, cause = "sent other content (its checksum is wrong)", error
        except OSError as error:
            raise DownloadFailed(_not_saved(name, folder, error)) from error
        hosts.setdefault(reason, []).append(urlsplit(mirror).netloc)
    told = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in hosts.items())
    raise DownloadFailed(
        f"{name} could not be downloaded ({told}). Check the network and try again."
    ) from cause


def _reason(error: requests.RequestException) -> str:
    match error:
        case requests.HTTPError(response=requests.Response() as response):
            return f"answered {response.status_code} {response.reason}"
        case requests.exceptions.ChunkedEncodingError():
            return "broke off half way"
        case requests.exceptions.SSLError():
            return "has no certificate that this machine trusts"
        case requests.exceptions.ProxyError():
            return "could not be reached through the proxy"
        case requests.ConnectionError() | requests.Timeout():
            return "could not be reached or stopped answering"
        case _:
            return f"failed with {type(error).__name__}"


def _not_saved(name: str, folder: Path, error: OSError) -> str:
    told = f"{name} could not be saved in {folder}: "
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return told + "the disk is full. Free some space there and try again."
    # pooch raises a PermissionError of its own, without an error number.
    if isinstance(error, PermissionError):
        return told + "permission denied. Make that folder writable and try again."
    return told + f"{error.strerror or error}."


def _remove_leftovers(folder: Path) -> None:
    """Delete the temporary files of processes that were killed a day ago or earlier."""
    # They do no harm, so a folder that does not let go of them is left as it is.
    with suppress(OSError):
        for path in folder.glob("tmp*"):
            if path.stat().st_mtime < time.time() - _LEFTOVER_AGE:
                path.unlink()
