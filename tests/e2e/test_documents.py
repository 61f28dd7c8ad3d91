"""Every command in the README and the documents, run in their order, in one home."""

import os
import re
import subprocess
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from helpers.idx_files import write_dataset
from helpers.imagined_machine import CHECKOUT
from mnist_core.store import RunStore

DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
PROGRAM = ".venv/bin/mnist-tui"

pytestmark = pytest.mark.skipif(not (CHECKOUT / PROGRAM).exists(), reason="there is no .venv here")


def blocks(document: Path) -> list[str]:
    """The lines of the blocks of code, without remarks."""
    found = re.findall(r"^```\w*\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(r"\s+# .*", "", line) for block in found for line in block.splitlines()]


def commands(document: Path) -> list[str]:
    return [line for line in blocks(document) if line.startswith(PROGRAM)]


class Home:
    """Where commands are run, with data as small as can be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        labels = np.arange(500) % 10
        write_dataset(folder / "data", labels, labels[:200])
        (folder / ".venv").symlink_to(CHECKOUT / ".venv")
        self._said: dict[str, str] = {}
        self.train()

    def train(self) -> None:
        self.bash(f"{PROGRAM} train --epochs 1 --data data --learning-rate 0.2")

    def bash(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self._folder,
            env={**os.environ, "MNIST_TUI_HOME": str(self._folder / "home")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, line: str) -> str:
        """Run a command as it stands there, once, on the small data and a run that exists."""
        if line not in self._said:
            self._said[line] = self.bash(f"{self._on_what_is_here(line)} 2>&1")
        return self._said[line]

    def _on_what_is_here(self, line: str) -> str:
        if "--resume ID" in line:
            # One that no other document has given more epochs.
            self.train()
        if re.search(r"\bID\b", line):
            with closing(RunStore(self._folder / "home")) as store:
                latest = store.latest()
            assert latest is not None
            line = re.sub(r"\bID\b", latest.id, line)
        # Not every machine has jq.
        line = line.replace("| jq .", f"| {CHECKOUT}/.venv/bin/python -m json.tool --json-lines")
        for trains in (f"{PROGRAM} train", f"{PROGRAM} sweep"):
            if trains in line and "--resume" not in line:
                line = line.replace(trains, f"{trains} --data data")
        return line


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("documents"))


@pytest.mark.parametrize(
    "document", [document for document in DOCUMENTS if commands(document)], ids=lambda d: d.name
)
def test_every_command_does_what_it_is_there_for(home: Home, document: Path) -> None:
    for line in commands(document):
        assert home.run(line).strip(), f"{line} says nothing"


def test_the_targets_of_make_exist() -> None:
    lines = [line for document in DOCUMENTS for line in blocks(document)]
    told = sorted({line for line in lines if line.startswith("make ")})
    assert {"make run", "make test"} <= set(told)
    for line in told:
        subprocess.run([*line.split(), "--dry-run"], cwd=CHECKOUT, check=True, capture_output=True)


def test_links_between_documents_lead_somewhere() -> None:
    for document in [*DOCUMENTS, CHECKOUT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_readme_is_one_screen() -> None:
    assert len((CHECKOUT / "README.md").read_text().splitlines()) <= 60
