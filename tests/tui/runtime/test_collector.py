"""The garbage collector, held until the first frame and at ease from then on."""

import subprocess
import sys

RELEASE = """\
import gc
from mnist_tui.runtime.startup import hold_collector, release_collector

assert not release_collector(), "nothing was held"
assert gc.get_freeze_count() == 0
hold_collector()
assert not gc.isenabled()
usual = gc.get_threshold()
assert release_collector()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
assert gc.get_threshold() == (10_000, *usual[1:])
"""


def test_once_released_it_passes_by_what_was_there_and_looks_seldom() -> None:
    done = subprocess.run([sys.executable, "-c", RELEASE], check=False, timeout=120)
    assert done.returncode == 0
