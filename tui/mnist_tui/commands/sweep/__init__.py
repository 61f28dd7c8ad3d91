"""`mnist-tui sweep`: many runs with values that Optuna chooses; its flags."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from mnist_core.sweep.choices import Metric, PrunerName, RankOn, SamplerName
from mnist_tui.commands.flags import LaunchFlags, counted, switch, takes_hyperparameters
from mnist_tui.commands.launch import options_without_app

SWEEP = Group("Sweep", sort_key=0)


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
        counted(
            SWEEP,
            "How many trials are to be finished in the end, completed or pruned.",
            "20; of a grid all; of a study that is resumed what it was to have",
        ),
    ] = None
    sampler: Annotated[
        SamplerName | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="How values are chosen: tpe learns from the trials before, cmaes does so for "
            "numbers alone, grid takes every combination of what is named.",
            show_default="tpe",
        ),
    ] = None
    pruner: Annotated[
        PrunerName | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="Which trials end early, judged after each epoch: none, those below the median "
            "of the others, or by hyperband.",
            show_default="median",
        ),
    ] = None
    metric: Annotated[
        Metric | None,
        Parameter(
            group=SWEEP,
            metavar="NAME",
            help="What ranks the trials, after the last epoch.",
            show_default="accuracy",
        ),
    ] = None
    rank_on: Annotated[
        RankOn | None,
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
        counted(
            SWEEP,
            "Runs of each trial, with the seeds seed, seed+1, and so on; their mean ranks.",
            "1",
            metavar="K",
        ),
    ] = None
    jobs: Annotated[
        int | None,
        counted(
            SWEEP,
            "Trials at a time, each in a process of one thread.",
            "one a core, at most 16; on a GPU 1",
            most=256,
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
    options = options_without_app(flags, given, resumes=sweeping.resume is not None)
    from mnist_tui.commands.sweep.run_sweep import sweep_headless

    return sweep_headless(options, sweeping)
