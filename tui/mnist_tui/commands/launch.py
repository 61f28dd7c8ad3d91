"""`mnist-tui`, which opens the app, and `mnist-tui train`, which trains without it."""

import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter, validators

from mnist_tui.commands.flags import (
    OUTPUT,
    RUN,
    LaunchFlags,
    home_folder,
    launch_options,
    switch,
    takes_hyperparameters,
)
from mnist_tui.runtime.log import log_uncaught_errors
from mnist_tui.runtime.startup import hold_collector, is_drawn_in_browser
from mnist_tui.settings.config import ConfigFile, config_path, read_config

_AT_LEAST_ONE = validators.Number(gte=1)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """The flags that only training without the app has."""

    json: Annotated[bool, switch("Write one JSON object a line: an event of the run.")] = False
    log_every: Annotated[
        int | None,
        Parameter(
            group=OUTPUT,
            metavar="N",
            validator=_AT_LEAST_ONE,
            help="Tell of every Nth batch too.",
            show_default="epochs only",
        ),
    ] = None
    repeat: Annotated[
        int,
        Parameter(
            group=OUTPUT,
            metavar="N",
            validator=_AT_LEAST_ONE,
            help="Train N times, with the seeds seed, seed+1, and so on; ends with the mean "
            "and the deviation of the test figures.",
        ),
    ] = 1
    resume: Annotated[
        str | None,
        Parameter(
            group=RUN,
            metavar="ID",
            help="Continue this run from its last checkpoint, with everything as it was; "
            "--epochs adds epochs, --data says where the same data lie now.",
            show_default=False,
        ),
    ] = None
    until_epoch: Annotated[
        int | None,
        Parameter(
            group=RUN,
            metavar="N",
            validator=_AT_LEAST_ONE,
            help="End with epoch N; the schedule of the learning rate still follows --epochs.",
            show_default="--epochs",
        ),
    ] = None
    change: Annotated[
        list[str] | None,
        Parameter(
            group=RUN,
            metavar="STEP:FIELD=VALUE",
            negative=(),
            help="Change a hyperparameter after so many updates, such as "
            "500:learning_rate=0.05; batch_size and epochs change with the next epoch. May be "
            "given several times.",
            show_default=False,
        ),
    ] = None
    on_divergence: Annotated[
        Literal["continue", "stop", "halve"] | None,
        Parameter(
            group=RUN,
            metavar="NAME",
            show_default="continue",
            help="What to do when the loss is no longer finite, or an epoch ends with accuracy "
            "at chance after a huge loss: continue as the recipe says, stop, or halve the "
            "learning rate and go on from the last healthy state.",
        ),
    ] = None


@takes_hyperparameters
def open_app(launch: LaunchFlags | None = None, **given: Any) -> int:
    """Open the app, or train where there is no terminal for it."""
    flags = launch or LaunchFlags()
    has_terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    has_screen = has_terminal or is_drawn_in_browser()
    # Textual reads this when it is imported. A key shows at the next repaint, and repaints that
    # nothing asked for do not take place.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    path = config_path(home_folder(flags.home))
    found = read_config(path, only=() if has_screen else ("preset",))
    options = launch_options(flags, given, found.config)
    log_uncaught_errors(options.log_file)
    if not has_screen:
        from mnist_tui.commands.train import train_headless

        sys.stderr.write(
            "There is no terminal to open the app in, so this trains without it, as "
            "mnist-tui train does.\n"
        )
        _say_problems(found)
        return train_headless(options, TrainFlags())
    hold_collector()
    from mnist_tui.commands.run_app import run_app

    return run_app(options, found)


@takes_hyperparameters
def train(
    launch: LaunchFlags | None = None, training: TrainFlags | None = None, **given: Any
) -> int:
    """Train without the app and print a line an epoch.

    Ends with 0 when done, 1 when it failed, 2 for wrong usage, 130 when interrupted.
    """
    flags, training = launch or LaunchFlags(), training or TrainFlags()
    path = config_path(home_folder(flags.home))
    if flags.preset is None and training.resume is None:
        found = read_config(path, only=("preset",))
    else:
        found = ConfigFile(path)
    options = launch_options(flags, given, found.config)
    log_uncaught_errors(options.log_file)
    _say_problems(found)
    from mnist_tui.commands.train import train_headless

    return train_headless(options, training)


def _say_problems(found: ConfigFile) -> None:
    for problem in found.problems:
        sys.stderr.write(f"{problem}\n")
