"""What kind of file has the curves, by its name."""

from pathlib import Path

from mnist_core.importing import ImportProblem
from mnist_core.importing.csv_curves import read_csv
from mnist_core.importing.curve_rows import ImportedCurves
from mnist_core.importing.event_file import read_event_file
from mnist_core.importing.jsonl_curves import read_jsonl


def read_curve_file(path: Path) -> ImportedCurves:
    """The curves in `path`, which is named \\*.csv or \\*.jsonl, or has tfevents in its name.

    Raises:
        ImportProblem: it cannot be read, or not all of it makes sense.
    """
    path = path.absolute()
    if path.is_dir():
        raise ImportProblem(f"{path} is a folder. Name the files in it, each by itself.")
    try:
        if ".tfevents." in f"{path.name}.":
            return read_event_file(path)
        match path.suffix.lower():
            case ".csv":
                return read_csv(path)
            case ".jsonl" | ".ndjson" | ".json":
                return read_jsonl(path)
    except OSError as error:
        raise ImportProblem(f"{path} cannot be read: {error.strerror or error}.") from error
    raise ImportProblem(
        f"{path}: the name does not say what it is. Event files of TensorBoard have tfevents in "
        "theirs; others end in .csv or .jsonl."
    )
