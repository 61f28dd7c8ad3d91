"""Limits of control groups, read from a folder that looks like a system's."""

from pathlib import Path

import pytest

from mnist_core.backend.control_groups import cpu_quota, memory_limit


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return tmp_path


def write(system: Path, **files: str) -> None:
    for name, text in files.items():
        path = system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def version_2(system: Path, group: str, quota: str, used: int = 3_500_000) -> None:
    folder = f"sys/fs/cgroup{group}"
    write(
        system,
        **{
            f"{folder}/cpu.max": f"{quota} 100000\n",
            f"{folder}/cpu.stat": f"usage_usec {used}\nuser_usec 1\n",
            f"{folder}/memory.max": "2000000000\n",
            f"{folder}/memory.current": "900000000\n",
            f"{folder}/memory.stat": "anon 5\ninactive_file 300000000\n",
        },
    )


def test_version_2_tells_the_quota_and_what_was_used(system: Path) -> None:
    write(system, **{"proc/self/cgroup": "0::/\n"})
    version_2(system, "", "150000")
    quota, memory = cpu_quota(system), memory_limit(system)
    assert quota is not None
    assert (quota.cores, quota.used) == (1.5, 3.5)
    assert memory is not None
    assert (memory.total, memory.used) == (2_000_000_000, 600_000_000)


def test_the_smallest_quota_around_a_process_holds(system: Path) -> None:
    write(system, **{"proc/self/cgroup": "0::/box/inner\n"})
    version_2(system, "/box/inner", "max")
    version_2(system, "/box", "50000", used=7_000_000)
    version_2(system, "", "400000")
    quota = cpu_quota(system)
    assert quota is not None
    assert (quota.cores, quota.used) == (0.5, 7.0)


def test_version_1_tells_them_too_also_where_the_group_is_not_to_be_seen(system: Path) -> None:
    groups = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n"
    write(
        system,
        **{
            "proc/self/cgroup": groups,
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/cpuacct.usage": "2500000000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "5\n",
        },
    )
    quota = cpu_quota(system)
    assert quota is not None
    assert (quota.cores, quota.used) == (2.0, 2.5)
    assert memory_limit(system) is None


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": "0::/\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "?\n"},
        {"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"},
    ],
)
def test_where_nothing_is_limited_or_told_there_is_no_limit(
    system: Path, files: dict[str, str]
) -> None:
    write(system, **files)
    assert cpu_quota(system) is None
    assert memory_limit(system) is None
