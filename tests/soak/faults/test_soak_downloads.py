"""Downloads that break off, are killed or are two of one file: whole files or none."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.mirror_server import MirrorServer, serving
from helpers.training_process import PATIENCE

Repeats = Callable[[int, int], int]
Tally = Callable[..., None]

FETCH = """
from dataclasses import replace
from mnist_core.data import registry
mnist = replace(registry.PUBLISHED["mnist"], mirrors={mirrors!r}, md5={md5!r})
registry.PUBLISHED = {{**registry.PUBLISHED, "mnist": mnist}}
import sys
sys.argv = ["mnist-tui", "data", "fetch", "mnist"]
from mnist_tui.cli import main
main()
"""
"""`mnist-tui data fetch mnist`, from mirrors on this machine."""
NAMES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
         "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # fmt: skip


class Fetch:
    """The command as a process, with a cache of its own or a shared one."""

    def __init__(self, digits: Path, cache: Path, *mirrors: str) -> None:
        md5 = tuple(hashlib.md5((digits / name).read_bytes()).hexdigest() for name in NAMES)
        self.process = subprocess.Popen(
            [sys.executable, "-c", FETCH.format(mirrors=mirrors, md5=md5)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        )

    def end(self) -> tuple[int, str]:
        """The exit code, and what it said."""
        said, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


def files_of(digits: Path) -> dict[str, bytes]:
    return {name: (digits / name).read_bytes() for name in NAMES}


def unsound(digits: Path, cache: Path, *, whole: bool, leftovers: int = 0) -> list[str]:
    """What is wrong with the downloaded files, of which `whole` says that all must be there."""
    wrong, files = list[str](), files_of(digits)
    found = {path.name: path for path in cache.rglob("*") if path.is_file()}
    for name, content in files.items():
        if name in found and found[name].read_bytes() != content:
            wrong.append(f"{name} is not whole")
        if whole and name not in found:
            wrong.append(f"{name} is missing")
    left = [name for name in found if name.startswith("tmp")]
    if len(left) > leftovers:
        wrong.append(f"left {left}")
    return wrong


@pytest.mark.soak
@pytest.mark.parametrize("behaviour", ["half", "wrong", "missing", "cut"])
def test_the_network_goes_in_mid_download(
    behaviour: str, digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    lost, count = list[str](), repeats(1, 5)
    with serving(files_of(digits)) as server:
        for attempt in range(count):
            cache = tmp_path / str(attempt)
            fetch = Fetch(digits, cache, server.mirror(behaviour), server.mirror("half"))
            code, said = fetch.end()
            if code != 1 or "Traceback" in said or "Check the network and try again" not in said:
                lost.append(f"{code}: {said}")
            lost += unsound(digits, cache, whole=False)
            code, said = Fetch(digits, cache, server.mirror("good")).end()
            if code:
                lost.append(f"again: {said}")
            lost += unsound(digits, cache, whole=True)
    assert lost == []
    tally(f"downloads that break off ({behaviour})", count, len(lost))


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_download_that_is_ended(
    number: signal.Signals, digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """In the middle of a file; the next one begins anew."""
    moments, lost, count = random.Random(9), list[str](), repeats(1, 8)
    for attempt in range(count):
        cache = tmp_path / str(attempt)
        with serving(files_of(digits)) as server:
            fetch = Fetch(digits, cache, server.mirror("slow"))
            wait_for_request(server, fetch)
            time.sleep(moments.uniform(0, 0.5))
            fetch.process.send_signal(number)
            code, said = fetch.end()
            killed = number is signal.SIGKILL
            # It may have been done already.
            if code not in (0, -signal.SIGKILL if killed else 130) or "Traceback" in said:
                lost.append(f"{code}: {said}")
            lost += unsound(digits, cache, whole=False, leftovers=int(killed))
            code, said = Fetch(digits, cache, server.mirror("good")).end()
            if code:
                lost.append(f"again: {said}")
            lost += unsound(digits, cache, whole=True, leftovers=int(killed))
    assert lost == []
    tally(f"downloads that are ended ({number.name})", count, len(lost))


@pytest.mark.soak
def test_several_downloads_of_one_file(
    digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    lost, count = list[str](), repeats(1, 6)
    for attempt in range(count):
        cache = tmp_path / str(attempt)
        with serving(files_of(digits)) as server:
            fetches = [Fetch(digits, cache, server.mirror("slow")) for _ in range(4)]
            for fetch in fetches:
                code, said = fetch.end()
                if code:
                    lost.append(f"{code}: {said}")
        lost += unsound(digits, cache, whole=True)
    assert lost == []
    tally("four downloads of one file", count, len(lost))


def wait_for_request(server: MirrorServer, fetch: Fetch) -> None:
    """Until something has been asked for."""
    deadline = time.monotonic() + PATIENCE
    while not server.requests:
        assert fetch.process.poll() is None, fetch.end()
        assert time.monotonic() < deadline
        time.sleep(0.01)
