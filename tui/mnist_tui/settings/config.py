"""The configuration file: what a user sets once and for all. It is only ever read."""

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from mnist_core.recipe.presets import DEFAULT_PRESET, presets
from mnist_tui.text.visible_text import visible

_APP = "mnist-tui"
FILE_NAME = "config.toml"

_IN_EXAMPLE = "one of the names that mnist-tui config --example lists"
"""In place of a list that would hide the sentence."""


class SettingError(ValueError):
    """A value that a setting does not take, with a sentence that says why."""


@dataclass(frozen=True, slots=True)
class About:
    """What a person needs to know of a setting: attached to its declaration."""

    help: str
    read: Callable[[object], Any]
    """The value of what stands in the file. Raises SettingError."""


def _setting(default: Any, text: str, read: Callable[[object], Any]) -> Any:
    return field(default=default, metadata={"about": About(text, read)})


def _one_of(names: Callable[[], Collection[str]], value: object) -> str:
    if isinstance(value, str) and value in names():
        return value
    close = difflib.get_close_matches(str(value), names(), 1, 0.5)
    known = f"one of {', '.join(names())}" if len(names()) < 10 else _IN_EXAMPLE
    meant = f" Did you mean {close[0]}?" if close else ""
    raise SettingError(f"{_shown(value)} is not usable; it takes {known}.{meant}")


def _theme_names() -> Collection[str]:
    # Textual is imported only for a file that chooses a theme, as it takes a while.
    from mnist_tui.settings.themes import theme_names

    return theme_names()


def _picture_styles() -> Collection[str]:
    from mnist_tui.text.digits import PICTURE_STYLES

    return PICTURE_STYLES


def _share(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 0.99:
        return float(value)
    raise SettingError(f"{_shown(value)} is not usable; it takes a number from 0 to 0.99.")


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, declared once: default, help, and what it takes."""

    theme: str = _setting(
        "laboratory-dark",
        "The colours. laboratory-dark, laboratory-light, okabe-ito-dark and okabe-ito-light (for "
        "every kind of colour vision), or one of Textual's own.",
        partial(_one_of, _theme_names),
    )
    preset: str = _setting(
        DEFAULT_PRESET,
        "The recipe to start from, in the app and for mnist-tui train, where --preset names none.",
        partial(_one_of, lambda: tuple(presets())),
    )
    digits: str = _setting(
        "ascii",
        "How digits are drawn at first: ascii, half-block or braille.",
        partial(_one_of, _picture_styles),
    )
    smoothing: float = _setting(
        0.9,
        "How much the training curves are smoothed at first, from 0 (not at all) to 0.99.",
        _share,
    )
    keys: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata={
            "about": About(
                "Other keys for a command: run = \"a\", or run = [\"a\", \"ctrl+r\"]. They take "
                "the place of all its keys.",
                lambda value: value,
            )
        },
    )  # fmt: skip
    """What Textual calls the keys, by the name of the command."""


def settings() -> Mapping[str, About]:
    """Every setting by name, in the order of declaration."""
    return {declared.name: declared.metadata["about"] for declared in fields(Config)}


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
    """The file's place: in `home` if one was asked for, else where the platform keeps settings."""
    if home is not None:
        return home / FILE_NAME
    from platformdirs import user_config_path

    return user_config_path(_APP, appauthor=False) / FILE_NAME


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
    return _Reading(path, text, table).result(only)


class _Reading:
    """One file on its way from a table to settings."""

    def __init__(self, path: Path, text: str, table: Mapping[str, Any]) -> None:
        self._path = path
        self._table = table
        self._places = dict(_assignments(text))
        self._values: dict[str, Any] = {}
        self._problems: list[tuple[int, str]] = []

    def result(self, only: Collection[str]) -> ConfigFile:
        known = settings()
        for name, value in self._table.items():
            if name not in known:
                self._report(name, _unknown("setting", name, known))
            elif only and name not in only:
                continue
            elif name == "keys":
                self._values["keys"] = self._keys(value)
            else:
                try:
                    self._values[name] = known[name].read(value)
                except SettingError as error:
                    self._report(name, f"{name}: {error}")
        in_force = [name for name in self._values if name != "keys"]
        in_force += [f"keys.{name}" for name in self._values.get("keys", ())]
        return ConfigFile(
            self._path,
            Config(**self._values),
            {name: self._line(name) for name in in_force},
            tuple(sentence for _, sentence in sorted(self._problems)),
        )

    def _keys(self, value: object) -> Mapping[str, tuple[str, ...]]:
        from mnist_tui.settings.rebinding import KeyNameError, command_names, key_named, rebound

        if not isinstance(value, dict):
            self._report("keys", "keys is a table: write [keys], and each command on a line below.")
            return {}
        wishes = {}
        for name, wish in value.items():
            if name not in command_names():
                self._report(f"keys.{name}", _unknown("command", name, command_names()))
                continue
            texts = wish if isinstance(wish, list) else [wish]
            if not texts or not all(isinstance(text, str) for text in texts):
                self._report(f"keys.{name}", f"{name}: {_shown(wish)} is not usable; it takes a "
                             "key such as \"x\", or a list of keys.")  # fmt: skip
                continue
            try:
                wishes[name] = tuple(key_named(text) for text in texts)
            except KeyNameError as error:
                self._report(f"keys.{name}", f"{name}: {error}")
        _, refused = rebound(wishes)
        for name, why in refused.items():
            self._report(f"keys.{name}", f"{name} keeps its key: {why}")
        return {name: keys for name, keys in wishes.items() if name not in refused}

    def _line(self, name: str) -> int:
        table, _, _ = name.partition(".")
        return self._places.get(name) or self._places.get(table) or 1

    def _report(self, name: str, sentence: str) -> None:
        line = self._line(name)
        self._problems.append((line, f"{_place(self._path, line)}: {visible(sentence)}"))


_HEADER = re.compile(r"\s*\[\s*(?P<name>[^\[\]]+?)\s*\]")
_ASSIGNMENT = re.compile(r"\s*(?P<name>[\w\-.\"' ]+?)\s*=")


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
    close = difflib.get_close_matches(name, known, 1, 0.5)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"There is no {kind} {name!r}.{meant}"


def _place(path: Path, line: int | None = None) -> str:
    return f"{visible(str(path))}{f', line {line}' if line else ''}"


def _shown(value: object) -> str:
    text = ("false", "true")[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
