"""Nothing that others can write is executed, and nothing that they name commands the terminal."""

import ast
import io
import json
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from mnist_core.data import synthetic
from mnist_core.store import RunStore
from mnist_core.store.checkpoints import state_from_bytes
from mnist_tui.cli import run

CHECKOUT = Path(__file__).parents[3]
EXECUTING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
"""Modules that execute what they read, or may."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for room in ("core", "tui"):
        for path in (CHECKOUT / room).rglob("*.py"):
            yield path, ast.parse(path.read_text())


def test_no_module_reads_what_executes(tally: Callable[..., None]) -> None:
    count = 0
    for path, tree in sources():
        count += 1
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    modules = {name.name.partition(".")[0] for name in names}
                case ast.ImportFrom(module=str(module)):
                    modules = {module.partition(".")[0]}
                case ast.Call(func=ast.Name(id="eval" | "exec")):
                    modules = {"yaml"}
                case ast.keyword(arg="allow_pickle", value=value):
                    modules = set() if isinstance(value, ast.Constant) and not value.value else {
                        "pickle"
                    }  # fmt: skip
                case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                    modules = {"yaml"}
                case _:
                    continue
            assert not modules & EXECUTING, f"{path}, line {getattr(node, 'lineno', '?')}"
    tally("Modules looked at for what executes data", count)


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_pickles_are_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Callable[..., None]
) -> None:
    went_off = tmp_path / "went off"
    content = pickle.dumps(Bomb(went_off))
    array = io.BytesIO()
    np.save(array, np.array([Bomb(went_off)], dtype=object), allow_pickle=True)
    cache = tmp_path / f"synthetic-{synthetic.GENERATOR_VERSION}.npz"
    with zipfile.ZipFile(cache, "w") as file:
        for name in ("train_images", "train_labels", "test_images", "test_labels"):
            file.writestr(f"{name}.npy", array.getvalue())
    assert synthetic._load(cache) is None
    for bomb in (content, array.getvalue(), cache.read_bytes()):
        with pytest.raises(ValueError, match="it is damaged"):
            state_from_bytes(bomb)
    assert not went_off.exists()
    # It would have gone off.
    pickle.loads(content)
    assert went_off.exists()
    tally("Pickles in the place of files of ours", 4)


ESCAPES = ("\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x07", "\r", "\x08", "\u202e", "[red]", "[/]")
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.usefixtures("own_hooks")
def test_what_is_imported_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tally: Callable[..., None]
) -> None:
    name = "".join(ESCAPES).replace("/", "")
    folder = tmp_path / name
    folder.mkdir()
    (folder / f"{name}.csv").write_text(f"step,{name!s}\n1,2\n2,3\n".replace("\r", ""))
    (folder / f"{name}.jsonl").write_text(json.dumps({name: 1, f"{name} word": name}))
    writer = EventFileWriter(str(folder))
    writer.add_event(Event(step=1, summary=Summary(value=[
        Summary.Value(tag=name, simple_value=0.5), Summary.Value(tag=name + "x")
    ])))  # fmt: skip
    writer.close()
    (folder / "bad.csv").write_text(f"{name},{name}\n".replace("\r", ""))
    home = ["--home", str(tmp_path / name / "home")]
    printed = 0

    def ask(*command: str) -> str:
        nonlocal printed
        run(["runs", *command, *home])
        said = capsys.readouterr()
        for text in (said.out, said.err):
            assert "Traceback" not in text
            found = OBEYED.search(text)
            assert found is None, f"{command[0]}: {text[max(0, found.start() - 40) :][:80]!r}"
        printed += 1
        return said.out + said.err

    for path in sorted(folder.iterdir()):
        if path.is_file():
            assert name.replace("\x1b", "␛")[:2] in ask("import", str(path))
    with closing(RunStore(folder / "home")) as store:
        kept = [record.id for record in store.recordings.all()]
    assert len(kept) == 3
    ask("list")
    ask("list", "--filter", f"{name}:1")
    for number, recording in enumerate(kept):
        ask("edit", recording, "--name", f"{name}{number}", "--note", name, "--tag", name)
        ask("show", recording)
        ask("plot", recording)
        ask("export", recording, "--format", "csv", "--output", str(folder / f"out{number}"))
        ask("delete", recording)
        ask("show", f"{name}{number}")
    tally("Printed answers about names with escapes", printed)
