"""The configuration file: what a user sets once and for all. It is only ever read."""

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)
from pydantic_core import ErrorDetails

from mnist_core.recipe.presets import DEFAULT_PRESET, presets
from mnist_core.shell_commands import own_command
from mnist_core.user_folders import user_folder
from mnist_tui.runtime.done_signal import WHEN_DONE, WhenDone
from mnist_tui.text.picture_style import PICTURE_STYLES
from mnist_tui.text.visible_text import visible

FILE_NAME = "config.toml"
AUTO = "auto"
"""What `digits` is where the user leaves the style to the app."""

# What reads a value raises ValueError with a sentence that says why a setting does not take it.


def _choice(names: Callable[[], Collection[str]], value: object) -> str:
    if isinstance(value, str) and value in names():
        return value
    # A long list would hide the sentence.
    listed = f"the names that {own_command('config', '--example')} lists"
    known = f"one of {', '.join(names()) if len(names()) < 10 else listed}"
    meant = _meant(str(value), names())
    raise ValueError(f"{_shown(value)} is not usable; it takes {known}.{meant}")


def _theme_names() -> Collection[str]:
    # Textual is imported only for a file that chooses a theme, as it takes a while.
    from mnist_tui.settings.themes import theme_names

    return theme_names()


def _share(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 0.99:
        return float(value)
    raise ValueError(f"{_shown(value)} is not usable; it takes a number from 0 to 0.99.")


def _command(name: str) -> str:
    from mnist_tui.settings.rebinding import command_names

    if name not in command_names():
        raise ValueError(_unknown("command", name, command_names()))
    return name


def _keys_named(value: object) -> tuple[str, ...]:
    from mnist_tui.settings.rebinding import key_named

    if isinstance(value, tuple):
        return value  # not from a file: these are Textual's names already
    keys = []
    for text in (value or [None]) if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            raise ValueError(
                f'{_shown(value)} is not usable; it takes a key such as "x", or a list of keys.'
            )
        keys.append(key_named(text))
    return tuple(keys)


class Config(BaseModel):
    """Every setting, declared once: default, help, and what it takes. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    theme: Annotated[
        str,
        PlainValidator(partial(_choice, _theme_names)),
        Field(
            description="The colours. laboratory-dark, laboratory-light, okabe-ito-dark and "
            "okabe-ito-light (for every kind of colour vision), or one of Textual's own."
        ),
    ] = "laboratory-dark"
    preset: Annotated[
        str,
        PlainValidator(partial(_choice, lambda: tuple(presets()))),
        Field(
            description="The recipe to start from, in the app and for mnist-tui train, where "
            "--preset names none."
        ),
    ] = DEFAULT_PRESET
    digits: Annotated[
        str,
        PlainValidator(partial(_choice, lambda: (AUTO, *PICTURE_STYLES))),
        Field(
            description="How digits are drawn at first: ascii, half-block, braille, or pixels "
            "where the terminal shows images; auto is the style chosen last, at first half-block "
            "where the terminal has the colours for it, else ascii."
        ),
    ] = AUTO
    smoothing: Annotated[
        float,
        PlainValidator(_share),
        Field(
            description="How much the training curves are smoothed at first, from 0 (not at all) "
            "to 0.99."
        ),
    ] = 0.9
    when_done: Annotated[
        WhenDone,
        PlainValidator(partial(_choice, lambda: WHEN_DONE)),
        Field(
            description="What tells that a run is done, in the app and for mnist-tui train: bell "
            "rings that of the terminal, notify has it show a notification where it can, none is "
            "silent."
        ),
    ] = "none"
    keys: Mapping[
        Annotated[str, AfterValidator(_command)],
        Annotated[tuple[str, ...], PlainValidator(_keys_named)],
    ] = Field(
        default_factory=dict,
        description='Other keys for a command: run = "a", or run = ["a", "ctrl+r"]. They take '
        "the place of all its keys.",
    )
    """What Textual calls the keys, by the name of the command."""


def settings() -> Mapping[str, str]:
    """The help of every setting, by name, in the order of declaration."""
    return {name: field.description or "" for name, field in Config.model_fields.items()}


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file as it was read; what is broken in it has its default."""

    path: Path
    config: Config = field(default_factory=Config)
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where the file sets what is in force, from 1; keys as "keys.run"."""
    problems: tuple[str, ...] = ()
    """A sentence for all that could not be used."""


def config_path(home: Path | None) -> Path:
    """The file's place: in `home` if one was asked for, else where the platform keeps settings.

    Raises:
        NoHomeError: this user has no place for it.
    """
    return (user_folder("config") if home is None else home) / FILE_NAME


def read_config(path: Path, only: Collection[str] = ()) -> ConfigFile:
    """Read the file at `path`, which need not exist; `only` some of its settings, if any is named.

    Never raises: what cannot be used is told in `problems`.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ConfigFile(path)
    except OSError as error:
        return ConfigFile(path, problems=(f"{_place(path)} cannot be read: {error.strerror}.",))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        sentence = "This is not UTF-8 text. Save the file as UTF-8."
        return ConfigFile(path, problems=(f"{_place(path, line)}: {sentence}",))
    # Only here: most people have no file, and --help must not wait for it either.
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return ConfigFile(path, problems=(_syntax_problem(path, text, str(error)),))
    except RecursionError:
        sentence = _syntax_problem(path, text, "Brackets nested too deep")
        return ConfigFile(path, problems=(sentence,))
    except ValueError:
        # What is left of its reasons: Python reads no more than 4300 digits.
        sentence = _syntax_problem(path, text, "A number has too many digits")
        return ConfigFile(path, problems=(sentence,))
    known = settings()
    asked = {
        name: value
        for name, value in table.items()
        if not only or name in only or name not in known
    }
    config, refused = _usable(asked)
    in_force = [name for name in asked if name != "keys"]
    in_force += [f"keys.{name}" for name in config.keys]
    places = dict(_assignments(text))
    problems = sorted((_line(name, places), visible(why)) for name, why in refused.items())
    return ConfigFile(
        path,
        config,
        {name: _line(name, places) for name in in_force},
        tuple(f"{_place(path, line)}: {sentence}" for line, sentence in problems),
    )


def _usable(table: dict[str, Any]) -> tuple[Config, dict[str, str]]:
    """The settings that can be used, and a sentence for each that cannot, by its name.

    What cannot be used is taken out of `table`.
    """
    refused: dict[str, str] = {}
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        # Of a command that does not exist, the keys are not looked at: the first one counts.
        refused = dict(_told(problem) for problem in reversed(error.errors()))
        for problem in error.errors():
            _remove(table, problem["loc"])
        config = Config.model_validate(table)
    if not config.keys:
        return config, refused
    from mnist_tui.settings.rebinding import rebound

    _, clashes = rebound(config.keys)
    refused |= {f"keys.{name}": f"{name} keeps its key: {why}" for name, why in clashes.items()}
    granted = {name: keys for name, keys in config.keys.items() if name not in clashes}
    return config.model_copy(update={"keys": granted}), refused


def _line(name: str, places: Mapping[str, int]) -> int:
    """Where a setting stands, or at least its table; `places` as from `_assignments`."""
    table, _, _ = name.partition(".")
    return places.get(name) or places.get(table) or 1


def _told(problem: ErrorDetails) -> tuple[str, str]:
    """The name of what cannot be used, as `_assignments` has it, and a sentence about it."""
    where = [str(part) for part in problem["loc"]]
    match where, problem["type"]:
        case [name], "extra_forbidden":
            return name, _unknown("setting", name, settings())
        case ["keys"], _:
            return "keys", "keys is a table: write [keys], and each command on a line below."
        case ["keys", command, "[key]"], _:
            return f"keys.{command}", str(problem["ctx"]["error"])
        case _:
            return ".".join(where), f"{where[-1]}: {problem['ctx']['error']}"


def _remove(table: dict[str, Any], where: tuple[int | str, ...]) -> None:
    """Take what cannot be used out of the table, and leave what stands beside it."""
    match where:
        case ["keys", command, *_]:
            table["keys"] = {name: wish for name, wish in table["keys"].items() if name != command}
        case [name, *_]:
            table.pop(str(name), None)


# Not a blank is matched in two ways, or a long line of them would take hours.
_HEADER = re.compile(r"\s*\[(?P<name>[^\[\]]+)\]")
_ASSIGNMENT = re.compile(r"(?P<name>[\w\-.\"'\s]+)=")


def _assignments(text: str) -> Iterator[tuple[str, int]]:
    """(name, line from 1) of what a TOML text sets, the name with that of its table before it.

    A later line wins, so that what stands in a text over several lines does no harm but to the
    number; tomllib keeps no lines.
    """
    table = ""
    for number, line in enumerate(text.split("\n"), 1):
        if found := _HEADER.match(line):
            table = _plain(found["name"])
            yield table, number
        elif found := _ASSIGNMENT.match(line):
            yield f"{table}.{_plain(found['name'])}".lstrip("."), number


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


_TOML_ERROR = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of .*)\)")


def _syntax_problem(path: Path, text: str, message: str) -> str:
    """tomllib's "Invalid value (at line 3, column 9)", with the line in front."""
    what, line = message, None
    if found := _TOML_ERROR.fullmatch(message):
        what, line = found["what"], int(found["line"] or text.rstrip().count("\n") + 1)
    return f"{_place(path, line)}: this is not TOML: {visible(what)}. Nothing in the file is used."


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    return f"There is no {kind} {_shown(name)}.{_meant(name, known)}"


def _meant(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.5)
    return f" Did you mean {close[0]}?" if close else ""


def _place(path: Path, line: int | None = None) -> str:
    return f"{visible(str(path))}{f', line {line}' if line else ''}"


def _shown(value: object) -> str:
    text = ("false", "true")[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
