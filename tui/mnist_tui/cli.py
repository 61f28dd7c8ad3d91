"""The `mnist-tui` command: its subcommands, its flags, and its exit codes."""

# Only what is cheap is imported here: Ctrl-C while the rest loads must end without a traceback,
# and --help and --version must not wait for MLX, NumPy or Textual.
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TextIO

if TYPE_CHECKING:
    from cyclopts import App

    from mnist_tui.settings.config import ConfigFile

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line in `sys.argv` and end the process."""
    try:
        code = _run_logged(sys.argv[1:])
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code)


def _run_logged(arguments: Sequence[str]) -> int:
    from mnist_tui.runtime.log import log_path, log_uncaught_errors
    from mnist_tui.runtime.output import OutputLost, discard

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

    from mnist_tui.commands.usage import UsageError, usage_sentence

    app = make_app()
    try:
        code: int | None = app(list(arguments))
    except CycloptsError as error:
        sys.stderr.write(usage_sentence(error, [name for name in app if name[0] != "-"]) + "\n")
        return EXIT_USAGE
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    return code or 0


def make_app() -> "App":
    """The command line with its subcommands."""
    from cyclopts import App

    app = App(
        name="mnist-tui",
        help="A laboratory in a terminal: train small networks on MNIST with MLX and watch them "
        "learn. Without a command it opens the app, or trains where there is no terminal.",
        version=_version,
        help_format="plaintext",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    _add_training(app)
    _add_bench(app)
    _add_check(app)
    _add_doctor(app)
    _add_data(app)
    _add_runs(app)
    _add_config(app)
    _add_serve(app)
    app.register_install_completion_command(
        help="Install completion of commands and flags for this shell (bash, zsh or fish)."
    )
    return app


def _add_training(app: "App") -> None:
    from cyclopts import Parameter, validators

    from mnist_tui.commands.flags import (
        OUTPUT,
        RUN,
        LaunchFlags,
        home_folder,
        launch_options,
        takes_hyperparameters,
    )
    from mnist_tui.runtime.log import log_uncaught_errors
    from mnist_tui.settings.config import ConfigFile, config_path, read_config
    from mnist_tui.web import is_drawn_in_browser

    @app.default
    @takes_hyperparameters
    def open_app(launch: LaunchFlags | None = None, **given: Any) -> int:
        flags = launch or LaunchFlags()
        has_screen = is_drawn_in_browser() or (_is_terminal(sys.stdin) and _is_terminal(sys.stdout))
        # Textual reads this when it is imported. A key shows at the next repaint, and repaints
        # that nothing asked for do not take place.
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
            return train_headless(options)
        from mnist_tui.runtime.gc_hold import hold_collector

        hold_collector()
        from mnist_tui.app import run_app

        return run_app(options, found)

    @app.command
    @takes_hyperparameters
    def train(
        launch: LaunchFlags | None = None,
        *,
        json: Annotated[
            bool,
            Parameter(
                group=OUTPUT,
                negative="",
                help="Write one JSON object a line: an event of the run.",
                show_default=False,
            ),
        ] = False,
        log_every: Annotated[
            int | None,
            Parameter(
                group=OUTPUT,
                metavar="N",
                validator=validators.Number(gte=1),
                help="Tell of every Nth batch too.",
                show_default="epochs only",
            ),
        ] = None,
        repeat: Annotated[
            int,
            Parameter(
                group=OUTPUT,
                metavar="N",
                validator=validators.Number(gte=1),
                help="Train N times, with the seeds seed, seed+1, and so on; ends with the mean "
                "and the deviation of the test figures.",
            ),
        ] = 1,
        resume: Annotated[
            str | None,
            Parameter(
                group=RUN,
                metavar="ID",
                help="Continue this run from its last checkpoint, with everything as it was; "
                "--epochs adds epochs, --data says where the same data lie now.",
                show_default=False,
            ),
        ] = None,
        until_epoch: Annotated[
            int | None,
            Parameter(
                group=RUN,
                metavar="N",
                validator=validators.Number(gte=1),
                help="End with epoch N; the schedule of the learning rate still follows --epochs.",
                show_default="--epochs",
            ),
        ] = None,
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
        ] = None,
        on_divergence: Annotated[
            Literal["continue", "stop", "halve"],
            Parameter(
                group=RUN,
                metavar="NAME",
                help="What to do when the loss is no longer finite, or an epoch ends with accuracy "
                "at chance after a huge loss: continue as the recipe says, stop, or halve the "
                "learning rate and go on from the last healthy state.",
            ),
        ] = "continue",
        **given: Any,
    ) -> int:
        """Train without the app and print a line an epoch.

        Ends with 0 when done, 1 when it failed, 2 for wrong usage, 130 when interrupted.
        """
        flags = launch or LaunchFlags()
        path = config_path(home_folder(flags.home))
        if flags.preset is None and resume is None:
            found = read_config(path, only=("preset",))
        else:
            found = ConfigFile(path)
        options = launch_options(flags, given, found.config)
        log_uncaught_errors(options.log_file)
        _say_problems(found)
        from mnist_tui.commands.train import train_headless

        return train_headless(
            options,
            as_json=json,
            log_every=log_every,
            repeat=repeat,
            resume=resume,
            until_epoch=until_epoch,
            changes=change or (),
            on_divergence=on_divergence,
        )


def _add_bench(app: "App") -> None:
    from mnist_tui.bench.bench_flags import BenchFlags, bench_options
    from mnist_tui.runtime.log import log_uncaught_errors

    @app.command
    def bench(flags: BenchFlags | None = None) -> int:
        """Measure how fast this machine trains, beside other ways to do the same work.

        Ends with 0 when done, 1 when it failed, 2 for wrong usage, 130 when interrupted.
        """
        options = bench_options(flags or BenchFlags())
        log_uncaught_errors(options.log_file)
        from mnist_tui.bench.bench_command import bench

        return bench(options)


def _add_check(app: "App") -> None:
    from cyclopts import Parameter

    from mnist_tui.commands.flags import OUTPUT, MachineFlags, data_source, home_folder
    from mnist_tui.runtime.log import log_path, log_uncaught_errors

    @app.command
    def check(
        machine: MachineFlags | None = None,
        *,
        json: Annotated[
            bool,
            Parameter(
                group=OUTPUT,
                negative="",
                help="Write one JSON object a line: each check, then a summary.",
                show_default=False,
            ),
        ] = False,
    ) -> int:
        """Check what this program computes against independent references, with figures.

        Downloads nothing: without --data it takes MNIST where it is, else synthetic digits.

        Ends with 0 when all passed, 1 when one failed, 2 for wrong usage, 130 when interrupted.
        """
        flags = machine or MachineFlags()
        source = data_source(flags.data)
        log_file = log_path(home_folder(flags.home))
        log_uncaught_errors(log_file)
        from mnist_tui.commands.check import check

        return check(source, log_file, flags.device, flags.threads, as_json=json)


def _add_doctor(app: "App") -> None:
    from cyclopts import Parameter

    from mnist_tui.commands.flags import OUTPUT, MachineFlags, data_source, home_folder, run_folder
    from mnist_tui.runtime.log import log_path, log_uncaught_errors

    @app.command
    def doctor(
        machine: MachineFlags | None = None,
        *,
        json: Annotated[
            bool,
            Parameter(group=OUTPUT, negative="", help="Write one JSON object.", show_default=False),
        ] = False,
    ) -> int:
        """Say what this machine offers for training, how fast it is, and what to do about it.

        Ends with 0 when training can work, 1 when it cannot, 2 for wrong usage.
        """
        flags = machine or MachineFlags()
        source = data_source(flags.data)
        log_file = log_path(home_folder(flags.home))
        log_uncaught_errors(log_file)
        from mnist_tui.commands.doctor import doctor

        return doctor(
            source, run_folder(flags.home), log_file, flags.device, flags.threads, as_json=json
        )


def _add_data(app: "App") -> None:
    from cyclopts import App, Parameter

    from mnist_tui.commands.flags import Home, home_folder
    from mnist_tui.runtime.log import log_path, log_uncaught_errors

    data = App(name="data", help="List the data sets that have a name, or download one.")
    app.command(data)

    @data.command(name="list")
    def list_datasets(*, home: Home = None) -> int:
        """Say which data sets there are, and where they lie on this machine."""
        log_uncaught_errors(log_path(home_folder(home)))
        from mnist_tui.commands.data import list_datasets

        return list_datasets()

    @data.command
    def fetch(
        name: Annotated[str, Parameter(help="The data set, as mnist-tui data list names it.")],
        /,
        *,
        home: Home = None,
    ) -> int:
        """Download a data set, so that it is there offline."""
        log_uncaught_errors(log_path(home_folder(home)))
        from mnist_tui.commands.data import fetch_dataset

        return fetch_dataset(name)


def _add_runs(app: "App") -> None:
    from mnist_tui.commands.runs.app import runs_app

    app.command(runs_app())


def _add_config(app: "App") -> None:
    from cyclopts import Parameter

    from mnist_tui.commands.flags import HYPERPARAMETERS, OUTPUT, Home, check_preset, home_folder
    from mnist_tui.runtime.log import log_path, log_uncaught_errors

    @app.command
    def config(
        *,
        home: Home = None,
        preset: Annotated[
            str | None,
            Parameter(
                group=HYPERPARAMETERS,
                metavar="NAME",
                help="As for the app, where it wins over the file.",
                show_default=False,
            ),
        ] = None,
        example: Annotated[
            bool,
            Parameter(
                group=OUTPUT,
                negative="",
                help="Write an example of the file, with every setting and every command in it.",
                show_default=False,
            ),
        ] = False,
        json: Annotated[
            bool,
            Parameter(group=OUTPUT, negative="", help="Write one JSON object.", show_default=False),
        ] = False,
    ) -> int:
        """Say where the configuration file is, and which settings are in force and why.

        Ends with 0, with 1 when something in the file cannot be used, with 2 for wrong usage.
        """
        log_uncaught_errors(log_path(home_folder(home)))
        from mnist_tui.commands.show_config import show_config, show_example
        from mnist_tui.settings.config import config_path, read_config

        if example:
            return show_example()
        if preset is not None:
            check_preset(preset)
        found = read_config(config_path(home_folder(home)))
        flags = {} if preset is None else {"preset": preset}
        return show_config(found, flags, as_json=json)


def _add_serve(app: "App") -> None:
    from cyclopts import Group, Parameter, validators

    from mnist_tui.commands.flags import (
        LaunchFlags,
        home_folder,
        launch_options,
        takes_hyperparameters,
    )
    from mnist_tui.runtime.log import log_uncaught_errors
    from mnist_tui.settings.config import config_path, read_config

    server = Group("Server", sort_key=0)

    @app.command
    @takes_hyperparameters
    def serve(
        launch: LaunchFlags | None = None,
        *,
        host: Annotated[
            str,
            Parameter(
                group=server,
                metavar="ADDRESS",
                help="Where to serve. At any other address than this machine's own 127.0.0.1, "
                "whoever reaches it can use the app.",
            ),
        ] = "127.0.0.1",
        port: Annotated[
            int,
            Parameter(
                group=server,
                metavar="N",
                validator=validators.Number(gte=0, lte=65535),
                help="The port to serve at; 0 takes any that is free.",
            ),
        ] = 8000,
        **given: Any,
    ) -> int:
        """Serve the app as a web page; each tab has an app of its own, started with the flags.

        Closing a tab stops its run and keeps it. Needs the extra web: make run EXTRA=web.

        Ends with 130 when interrupted, 1 when it cannot serve, 2 for wrong usage.
        """
        flags = launch or LaunchFlags()
        found = read_config(config_path(home_folder(flags.home)), only=("preset",))
        # The apps read the flags again; this is to refuse them here.
        options = launch_options(flags, given, found.config)
        log_uncaught_errors(options.log_file)
        from mnist_tui.web.app_command import app_command
        from mnist_tui.web.serve import serve

        return serve(app_command(flags, given), host, port, options.log_file)


def _say_problems(found: "ConfigFile") -> None:
    for problem in found.problems:
        sys.stderr.write(f"{problem}\n")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _version() -> str:
    from importlib.metadata import version

    return f"mnist-tui {version('mnist-tui')}"
