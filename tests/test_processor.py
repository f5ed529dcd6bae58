"""How many cores a process may use: affinity, and the quota of its control groups."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from foldergan import backend, processor

IN_A_CONTAINER = "0::/\n"
OF_VERSION_1 = "11:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/\n"
V1 = "sys/fs/cgroup/cpu,cpuacct"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A file system of the test's own, on a machine of 64 cores."""
    monkeypatch.setattr(processor, "_ROOT", tmp_path)
    monkeypatch.setattr(processor, "allowed_cores", lambda: 64)

    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return write


@pytest.mark.parametrize(
    ("group", "files", "cores"),
    [
        (IN_A_CONTAINER, {"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        (IN_A_CONTAINER, {"sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        (IN_A_CONTAINER, {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),  # up
        (IN_A_CONTAINER, {"sys/fs/cgroup/cpu.max": "5000 100000\n"}, 1),
        (IN_A_CONTAINER, {"sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 64),
        (IN_A_CONTAINER, {"sys/fs/cgroup/cpu.max": "nonsense"}, 64),
        (IN_A_CONTAINER, {}, 64),
        (  # the least of a group and those above
            "0::/a/b\n",
            {
                "sys/fs/cgroup/a/cpu.max": "300000 100000",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000",
            },
            3,
        ),
        (  # of another group
            "0::/a\n",
            {"sys/fs/cgroup/other/cpu.max": "300000 100000"},
            64,
        ),
        (
            OF_VERSION_1,
            {
                f"{V1}/docker/ab/cpu.cfs_quota_us": "400000\n",
                f"{V1}/docker/ab/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (  # seen from within the container
            OF_VERSION_1,
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "10000\n",
            },
            5,
        ),
        (
            OF_VERSION_1,
            {f"{V1}/cpu.cfs_quota_us": "-1", f"{V1}/cpu.cfs_period_us": "100000"},
            64,
        ),
    ],
)
def test_a_quota_limits_the_cores(system, group, files, cores):
    system({"proc/self/cgroup": group} | files)
    assert processor.usable_cores() == cores


def test_without_control_groups_all_cores_count(system):
    assert processor.usable_cores() == 64


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux has it")
def test_only_the_cores_that_it_may_run_on_count():
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{core}}})\n"
        "from foldergan import processor\n"
        "print(processor.allowed_cores(), processor.usable_cores())"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "1"]


def test_the_model_is_named(system):
    assert processor.model_name()  # whatever Python knows
    system({"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast 9000\nflags\t: a b\n"})
    assert processor.model_name() == "Fast 9000"


@pytest.mark.parametrize(
    ("usable", "told", "threads"), [(3, "", 3), (3, "5", None), (64, "", None)]
)
def test_tensorflow_starts_no_more_threads_than_the_quota_lets_run(
    monkeypatch, usable, told, threads
):
    import tensorflow as tf

    monkeypatch.setattr(processor, "allowed_cores", lambda: 64)
    monkeypatch.setattr(processor, "usable_cores", lambda: usable)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if told:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", told)
    given = []
    for kind in ("intra", "inter"):
        name = f"set_{kind}_op_parallelism_threads"
        monkeypatch.setattr(tf.config.threading, name, given.append)
    backend.load()
    assert given == ([threads] * 2 if threads else [])


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("1000\n", 1000), ("max\n", 4096 * 10), ("99999999\n", 40960)],
)
def test_memory_is_the_least_of_machine_and_container(
    tmp_path, monkeypatch, limit, expected
):
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 10}
    monkeypatch.setattr(processor.os, "sysconf", pages.get)
    monkeypatch.setattr(processor, "_ROOT", tmp_path)
    assert processor.memory() == 40960
    folder = tmp_path / "sys" / "fs" / "cgroup"
    folder.mkdir(parents=True)
    (folder / "memory.max").write_text(limit)
    assert processor.memory() == expected
