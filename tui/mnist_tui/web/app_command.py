"""The command line that starts the app for a tab."""

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_tui.commands.flags import LaunchFlags

# -P: a folder that the server was started in must not offer modules of its own.
_PROGRAM = (sys.executable, "-P", "-c", "from mnist_tui.cli import main; main()")


def app_command(flags: LaunchFlags, given: Mapping[str, Any]) -> list[str]:
    """What starts the app with these flags.

    Args:
        flags: all but the hyperparameters.
        given: the hyperparameters that had a flag, as texts and booleans.
    """
    words = list(_PROGRAM)
    for field in fields(flags):
        value = getattr(flags, field.name)
        if value is not None:
            words.append(f"--{field.name.replace('_', '-')}={value}")
    for name, value in given.items():
        flag = hyperparameter_fields()[name].flag
        if isinstance(value, bool):
            words.append(flag if value else "--no-" + flag.removeprefix("--"))
        else:
            words.append(f"{flag}={value}")
    return words
