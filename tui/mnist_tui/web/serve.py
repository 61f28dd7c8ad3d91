"""`mnist-tui serve`: its flags, and the command line that starts the app for a tab."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec
from typing import Annotated, Any

from cyclopts import Group, Parameter, validators

from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_core.shell_commands import install_command
from mnist_tui.commands.flags import (
    AppFlags,
    UsageError,
    as_whole_number,
    check_one_recipe,
    counted,
    home_folder,
    launch_options,
    takes_hyperparameters,
)
from mnist_tui.runtime.log import log_uncaught_errors
from mnist_tui.runtime.output import EXIT_FAILED, line_writer
from mnist_tui.runtime.program import program_command
from mnist_tui.settings.config import config_path, read_config

SERVER = Group("Server", sort_key=0)


@takes_hyperparameters
def serve(
    launch: AppFlags | None = None,
    *,
    host: Annotated[
        str,
        Parameter(
            group=SERVER,
            metavar="ADDRESS",
            help="Where to serve. At any other address than this machine's own 127.0.0.1, "
            "whoever reaches it can use the app.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        Parameter(
            converter=as_whole_number,
            group=SERVER,
            metavar="N",
            validator=validators.Number(gte=0, lte=65535),
            help="The port to serve at; 0 takes any that is free.",
        ),
    ] = 8000,
    allow_host: Annotated[
        list[str] | None,
        Parameter(
            group=SERVER,
            metavar="NAME",
            negative=(),
            help="Another name that browsers may reach the server by, such as one that a proxy "
            "gives it; addresses, localhost and the names of this machine need none. May be "
            "given several times.",
            show_default=False,
        ),
    ] = None,
    max_tabs: Annotated[
        int,
        counted(
            SERVER,
            "How many tabs may have an app at a time; each takes some 65 MB.",
        ),
    ] = 4,
    **given: Any,
) -> int:
    """Serve the app as a web page; each tab has an app of its own, started with the flags.

    Closing a tab stops its run and keeps it. Needs the extra web; where it is missing,
    this says how to install it.

    Ends with 130 when interrupted, 1 when it cannot serve, 2 for wrong usage.
    """
    allowed_hosts = _checked_names(allow_host or [])
    flags = launch or AppFlags()
    found = read_config(config_path(home_folder(flags.home)), only=("preset",))
    # The apps read the flags again; this is to refuse them here.
    options = launch_options(flags, given, found.config)
    check_one_recipe(options)
    log_uncaught_errors(options.log_file)
    if find_spec("aiohttp") is None or find_spec("textual_serve") is None:
        line_writer(sys.stderr)(
            "The web page needs the extra web, which is not installed. "
            f"To install it: {install_command('web', 'serve')}"
        )
        return EXIT_FAILED
    from mnist_tui.web.site import serve_site

    return serve_site(
        app_command(flags, given),
        host,
        port,
        options.log_file,
        allowed_hosts=allowed_hosts,
        max_tabs=max_tabs,
    )


def _checked_names(names: Sequence[str]) -> Sequence[str]:
    """Raises UsageError for what is not the name of a host."""
    from mnist_tui.web.visitors import is_name

    for name in names:
        if not is_name(name):
            raise UsageError(
                f"--allow-host takes a name such as gpu.lan, without http:// and a port; {name!r} "
                "is none."
            )
    return names


def app_command(flags: AppFlags, given: Mapping[str, Any]) -> list[str]:
    """What starts the app with these flags.

    Args:
        flags: all but the hyperparameters.
        given: the hyperparameters that had a flag, as texts and booleans.
    """
    words = program_command()
    for field in fields(flags):
        value, flag = getattr(flags, field.name), f"--{field.name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value not in (None, False):
            words.append(f"{flag}={value}")
    for name, value in given.items():
        flag = hyperparameter_fields()[name].flag
        if isinstance(value, bool):
            words.append(flag if value else "--no-" + flag.removeprefix("--"))
        else:
            words.append(f"{flag}={value}")
    return words
