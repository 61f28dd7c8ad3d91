"""Inputs that ask for far more memory or time than they are worth, read under a limit of both.

As a program: `python -m helpers.hostile_inputs FOLDER LENGTH ROOM` reads each with at most ROOM
bytes more than the process has taken by then, and prints a line of JSON for each: what it was, the
error, the sentence. LENGTH is that of long lines, in characters.
"""

import gzip
import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from helpers.idx_files import MNIST_FILES, idx_bytes, idx_header
from mnist_core.data.folder import CLASS_NAMES_FILE, read_folder
from mnist_core.data.idx import read_images, read_labels
from mnist_core.importing.curve_file import read_curve_file
from mnist_core.recipe.changes import parse_change
from mnist_core.recipe.lists import make_recipes
from mnist_core.sweep.ranges import parse_range
from mnist_tui.mistakes.sample_query import parse_sample_filter
from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.settings.config import read_config
from mnist_tui.web.messages import read_message

MOST_SECONDS = 300
"""Of the processor, for all of them: what is quadratic takes hours."""

_MEMBER = 1 << 24
"""Bytes of zeros in a member of a gzip file, which takes a thousandth of them."""

PROMISING_EVENT = (
    b"&\0\0\0\0\0\0\0sO\xe3\0\t\0\0\0\0\0\0\xf0?\x10\x03*\x19\n\x17\n\x01aB\x12\x08\x01\x12\x08\x12\x06"
    b"\x08\x80\x80\x80\x80\x08*\x04\0\0\x80?\x9c\xd3\x7f\x8b"
)
"""A record of an event file: a tensor of one number that says that it has 2^31. Its package would
fill up the others."""

Read = Callable[[], object]


def inputs(folder: Path, length: int, room: int) -> Mapping[str, Read]:
    """What reads each input, by its name."""

    def file(name: str, content: bytes | str, read: Callable[[Path], object]) -> Read:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return lambda: read(path)

    zeros = gzip.compress(bytes(_MEMBER), 9)
    members = 2 * room // _MEMBER
    promised = members * _MEMBER
    images = (promised // 1024, 32, 32)
    small = folder / "data"
    small.mkdir()
    for name, shape in zip(MNIST_FILES, ((2, 2, 2), (2,)) * 2, strict=True):
        values = b"\0" * 8 if len(shape) == 3 else b"\0\1"
        (small / name).write_bytes(idx_header(shape) + values)
    (small / CLASS_NAMES_FILE).write_text("x" * length)
    names = tuple("0123456789")
    blank, long = " " * length, "x" * length
    wide = {f"m{number}": 1 for number in range(length // 8)}
    return {
        "2^31 images": file("a", idx_header((2**31, 28, 28)), read_images),
        "2^31 labels": file("b", idx_header((2**31,)) + bytes(9), read_labels),
        "2^31 images in gzip": file(
            "c", gzip.compress(idx_header((2**31, 28, 28)))[:-4] + (16).to_bytes(4, "little"),
            read_images,
        ),
        "a gzip bomb that promises little": file(
            "d", gzip.compress(idx_bytes([[[1]]])) + zeros * members, read_images
        ),
        "a gzip bomb that promises all": file(
            "e", gzip.compress(idx_header(images)) + zeros * members, read_images
        ),
        "a long class name": lambda: read_folder(small),
        "a long blank line": file("f", f'theme = """\n{blank}x\n"""\n', read_config),
        "a long header of a table": file("g", f'theme = """\n[{blank}\n"""\n', read_config),
        "a long setting": file("h", f"{long} = 1\n", read_config),
        "a long number": file("i", f"smoothing = {'1' * length}\n", read_config),
        "a long filter of runs": lambda: parse_filter(f"{long}: hidden:{'9' * length}"),
        "a long filter of samples": lambda: parse_sample_filter(">" * length, names),
        "a long list": lambda: make_recipes({"learning_rate": "1," * (length // 2)}),
        "long hidden sizes": lambda: make_recipes({"hidden_sizes": "9," * (length // 2)}),
        "a long change": lambda: parse_change(f"1:{long}=1"),
        "a long step of a change": lambda: parse_change(f"{'1' * length}:lr=1"),
        "a long range": lambda: parse_range(f"lr={'1:' * length}"),
        "a long choice": lambda: parse_range(f"lr={'|'.join(map(str, wide.values()))}"),
        "a long header of CSV": file("j.csv", ",".join(wide) + "\n1\n", read_curve_file),
        "a long cell of CSV": file("k.csv", f"a\n{'1' * length}\n", read_curve_file),
        "a name twice in CSV": file("l.csv", f"{long},{long}\n1,1\n", read_curve_file),
        "a long line of JSON": file("m.jsonl", json.dumps(wide), read_curve_file),
        "a name twice in JSON": file(
            "n.jsonl", f'{json.dumps(wide)[:-1]}, "m0": 1}}', read_curve_file
        ),
        "long names in an object": file(
            "o.jsonl", json.dumps({long: wide}), read_curve_file
        ),
        "a deep object": file("p.jsonl", '{"a":' * (length // 5), read_curve_file),
        "a tensor that promises 2^31 numbers": file(
            "q.tfevents.1", PROMISING_EVENT,
            read_curve_file,
        ),
        "a long message": lambda: read_message(json.dumps(["stdin", long])),
        "a deep message": lambda: read_message("[" * length),
        "a message of quotes": lambda: read_message('"' * length),
        "a message of backslashes": lambda: read_message('["' + "\\" * length),
    }  # fmt: skip


def main() -> None:
    folder, length, room = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    every = inputs(folder, length, room)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    for name, read in every.items():
        try:
            read()
            told = ("", "")
        except Exception as error:  # noqa: BLE001 - the test says which it may be
            told = (type(error).__name__, str(error))
        sys.stdout.write(json.dumps([name, *told]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
