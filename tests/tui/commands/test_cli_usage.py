"""Wrong usage and the edges of the command line, without training."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from mnist_core.recipe.presets import presets
from mnist_tui.cli import make_app, run
from mnist_tui.runtime.output import EXIT_USAGE

HEAVY = {"mlx", "numpy", "textual", "plotext", "pooch", "requests"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["trian"], "There is no command 'trian' here. Did you mean train? See mnist-tui --help."),
        (["fly"], "There is no command 'fly' here. See mnist-tui --help."),
        (
            ["--data", "my digits", "train", "--epochs", "2"],
            "The command comes first, before its flags: "
            "mnist-tui train --data 'my digits' --epochs 2\n",
        ),
        (
            ["--home", "there", "--json", "runs", "list"],
            "its flags: mnist-tui runs list --home there --json\n",
        ),
        (["--transpose", "train"], "its flags: mnist-tui train --transpose\n"),
        (["--data", "train", "--lr", "1"], "no option --lr here. Did you mean --learning-rate?"),
        (["--home", "there", "fly"], "There is no command 'fly' here. See mnist-tui --help."),
        (["--home", "there", "config", "--home=here"], "--home is given more than once."),
        (["--lr", "1"], "There is no option --lr here. Did you mean --learning-rate?"),
        (["train", "--bs", "1"], "There is no option --bs here. Did you mean --batch-size?"),
        (["--theme", "nord"], "--theme here. It is a setting of the configuration file: mnist-tui"),
        (
            ["runs", "list", "--zzz"],
            "There is no option --zzz here.",
        ),
        (["train", "extra"], "'extra' is one value too many: every value follows its flag."),
        (["train", "--hidden-sizes", "32", "32"], "'32' is one value too many"),
        (["train", "--learnin-rate", "1"], "--learnin-rate here. Did you mean --learning-rate?"),
        (["train", "--epochs"], "--epochs needs a value (one that begins with a dash is written"),
        (["train", "--hidden-sizes", "-3,2"], "written --hidden-sizes=VALUE). See mnist-tui train"),
        (["train", "--epochs", "1", "--epochs", "2"], "--epochs is given more than once."),
        (["train", "--no-epochs"], "There is no option --no-epochs here."),
        (["train", "--change", "5"], "--change: '5' is no change: it takes STEP:FIELD=VALUE, such"),
        (["train", "--change", "5:seed=1"], "--change: Seed cannot change during a run; these can"),
        (["train", "--change", "5:dropout=2"], "--change: Dropout: '2' is not usable; it takes"),
        (
            ["train", "--change", "5:momentum=1e-3", "--optimizer", "adam"],
            "--change 5:momentum=0.001 has no effect here: adam has no momentum setting.",
        ),
        (["train", "--on-divergence", "pray"], "--on-divergence"),
        (["train", "--no-change", "1"], "There is no option --no-change here."),
        (["--readonly"], "There is no terminal to open the app in, and training without it keeps"),
        (["watch", "a", "b"], "'b' is one value too many"),
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


@pytest.mark.parametrize("home", [["--home", "a home"], ["--home=a home"]])
def test_home_may_stand_before_the_command(
    home: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*home, "runs", "list"]) == 0
    assert str(tmp_path / "a home") in "".join(capsys.readouterr())


def test_there_is_nothing_to_watch_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", "--home", str(tmp_path / "home")]) == 1
    told = capsys.readouterr().err
    assert f"mnist-tui runs list --home {tmp_path / 'home'} says how runs stand." in told
    assert not (tmp_path / "home").exists()


def test_too_many_seeds_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--seed", "4294967295", "--repeat", "2"]) == EXIT_USAGE
    assert "--repeat 2 counts the seed up too far." in capsys.readouterr().err


def commands(app: App, words: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """The words of each command, the program itself included."""
    yield list(words)
    for name in app:
        if not name.startswith("-"):
            yield from commands(app[name], (*words, name))


HELP = [[*words, "--help"] for words in commands(make_app())]


def test_every_command_is_among_those_whose_help_is_tried() -> None:
    some = [
        ["--help"],
        ["check", "--help"],
        ["data", "fetch", "--help"],
        ["runs", "list", "--help"],
    ]
    assert [each for each in some if each not in HELP] == []


def test_help_and_version_wait_for_nothing_heavy() -> None:
    """One process writes them all: what none of them imports, none imports alone."""
    commands = [*HELP, ["--version"], ["data"], ["runs"]]
    code = (
        "import sys\n"
        "from mnist_tui.cli import run\n"
        f"for arguments in {commands!r}:\n"
        "    code = run(arguments)\n"
        "    tops = {name.partition('.')[0] for name in sys.modules}\n"
        f"    print(code, sorted(tops & {HEAVY!r}), arguments, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stderr.splitlines() == [f"0 [] {arguments!r}" for arguments in commands]
    assert done.stdout.count("Usage: mnist-tui") >= len(HELP)
    assert "\x1b" not in done.stdout


def test_the_first_frame_waits_for_nothing_that_it_does_not_need() -> None:
    later = {"mlx", "plotext", "safetensors", "pooch", "textual_serve"}
    code = f"import sys, mnist_tui.app; print(sorted({later!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout == "[]\n"


def test_the_version_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    name, version = capsys.readouterr().out.split()
    assert name == "mnist-tui"
    assert version[0].isdecimal()


def reproducing_commands() -> list[str]:
    """The commands in the table of published results."""
    page = (Path(__file__).parents[3] / "docs" / "results.md").read_text(encoding="utf-8")
    section = page.partition("## Published results, reproduced")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[-1] for line in section.splitlines() if line.startswith("|")]
    return [found for cell in cells[2:] for found in re.findall("`([^`]+)`", cell)]


def test_the_table_of_published_results_holds_every_preset_and_race() -> None:
    found = " ".join(reproducing_commands())
    named = [f"train --preset {name} " for name in presets()]
    named += [f"bench --task {task} " for task in ("mlp", "linear", "logistic", "evaluations")]
    assert [each for each in named if each not in found] == []


@pytest.mark.parametrize("command", reproducing_commands())
def test_what_reproduces_a_published_result_is_a_command(command: str) -> None:
    app = make_app()
    words = command.split()
    function, *_ = app.parse_args(words)  # it raises for flags and values that do not exist
    assert function is app[words[0]].default_command
