"""The set-up script, on imagined machines: what it installs, when, and what it says if it can't."""

import os
import subprocess
from pathlib import Path

import pytest

from helpers.imagined_machine import CHECKOUT, Machine

UNREACHABLE = "echo 'Failed to establish a new connection: [Errno -2]'; exit 1"


@pytest.fixture
def bare_machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def machine(bare_machine: Machine) -> Machine:
    bare_machine.add_python("python3.12", "3.12.1")
    return bare_machine


def test_the_first_run_installs_and_the_second_does_nothing(machine: Machine) -> None:
    first = machine.set_up()
    assert first.code == 0
    assert first.environments == ["python3.12 -m venv"]
    assert first.installations == ["pip install --constraint constraints.txt --editable .[cpu]"]
    assert "Successfully installed mnist-tui" in first.said
    assert "already satisfied" not in first.said
    second = machine.set_up()
    assert (second.code, second.said, second.environments, second.extras) == (0, "", [], [])


def test_dev_is_added_to_the_environment_and_stays(machine: Machine) -> None:
    machine.set_up()
    added = machine.set_up("--dev")
    assert (added.environments, added.extras) == ([], [".[cpu,dev]"])
    assert machine.set_up().extras == []
    assert machine.set_up("--dev").extras == []


def test_other_extras_stay_too(machine: Machine) -> None:
    assert machine.set_up("--extra", "web").extras == [".[cpu,web]"]
    assert machine.set_up("--dev").extras == [".[cpu,web,dev]"]
    assert machine.set_up("--extra", "dev,web").extras == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_declaration_is_installed_again(machine: Machine, name: str) -> None:
    machine.set_up()
    with (machine.checkout / name).open("a") as file:
        file.write("# changed\n")
    again = machine.set_up()
    assert (again.environments, again.extras) == ([], [".[cpu]"])
    assert machine.set_up().extras == []


def test_a_new_version_of_python_is_installed_for_again(machine: Machine) -> None:
    machine.set_up()
    machine.add_python("python3.12", "3.12.2")
    again = machine.set_up()
    assert (again.environments, again.extras) == ([], [".[cpu]"])


def test_a_program_that_was_removed_is_installed_again(machine: Machine) -> None:
    machine.set_up()
    (machine.checkout / ".venv/bin/mnist-tui").unlink()
    assert machine.set_up().extras == [".[cpu]"]


def test_a_broken_environment_is_made_anew(machine: Machine) -> None:
    machine.set_up("--dev")
    python = machine.checkout / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3.10")
    again = machine.set_up()
    assert "Rebuilding .venv" in again.said
    assert (len(again.environments), again.extras) == (1, [".[cpu,dev]"])


def test_an_installation_that_was_killed_is_made_anew(machine: Machine) -> None:
    machine.set_up()
    (machine.checkout / ".venv/setup-unfinished").touch()
    again = machine.set_up()
    assert "Rebuilding .venv" in again.said
    assert len(again.environments) == 1
    assert machine.set_up().extras == []


def test_a_folder_that_is_no_environment_is_made_one(machine: Machine) -> None:
    (machine.checkout / ".venv").mkdir()
    assert len(machine.set_up().environments) == 1


def test_a_moved_checkout_gets_an_environment_of_its_own(machine: Machine) -> None:
    machine.set_up()
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("moved"))
    again = machine.set_up()
    assert (len(again.environments), again.extras) == (1, [".[cpu]"])


def test_back_ends_never_meet(machine: Machine) -> None:
    machine.set_up("--dev")
    switched = machine.set_up("--extra", "cuda12")
    assert "it has the back end cpu, which cannot share it with cuda12" in switched.said
    assert (len(switched.environments), switched.extras) == (1, [".[cuda12,dev]"])
    assert not list(machine.checkout.glob(".venv/lib/*/site-packages/mlx_cpu*"))


def test_the_chosen_back_end_stays_until_another_is_asked_for(machine: Machine) -> None:
    machine.set_up("--extra", "cuda12")
    assert machine.set_up().extras == []
    assert machine.set_up("--dev").extras == [".[cuda12,dev]"]
    assert machine.set_up("--extra", "cpu").extras == [".[cpu,dev]"]


def test_a_mac_needs_no_back_end(machine: Machine) -> None:
    machine.add_system("Darwin", "arm64")
    assert machine.set_up().extras == ["."]
    assert machine.set_up("--dev").extras == [".[dev]"]
    assert machine.set_up().extras == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--extra", "cpu,cuda12"], "cpu and cuda12 cannot share one environment"),
        (["--extra", "cuda99"], "There is no extra named cuda99"),
        (["--extra", "CPU"], "An extra cannot be named CPU"),
        (["--extra"], "--extra needs a name"),
        (["--fast"], "Unknown argument --fast"),
    ],
)
def test_wrong_arguments_are_refused(machine: Machine, arguments: list[str], sentence: str) -> None:
    refused = machine.set_up(*arguments)
    assert (refused.code, refused.environments) == (1, [])
    assert sentence in refused.said


def test_the_newest_python_that_runs_is_taken(bare_machine: Machine) -> None:
    bare_machine.add("python3.14", "echo 'pyenv: python3.14: command not found' >&2; exit 127")
    bare_machine.add_python("python3.13", "3.13.0")
    bare_machine.add_python("python3.11", "3.11.7")
    bare_machine.add_python("python3", "3.9.2")
    assert bare_machine.set_up().environments == ["python3.13 -m venv"]


@pytest.mark.parametrize("version", ["2.7.18", "3.9.2", "3.10.14"])
def test_an_old_python_is_named(bare_machine: Machine, version: str) -> None:
    bare_machine.add_python("python3", version)
    refused = bare_machine.set_up()
    assert refused.code == 1
    assert "Python 3.11 or newer is needed, but found only " in refused.said
    assert f"python3, which is {version}." in refused.said
    assert len(refused.said.splitlines()) == 1


def test_no_python_at_all_is_said(bare_machine: Machine) -> None:
    refused = bare_machine.set_up()
    assert refused.code == 1
    assert "Python 3.11 or newer is needed, but no Python was found on PATH." in refused.said


def test_a_python_without_venv_is_said_with_its_remedy(bare_machine: Machine) -> None:
    bare_machine.add_python("python3", "3.11.2", has_venv=False)
    refused = bare_machine.set_up()
    assert (refused.code, refused.environments) == (1, [])
    assert "sudo apt install python3.11-venv" in refused.said
    assert len(refused.said.splitlines()) == 1


def test_a_python_without_venv_is_passed_over_for_one_that_has_it(bare_machine: Machine) -> None:
    bare_machine.add_python("python3.13", "3.13.0", has_venv=False)
    bare_machine.add_python("python3.12", "3.12.1")
    assert bare_machine.set_up().environments == ["python3.12 -m venv"]


def test_uv_is_used_where_it_is_and_downloads_no_python(bare_machine: Machine) -> None:
    bare_machine.add_python("python3.12", "3.12.1", has_venv=False)
    bare_machine.add_uv()
    done = bare_machine.set_up()
    assert done.code == 0
    [made] = done.environments
    assert made.startswith("uv venv ")
    assert "/python3.12 .venv" in made
    assert made.endswith(" with downloads never")
    [installed] = done.installations
    assert installed == (
        "uv pip install --python .venv/bin/python --constraint constraints.txt --editable .[cpu]"
    )
    assert bare_machine.set_up().extras == []


def test_a_uv_that_does_not_run_is_left_alone(machine: Machine) -> None:
    machine.add("uv", "exit 127")
    assert machine.set_up().environments == ["python3.12 -m venv"]


@pytest.mark.parametrize("version", ["2.31", "2.34"])
def test_an_old_glibc_is_named(machine: Machine, version: str) -> None:
    machine.add("getconf", f"echo glibc {version}")
    refused = machine.set_up()
    assert (refused.code, refused.environments) == (1, [])
    assert f"MLX needs glibc 2.35 or newer, but this system has {version}" in refused.said
    assert len(refused.said.splitlines()) == 1


def test_musl_is_named(machine: Machine) -> None:
    machine.add("getconf", "exit 1")
    machine.add("ldd", "echo 'musl libc (x86_64)' >&2; exit 1")
    refused = machine.set_up()
    assert (refused.code, refused.environments) == (1, [])
    assert "this system has musl" in refused.said


@pytest.mark.parametrize(
    ("system", "processor", "sentence"),
    [
        ("Darwin", "x86_64", "needs a Mac with Apple silicon, but this one has an Intel processor"),
        ("Linux", "armv7l", "needs x86_64 or aarch64, but this machine is armv7l"),
        ("FreeBSD", "amd64", "runs on Linux and on Macs with Apple silicon, but this is FreeBSD"),
    ],
)
def test_a_machine_that_mlx_does_not_run_on_is_named(
    machine: Machine, system: str, processor: str, sentence: str
) -> None:
    machine.add_system(system, processor)
    refused = machine.set_up()
    assert (refused.code, refused.environments) == (1, [])
    assert sentence in refused.said
    assert len(refused.said.splitlines()) == 1


def test_a_shell_under_rosetta_is_not_taken_for_an_intel_mac(machine: Machine) -> None:
    machine.add_system("Darwin", "x86_64")
    machine.add("sysctl", "echo 1")
    refused = machine.set_up()
    assert refused.code == 1
    assert "runs under Rosetta" in refused.said


def test_without_a_network_a_sentence_says_so_and_the_next_run_goes_on(
    bare_machine: Machine,
) -> None:
    bare_machine.add_python("python3.12", "3.12.1", install=UNREACHABLE)
    refused = bare_machine.set_up()
    assert refused.code == 1
    assert refused.said.endswith("connect to a network and repeat.\n")
    bare_machine.add_python("python3.12", "3.12.1")
    again = bare_machine.set_up()
    assert (again.code, again.environments, again.extras) == (0, [], [".[cpu]"])


def test_the_same_with_uv(bare_machine: Machine) -> None:
    bare_machine.add_python("python3.12", "3.12.1")
    bare_machine.add_uv(install="echo 'error: dns error: no such host'; exit 2")
    refused = bare_machine.set_up()
    assert refused.code == 1
    assert "connect to a network" in refused.said


def test_an_installation_that_fails_half_way_is_shown_and_made_anew(
    bare_machine: Machine,
) -> None:
    install = "echo 'Installing collected packages: numpy'; echo 'No space left'; exit 1"
    bare_machine.add_python("python3.12", "3.12.1", install=install)
    failed = bare_machine.set_up()
    assert failed.code == 1
    assert "No space left" in failed.said
    assert "The installation failed; the lines above say why" in failed.said
    bare_machine.add_python("python3.12", "3.12.1")
    again = bare_machine.set_up()
    assert (again.code, len(again.environments), again.extras) == (0, 1, [".[cpu]"])


def make(*arguments: str) -> list[str]:
    """Run make at the checkout, apart from the one that may run the tests; its output's lines."""
    done = subprocess.run(
        ["make", *arguments],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_make_hands_the_extra_to_the_script_and_the_arguments_to_the_app() -> None:
    assert make("--dry-run", "run", "EXTRA=cuda12", 'ARGS=--hidden-sizes "128, 64"') == [
        "scripts/setup.sh --extra 'cuda12'",
        'exec .venv/bin/mnist-tui --hidden-sizes "128, 64"',
    ]


def test_make_help_names_the_targets_for_people() -> None:
    targets = [line.split()[1] for line in make("help")]
    assert targets == [
        "help",
        "run",
        "test",
        "test-web",
        "soak",
        "bench",
        "pictures",
        "lint",
        "clean",
    ]
