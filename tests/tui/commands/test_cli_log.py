"""Tracebacks go to the log file, sentences to the user; and output that nobody takes."""

import io
import sys
import threading
from pathlib import Path

import pytest

from mnist_tui.runtime.log import log_path, log_uncaught_errors, unexpected_error, write_log
from mnist_tui.runtime.output import OutputLost, line_writer


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_the_log_is_in_the_home_that_was_asked_for(tmp_path: Path) -> None:
    assert log_path(tmp_path) == tmp_path / "mnist-tui.log"
    assert log_path(None).name == "mnist-tui.log"
    assert log_path(None).parent.name == "mnist-tui"


def test_entries_are_added_with_their_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mnist-tui.log"
    assert write_log(path, "first\n") == f"The details are in {path}."
    write_log(path, "second \udcff")
    lines = path.read_text().splitlines()
    assert [lines[1], lines[4]] == ["first", "second \\udcff"]
    assert lines[0].endswith("+00:00")


def test_a_log_that_cannot_be_written_is_said_and_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = write_log(tmp_path / "file" / "mnist-tui.log", "text")
    assert told.startswith("The details could not be written to ")


def test_an_error_without_words_is_told_by_its_type(tmp_path: Path) -> None:
    sentence = unexpected_error(raised(AssertionError()), tmp_path / "log")
    assert sentence.startswith("Something unexpected went wrong (AssertionError). The details")
    assert "Traceback" in (tmp_path / "log").read_text()


def test_an_uncaught_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_uncaught_errors(tmp_path / "log")
    error = raised(KeyError("a\nb"))
    sys.excepthook(type(error), error, error.__traceback__)
    told = capsys.readouterr().err
    assert told.startswith("mnist-tui: Something unexpected went wrong (KeyError: ")
    assert told.count("\n") == 1
    assert "Traceback" in (tmp_path / "log").read_text()


def test_an_uncaught_error_of_a_thread_is_only_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_uncaught_errors(tmp_path / "log")

    def fail() -> None:
        raise KeyError("in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "in a thread" in (tmp_path / "log").read_text()
    assert capsys.readouterr().err == ""


def test_lines_are_written_at_once() -> None:
    stream = io.StringIO()
    line_writer(stream)("text")
    assert stream.getvalue() == "text\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BrokenPipeError(32, "Broken pipe"), ""),
        (OSError(28, "No space left on device"), "The output could not be written: No space left"),
    ],
)
def test_output_that_cannot_be_written_is_told_apart(error: OSError, message: str) -> None:
    class Lost(io.StringIO):
        def flush(self) -> None:
            raise error

    with pytest.raises(OutputLost) as lost:
        line_writer(Lost())("text")
    assert str(lost.value).startswith(message)
    assert bool(str(lost.value)) == bool(message)
