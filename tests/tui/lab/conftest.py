"""The laboratory, for the tests of what it does."""

from pathlib import Path

import pytest

from helpers.laboratory import Laboratory


@pytest.fixture
def laboratory(tmp_path: Path) -> Laboratory:
    made = Laboratory(tmp_path / "home")
    made.session.data.load()
    made.session.tick()
    return made
