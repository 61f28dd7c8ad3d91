"""What is asked of a sweep, checked before anything starts."""

from mnist_core.recipe.hyperparameters import HyperparametersError, make_hyperparameters
from mnist_core.recipe.presets import DEFAULT_PRESET
from mnist_core.sweep.ranges import Range, RangeError, check_sampler, parse_ranges
from mnist_tui.commands.flags import UsageError
from mnist_tui.commands.sweep import SweepFlags
from mnist_tui.runtime.startup import LaunchOptions


def asked_ranges(options: LaunchOptions, flags: SweepFlags) -> tuple[Range, ...]:
    """What is to be chosen from; nothing where a study is resumed, which has its own.

    Raises:
        UsageError: it cannot be, or flags that do not go together.
    """
    if flags.resume is not None:
        _check_resumed(options, flags)
        return ()
    if len(options.recipes) > 1:
        raise UsageError(
            "A sweep starts from one recipe: what varies is said with --sample, such as "
            "--sample 'learning_rate=0.01|0.1'."
        )
    (recipe,) = options.recipes
    try:
        ranges = parse_ranges(flags.sample or (), recipe, options.given)
    except RangeError as error:
        raise UsageError(f"--sample: {error}") from error
    try:
        check_sampler(flags.sampler or "tpe", ranges)
    except RangeError as error:
        raise UsageError(f"--sampler: {error}") from error
    seeds = flags.seeds or 1
    try:
        make_hyperparameters({"seed": recipe.seed + seeds - 1})
    except HyperparametersError as error:
        raise UsageError(f"--seeds {seeds} counts the seed up too far. {error}") from error
    return ranges


def _check_resumed(options: LaunchOptions, flags: SweepFlags) -> None:
    """Raises UsageError for what a resumed study has decided already."""
    what = [f"--{name.replace('_', '-')}" for name in sorted(options.given)]
    what += ["--preset"] * (options.preset != DEFAULT_PRESET)
    what += ["--transpose"] * options.transpose
    decided = ("sample", "sampler", "pruner", "metric", "rank_on", "seeds", "study")
    what += [f"--{n.replace('_', '-')}" for n in decided if getattr(flags, n) is not None]
    if what:
        raise UsageError(
            f"--resume takes everything from the study, so it cannot be given with "
            f"{', '.join(what)}. Only --trials, --jobs, --storage, --data, the machine, --home and "
            "the output may be chosen."
        )
