"""`mnist-tui runs`: its subcommands and their flags."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import App, Parameter

from mnist_core.export import Format, WeightFormat
from mnist_tui.commands.flags import (
    OUTPUT,
    Home,
    UsageError,
    counted,
    log_in_home,
    run_folder,
    switch,
)

Run = Annotated[
    str,
    Parameter(name="ID", help="The run: its id, the beginning of its id, or its name."),
]
SeveralRuns = Annotated[
    list[str],
    Parameter(name="ID", help="The runs: each its id, the beginning of its id, or its name."),
]
Json = Annotated[bool, switch("Write one JSON object a line.")]

runs = App(
    name="runs",
    help="List the stored runs; show, compare, export or delete them, list their mistakes, or "
    "import curves.",
    version_flags=[],
)


SortKey = Literal[
    "started", "best", "last", "loss", "name", "state", "differs", "epochs", "time", "speed",
    "tags", "note",
]  # fmt: skip
"""The columns of the table of runs that it can be sorted by."""


@runs.command(name="list")
def list_runs(
    *,
    filter: Annotated[  # noqa: A002 - the flag's name
        str | None,
        Parameter(
            group=OUTPUT,
            metavar="TERMS",
            help="Only runs that match, as in the app: 'lr>=0.01 optimizer:adam acc>0.95', or any "
            "words.",
        ),
    ] = None,
    sort: Annotated[
        SortKey | None,
        Parameter(
            group=OUTPUT,
            help="By which column; best means the best first.",
            show_default="the latest first",
        ),
    ] = None,
    reverse: Annotated[bool, switch("The other way round.")] = False,
    json: Json = False,
    home: Home = None,
) -> int:
    """List the stored runs, the latest first."""
    folder = _folder(home)
    from mnist_tui.commands.runs.show_runs import list_runs

    return list_runs(folder, filter or "", sort, reverse=reverse, as_json=json)


@runs.command
def show(run: Run, /, *, json: Json = False, home: Home = None) -> int:
    """Show everything about a run, and the command line that reproduces it."""
    folder = _folder(home)
    from mnist_tui.commands.runs.show_runs import show_run

    return show_run(folder, run, as_json=json)


@runs.command(usage="Usage: mnist-tui runs plot [OPTIONS] ID [ID ...]")
def plot(
    runs: SeveralRuns,
    /,
    *,
    metric: Annotated[
        str | None,
        Parameter(
            group=OUTPUT,
            metavar="loss|accuracy|NAME",
            help="Draw only this one; of recordings a name such as train/loss, or what names "
            "share.",
            show_default="both; of recordings all",
        ),
    ] = None,
    log: Annotated[
        bool,
        switch(
            "Draw the loss, and the error rate in place of the accuracy, on a logarithmic scale."
        ),
    ] = False,
    mean: Annotated[
        bool,
        switch(
            "Draw runs that differ in the seed alone as their mean, between dashes one deviation "
            "away."
        ),
    ] = False,
    svg: Annotated[
        str | None,
        Parameter(
            group=OUTPUT,
            metavar="FILE",
            help="Save the chart as a picture too; - is standard output.",
        ),
    ] = None,
    home: Home = None,
) -> int:
    """Draw the loss and accuracy of runs in one chart, to compare them.

    Or draw recordings: a chart for each of their names.
    """
    picture = None if svg is None else _path("--svg", svg)
    folder = _folder(home)
    from mnist_tui.commands.runs.comparison import plot_runs

    return plot_runs(folder, runs, metric, log=log, mean=mean, svg=picture)


@runs.command
def export(
    run: Run,
    /,
    *,
    format: Annotated[  # noqa: A002 - the flag's name
        Format,
        Parameter(
            group=OUTPUT,
            help="csv, jsonl or tensorboard for the curves; safetensors or npz for the "
            "weights after the last epoch.",
        ),
    ],
    output: Annotated[
        str,
        Parameter(
            group=OUTPUT,
            metavar="PATH",
            help="The file, or for tensorboard the folder; - is standard output. A file that "
            "is there is replaced when the new one is whole.",
        ),
    ],
    best: Annotated[bool, switch("Take the weights of the best epoch instead.")] = False,
    home: Home = None,
) -> int:
    """Write a run to a file that other tools read."""
    if best and format not in get_args(WeightFormat):
        raise UsageError(
            f"--best has no effect here: {format} holds the curves of all epochs. Leave it out."
        )
    if format == "tensorboard" and output == "-":
        raise UsageError("tensorboard takes a folder for --output, not standard output.")
    path = _path("--output", output)
    folder = _folder(home)
    from mnist_tui.commands.runs.export_runs import export

    return export(folder, run, format, path, best=best)


@runs.command(name="import", usage="Usage: mnist-tui runs import [OPTIONS] FILE [FILE ...]")
def import_files(
    files: Annotated[
        list[str],
        Parameter(
            name="FILE",
            help="Event files of TensorBoard, *.csv with a header, or *.jsonl with an object a "
            "line.",
        ),
    ],
    /,
    *,
    json: Json = False,
    home: Home = None,
) -> int:
    """Take the curves that other programs wrote into the store, as recordings.

    A column or number called step says where a row belongs; without one rows
    are counted from 0. Where anything in a file makes no sense, it is said
    where, and nothing is imported.
    """
    folder = _folder(home)
    from mnist_tui.commands.runs.recordings import import_files

    return import_files(folder, files, as_json=json)


@runs.command
def mistakes(
    run: Run,
    /,
    *,
    epoch: Annotated[
        str | None,
        Parameter(
            group=OUTPUT,
            metavar="N|best",
            help="Of the model after this epoch, or after the best one; 0 is the untrained.",
            show_default="the last completed epoch",
        ),
    ] = None,
    top: Annotated[
        int | None,
        counted(
            OUTPUT,
            "Only the K mistakes with the largest loss.",
            "all",
            metavar="K",
        ),
    ] = None,
    true: Annotated[
        str | None,
        Parameter(group=OUTPUT, metavar="CLASS", help="Only samples of this class."),
    ] = None,
    pred: Annotated[
        str | None,
        Parameter(group=OUTPUT, metavar="CLASS", help="Only those that are taken for this one."),
    ] = None,
    suspect: Annotated[
        bool,
        switch(
            "Those whose label the model disbelieves most instead, the smallest margin of the "
            "label first: look at these."
        ),
    ] = False,
    folds: Annotated[
        int | None,
        counted(
            OUTPUT,
            "With --suspect, training samples: train K models as the run was, each without one of "
            "K parts, and ask it about that part.",
            "the test samples are looked at",
            metavar="K",
        ),
    ] = None,
    data: Annotated[
        str | None,
        Parameter(
            group=OUTPUT,
            metavar="NAME|DIR",
            help="With --folds, where the data of the run is now.",
            show_default="where it was",
        ),
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """List the test samples that a model gets wrong, the largest loss first.

    An index counts from 0 in the order of the file. A run with --validation
    published was tested on the last ten test images alone: there index 0 is
    the first of the ten.
    """
    number = _epoch(epoch)
    if (folds or data is not None) and not suspect:
        raise UsageError("--folds and --data are of --suspect. Add that.")
    if data is not None and not folds:
        raise UsageError("--data is of --folds. Add that.")
    if folds and epoch is not None:
        raise UsageError(
            "--epoch has no effect beside --folds, whose models are trained for as many epochs as "
            "the run was. Leave it out."
        )
    folder = _folder(home)
    if suspect:
        from mnist_tui.commands.runs.list_suspects import (
            list_suspect_test_samples,
            list_suspect_training_samples,
        )

        asked = top, true, pred
        if folds:
            return list_suspect_training_samples(folder, run, folds, data, *asked, as_json=json)
        return list_suspect_test_samples(folder, run, number, *asked, as_json=json)
    from mnist_tui.commands.runs.list_mistakes import list_mistakes

    return list_mistakes(folder, run, number, top, true, pred, as_json=json)


@runs.command
def marks(
    run: Run,
    /,
    *,
    output: Annotated[
        str | None,
        Parameter(
            group=OUTPUT,
            metavar="FILE",
            help="Write them as CSV to this file; - is standard output.",
        ),
    ] = None,
    json: Json = False,
    home: Home = None,
) -> int:
    """List the samples of a run that were marked in the app, with their notes."""
    if json and output is not None:
        raise UsageError("--json and --output are two forms of one list. Leave one out.")
    path = None if output is None else _path("--output", output)
    folder = _folder(home)
    from mnist_tui.commands.runs.list_marks import list_marks

    return list_marks(folder, run, path, as_json=json)


@runs.command(usage="Usage: mnist-tui runs delete [OPTIONS] ID [ID ...]")
def delete(runs: SeveralRuns, /, *, json: Json = False, home: Home = None) -> int:
    """Delete runs for good, with their weights."""
    folder = _folder(home)
    from mnist_tui.commands.runs.with_store import delete_runs

    return delete_runs(folder, runs, as_json=json)


@runs.command
def prune(
    *,
    filter: Annotated[  # noqa: A002 - the flag's name
        str | None,
        Parameter(
            group=OUTPUT,
            metavar="TERMS",
            help="Only runs that match, as in the app: 'age>30d', 'acc<0.95 state:completed', "
            "'study:sweep-1'.",
        ),
    ] = None,
    keep_best: Annotated[
        int | None,
        counted(OUTPUT, "Of these, let the N with the best accuracy stay, and all recordings."),
    ] = None,
    delete: Annotated[bool, switch("Delete them for good. Without it they are only listed.")] = (
        False
    ),
    json: Json = False,
    home: Home = None,
) -> int:
    """List the runs that a filter finds or that are not among the best, or delete them.

    What is being trained stays.
    """
    if not filter and keep_best is None:
        raise UsageError("prune needs --filter or --keep-best, to know what may go.")
    folder = _folder(home)
    from mnist_tui.commands.runs.prune_runs import prune_runs

    return prune_runs(folder, filter or "", keep_best, delete=delete, as_json=json)


def _folder(home: str | None) -> Path:
    log_in_home(home)
    return run_folder(home)


def _epoch(text: str | None) -> int | Literal["best"] | None:
    if text is None:
        return None
    if text == "best":
        return "best"
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise UsageError(f'"{text}" for --epoch is neither the number of an epoch nor best.')
    return number


def _path(flag: str, text: str) -> Path:
    if not text:
        raise UsageError(f"{flag} needs the name of a file.")
    if text == "-":
        # Only here: --help must not wait for it.
        from mnist_core.store.files import STDOUT

        return STDOUT
    return Path(text)
