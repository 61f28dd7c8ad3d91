"""The `mnist-tui` command: its tree of subcommands, and how it begins and ends."""

# Only what is cheap is imported here: Ctrl-C while the rest loads must end without a traceback.
# A subcommand's module is imported when it is asked for, and what it works with when it works:
# --help and --version must not wait for MLX, NumPy or Textual.
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mnist_core.shell_commands import own_command
from mnist_tui.runtime.output import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    OutputLost,
    discard,
)

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError


def main() -> NoReturn:
    """Run the command line in `sys.argv` and end the process."""
    try:
        code = _run_logged(sys.argv[1:])
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code)


def _run_logged(arguments: Sequence[str]) -> int:
    from mnist_core.user_folders import NoHomeError
    from mnist_tui.runtime.log import log_path, log_uncaught_errors

    # Whoever has no place for a log can still read the help, and name a folder.
    with suppress(NoHomeError):
        log_uncaught_errors(log_path(None))
    _prepare_streams()
    try:
        return run(arguments)
    except OutputLost as error:
        discard(sys.stdout)
        if str(error):
            sys.stderr.write(f"{error}\n")
        return EXIT_FAILED


def _prepare_streams() -> None:
    """Make stdout and stderr take any text, and nothing where the caller has closed them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - open to the end
        elif isinstance(stream, TextIOWrapper):
            # Paths may hold bytes that are no text: they are shown escaped rather than refused.
            stream.reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code. Wrong usage is said on stderr."""
    from cyclopts import CycloptsError

    from mnist_core.user_folders import NoHomeError
    from mnist_tui.commands.flags import UsageError
    from mnist_tui.commands.word_order import command_in_front, home_behind_command

    app = make_app()
    arguments = home_behind_command(app, arguments)
    commands = [name for name in app if name[0] != "-"]
    if {"--help", "-h"} & set(arguments) and arguments[0] not in commands:
        # Of a command that is not imported yet, cyclopts lists the name alone.
        app.resolved_commands()
    try:
        code: int | None = app(_with_dashes(arguments))
    except CycloptsError as error:
        ordered = [] if error.command_chain else command_in_front(app, arguments)
        if ordered:
            _complain(f"The command comes first, before its flags: {own_command(*ordered)}")
        else:
            _complain(_usage_sentence(error, commands))
        return EXIT_USAGE
    except (UsageError, NoHomeError) as error:
        _complain(str(error))
        return EXIT_USAGE
    return code or 0


def _complain(text: str) -> None:
    """Write lines on stderr that may quote what was typed."""
    from mnist_tui.text.visible_text import visible

    for line in text.split("\n"):
        sys.stderr.write(f"{visible(line)}\n")


def _with_dashes(arguments: Sequence[str]) -> list[str]:
    """The same, with "--flag -" as "--flag=-": cyclopts takes a lone dash for a flag of its own."""
    joined: list[str] = []
    for argument in arguments:
        if argument == "-" and joined and re.fullmatch("--[^=]+", joined[-1]):
            joined[-1] += "=-"
        else:
            joined.append(argument)
    return joined


def _usage_sentence(error: "CycloptsError", commands: Sequence[str]) -> str:
    """What is wrong with the command line that cyclopts refused, and where to look it up.

    `commands` are the subcommands there are, for a guess at what was meant.
    """
    import difflib

    from cyclopts import (
        MissingArgumentError,
        RepeatArgumentError,
        UnknownOptionError,
        UnusedCliTokensError,
    )

    chain = error.command_chain or ()
    match error:
        case UnusedCliTokensError(unused_tokens=[unused, *_]) if not chain:
            meant = difflib.get_close_matches(unused, commands, n=1)
            guess = f" Did you mean {meant[0]}?" if meant else ""
            sentence = f"There is no command {unused!r} here.{guess}"
        case UnusedCliTokensError(unused_tokens=[unused, *_]):
            sentence = f"{unused!r} is one value too many: every value follows its flag."
        case MissingArgumentError(argument=argument) if argument is not None:
            flag = error.keyword or argument.name
            sentence = f"{flag} needs a value"
            if flag.startswith("-"):
                sentence += f" (one that begins with a dash is written {flag}=VALUE)"
            sentence += "."
        case UnknownOptionError(token=token, argument_collection=arguments):
            flag = token.keyword or token.value
            known = [name for argument in arguments if argument.parse for name in argument.names]
            sentence = f"There is no option {flag} here.{_meant(flag, known)}"
        case RepeatArgumentError(token=token):
            sentence = f"{token.keyword} is given more than once."
        case _:
            sentence = " ".join(str(error).split())
    return f"{sentence} See {own_command(*chain, '--help')}."


def _meant(flag: str, known: Sequence[str]) -> str:
    """A guess at what an unknown `flag` was meant to be, as a sentence with a space in front."""
    import difflib

    from mnist_core.recipe.hyperparameters import field_called
    from mnist_tui.settings.config import Config

    field = field_called(flag)
    short = f"--{field.name.replace('_', '-')}" if field else ""
    if short in known:
        return f" Did you mean {short}?"
    # Without the dashes, which all of them have in common.
    bare = {name.strip("-"): name for name in known}
    close = difflib.get_close_matches(flag.strip("-"), bare, 1, 0.75)
    if close:
        return f" Did you mean {bare[close[0]]}?"
    if flag.strip("-").replace("-", "_") in Config.model_fields:
        told = f"{own_command('config')} says which is read."
        return f" It is a setting of the configuration file: {told}"
    return ""


def make_app() -> "App":
    """The command line with its subcommands."""
    from cyclopts import App

    from mnist_tui.commands.flags import version_text
    from mnist_tui.commands.launch import open_app

    app = App(
        name="mnist-tui",
        help="A laboratory in a terminal: train small networks on MNIST with MLX and watch them "
        "learn. Without a command it opens the app, or trains where there is no terminal.",
        version=version_text,
        help_format="plaintext",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    app.default(open_app)
    app.command("mnist_tui.commands.launch:train")
    app.command("mnist_tui.commands.sweep:sweep")
    app.command("mnist_tui.commands.watch:watch")
    app.command("mnist_tui.bench:bench")
    app.command("mnist_tui.commands.check:check")
    app.command("mnist_tui.commands.doctor:doctor")
    app.command("mnist_tui.commands.data:data")
    app.command("mnist_tui.commands.runs:runs")
    app.command("mnist_tui.commands.config:config")
    app.command("mnist_tui.web.serve:serve")
    app.register_install_completion_command(
        help="Install completion of commands and flags for this shell (bash, zsh or fish)."
    )
    return app
