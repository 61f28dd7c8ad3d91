"""`mnist-tui`, which opens the app, and `mnist-tui train`, which trains without it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mnist_core.shell_commands import own_command
from mnist_tui.commands.flags import (
    AppFlags,
    LaunchFlags,
    TrainFlags,
    UsageError,
    check_one_recipe,
    home_folder,
    launch_options,
    takes_hyperparameters,
)
from mnist_tui.runtime.log import log_uncaught_errors
from mnist_tui.runtime.startup import LaunchOptions, hold_collector, is_drawn_in_browser
from mnist_tui.settings.config import ConfigFile, config_path, read_config
from mnist_tui.text.picture_style import PictureStyle


@takes_hyperparameters
def open_app(launch: AppFlags | None = None, **given: Any) -> int:
    """Open the app, or train where there is no terminal for it."""
    flags = launch or AppFlags()
    in_app = has_screen()
    # Textual reads this when it is imported. A key shows at the next repaint, and repaints that
    # nothing asked for do not take place.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    path = config_path(home_folder(flags.home))
    found = read_config(path, only=() if in_app else ("preset", "when_done"))
    options = launch_options(flags, given, found.config)
    log_uncaught_errors(options.log_file)
    if not in_app:
        if flags.readonly:
            raise UsageError(
                "There is no terminal to open the app in, and training without it keeps its run. "
                "Leave --readonly out."
            )
        from mnist_tui.commands.train import train_headless

        sys.stderr.write(
            "There is no terminal to open the app in, so this trains without it, as "
            f"{own_command('train')} does.\n"
        )
        _say_problems(found)
        return train_headless(options, TrainFlags())
    check_one_recipe(options)
    hold_collector()
    from mnist_tui.commands.run_app import run_app

    return run_app(options, with_digits(found, flags.digits))


def has_screen() -> bool:
    """Whether there is a terminal for the app, or a page that it is drawn on."""
    has_terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    return has_terminal or is_drawn_in_browser()


def with_digits(found: ConfigFile, digits: PictureStyle | None) -> ConfigFile:
    """The same with the style of the flag, where that was given."""
    if digits is None:
        return found
    return replace(found, config=found.config.model_copy(update={"digits": digits}))


@takes_hyperparameters
def train(
    launch: LaunchFlags | None = None, training: TrainFlags | None = None, **given: Any
) -> int:
    """Train without the app and print a line an epoch.

    Ends with 0 when done, 1 when it failed, 2 for wrong usage, 130 when interrupted.
    """
    flags, training = launch or LaunchFlags(), training or TrainFlags()
    options = options_without_app(flags, given, resumes=training.resume is not None)
    from mnist_tui.commands.train import train_headless

    return train_headless(options, training)


def options_without_app(
    flags: LaunchFlags, given: Mapping[str, Any], *, resumes: bool
) -> LaunchOptions:
    """What the flags ask of training without the app; uncaught errors go to its log from now on.

    Of the configuration file count what tells of the end and the preset, unless a flag or what is
    resumed decides that. What is wrong with it is said on stderr.

    Raises:
        UsageError: the flags ask for something that cannot be.
    """
    path = config_path(home_folder(flags.home))
    decided = flags.preset is not None or resumes
    found = read_config(path, only=("when_done",) if decided else ("preset", "when_done"))
    options = launch_options(flags, given, found.config)
    log_uncaught_errors(options.log_file)
    _say_problems(found)
    return options


def _say_problems(found: ConfigFile) -> None:
    for problem in found.problems:
        sys.stderr.write(f"{problem}\n")
