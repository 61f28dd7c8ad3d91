"""Write the table of docs/ranks.md to standard output: how fast one process trains, and two ranks.

    .venv/bin/python scripts/ranks.py [--data NAME|DIR] [--epochs N]

Each figure is the fastest epoch of a run, evaluation apart. Nothing else should run meanwhile; a
second round of all of them shows how far the machine can be trusted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from mnist_core.distributed.environment import find_mpi
from mnist_tui.runtime.program import program_command

SHAPES = ("32,32", "256,256")
BATCH_SIZES = (64, 256, 1024, 4096)
ROUNDS = 2


def examples_per_second(flags: list[str], home: str) -> float:
    """Of the fastest epoch of a run with these flags."""
    done = subprocess.run(
        program_command(["train", "--json", "--home", home, *flags]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    examples = next(each for each in events if each["event"] == "run_started")["train_examples"]
    seconds = [each["seconds"] for each in events if each["event"] == "epoch_completed"]
    return float(examples / min(seconds[1:]))


def main() -> None:
    """Measure all, and write one line for each shape and batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--epochs", default="4")
    given = parser.parse_args()
    backends = ["ring", *(["mpi"] if find_mpi() is not None else [])]
    loads = [os.getloadavg()[0]]
    write = sys.stdout.write
    write(f"| network | batch | one process, examples/s | {' | '.join(backends)} |\n")
    write(f"|---|---|---|{'---|' * len(backends)}\n")
    with tempfile.TemporaryDirectory() as home:
        for shape in SHAPES:
            for batch in BATCH_SIZES:
                flags = ["--data", given.data, "--epochs", given.epochs, "--streams", "1"]
                flags += ["--hidden-sizes", shape, "--batch-size", str(batch)]
                best = dict.fromkeys(["alone", *backends], 0.0)
                for name in list(best) * ROUNDS:
                    more = [] if name == "alone" else ["--ranks", "2", "--backend", name]
                    best[name] = max(best[name], examples_per_second([*flags, *more], home))
                    loads.append(os.getloadavg()[0])
                times = " | ".join(f"{best[name] / best['alone']:.2f}" for name in backends)
                write(f"| 784-{shape.replace(',', '-')}-10 | {batch} | ")
                write(f"{best['alone']:_.0f} | ".replace("_", " ") + f"{times} |\n")
                sys.stdout.flush()
    write(f"\n{os.cpu_count()} cores; load average from {min(loads):.1f} to {max(loads):.1f}\n")


if __name__ == "__main__":
    main()
