"""A race in words: what is raced, how it stands, and what its figures mean."""

from mnist_core.benchmark.contest import Contest, ContestTask, Scores
from mnist_core.data.dataset import Dataset
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible

PACES: dict[ContestTask, str] = {"mlp": "s/epoch", "linear": "it/s", "logistic": "it/s"}
"""What the pace of each task is measured in."""

RESULTS: dict[ContestTask, str] = {
    "mlp": "accuracy",
    "linear": "error",
    "logistic": "accuracy",
}
"""What an entrant ends with on the test examples."""

CURVES: dict[ContestTask, str] = {
    "mlp": "Test accuracy",
    "linear": "Test error",
    "logistic": "Training accuracy",
}
"""What is drawn against time."""


def title(contest: Contest) -> str:
    """The preset of a network, or the task."""
    return visible(contest.recipe) if contest.task == "mlp" else contest.task


def subject(contest: Contest) -> str:
    """What is raced on what, in one line."""
    if contest.task == "mlp":
        drawn = " (drawn here)" if contest.synthetic else ""
        what = (
            f"{visible(contest.recipe)} {'-'.join(map(str, contest.sizes))} on "
            f"{visible(contest.dataset)}{drawn}, {count(contest.train_examples, 'example')}"
        )
    else:
        what = (
            f"{contest.task} regression, {count(contest.train_examples, 'example')} of "
            f"{count(contest.sizes[0], 'feature')}"
        )
    threads = count(contest.threads, "thread")
    return f"{what} · {count(contest.rounds, 'round')} · {threads}"


def plan(task: ContestTask, recipe: str, dataset: Dataset | None) -> str:
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


def turn(scores: Scores) -> str:
    """Whose turn it is."""
    waiting = [name for name in scores.contest.entrants if name not in scores.descriptions]
    if waiting:
        return f"warming up {visible(waiting[0])}"
    following = scores.next_turn
    if following is None:
        return "ending"
    return f"{visible(following[0])} · round {following[1]} of {scores.contest.rounds}"


def notes(scores: Scores) -> list[str]:
    """What the table and the chart mean, and what each entrant ran on."""
    contest = scores.contest
    lines = [f"Medians with quartiles; the {RESULTS[contest.task]} is that on the test examples."]
    if len(contest.entrants) > 1:
        time_or_rate = "time" if contest.task == "mlp" else "rate"
        faster = "below" if contest.task == "mlp" else "above"
        lines.append(
            f"The ratio is the {time_or_rate} over that of {visible(contest.baseline)} in the same "
            f"round: {faster} 1 is faster."
        )
    if contest.task != "mlp":
        lines.append(
            "The curve is of the entrant's own weights, traced untimed after its first turn; time "
            "is iterations over its median rate."
        )
    return lines + [
        f"{visible(entrant)}: {visible(description)}"
        for entrant, description in scores.descriptions.items()
    ]
