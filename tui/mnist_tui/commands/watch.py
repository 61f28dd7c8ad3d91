"""`mnist-tui watch`: the app on a run of another process, as it goes on there."""

import os
import sys
from typing import Annotated

from cyclopts import Parameter

from mnist_core.shell_commands import own_command
from mnist_core.user_folders import home_flag
from mnist_tui.commands.flags import (
    AppFlags,
    Data,
    Digits,
    Home,
    Readonly,
    home_folder,
    launch_options,
    run_folder,
)
from mnist_tui.commands.launch import has_screen, with_digits
from mnist_tui.runtime.log import log_uncaught_errors
from mnist_tui.runtime.output import EXIT_FAILED
from mnist_tui.runtime.startup import hold_collector
from mnist_tui.settings.config import config_path, read_config


def watch(
    run: Annotated[
        str | None,
        Parameter(
            name="ID",
            help="The run or recording: its id, the beginning of its id, or its name.",
            show_default="the newest, and each that begins",
        ),
    ] = None,
    /,
    *,
    data: Data = None,
    digits: Digits = None,
    readonly: Readonly = False,
    home: Home = None,
) -> int:
    """Open the app on the newest run or recording, and follow it.

    Other processes train it; here it is only shown. Without --data the data
    of each run are loaded from where it had them.
    """
    if not has_screen():
        how = own_command("runs", "list", *home_flag(run_folder(home)))
        sys.stderr.write(f"There is no terminal to watch in. {how} says how runs stand.\n")
        return EXIT_FAILED
    os.environ.setdefault("TEXTUAL_FPS", "120")
    flags = AppFlags(data=data, home=home, readonly=readonly)
    found = read_config(config_path(home_folder(home)))
    options = launch_options(flags, {}, found.config)
    log_uncaught_errors(options.log_file)
    hold_collector()
    from mnist_tui.commands.run_app import watch_app

    return watch_app(options, with_digits(found, digits), run or "")
