"""The configuration file as it is read: values, lines, and what is broken in it."""

from pathlib import Path

import pytest

from mnist_core.recipe.presets import DEFAULT_PRESET
from mnist_tui.charts.view import SMOOTHING
from mnist_tui.commands.config import example_text
from mnist_tui.settings.config import Config, config_path, read_config, settings
from mnist_tui.settings.keys import KEYS
from mnist_tui.settings.rebinding import command_names
from mnist_tui.settings.themes import DARK


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    """The sentences without the path."""
    path = written(folder, text)
    found = read_config(path).problems
    assert all(problem.startswith(str(path)) for problem in found)
    return [problem.removeprefix(f"{path}, ") for problem in found]


def test_the_defaults_are_those_of_the_app() -> None:
    assert Config() == Config(
        theme=DARK.name,
        preset=DEFAULT_PRESET,
        digits="auto",
        smoothing=SMOOTHING,
        when_done="none",
        keys={},
    )


def test_every_setting_has_a_help() -> None:
    assert set(settings()) == set(Config.model_fields)
    assert all(text.endswith(".") for text in settings().values())


def test_a_file_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    found = read_config(tmp_path / "none" / "config.toml")
    assert found.config == Config()
    assert found.problems == ()


def test_the_file_decides_what_it_names(tmp_path: Path) -> None:
    text = 'smoothing = 0\ntheme = "nord"\n\n[keys]\nrun = ["a", "ctrl+a"]\nhelp = "F5"\n'
    found = read_config(written(tmp_path, text))
    assert found.problems == ()
    assert found.config == Config(
        theme="nord", smoothing=0.0, keys={"run": ("a", "ctrl+a"), "help": ("f5",)}
    )
    assert found.lines == {"smoothing": 1, "theme": 2, "keys.run": 5, "keys.help": 6}


def test_dotted_and_quoted_names_are_found_too(tmp_path: Path) -> None:
    found = read_config(written(tmp_path, '# keys\n"theme" = "nord"\nkeys.run = "a"\n'))
    assert found.lines == {"theme": 2, "keys.run": 3}


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbftheme = "nord"\r\nsmoothing = 0.5\r\n')
    found = read_config(path)
    assert found.problems == ()
    assert found.lines == {"theme": 1, "smoothing": 2}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('theme = "norrd"', "line 1: theme: 'norrd' is not usable; it takes one of the names"),
        ('\npreset = "mlx"', "line 2: preset: 'mlx' is not usable; it takes one of mlx-docs, "),
        (
            'digits = "dots"',
            "line 1: digits: 'dots' is not usable; it takes one of auto, ascii",
        ),
        ("digits = 3", "line 1: digits: 3 is not usable"),
        ("smoothing = 1", "line 1: smoothing: 1 is not usable; it takes a number from 0 to 0.99."),
        ("smoothing = true", "line 1: smoothing: true is not usable"),
        ("smoothing = nan", "line 1: smoothing: nan is not usable"),
        ("\n\ncolour = 1", "line 3: There is no setting 'colour'."),
        ('themes = "nord"', "line 1: There is no setting 'themes'. Did you mean theme?"),
        ("keys = 3", "line 1: keys is a table"),
        ('[keys]\nrunn = "x"', "line 2: There is no command 'runn'. Did you mean run?"),
        ("[keys]\nrun = 3", "line 2: run: 3 is not usable; it takes a key"),
        ("[keys]\nrun = []", "line 2: run: [] is not usable"),
        ('[keys]\nrun = "xx"', "line 2: run: 'xx' names no key."),
        ('[keys]\n\nrun = "q"', "line 3: run keeps its key: q is the key of quit."),
        ('[keys]\nrun = "j"', "line 2: run keeps its key: j moves in tables and fields"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_the_rest_is_used(
    tmp_path: Path, text: str, sentence: str
) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(sentence)
    assert read_config(tmp_path / "config.toml").config == Config()
    with_more = written(tmp_path, f'preset = "mlx-wide"\n{text}')
    if "preset" not in text:
        assert read_config(with_more).config == Config(preset="mlx-wide")


@pytest.mark.parametrize("line", [" " * 50_000 + "x", "[" + " " * 50_000, "x " * 25_000])
def test_a_long_line_in_a_text_takes_no_longer_than_others(tmp_path: Path, line: str) -> None:
    (found,) = problems(tmp_path, f'theme = """\n{line}\n"""\nsmoothing = 0.5\n')
    assert found.startswith("line 1: theme: ")
    assert read_config(tmp_path / "config.toml").lines["smoothing"] == 4


def test_long_names_are_cut_in_sentences(tmp_path: Path) -> None:
    long = "x" * 5000
    for text in (f"{long} = 1", f'[keys]\n{long} = "x"', f'[keys]\nrun = "{long}"'):
        (found,) = problems(tmp_path, text)
        assert "xxx..." in found or "xxx…" in found
        assert len(found) < 400


def test_all_problems_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    found = problems(tmp_path, 'smoothing = 2\n[keys]\nfoo = "x"\nrun = ""\n')
    assert [sentence.partition(":")[0] for sentence in found] == ["line 1", "line 3", "line 4"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('theme = "nord"\nsmoothing =', "line 2: this is not TOML: Invalid value"),
        ("theme = nord", "line 1: this is not TOML"),
        ('theme = "a"\ntheme = "b"', "line 2: this is not TOML: Cannot overwrite a value"),
        ("a = " + "[" * 5000, "this is not TOML"),
        ("smoothing = " + "1" * 5000, "this is not TOML: A number has too many digits"),
    ],
)
def test_what_is_no_toml_is_not_used_at_all(tmp_path: Path, text: str, where: str) -> None:
    (found,) = read_config(written(tmp_path, text)).problems
    assert where in found
    assert found.endswith("Nothing in the file is used.")
    assert read_config(tmp_path / "config.toml").config == Config()


def test_what_is_no_text_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'theme = "nord"\npreset = "\xff"\n')
    assert read_config(path).problems == (
        f"{path}, line 2: This is not UTF-8 text. Save the file as UTF-8.",
    )


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    (found,) = read_config(tmp_path / "config.toml").problems
    assert found == f"{tmp_path / 'config.toml'} cannot be read: Is a directory."


def test_values_from_the_file_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, '"\\u001b[31m" = 1')
    assert "\x1b" not in found


def test_only_what_is_asked_for_is_looked_at(tmp_path: Path) -> None:
    path = written(tmp_path, 'theme = "x"\npreset = "mlx-wide"\n[keys]\nrun = 3\n')
    found = read_config(path, only=("preset",))
    assert found.problems == ()
    assert found.config == Config(preset="mlx-wide")


def test_the_file_is_in_the_home_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config_path(tmp_path) == tmp_path / "config.toml"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_path(None).parts[-2:] == ("mnist-tui", "config.toml")


def test_the_example_changes_nothing_and_names_everything(tmp_path: Path) -> None:
    found = read_config(written(tmp_path, example_text()))
    assert found.problems == ()
    assert found.config == Config()


def test_the_example_gives_the_defaults_without_its_comment_signs(tmp_path: Path) -> None:
    lines = example_text().split("\n")
    names = (*settings(), *command_names())
    bare = [
        line.removeprefix("# ") if line.removeprefix("# ").split(" = ")[0] in names else line
        for line in lines
    ]
    found = read_config(written(tmp_path, "\n".join(bare)))
    assert found.problems == ()
    first = {key.name: key.keys for key in reversed(KEYS)}
    assert found.config == Config(keys=first)
    assert set(found.lines) == {*settings(), *(f"keys.{name}" for name in command_names())} - {
        "keys"
    }
