"""A Python of its own for what a process can do only once, such as importing MLX."""

import os
import subprocess
import sys
from pathlib import Path


def run_python(code: str, *options: str, **environment: str | Path) -> list[str]:
    """Run `code`; return the lines it printed. Variables are added to this environment.

    Raises:
        AssertionError: it failed, with what it wrote to stderr.
    """
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
