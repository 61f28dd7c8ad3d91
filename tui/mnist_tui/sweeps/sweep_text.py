"""How a sweep stands, in words and bars."""

from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.sweep.events import SweepStarted
from mnist_core.sweep.ranges import Range
from mnist_tui.lab.sweep_progress import SweepProgress
from mnist_tui.lab.trial_text import value_text
from mnist_tui.settings.keys import key_hint
from mnist_tui.text.numbers import count, duration, percent
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.bars import bar

_LONGEST_BAR = 40


def what_sweeps_are(*, has_studies: bool) -> str:
    """For who sees none yet."""
    earlier = f" {key_hint('show_studies')} lists earlier ones." if has_studies else ""
    return (
        "A sweep trains many runs with values that Optuna chooses within bounds of yours, and "
        f"ranks them. Press {key_hint('start_sweep')} to begin the one in the form, "
        f"{key_hint('edit_sweep')} to change it first.{earlier}"
    )


def no_base_text() -> str:
    """Why none can be started without a recipe, and what to do."""
    return (
        "A sweep starts from one recipe, and the form of the train screen has none that can be "
        f"used, or a list. Press {key_hint('show_screen_train')}, then {key_hint('edit')}, to "
        "change it."
    )


def progress_text(progress: SweepProgress, *, under_way: bool, how_to_cut: str = "") -> str:
    """How far it is, such as "sweep-1  7/20 finished · best 0.9512 (trial 4) · ETA 0:35 · ...".

    What matters least comes last. `how_to_cut` says how those that run are ended at once, where it
    is being stopped.
    """
    started = progress.started
    if started is None:
        return "starting: the data are loaded, and Optuna"
    running, left = progress.running, progress.seconds_left
    parts = [f"{started.study}  {progress.finished}/{started.trials} finished"]
    if running and how_to_cut:
        parts.append(how_to_cut)
    parts += [f"best {value_text(best)} (trial {best.number})" for best in progress.ranked[:1]]
    if left is not None and under_way and not how_to_cut:
        parts.append(f"ETA {duration(left)}")
    if running and under_way:
        parts.append(f"{len(running)} running")
    parts += [f"{n} {state}" for state in ("failed", "pruned") if (n := progress.count(state))]
    return " · ".join(parts)


def planned_text(ranges: tuple[Range, ...], base: Hyperparameters | None, dataset: str) -> str:
    """What would be done next."""
    if base is None:
        return "the train screen's form has no single recipe to start from"
    chosen = ", ".join(hyperparameter_fields()[each.field.name].label.lower() for each in ranges)
    if not chosen:
        return "nothing that can be sampled; see the form"
    return f"next: {chosen}; {count(base.epochs, 'epoch')} each on {visible(dataset)}"


def about_text(started: SweepStarted) -> str:
    """What is ranked, and on what."""
    plan = started.plan
    held_out = " held out for it" if started.held_out else ""
    seeds = f", {plan['seeds']} seeds each" if plan["seeds"] > 1 else ""
    samples = (
        f"{count(started.validation_examples)} samples{held_out}"
        if plan["rank_on"] == "validation"
        else "the test set"
    )
    return f"{plan['metric']} on {samples}, after {count(started.epochs, 'epoch')}{seeds}"


def importance_lines(progress: SweepProgress | None, width: int) -> list[str]:
    """A bar for each field: how much of what sets the trials apart it decides."""
    if progress is None or not progress.importance:
        return []
    fields = hyperparameter_fields()
    names = {name: fields[name].short_name for name in progress.importance}
    name_width = max(map(len, names.values()))
    room = max(1, min(_LONGEST_BAR, width - name_width - 7))
    return [
        f"{names[name].ljust(name_width)} {bar(share, room)} {percent(share):>5}"
        for name, share in progress.importance.items()
    ]
