"""`mnist-tui sweep`: many runs with values that Optuna chooses; its flags."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter, validators

from mnist_tui.commands.flags import (
    LaunchFlags,
    home_folder,
    launch_options,
    switch,
    takes_hyperparameters,
    whole_number,
)
from mnist_tui.runtime.log import log_uncaught_errors
from mnist_tui.settings.config import ConfigFile, config_path, read_config

SWEEP = Group("Sweep", sort_key=0)
_AT_LEAST_ONE = validators.Number(gte=1)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SweepFlags:
    """The flags that only a sweep has; None is what was not asked for."""

    sample: Annotated[
        list[str] | None,
        Parameter(
            group=SWEEP,
            metavar="FIELD=RANGE",
            negative=(),
            help="What to choose, such as learning_rate=0.001:1:log, dropout=0:0.5 or "
            "'hidden_sizes=32|64,64|256,256'. May be given several times.",
            show_default=False,
        ),
    ] = None
    trials: Annotated[
        int | None,
        Parameter(
            converter=whole_number,
            group=SWEEP,
            metavar="N",
            validator=_AT_LEAST_ONE,
            help="How many trials are to be finished in the end, completed or pruned.",
            show_default="20; of a grid all; of a study that is resumed what it was to have",
        ),
    ] = None
    sampler: Annotated[
        Literal["tpe", "random", "grid", "cmaes"] | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="How values are chosen: tpe learns from the trials before, cmaes does so for "
            "numbers alone, grid takes every combination of what is named.",
            show_default="tpe",
        ),
    ] = None
    pruner: Annotated[
        Literal["none", "median", "hyperband"] | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="Which trials end early, judged after each epoch: none, those below the median "
            "of the others, or by hyperband.",
            show_default="median",
        ),
    ] = None
    metric: Annotated[
        Literal["accuracy", "loss"] | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="What ranks the trials, after the last epoch.",
            show_default="accuracy",
        ),
    ] = None
    rank_on: Annotated[
        Literal["validation", "test"] | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="The samples that rank. Ranked on the test set, the best figure is too good: "
            "it was chosen for it.",
            show_default="validation",
        ),
    ] = None
    seeds: Annotated[
        int | None,
        Parameter(
            converter=whole_number,
            group=SWEEP,
            metavar="K",
            validator=_AT_LEAST_ONE,
            help="Runs of each trial, with the seeds seed, seed+1, and so on; their mean ranks.",
            show_default="1",
        ),
    ] = None
    jobs: Annotated[
        int | None,
        Parameter(
            converter=whole_number,
            group=SWEEP,
            metavar="N",
            validator=validators.Number(gte=1, lte=256),
            help="Trials at a time, each in a process of one thread.",
            show_default="one a core, at most 16; on a GPU 1",
        ),
    ] = None
    study: Annotated[
        str | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="What to call a new study.",
            show_default="sweep-1, and so on",
        ),
    ] = None
    storage: Annotated[
        str | None,
        Parameter(
            group=SWEEP,
            metavar="URL",
            help="A database for the study that other machines reach too, such as "
            "postgresql://USER@HOST/DATABASE.",
            show_default="a file under --home",
        ),
    ] = None
    resume: Annotated[
        str | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="Go on with this study, or help with it from another machine: all is as it was; "
            "--trials says how many it is to have, --data where the same data lie here.",
            show_default=False,
        ),
    ] = None
    json: Annotated[bool, switch("Write one JSON object a line: an event of the sweep.")] = False


@takes_hyperparameters
def sweep(
    launch: LaunchFlags | None = None, sweeping: SweepFlags | None = None, **given: Any
) -> int:
    """Train many runs with values that are chosen by Optuna, and rank them.

    A flag of a hyperparameter is the value of all trials. Needs the extra
    sweep; where it is missing, this says how to install it.

    Ends with 0 when done, 1 when it failed, 2 for wrong usage, 130 when interrupted.
    """
    flags, sweeping = launch or LaunchFlags(), sweeping or SweepFlags()
    path = config_path(home_folder(flags.home))
    if flags.preset is None and sweeping.resume is None:
        found = read_config(path, only=("preset",))
    else:
        found = ConfigFile(path)
    options = launch_options(flags, given, found.config)
    log_uncaught_errors(options.log_file)
    for problem in found.problems:
        sys.stderr.write(f"{problem}\n")
    from mnist_tui.commands.sweep.run_sweep import sweep_headless

    return sweep_headless(options, sweeping)
