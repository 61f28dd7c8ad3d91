"""The flags of `mnist-tui bench`, and what they ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from mnist_core.backend.backend import available_cores
from mnist_core.benchmark.engines.engine_registry import (
    ENGINES,
    ITERATIONS_PER_CALL,
    Contestant,
    EngineName,
    why_unavailable,
    why_unsuited,
)
from mnist_core.recipe.presets import DEFAULT_PRESET, presets
from mnist_tui.commands.flags import (
    MACHINE,
    Data,
    Home,
    UsageError,
    counted,
    data_source,
    home_folder,
    switch,
)
from mnist_tui.runtime.log import log_path

BENCHMARK = Group("Benchmark", sort_key=0)

Task = Literal["mlp", "linear", "logistic", "evaluations", "monitor"]

_TAKEN: Mapping[Task, frozenset[str]] = {
    "mlp": frozenset({"preset", "engine", "epochs", "stock_batches", "busy", "data"}),
    "linear": frozenset({"engine", "iterations_per_call"}),
    "logistic": frozenset({"engine", "iterations_per_call"}),
    "evaluations": frozenset({"preset", "epochs", "data"}),
    "monitor": frozenset({"preset", "data"}),
}
"""The flags that a task takes of those that not every task does."""

_MLP_ONLY: frozenset[EngineName] = frozenset({"torch-gpu"})
"""Engines in which no regression is written."""


def _names(text: str, default: str) -> Parameter:
    """A flag that takes names, more than once or with commas between."""
    return Parameter(group=BENCHMARK, metavar="NAMES", negative="", help=text, show_default=default)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class BenchFlags:
    """As they are given."""

    task: Annotated[
        Task,
        Parameter(
            group=BENCHMARK,
            metavar="NAME",
            help="mlp trains the same network with each engine in turn; linear and logistic do "
            "regressions in several forms of each; evaluations asks how often MLX should evaluate; "
            "monitor measures what watching a run in the app costs.",
        ),
    ] = "mlp"
    preset: Annotated[
        list[str] | None,
        _names(f"Recipes to train, with commas between: {', '.join(presets())}.", DEFAULT_PRESET),
    ] = None
    engine: Annotated[
        list[str] | None,
        _names(
            f"Engines to compare, with commas between: {', '.join(ENGINES)}. Times are also "
            "given as multiples of the first one's. mlx-stock is the published MLX loop on the "
            "BLAS that MLX brings; torch-gpu is PyTorch on CUDA or Apple's Metal, and does mlp "
            "only. There, mlx/2 is mlx with 2 threads.",
            "all that are there",
        ),
    ] = None
    rounds: Annotated[
        int | None, counted(BENCHMARK, "How often each is measured.", "as the task needs")
    ] = None
    epochs: Annotated[
        int | None, counted(BENCHMARK, "Epochs in a round.", "1, or 2 for evaluations")
    ] = None
    iterations_per_call: Annotated[
        int | None,
        counted(
            BENCHMARK,
            "How many iterations of a regression mlx-fast compiles into one call.",
            str(ITERATIONS_PER_CALL),
            most=1000,
        ),
    ] = None
    stock_batches: Annotated[
        int | None,
        counted(
            BENCHMARK,
            "Train only the first N batches of each epoch with mlx-stock, which can take a "
            "minute for one, and scale its time up. The result says so.",
            "all",
        ),
    ] = None
    busy: Annotated[
        int | None,
        counted(
            BENCHMARK,
            "Measure each engine also beside N processes that keep the machine busy.",
            "none",
            most=1024,
        ),
    ] = None
    data: Data = None
    threads: Annotated[
        int | None,
        counted(
            MACHINE,
            "CPU threads for the matrix products of every engine.",
            "1; of numpy and torch in mlp, also all cores",
            most=1024,
        ),
    ] = None
    home: Home = None
    json: Annotated[
        bool, switch("Write one JSON object a line: each measurement, then a summary.")
    ] = False


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """The flags, checked together, and what those that need it ask for."""

    flags: BenchFlags
    presets: tuple[str, ...]
    contestants: tuple[Contestant, ...]
    """In the order of their turns; none for a task that takes none."""
    log_file: Path


def bench_options(flags: BenchFlags) -> BenchOptions:
    """Check the flags together.

    Raises:
        UsageError: a preset or an engine that does not exist or is not installed, or a flag that
            the task would ignore, as a sentence.
    """
    _refuse_ignored(flags)
    recipes = _presets(flags.preset)
    contestants = _contestants(flags, recipes)
    data_source(flags.data)
    if flags.task == "monitor" and len(recipes) > 1:
        raise UsageError("--task monitor watches one recipe; give one --preset.")
    return BenchOptions(flags, recipes, contestants, log_path(home_folder(flags.home)))


def _refuse_ignored(flags: BenchFlags) -> None:
    """Raise UsageError for a flag that the task would ignore."""
    for name in sorted(frozenset[str]().union(*_TAKEN.values()) - _TAKEN[flags.task]):
        if getattr(flags, name) is not None:
            flag = "--" + name.replace("_", "-")
            takers = [task for task, names in _TAKEN.items() if name in names]
            tasks = " and ".join([", ".join(takers[:-1]), takers[-1]] if takers[1:] else takers)
            raise UsageError(
                f"--task {flags.task} takes no {flag}, which is for {tasks}; leave it out."
            )


def _presets(names: list[str] | None) -> tuple[str, ...]:
    """The presets of `--preset`, given more than once or with commas between.

    Raises:
        UsageError: there is none of that name.
    """
    chosen = _parts(names or [DEFAULT_PRESET])
    for name in chosen:
        if name not in presets():
            raise UsageError(f"There is no preset {name!r}; choose from {', '.join(presets())}.")
    return chosen


def _contestants(flags: BenchFlags, recipes: tuple[str, ...]) -> tuple[Contestant, ...]:
    """The engines of `--engine`, in the order given; without it, those that can be used here.

    All of them can train all `recipes`, which are presets.

    In mlp a rival also runs with a thread for each core, unless a number of threads is given, and
    all also beside busy loops, if any are asked for.

    Raises:
        UsageError: there is no such engine, the task knows none, or it cannot be used here.
    """
    task, cores = flags.task, available_cores()
    if task == "evaluations":
        # It evaluates the published loop more and less often.
        _refuse_unsuited("mlx-stock", recipes)
    if "engine" not in _TAKEN[task]:
        return ()
    several = task == "mlp" and flags.threads is None and cores > 1
    chosen: list[Contestant] = []
    for name, threads in _engines(flags.engine, task, recipes):
        chosen.append(Contestant(name, threads))
        if several and threads is None and name in ("numpy", "torch"):
            chosen.append(Contestant(name, cores))
    # One that was asked for may be there for its engine too.
    chosen = list(dict.fromkeys(chosen))
    busy = [replace(contestant, busy=True) for contestant in chosen] if flags.busy else []
    return (*chosen, *busy)


def _unsuited(engine: EngineName, recipes: tuple[str, ...]) -> str | None:
    """Why it cannot train one of these presets, as a sentence; None where it can train all."""
    reasons = (why_unsuited(engine, presets()[name].hyperparameters) for name in recipes)
    return next(filter(None, reasons), None)


def _refuse_unsuited(engine: EngineName, recipes: tuple[str, ...]) -> None:
    reason = _unsuited(engine, recipes)
    if reason is not None:
        raise UsageError(f"{reason} Leave it out, or choose another --preset.")


def _engines(
    names: list[str] | None, task: Task, recipes: tuple[str, ...]
) -> list[tuple[EngineName, int | None]]:
    """Engines, each with the number of its threads where that is given."""
    known = tuple(engine for engine in ENGINES if task == "mlp" or engine not in _MLP_ONLY)
    if names is None:
        known = tuple(engine for engine in known if _unsuited(engine, recipes) is None)
        return [(engine, None) for engine in known if why_unavailable(engine) is None]
    chosen: list[tuple[EngineName, int | None]] = []
    for text in _parts(names):
        name, slash, threads = text.partition("/")
        if slash and (task != "mlp" or not threads.isdecimal() or not 1 <= int(threads) <= 1024):
            raise UsageError(
                f"{text!r} is no engine with a number of threads, such as mlx/2, which mlp takes."
            )
        engine = next((engine for engine in ENGINES if engine == name), None)
        if engine is None:
            raise UsageError(f"There is no engine {name!r}; choose from {', '.join(known)}.")
        if engine not in known:
            raise UsageError(f"The engine {engine} is for --task mlp; leave it out.")
        reason = why_unavailable(engine)
        if reason is not None:
            raise UsageError(f"{reason} Leave it out; docs/installing.md says how to have it here.")
        if task == "mlp":
            _refuse_unsuited(engine, recipes)
        chosen.append((engine, int(threads) if slash else None))
    return chosen


def _parts(names: list[str]) -> tuple[str, ...]:
    """Each name once, those with commas taken apart."""
    return tuple(dict.fromkeys(part.strip() for name in names for part in name.split(",")))
