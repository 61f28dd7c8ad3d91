"""What the command line says of itself: its version, and wrong usage in sentences."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import CycloptsError


class UsageError(Exception):
    """The command line asks for something that cannot be; the message is for the user."""


def usage_sentence(error: "CycloptsError", commands: Sequence[str]) -> str:
    """What is wrong with the command line that cyclopts refused, and where to look it up.

    Args:
        error: what cyclopts raised.
        commands: the subcommands there are, for a guess at what was meant.
    """
    from cyclopts import MissingArgumentError, RepeatArgumentError, UnusedCliTokensError

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
        case RepeatArgumentError(token=token):
            sentence = f"{token.keyword} is given more than once."
        case _:
            sentence = " ".join(str(error).split())
    return f"{sentence} See {' '.join(('mnist-tui', *chain))} --help."


def version_text() -> str:
    """The name and the version, as --version prints them."""
    from importlib.metadata import version

    return f"mnist-tui {version('mnist-tui')}"
