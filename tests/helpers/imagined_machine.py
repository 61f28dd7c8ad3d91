"""A machine for the set-up script: a checkout, and a PATH of small fakes for all it calls."""

import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
REAL_PROGRAMS = ("basename", "cat", "chmod", "dirname", "grep", "mkdir", "rm", "sed", "tee", "tr")

PYPROJECT = """\
[project]
name = "mnist-tui"
[project.optional-dependencies]
cpu = []
cuda12 = []
web = []
dev = []
"""

# Knows what the script asks of a Python. In the environment that it makes lies a copy of it.
PYTHON = """\
case "$*" in
    -V) echo "Python {version}" ;;
    *"print("*) echo "{version}" ;;
    "-c import ensurepip, venv") {venv} ;;
    "-m venv .venv")
        echo "$(basename "$0") -m venv" >>"$CALLS"
        mkdir -p .venv/bin
        cat "$0" >.venv/bin/python
        chmod +x .venv/bin/python ;;
    *get_path* | "-m pip --version") ;;
    "-m pip install "*)
        echo "pip ${{*#-m pip }}" >>"$CALLS"
        {install} ;;
    *) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""

UV = """\
case "$*" in
    --version) ;;
    "python find "*) exit 2 ;;
    "venv "*)
        echo "uv $* with downloads $UV_PYTHON_DOWNLOADS" >>"$CALLS"
        mkdir -p .venv/bin
        echo 'case "$*" in -V) echo Python 3.12.1 ;; esac' >.venv/bin/python
        chmod +x .venv/bin/python ;;
    "pip install "*)
        echo "uv $*" >>"$CALLS"
        {install} ;;
    *) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""

# What an installation leaves: the program, and the name of the back end among the packages.
INSTALL = """\
site=.venv/lib/python3.12/site-packages
        case "$*" in
            *cuda12*) mkdir -p "$site/mlx_cuda_12-0.32.4.dist-info" ;;
            *cpu*) mkdir -p "$site/mlx_cpu-0.32.4.dist-info" ;;
        esac
        echo "Requirement already satisfied: numpy"
        echo "Successfully installed mnist-tui"
        : >.venv/bin/mnist-tui
        chmod +x .venv/bin/mnist-tui"""


class Machine:
    """Linux on x86-64 with glibc 2.36, and no Python yet."""

    def __init__(self, place: Path) -> None:
        self.checkout = place / "a checkout"
        self._programs = place / "programs"
        self._calls = place / "calls"
        for folder in (self.checkout / "scripts", self._programs):
            folder.mkdir(parents=True)
        shutil.copy(CHECKOUT / "scripts" / "setup.sh", self.checkout / "scripts")
        (self.checkout / "pyproject.toml").write_text(PYPROJECT)
        (self.checkout / "constraints.txt").write_text("numpy==2.4.6\n")
        for name in REAL_PROGRAMS:
            path = shutil.which(name)
            assert path is not None, f"{name} is needed to run this test"
            (self._programs / name).symlink_to(path)
        self.add_system("Linux", "x86_64")
        self.add("getconf", "echo glibc 2.36")

    def add(self, name: str, script: str) -> None:
        """Put a shell script on PATH, in place of one of that name."""
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def add_system(self, system: str, machine: str) -> None:
        self.add("uname", f'case "$1" in -s) echo {system} ;; -m) echo {machine} ;; esac')

    def add_python(
        self, name: str, version: str, *, has_venv: bool = True, install: str = INSTALL
    ) -> None:
        """Put a Python on PATH; an environment that was made of another one now has this one."""
        venv = "exit 0" if has_venv else "exit 1"
        script = PYTHON.format(version=version, venv=venv, install=install)
        self.add(name, script)
        in_environment = self.checkout / ".venv" / "bin" / "python"
        if in_environment.exists():
            in_environment.write_text(f"#!/bin/sh\n{script}\n")

    def add_uv(self, install: str = INSTALL) -> None:
        self.add("uv", UV.format(install=install))

    def set_up(self, *arguments: str) -> "SetUp":
        """Run the script; what it calls must not be able to ask for anything."""
        done = subprocess.run(
            ["/bin/sh", self.checkout / "scripts" / "setup.sh", *arguments],
            env={"PATH": str(self._programs), "CALLS": str(self._calls)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        calls = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        assert done.stdout == "", "stdout belongs to the app"
        return SetUp(done.returncode, done.stderr, calls)


class SetUp:
    """What one run of the script did."""

    def __init__(self, code: int, said: str, calls: list[str]) -> None:
        self.code = code
        self.said = said
        self.environments = [call for call in calls if " venv" in call]
        """The commands that made an environment."""
        self.installations = [call for call in calls if " venv" not in call]

    @property
    def extras(self) -> list[str]:
        """The extras of each installation, as pip is told them."""
        return [call.rpartition("--editable ")[2] for call in self.installations]
