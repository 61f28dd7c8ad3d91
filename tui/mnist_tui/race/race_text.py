"""A race in words: what is raced, how it stands, and what its metrics mean."""

from mnist_core.benchmark.race import Race, RaceScore, TaskName
from mnist_core.data.dataset import Dataset
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible

PACES = {"mlp": "s/epoch", "linear": "it/s", "logistic": "it/s"}
"""What the pace of each task is measured in."""

RESULTS = {"mlp": "accuracy", "linear": "error", "logistic": "accuracy"}
"""What an entrant ends with on the test examples."""

CURVES = {
    "mlp": "Test accuracy",
    "linear": "Test error",
    "logistic": "Training accuracy",
}
"""What is drawn against time."""


def title(race: Race) -> str:
    """The preset of a network, or the task."""
    return visible(race.recipe) if race.task == "mlp" else race.task


def subject(race: Race) -> str:
    """What is raced on what, in one line."""
    if race.task == "mlp":
        drawn = " (drawn here)" if race.synthetic else ""
        what = (
            f"{visible(race.recipe)} {'-'.join(map(str, race.sizes))} on "
            f"{visible(race.dataset)}{drawn}, {count(race.train_examples, 'example')}"
        )
    else:
        what = (
            f"{race.task} regression, {count(race.train_examples, 'example')} of "
            f"{count(race.sizes[0], 'feature')}"
        )
    threads = count(race.threads, "thread")
    return f"{what} · {count(race.rounds, 'round')} · {threads}"


def plan(task: TaskName, recipe: str, dataset: Dataset | None) -> str:
    """What would be raced if a race began now."""
    if task != "mlp":
        return f"{task} regression on examples drawn here; a data set is not needed"
    if dataset is None:
        return "waiting for the data"
    drawn = " (drawn here)" if dataset.synthetic else ""
    return (
        f"{recipe} on {visible(dataset.name)}{drawn}: "
        f"{count(len(dataset.train), 'training example')}, "
        f"{count(len(dataset.test), 'test example')}"
    )


def turn(score: RaceScore) -> str:
    """Whose turn it is."""
    waiting = [name for name in score.race.entrants if name not in score.descriptions]
    if waiting:
        return f"warming up {visible(waiting[0])}"
    following = score.next_turn
    if following is None:
        return "ending"
    return f"{visible(following[0])} · round {following[1]} of {score.race.rounds}"


def notes(score: RaceScore) -> list[str]:
    """What the table and the chart mean, and what each entrant ran on."""
    race = score.race
    lines = [f"Medians with quartiles; the {RESULTS[race.task]} is that on the test examples."]
    if len(race.entrants) > 1:
        time_or_rate = "time" if race.task == "mlp" else "rate"
        faster = "below" if race.task == "mlp" else "above"
        lines.append(
            f"The ratio is the {time_or_rate} over that of {visible(race.baseline)} in the same "
            f"round: {faster} 1 is faster."
        )
    if race.task != "mlp":
        lines.append(
            "The curve is of the entrant's own weights, traced untimed after its first turn; time "
            "is iterations over its median rate."
        )
    return lines + [
        f"{visible(entrant)}: {visible(description)}"
        for entrant, description in score.descriptions.items()
    ]
