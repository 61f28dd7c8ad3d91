"""`mnist-tui config`: where the configuration file is, and what is in force."""

import json
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from mnist_core.shell_commands import own_command
from mnist_tui.commands.flags import (
    HYPERPARAMETERS,
    Home,
    check_preset,
    home_folder,
    log_in_home,
    switch,
)
from mnist_tui.runtime.output import EXIT_DONE, EXIT_FAILED, line_writer
from mnist_tui.settings.config import Config, ConfigFile, config_path, read_config, settings
from mnist_tui.text.visible_text import in_columns, visible


def config(
    *,
    home: Home = None,
    preset: Annotated[
        str | None,
        Parameter(
            group=HYPERPARAMETERS,
            metavar="NAME",
            help="As for the app, where it wins over the file.",
            show_default=False,
        ),
    ] = None,
    example: Annotated[
        bool, switch("Write an example of the file, with every setting and every command in it.")
    ] = False,
    json: Annotated[bool, switch("Write one JSON object.")] = False,
) -> int:
    """Say where the configuration file is, and which settings are in force and why.

    Ends with 0, with 1 when something in the file cannot be used, with 2 for wrong usage.
    """
    log_in_home(home)
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    if example:
        write(example_text())
        return EXIT_DONE
    if preset is not None:
        check_preset(preset)
    found = read_config(config_path(home_folder(home)))
    values = list(settings_in_force(found, {} if preset is None else {"preset": preset}))
    if json:
        write(_json(found, values))
    else:
        for line in _lines(found, values):
            write(line)
    for problem in found.problems:
        write_error(problem)
    return EXIT_FAILED if found.problems else EXIT_DONE


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting's value, and who decided it."""

    name: str
    value: str | float
    source: str
    """default, file or flag."""
    line: int | None = None
    """Of the file, from 1."""


def settings_in_force(found: ConfigFile, flags: Mapping[str, str]) -> Iterator[SettingInForce]:
    """Every setting with its value; the other keys that commands were given one by one.

    `flags` are settings that a flag decides.
    """
    from mnist_tui.settings.keys import shown_key

    for name in settings():
        if name == "keys":
            continue
        if name in flags:
            yield SettingInForce(name, flags[name], "flag")
            continue
        line = found.lines.get(name)
        source = "default" if line is None else "file"
        yield SettingInForce(name, getattr(found.config, name), source, line)
    for command, keys in found.config.keys.items():
        name = f"keys.{command}"
        shown = ", ".join(map(shown_key, keys))
        yield SettingInForce(name, shown, "file", found.lines[name])


def _lines(found: ConfigFile, values: list[SettingInForce]) -> Iterator[str]:
    path = visible(str(found.path))
    if found.path.exists():
        yield path
    else:
        yield f"{path} is not there; {own_command('config', '--example')} prints one to start from."
    rows = [
        (
            value.name,
            f"{value.value:g}" if isinstance(value.value, float) else value.value,
            f"{value.source}, line {value.line}" if value.line else value.source,
        )
        for value in values
    ]
    for line in in_columns(rows):
        yield f"  {line}"
    if os.environ.get("NO_COLOR"):
        yield "NO_COLOR is set: the theme's colours are not shown."


def _json(found: ConfigFile, values: list[SettingInForce]) -> str:
    facts = {
        "path": str(found.path),
        "exists": found.path.exists(),
        "settings": {
            value.name: {"value": value.value, "from": value.source, "line": value.line}
            for value in values
        },
        "problems": found.problems,
    }
    return json.dumps(facts)


def example_text() -> str:
    """A file that changes nothing until its comment signs are taken away."""
    from mnist_tui.settings.keys import KEYS, shown_key
    from mnist_tui.settings.themes import theme_names

    lines = [
        "# The settings of mnist-tui. Every one has its default here; take away the # to change",
        "# it. mnist-tui config says where this file belongs, and what is wrong with it.",
    ]
    for name, text in settings().items():
        if name == "keys":
            continue
        lines += ["", *_comment(text)]
        if name == "theme":
            lines += _comment(f"Themes: {', '.join(theme_names())}.")
        lines.append(f"# {name} = {_toml(getattr(Config(), name))}")
    lines += ["", *_comment(settings()["keys"]), "[keys]"]
    # Each once, also those that have keys on several screens.
    commands = {key.name: key for key in reversed(KEYS)}
    for key in reversed(commands.values()):
        characters = [shown if len(shown := shown_key(k)) == 1 else k for k in key.keys]
        lines.append(f"# {key.name} = {_toml(characters)}  # {key.help}")
    return "\n".join(lines)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 96, break_on_hyphens=False)]


def _toml(value: Any) -> str:
    # A JSON string, number or list of strings is one in TOML too.
    return json.dumps(value, ensure_ascii=False)
