"""What comes to harm: a small data set in a folder, and a C library that fails."""

from pathlib import Path

import pytest

from helpers.faulty_system import FaultySystem, faulty_system
from helpers.idx_folder import write_idx_folder
from mnist_core.data.dataset import Dataset
from mnist_core.data.registry import load_dataset


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in a folder."""
    return write_idx_folder(tmp_path_factory.mktemp("data") / "digits")


@pytest.fixture(scope="session")
def dataset(digits: Path) -> Dataset:
    """The one in that folder."""
    return load_dataset(digits, digits)


@pytest.fixture(autouse=True)
def _quick(uncompiled: None, unmeasured: None) -> None:
    """Runs that go on in this process begin at once, and give the figures of their children."""


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> FaultySystem:
    """A C library that fails; the test is left out where there can be none."""
    found = faulty_system(tmp_path_factory.mktemp("faulty"))
    if isinstance(found, str):
        pytest.skip(found)
    return found
