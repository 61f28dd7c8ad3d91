"""`mnist-tui config`: where the configuration file is, and what is in force."""

import json
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mnist_tui.commands.headless import EXIT_DONE, EXIT_FAILED
from mnist_tui.runtime.output import line_writer
from mnist_tui.settings.config import Config, ConfigFile, settings
from mnist_tui.settings.keys import KEYS, Key, shown_key
from mnist_tui.settings.themes import theme_names
from mnist_tui.text.visible_text import visible


@dataclass(frozen=True, slots=True)
class InForce:
    """A value, and who decided it."""

    name: str
    value: str | float
    source: str
    """default, file or flag."""
    line: int | None = None
    """Of the file, from 1."""


def show_config(found: ConfigFile, flags: Mapping[str, str], *, as_json: bool = False) -> int:
    """Print the file's place, what is in force, and on stderr what is broken.

    `flags` are settings that a flag decides. Returns 0, or 1 when the file is broken.
    """
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    values = list(in_force(found, flags))
    if as_json:
        write(_json(found, values))
    else:
        for line in _lines(found, values):
            write(line)
    for problem in found.problems:
        write_error(problem)
    return EXIT_FAILED if found.problems else EXIT_DONE


def show_example() -> int:
    """Print a file that sets every setting to its default, each in a comment."""
    line_writer(sys.stdout)(example())
    return EXIT_DONE


def in_force(found: ConfigFile, flags: Mapping[str, str]) -> Iterator[InForce]:
    """Every setting with its value; the other keys that commands were given one by one."""
    for name in settings():
        if name == "keys":
            continue
        if name in flags:
            yield InForce(name, flags[name], "flag")
        elif name in found.lines:
            yield InForce(name, getattr(found.config, name), "file", found.lines[name])
        else:
            yield InForce(name, getattr(found.config, name), "default")
    for command, keys in found.config.keys.items():
        name = f"keys.{command}"
        yield InForce(name, ", ".join(map(shown_key, keys)), "file", found.lines[name])


def _lines(found: ConfigFile, values: list[InForce]) -> Iterator[str]:
    path = visible(str(found.path))
    if found.path.exists():
        yield path
    else:
        yield f"{path} is not there; mnist-tui config --example prints one to start from."
    names = max(len(value.name) for value in values)
    shown = max(len(_text(value)) for value in values)
    for value in values:
        source = f"{value.source}, line {value.line}" if value.line else value.source
        yield f"  {value.name:<{names}}  {_text(value):<{shown}}  {source}"
    if os.environ.get("NO_COLOR"):
        yield "NO_COLOR is set: the theme's colours are not shown."


def _text(value: InForce) -> str:
    return f"{value.value:g}" if isinstance(value.value, float) else value.value


def _json(found: ConfigFile, values: list[InForce]) -> str:
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


def example() -> str:
    """The text of a file that changes nothing until its comment signs are taken away."""
    lines = [
        "# The settings of mnist-tui. Every one has its default here; take away the # to change",
        "# it. mnist-tui config says where this file belongs, and what is wrong with it.",
    ]
    for name, about in settings().items():
        if name == "keys":
            continue
        lines += ["", *_comment(about.help)]
        if name == "theme":
            lines += _comment(f"Themes: {', '.join(theme_names())}.")
        lines.append(f"# {name} = {_toml(getattr(Config(), name))}")
    lines += ["", *_comment(settings()["keys"].help), "[keys]"]
    for key in _commands():
        lines.append(f"# {key.name} = {_toml([_toml_key(k) for k in key.keys])}  # {key.help}")
    return "\n".join(lines)


def _commands() -> Iterator[Key]:
    """Each command once."""
    named = {key.name: key for key in reversed(KEYS)}
    yield from reversed(named.values())


def _toml_key(key: str) -> str:
    character = shown_key(key)
    return character if len(character) == 1 else key


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 96, break_on_hyphens=False)]


def _toml(value: Any) -> str:
    # A JSON string, number or list of strings is one in TOML too.
    return json.dumps(value, ensure_ascii=False)
