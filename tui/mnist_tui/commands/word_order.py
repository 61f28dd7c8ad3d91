"""Flags that were typed before the command they belong to."""

from collections.abc import Sequence

from cyclopts import App

_HOME = "--home"


def home_behind_command(app: App, words: Sequence[str]) -> list[str]:
    """`words` with a --home that stands before a command behind it; as they are without one."""
    rest, home = list(words), list[str]()
    while rest and (rest[0].startswith(f"{_HOME}=") or rest[0] == _HOME):
        taken = 2 if rest[0] == _HOME else 1
        home, rest = home + rest[:taken], rest[taken:]
    command = _command(app, rest)
    return [*command, *home, *rest[len(command) :]] if command else list(words)


def command_in_front(app: App, words: Sequence[str]) -> list[str]:
    """`words`, which begin with a flag, with the command that comes later in front of them.

    Nothing where there is none, or where it is the value of a flag of the app.
    """
    # Completion and --help come with the command line itself, and have no value.
    takes_value = {
        name
        for argument in app.assemble_argument_collection()
        if argument.parse and argument.token_count()[0]
        for name in argument.names
    }
    for place, before in enumerate(words[:-1], 1):
        command = _command(app, words[place:])
        if command and before not in takes_value:
            return [*command, *words[:place], *words[place + len(command) :]]
    return []


def _command(app: App, words: Sequence[str]) -> list[str]:
    """The names of the command and its subcommands that `words` begin with."""
    found: list[str] = []
    for word in words:
        if word.startswith("-") or word not in app:
            break
        found.append(word)
        app = app[word]
    return found
