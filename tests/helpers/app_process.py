"""An app without its screens in a process of its own, told what to do a line at a time."""

import json
import os
import pickle
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from mnist_core.data.dataset import Dataset

# -- the test's side -----------------------------------------------------------------------------


class AppProcess:
    """The process; each order is carried out, and what came of it stored, before it returns."""

    def __init__(self, home: Path, dataset: Dataset, ruinous: float) -> None:
        """Updates at a learning rate from `ruinous` on leave no weight a number."""
        data = b64encode(pickle.dumps(dataset)).decode()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "helpers.app_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={
                **os.environ,
                "MLX_DISABLE_COMPILE": "1",
                "PYTHONPATH": str(Path(__file__).parents[1]),
            },
        )
        self._do(home=str(home), data=data, ruinous=ruinous)

    def resume(self, run_id: str, batches: int) -> str:
        """Go on with a stored run, or with the one under way; why not, as a sentence."""
        return self._do(run=run_id, batches=batches)

    def stop(self) -> None:
        self._do(stop=True)

    def kill(self) -> None:
        """With SIGKILL."""
        self._process.kill()
        self._process.communicate()

    def _do(self, **order: Any) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        answer = self._process.stdout.readline()
        assert answer, f"the process ended at {order}"
        return answer


# -- the process's side --------------------------------------------------------------------------


def _answer(said: str) -> None:
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


def main() -> None:
    from helpers.lab_app import LabApp, write_at_once
    from helpers.spoilt_updates import spoil_rates
    from mnist_core.store import StoreError
    from mnist_core.training import kernel_warmup

    kernel_warmup.StepCompilation._kernels_to_make = lambda _: None  # type: ignore[assignment,method-assign]
    patches = pytest.MonkeyPatch()
    write_at_once(patches)
    order = json.loads(input())
    spoil_rates(patches, order["ruinous"])
    app = LabApp(Path(order["home"]), pickle.loads(b64decode(order["data"])))
    session = app.session
    _answer("")
    while True:
        order = json.loads(input())
        said = ""
        if "stop" in order:
            session.stop()
        elif session.divergence is None:
            try:
                if session.run is None:
                    session.resume_stored(order["run"])
            except StoreError as error:
                said = str(error)
            else:
                session.train_batches(order["batches"])
        app.settle()
        _answer(said)


if __name__ == "__main__":
    main()
