import errno
import hashlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from helpers.mirror_server import MirrorServer, serving
from mnist_core.data.downloads import TIMEOUT, DownloadCancelled, DownloadFailed, download

FILES = {"images.gz": bytes(range(256)) * 400, "labels.gz": b"seven"}
NEVER = 3600.0
MD5 = {name: hashlib.md5(content).hexdigest() for name, content in FILES.items()}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MirrorServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(FILES) as mirror:
        yield mirror


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_fetches_every_file_into_a_new_folder(server: MirrorServer, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "mnist"

    download(MD5, [server.mirror("good")], folder)

    assert contents(folder) == FILES


@pytest.mark.parametrize("behaviour", ["good", "unsized"])
def test_progress_ends_at_the_whole_file(
    server: MirrorServer, tmp_path: Path, behaviour: str
) -> None:
    told: list[tuple[str, int, int | None]] = []

    download(MD5, [server.mirror(behaviour)], tmp_path, lambda *step: told.append(step))

    for name, content in FILES.items():
        steps = [step[1:] for step in told if step[0] == name]
        size = len(content)
        total = size if behaviour == "good" else None
        assert steps[0] == (0, total)
        assert steps[-1] == (size, total)
        assert steps == sorted(steps, key=lambda step: step[0])
    assert len(told) > 6


def test_what_is_there_is_not_fetched_again(server: MirrorServer, tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(FILES["images.gz"])

    download(MD5, [server.mirror("good")], tmp_path)

    assert server.requests == ["/good/labels.gz"]


def test_a_damaged_file_is_replaced(server: MirrorServer, tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(FILES["images.gz"][:-1])

    download(MD5, [server.mirror("good")], tmp_path)

    assert contents(tmp_path) == FILES


@pytest.mark.parametrize("behaviour", ["wrong", "half", "stalled", "silent", "missing"])
def test_the_next_mirror_helps_out_and_is_kept(
    server: MirrorServer, tmp_path: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = [server.mirror(behaviour), server.mirror("good")]
    send = HTTPAdapter.send

    def send_and_wait(self: HTTPAdapter, request: PreparedRequest, **how: Any) -> Response:
        # The good one may take its time.
        if f"/{behaviour}/" not in str(request.url):
            how["timeout"] = NEVER
        return send(self, request, **how)

    monkeypatch.setattr(HTTPAdapter, "send", send_and_wait)

    download(MD5, mirrors, tmp_path, timeout=(NEVER, 0.2))

    assert contents(tmp_path) == FILES
    assert server.requests == [f"/{behaviour}/images.gz", "/good/images.gz", "/good/labels.gz"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("wrong", "sent other content (its checksum is wrong)"),
        ("half", "broke off half way"),
        ("stalled", "could not be reached or stopped answering"),
        ("silent", "could not be reached or stopped answering"),
        ("missing", "answered 404 Not Found"),
    ],
)
def test_a_failed_download_says_why_and_leaves_nothing(
    server: MirrorServer, tmp_path: Path, behaviour: str, reason: str
) -> None:
    host = server.address.removeprefix("http://")
    timeout = (NEVER, 0.2) if behaviour in ("stalled", "silent") else TIMEOUT

    with pytest.raises(DownloadFailed) as caught:
        download(MD5, [server.mirror(behaviour)], tmp_path, timeout=timeout)

    assert str(caught.value).startswith(f"images.gz could not be downloaded ({host}: {reason}). ")
    assert contents(tmp_path) == {}


def test_each_mirror_is_named_with_its_reason(server: MirrorServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    mirrors = [f"http://127.0.0.1:{port}/", server.mirror("missing"), server.mirror("missing")]
    host = server.address.removeprefix("http://")

    with pytest.raises(DownloadFailed) as caught:
        download(MD5, mirrors, tmp_path)

    assert f"127.0.0.1:{port}: could not be reached" in str(caught.value)
    assert f"{host}, {host}: answered 404" in str(caught.value)


def test_cancelling_leaves_nothing_and_asks_no_other_mirror(
    server: MirrorServer, tmp_path: Path
) -> None:
    cancel = threading.Event()

    with pytest.raises(DownloadCancelled):
        download(
            MD5,
            [server.mirror("good"), server.mirror("good")],
            tmp_path,
            lambda *_: cancel.set(),
            cancel,
        )

    assert contents(tmp_path) == {}
    assert server.requests == ["/good/images.gz"]


def test_cancelled_before_the_start_asks_nobody(server: MirrorServer, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()

    with pytest.raises(DownloadCancelled):
        download(MD5, [server.mirror("good")], tmp_path, cancel=cancel)

    assert server.requests == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errno.ENOSPC, "labels.gz could not be saved in {}: the disk is full. Free some space"),
        (errno.EACCES, "labels.gz could not be saved in {}: permission denied."),
        (errno.EIO, "labels.gz could not be saved in {}: Input/output error."),
    ],
)
def test_a_disk_that_refuses_is_named_and_what_was_whole_stays(
    server: MirrorServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    reason: str,
) -> None:
    open_file = Path.open

    def open_for(path: Path, mode: str = "r", *rest: Any) -> Any:
        file = open_file(path, mode, *rest)
        if mode == "wb" and (tmp_path / "images.gz").exists():
            monkeypatch.setattr(Path, "open", open_file)
            return RefusingFile(file, OSError(error, os.strerror(error)))
        return file

    monkeypatch.setattr(Path, "open", open_for)

    with pytest.raises(DownloadFailed) as caught:
        download(MD5, [server.mirror("good"), server.mirror("good")], tmp_path)

    assert reason.format(tmp_path) in str(caught.value)
    assert contents(tmp_path) == {"images.gz": FILES["images.gz"]}
    assert len(server.requests) == 2


class RefusingFile:
    """A file whose writes fail."""

    def __init__(self, file: Any, error: OSError) -> None:
        self.file = file
        self.error = error

    def __enter__(self) -> "RefusingFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, _: bytes) -> None:
        raise self.error


def test_a_folder_that_may_not_be_written_is_named(
    server: MirrorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)

    with pytest.raises(DownloadFailed) as caught:
        download(MD5, [server.mirror("good")], tmp_path)

    assert f"images.gz could not be saved in {tmp_path}: permission denied." in str(caught.value)
    assert server.requests == []


def test_a_folder_that_cannot_be_made_is_named(server: MirrorServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DownloadFailed, match=r"could not be saved in .*file/cache: "):
        download(MD5, [server.mirror("good")], tmp_path / "file" / "cache")


def test_old_leftovers_of_killed_processes_go_and_fresh_ones_stay(
    server: MirrorServer, tmp_path: Path
) -> None:
    old, fresh = tmp_path / "tmpold", tmp_path / "tmpfresh"
    old.touch()
    fresh.touch()
    two_days_ago = time.time() - 48 * 3600
    os.utime(old, (two_days_ago, two_days_ago))

    download(MD5, [server.mirror("good")], tmp_path)

    assert set(contents(tmp_path)) == {"tmpfresh", *FILES}


def test_nothing_is_printed(
    server: MirrorServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images.gz").write_bytes(b"damaged")

    download(MD5, [server.mirror("wrong"), server.mirror("good")], tmp_path)

    assert capfd.readouterr() == ("", "")
