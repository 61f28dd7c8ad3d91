"""Wrong usage and the edges of the command line, without training."""

import subprocess
import sys

import pytest

from mnist_tui.cli import EXIT_USAGE, run

HEAVY = {"mlx", "numpy", "textual", "plotext", "pooch", "requests"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["trian"], "There is no command 'trian' here. Did you mean train? See mnist-tui --help."),
        (["fly"], "There is no command 'fly' here. See mnist-tui --help."),
        (["--data", "x", "train"], "There is no command 'train' here."),
        (["train", "extra"], "'extra' is one value too many: every value follows its flag."),
        (["train", "--hidden-sizes", "32", "32"], "'32' is one value too many"),
        (["train", "--learnin-rate", "1"], "--learnin-rate. Did you mean --learning-rate?"),
        (["train", "--epochs"], "--epochs needs a value (one that begins with a dash is written"),
        (["train", "--hidden-sizes", "-3,2"], "written --hidden-sizes=VALUE). See mnist-tui train"),
        (["train", "--epochs", "1", "--epochs", "2"], "--epochs is given more than once."),
        (["train", "--no-epochs"], "Unknown option: --no-epochs."),
        (["data", "fetch"], "NAME needs a value. See mnist-tui data fetch --help."),
        (["data", "fetch", "emnist"], "There is no data set 'emnist' to fetch; choose one of"),
        (["data", "get", "mnist"], "See mnist-tui data --help."),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert run(arguments) == EXIT_USAGE
    output = capsys.readouterr()
    assert expected in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_too_many_seeds_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--seed", "4294967295", "--repeat", "2"]) == EXIT_USAGE
    assert "--repeat 2 counts the seed up too far." in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["bench", "--help"], ["data"]]
)
def test_help_and_version_wait_for_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from mnist_tui.cli import run\n"
        f"code = run({arguments!r})\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        f"print(code, sorted(tops & {HEAVY!r}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == "0 []\n"
    assert "\x1b" not in done.stdout


def test_the_version_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    name, version = capsys.readouterr().out.split()
    assert name == "mnist-tui"
    assert version[0].isdecimal()
