"""`mnist-tui config`, and what the file does to the other commands."""

import json
from pathlib import Path

import pytest

from mnist_core.recipe.presets import presets
from mnist_tui.cli import run
from mnist_tui.runtime.output import EXIT_USAGE
from mnist_tui.runtime.startup import LaunchOptions


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path))
    return tmp_path


def write(home: Path, text: str) -> None:
    (home / "config.toml").write_text(text, encoding="utf-8")


def test_it_says_what_is_in_force_and_from_where(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, '\ntheme = "nord"\npreset = "mlx-wide"\n[keys]\nhelp = ["F5", "?"]\n')
    assert run(["config", "--preset", "torch-sigmoid"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    lines = [line.split() for line in output.out.splitlines()]
    assert lines == [
        [str(home / "config.toml")],
        ["theme", "nord", "file,", "line", "2"],
        ["preset", "torch-sigmoid", "flag"],
        ["digits", "auto", "default"],
        ["smoothing", "0.9", "default"],
        ["when_done", "none", "default"],
        ["keys.help", "f5,", "?", "file,", "line", "5"],
    ]


def test_a_broken_file_is_said_on_stderr_and_by_the_exit_code(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, 'theme = "nord"\nsmoothing = 7\n')
    assert run(["config"]) == 1
    output = capsys.readouterr()
    assert "nord" in output.out
    assert output.err == (
        f"{home / 'config.toml'}, line 2: smoothing: 7 is not usable; it takes a number from 0 "
        "to 0.99.\n"
    )


def test_json_is_one_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, 'digits = "braille"\npresets = 1\n')
    assert run(["config", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["path"] == str(home / "config.toml")
    assert facts["exists"] is True
    assert facts["settings"]["digits"] == {"value": "braille", "from": "file", "line": 1}
    assert facts["settings"]["smoothing"] == {"value": 0.9, "from": "default", "line": None}
    assert "line 2: There is no setting 'presets'." in facts["problems"][0]


def test_a_file_that_is_not_there_is_no_problem(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["config"]) == 0
    assert "is not there; mnist-tui config --example prints one" in capsys.readouterr().out
    assert list(home.iterdir()) == []


def test_no_color_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run(["config"])
    assert "NO_COLOR is set" in capsys.readouterr().out


def test_the_example_can_be_put_in_the_files_place(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["config", "--example"]) == 0
    write(home, capsys.readouterr().out)
    assert run(["config"]) == 0
    assert capsys.readouterr().err == ""


def test_an_unknown_preset_is_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--preset", "x"]) == EXIT_USAGE
    assert "There is no preset 'x'" in capsys.readouterr().err


def test_training_starts_from_the_files_preset_unless_a_flag_names_one(
    home: Path, launched: list[LaunchOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, 'preset = "mlx-wide"\ntheme = "none of its business"\n')
    assert run(["train"]) == 0
    assert run(["train", "--preset", "mlx-docs"]) == 0
    assert [options.preset for options in launched] == ["mlx-wide", "mlx-docs"]
    assert launched[0].recipes[0] == presets()["mlx-wide"].hyperparameters
    assert capsys.readouterr().err == ""


def test_a_run_that_is_resumed_has_its_own_values(
    home: Path, launched: list[LaunchOptions]
) -> None:
    write(home, 'preset = "mlx-wide"\n')
    assert run(["train", "--resume", "abc"]) == 0
    assert launched[0].preset == "mlx-docs"


def test_a_broken_preset_does_not_keep_training_from_starting(
    home: Path, launched: list[LaunchOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, 'preset = "mlx"\n')
    assert run(["train"]) == 0
    assert launched[0].preset == "mlx-docs"
    assert "line 1: preset: 'mlx' is not usable" in capsys.readouterr().err
    assert run(["train", "--preset", "mlx-wide"]) == 0
    assert capsys.readouterr().err == ""


def test_completion_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "--install-completion" in capsys.readouterr().out


def test_the_completion_of_bash_knows_commands_and_flags() -> None:
    from mnist_tui.cli import make_app

    script = make_app().generate_completion(shell="bash")
    for word in ("train", "config", "--learning-rate", "--preset"):
        assert word in script
