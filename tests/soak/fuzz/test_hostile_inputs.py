"""What promises or repeats too much is refused, or read, in little memory and time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from helpers.fuzzing import LONGEST_SENTENCE

DOCUMENTED = {"", "IdxError", "ImportProblem", "HyperparametersError", "ChangeError", "RangeError",
              "FilterError", "BadMessage"}  # fmt: skip
TESTS = Path(__file__).parents[2]


def test_hostile_inputs_take_little(
    tmp_path: Path, repeats: Callable[[int, int], int], tally: Callable[..., None]
) -> None:
    length, room = repeats(50_000, 1_000_000), repeats(128 << 20, 512 << 20)
    done = subprocess.run(
        [sys.executable, "-m", "helpers.hostile_inputs", str(tmp_path), str(length), str(room)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = {name: (error, sentence) for name, error, sentence in map(
        json.loads, done.stdout.splitlines()
    )}  # fmt: skip
    for name, (error, sentence) in told.items():
        assert error in DOCUMENTED, f"{name}: {error}: {sentence[:400]}"
        assert len(sentence) < LONGEST_SENTENCE, name
    assert told["2^31 images"][0] == told["2^31 images in gzip"][0] == "IdxError"
    assert "more images than there is free memory for" in told["a gzip bomb that promises all"][1]
    assert "more follow" in told["a gzip bomb that promises little"][1]
    tally("Inputs that ask for too much", len(told))
