"""The command line flags; those of the hyperparameters are made from their declaration."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import Group, Parameter, Token, validators

from mnist_core.recipe.hyperparameters import (
    HyperparameterField,
    Hyperparameters,
    HyperparametersError,
    hyperparameter_fields,
)
from mnist_core.recipe.lists import make_recipes, unused_in_all
from mnist_core.recipe.presets import DEFAULT_PRESET, presets
from mnist_core.shell_commands import own_command
from mnist_core.user_folders import HOME_VARIABLE, user_folder
from mnist_tui.runtime.log import log_outside, log_path, log_uncaught_errors
from mnist_tui.runtime.startup import Device, LaunchOptions
from mnist_tui.settings.config import Config
from mnist_tui.text.picture_style import PictureStyle

MACHINE = Group("Data and machine", sort_key=1)
HYPERPARAMETERS = Group("Hyperparameters", sort_key=2)
RUN = Group("Run", sort_key=3)
OUTPUT = Group("Output", sort_key=4)

Command = TypeVar("Command", bound=Callable[..., int])


class UsageError(Exception):
    """The command line asks for something that cannot be; the message is for the user."""


def version_text() -> str:
    """The name and the version, as --version prints them."""
    from importlib.metadata import version

    return f"mnist-tui {version('mnist-tui')}"


Home = Annotated[
    str | None,
    Parameter(
        name="--home",
        group=MACHINE,
        metavar="DIR",
        env_var=HOME_VARIABLE,
        help="Folder of the runs, the log and config.toml.",
        show_default="the platform's own folders",
    ),
]

Data = Annotated[
    str | None,
    Parameter(
        group=MACHINE,
        metavar="NAME|DIR",
        help="mnist, fashion_mnist, kmnist or synthetic, or a folder of IDX files. A name "
        "wins over a folder called the same; write ./NAME for the folder.",
        show_default="mnist, or synthetic digits while it cannot be had",
    ),
]


Digits = Annotated[
    PictureStyle | None,
    Parameter(
        group=OUTPUT,
        metavar="NAME",
        help="How the app draws digits at first.",
        show_default="that of the configuration file, else the one chosen last",
    ),
]

Readonly = Annotated[
    bool,
    Parameter(
        group=MACHINE,
        negative="",
        show_default=False,
        help="Make and change no file in the folder of the runs: nothing is kept, also no log.",
    ),
]


def as_whole_number(_: object, tokens: Sequence[Token]) -> int:
    """Reads the value of a flag; cyclopts itself cuts 1.5 to 1.

    Raises:
        ValueError: it is no whole number.
    """
    (token,) = tokens
    try:
        return int(token.value)
    except ValueError:
        raise ValueError(f"it takes a whole number, not {token.value!r}.") from None


def switch(text: str) -> Parameter:
    """A flag about the output that takes no value and cannot be turned off."""
    return Parameter(group=OUTPUT, negative="", help=text, show_default=False)


def counted(
    group: Group,
    text: str,
    default: str | None = None,
    *,
    metavar: str = "N",
    most: int | None = None,
) -> Parameter:
    """A flag that takes a whole number from 1; `default` says what it is where it is not given."""
    return Parameter(
        converter=as_whole_number,
        group=group,
        metavar=metavar,
        validator=validators.Number(gte=1, lte=most),
        help=text,
        show_default=default,
    )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MachineFlags:
    """The flags that say what to train on."""

    data: Data = None
    device: Annotated[
        Device,
        Parameter(group=MACHINE, metavar="NAME", help="What MLX computes on."),
    ] = "auto"
    threads: Annotated[
        int | None,
        counted(
            MACHINE,
            "CPU threads for the matrix products; another number gives other last digits.",
            "1, which is fastest beside other programs",
            most=1024,
        ),
    ] = None
    streams: Annotated[
        int | None,
        counted(
            MACHINE,
            "MLX streams of a network: with 2 a CPU computes it in two halves at the same "
            "time; another number gives other last digits.",
            "2 for wide networks on more than one core, else 1",
            most=2,
        ),
    ] = None
    home: Home = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LaunchFlags(MachineFlags):
    """The flags beside the hyperparameters that the app and training share."""

    transpose: Annotated[
        bool,
        Parameter(
            group=MACHINE,
            negative="",
            show_default=False,
            help="Swap rows and columns of the images: those of EMNIST lie on their side.",
        ),
    ] = False
    preset: Annotated[
        str | None,
        Parameter(
            group=HYPERPARAMETERS,
            metavar="NAME",
            help=f"A published recipe to start from: {', '.join(presets())}. Each flag below "
            "overrides its part of it.",
            show_default=f"{DEFAULT_PRESET}, or that of the configuration file",
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AppFlags(LaunchFlags):
    """The flags of the app, on a terminal or on a web page."""

    digits: Digits = None
    readonly: Readonly = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainFlags:
    """The flags that only training without the app has."""

    json: Annotated[bool, switch("Write one JSON object a line: an event of the run.")] = False
    log_every: Annotated[
        int | None,
        counted(
            OUTPUT,
            "Tell of every Nth batch too.",
            "epochs only",
        ),
    ] = None
    repeat: Annotated[
        int,
        counted(
            OUTPUT,
            "Train N times, with the seeds seed, seed+1, and so on; ends with the mean "
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
        counted(
            RUN,
            "End with epoch N; the schedule of the learning rate still follows --epochs.",
            "--epochs",
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
    ranks: Annotated[
        int | None,
        counted(
            MACHINE,
            "Train in N processes, each on its share of every batch: started here, or by "
            "mlx.launch.",
            "1",
            most=1024,
        ),
    ] = None
    backend: Annotated[
        Literal["auto", "mpi", "ring"] | None,
        Parameter(
            group=MACHINE,
            metavar="NAME",
            help="How ranks sum their gradients: auto is MPI where it is installed, else ring, "
            "over TCP.",
            show_default="auto",
        ),
    ] = None
    rank_timeout: Annotated[
        float | None,
        Parameter(
            group=MACHINE,
            metavar="SECONDS",
            validator=validators.Number(gt=0),
            help="How long a rank waits for the others before it ends the job.",
            show_default="60",
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


def takes_hyperparameters(command: Command) -> Command:
    """Replace the `**given` of `command` by one flag for each hyperparameter.

    It is called with those that were given: texts, and booleans for yes-or-no flags.
    """
    signature = inspect.signature(command)
    kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    made = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(field)
        )
        for field in hyperparameter_fields().values()
    ]
    command.__signature__ = signature.replace(parameters=[*kept, *made])  # type: ignore[attr-defined]
    return command


def _annotation(field: HyperparameterField) -> Any:
    default = field.format(field.default)
    if field.kind is bool:
        off = "--no-" + field.flag.removeprefix("--")
        return Annotated[
            bool | None,
            Parameter(
                name=field.flag,
                negative=off,
                group=HYPERPARAMETERS,
                help=field.help,
                show_default=field.flag if field.default else off,
            ),
        ]
    return Annotated[
        str | None,
        Parameter(
            name=field.flag,
            group=HYPERPARAMETERS,
            metavar=_metavar(field),
            help=f"{field.help} Takes {field.expects}.",
            show_default=default,
        ),
    ]


def _metavar(field: HyperparameterField) -> str:
    if field.kind is str:
        return "NAME" if field.choices else "NAME|N"
    return {tuple: "SIZES", int: "N", float: "X"}[field.kind]


def log_in_home(home: str | None) -> Path:
    """The log file that belongs to --home; from now on uncaught errors go there."""
    log_file = log_path(home_folder(home))
    log_uncaught_errors(log_file)
    return log_file


def home_folder(home: str | None) -> Path | None:
    """The folder that --home or its variable asks for, absolute; None if neither does."""
    return Path(home).absolute() if home else None


def run_folder(home: str | None) -> Path:
    """The folder of the runs: the one that is asked for, or the platform's for user data.

    Raises:
        NoHomeError: none is asked for, and this user has none.
    """
    return home_folder(home) or user_folder("data")


def data_source(data: str | None) -> str | None:
    """What --data asks for; None if nothing.

    Raises:
        UsageError: it is empty.
    """
    if data == "":
        raise UsageError("--data needs the name of a data set or a folder.")
    return data


def launch_options(flags: LaunchFlags, given: Mapping[str, Any], config: Config) -> LaunchOptions:
    """Check the flags together; what they leave open is as `config` says.

    Raises:
        UsageError: a preset that does not exist, values that are refused, or a flag that would
            have no effect, as sentences.
    """
    preset = flags.preset if flags.preset is not None else config.preset
    home, readonly = run_folder(flags.home), isinstance(flags, AppFlags) and flags.readonly
    return LaunchOptions(
        data=data_source(flags.data),
        transpose=flags.transpose,
        recipes=_recipes(preset, given),
        preset=preset,
        given=frozenset(given),
        home=home,
        log_file=log_outside(home) if readonly else log_path(home_folder(flags.home)),
        readonly=readonly,
        device=flags.device,
        threads=flags.threads,
        streams=flags.streams,
        when_done=config.when_done,
    )


def check_one_recipe(options: LaunchOptions) -> None:
    """Raises UsageError if a flag lists values, which only training without the app takes."""
    if len(options.recipes) > 1:
        raise UsageError(
            "The app starts with one value for each flag. Type a list into its field there, or "
            f"give it to {own_command('train')}."
        )


def check_preset(name: str) -> None:
    """Raises UsageError if there is no preset of this name."""
    if name not in presets():
        raise UsageError(f"There is no preset {name!r}; choose one of {', '.join(presets())}.")


def _recipes(preset: str, given: Mapping[str, Any]) -> tuple[Hyperparameters, ...]:
    check_preset(preset)
    try:
        made = make_recipes(given, presets()[preset].hyperparameters)
    except HyperparametersError as error:
        raise UsageError(str(error)) from error
    fields = hyperparameter_fields()
    refused = [
        f"{fields[name].flag} has no effect here: {reason} Leave it out."
        for name, reason in unused_in_all(made).items()
        if name in given
    ]
    if refused:
        raise UsageError(" ".join(refused))
    return made
