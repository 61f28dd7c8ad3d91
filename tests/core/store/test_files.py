"""Where output goes: to files whole, through everything else, and never into its place.

Nothing here names a device of the machine: what could replace one is tried on pipes and links.
"""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnist_core.store.files import STDOUT, is_stdout, write_output

CONTENT = b"step,loss\n" * 10


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A named pipe, and a descriptor that reads from it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield path, reader
    finally:
        os.close(reader)


def test_a_named_pipe_gets_the_content_and_stays_one(fifo: tuple[Path, int]) -> None:
    path, reader = fifo
    write_output(path, CONTENT)
    assert os.read(reader, 1000) == CONTENT
    assert path.is_fifo()
    assert list(path.parent.iterdir()) == [path]


def test_a_link_to_a_pipe_stays_a_link(fifo: tuple[Path, int]) -> None:
    path, reader = fifo
    link = path.with_name("link")
    link.symlink_to("pipe")
    write_output(link, CONTENT)
    assert os.read(reader, 1000) == CONTENT
    assert link.is_symlink()


@pytest.mark.parametrize("exists", [True, False])
def test_links_are_followed_to_their_file(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "elsewhere" / "run.csv"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
    (tmp_path / "second").symlink_to("elsewhere/run.csv")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    write_output(tmp_path / "first", CONTENT)
    assert target.read_bytes() == CONTENT
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "second").is_symlink()
    assert list(target.parent.iterdir()) == [target]


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write_output(tmp_path / "a", CONTENT)
    assert (tmp_path / "a").is_symlink()


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    with umask(0o027):
        write_output(tmp_path / "new", CONTENT)
    assert mode(tmp_path / "new") == 0o640


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    path.write_bytes(b"old")
    path.chmod(0o664)
    with umask(0o077):
        write_output(path, CONTENT)
    assert (mode(path), path.read_bytes()) == (0o664, CONTENT)


def test_a_file_that_may_not_be_written_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine"
    path.write_bytes(b"old")
    # Root may write everything, so the answer is given here.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError):
        write_output(path, CONTENT)
    assert path.read_bytes() == b"old"


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_output(tmp_path, CONTENT)


@pytest.mark.parametrize("name", [str(STDOUT), "/dev/stdout", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("appended", [True, False])
def test_standard_output_is_written_where_it_stands(
    tmp_path: Path, name: str, appended: bool
) -> None:
    if name.startswith("/proc") and sys.platform != "linux":
        pytest.skip("only Linux has it")
    (tmp_path / "link").symlink_to("/dev/stdout")
    path = tmp_path / "log"
    path.write_bytes(b"kept\n")
    with path.open("ab" if appended else "wb") as stdout:
        write_elsewhere(tmp_path / name, stdout=stdout.fileno())
    assert path.read_bytes() == b"kept\n" * appended + b"before\ncontent\nafter\n"


def test_standard_output_may_be_a_pipe(tmp_path: Path) -> None:
    assert write_elsewhere(STDOUT) == b"before\ncontent\nafter\n"


def write_elsewhere(path: Path, *, stdout: int = subprocess.PIPE) -> bytes:
    """Write to `path` in a process that also prints; what came out of a pipe."""
    code = (
        "import sys; from pathlib import Path; from mnist_core.store.files import write_output\n"
        "print('before', flush=True); write_output(Path(sys.argv[1]), b'content\\n')\n"
        "print('after')"
    )
    done = subprocess.run([sys.executable, "-c", code, path], stdout=stdout, check=True)
    return done.stdout or b""


def test_what_standard_output_is_called(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/fd/1")
    (tmp_path / "1").touch()
    assert is_stdout(STDOUT)
    assert is_stdout(tmp_path / "link")
    assert not is_stdout(tmp_path / "1")
    assert not is_stdout(Path("/dev/fd/2"))
    assert not is_stdout(Path("-"))


def test_a_descriptor_of_the_caller_is_written_to() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        write_output(Path(f"/dev/fd/{writer}"), CONTENT)
        assert os.read(reader, 1000) == CONTENT
    finally:
        os.close(reader)
        os.close(writer)


def test_a_file_that_this_process_has_open_is_no_place_for_output(tmp_path: Path) -> None:
    """The number may be that of the database, where the caller has opened nothing."""
    with (tmp_path / "runs.db").open("wb", buffering=0) as file:
        file.write(b"runs")
        with pytest.raises(OSError, match="Bad file descriptor"):
            write_output(Path(f"/dev/fd/{file.fileno()}"), CONTENT)
    assert (tmp_path / "runs.db").read_bytes() == b"runs"
