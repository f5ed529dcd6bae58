"""The machine that this process may use: cores, model of the processor, memory."""

import contextlib
import math
import os
import platform
from pathlib import Path

_ROOT = Path("/")


def usable_cores() -> int:
    """Counts the cores that this process may keep busy, at least 1.

    Those that it may run on (`taskset` sets them), but not more than the CPU quota
    of its control groups (a container has some) comes to, rounded up.
    """
    quota = _quota()
    cores = allowed_cores()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def allowed_cores() -> int:
    """Counts the cores that this process may run on, whatever its quota."""
    if hasattr(os, "sched_getaffinity"):  # Linux has it
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> float:
    """Bytes of memory of this machine or container; infinite where it does not tell."""
    known = [math.inf]
    if hasattr(os, "sysconf"):
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    limit = _ROOT / "sys/fs/cgroup/memory.max"
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        known.append(int(limit.read_text()))
    return min(known)


def model_name() -> str:
    """Names the model of the processor, as the system does."""
    with contextlib.suppress(OSError):
        text = (_ROOT / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _quota() -> float | None:
    """Finds the least quota of this process's control groups; None for no limit."""
    # https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu (cpu.max); of version 1,
    # https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_*).
    try:
        lines = (_ROOT / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return None
    quotas: list[float] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            mounts, names = ["", "unified"], ["cpu.max"]
        elif "cpu" in controllers.split(","):
            mounts = [controllers, "cpu"]
            names = ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        for mount in mounts:
            folder = _ROOT / "sys/fs/cgroup" / mount
            # Each group above limits too. In a container the files of its own group
            # lie in the mounted folder itself, whatever its path is outside.
            path = folder / group.lstrip("/")
            for each in (path, *path.parents):
                if each.is_relative_to(folder):
                    # Without a limit a quota is missing, "max" or -1.
                    with contextlib.suppress(OSError, ValueError):
                        texts = [(each / name).read_text() for name in names]
                        quota, period = map(int, " ".join(texts).split())
                        quotas += [quota / period] if quota > 0 else []
    return min(quotas, default=None)
