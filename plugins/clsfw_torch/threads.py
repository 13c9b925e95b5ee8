"""How many threads are worth starting on the CPU: what the process may use, less what others are using of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

_LOOK_S = 0.2
"""How long processors are watched; the kernel counts hundredths of a second."""
_SPARE = 0.25
"""A processor that is busy for less than this share of the time counts as free."""
_GROUPS = Path("/sys/fs/cgroup")


def asked_threads() -> int | None:
    """Return what the user says by `OMP_NUM_THREADS`, if anything."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else None


def allowed_threads() -> int:
    """Count the processors that the process may use at once: its affinity, within the quota of its control group."""
    processors = len(_processors())
    quota = _quota(Path("/proc/self/cgroup"), _GROUPS)
    return processors if quota is None else max(1, min(processors, int(quota)))


def free_threads() -> int:
    """Count the allowed processors that nobody else keeps busy right now, at least 1.

    The load average would not do: it covers the last minute, and so of this user's own run that has just ended.
    """
    allowed, processors = allowed_threads(), _processors()
    if allowed == 1:
        return 1
    before = _times(processors)
    time.sleep(_LOOK_S)
    after = _times(processors)
    idle = 0.0
    for number in processors:
        (idle_before, all_before), (idle_after, all_after) = before.get(number, (0, 0)), after.get(number, (0, 0))
        # Where the system does not say how busy a processor is, it counts as free.
        passed = all_after - all_before
        idle += (idle_after - idle_before) / passed if passed > 0 else 1.0
    return max(1, min(allowed, int(idle + _SPARE)))


def _processors() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _times(processors: set[int]) -> dict[int, tuple[int, int]]:
    """Return for each processor the time that it was idle and the time in all, in the kernel's ticks."""
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, *values = line.split()
        number = name.removeprefix("cpu")
        if name.startswith("cpu") and number.isdecimal() and int(number) in processors:
            # user, nice, system, idle, waiting for disks, interrupts, soft interrupts, taken by other machines
            ticks = [int(value) for value in values[:8]]
            found[int(number)] = (ticks[3] + ticks[4], sum(ticks))
    return found


def _quota(memberships: Path, groups: Path) -> float | None:
    """Return how many processors' time the control groups of the process may take, in version 2 and in version 1."""
    try:
        lines = memberships.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / "cpu" if controllers else groups
        folder = root / path.lstrip("/")
        # A limit of a group holds for all below it; within a container, what is above its root cannot be seen.
        for group in (folder, *folder.parents):
            if group == root.parent:
                break
            quotas += _limit(group)
    return min(quotas, default=None)


def _limit(group: Path) -> list[float]:
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (group / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return []
    return [] if quota in {"max", "-1"} else [int(quota) / int(period)]
