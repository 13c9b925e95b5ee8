"""How many threads are started: what is allowed by affinity and quota, less what others keep busy."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clsfw_torch import threads
from clsfw_torch.threads import allowed_threads, asked_threads, free_threads

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend to have four processors, all of them allowed."""
    monkeypatch.setattr(threads, "_processors", lambda: {0, 1, 2, 3})
    monkeypatch.setattr(threads, "_quota", lambda *_: None)


def busy(monkeypatch: pytest.MonkeyPatch, *shares: float) -> None:
    """Pretend that each processor was busy for a share of the 100 ticks between two looks."""
    looks = iter([0, 1])
    monkeypatch.setattr("time.sleep", lambda _: None)

    def times(processors: set[int]) -> dict[int, tuple[int, int]]:
        look = next(looks)
        return {n: (1000 + look * round(100 * (1 - share)), 5000 + look * 100) for n, share in enumerate(shares)}

    monkeypatch.setattr(threads, "_times", times)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.0, 0.0, 0.0, 0.0), 4),
        ((0.05, 0.05, 0.05, 0.05), 4),  # what goes on on an idle machine
        ((1.0, 0.0, 0.0, 0.0), 3),
        ((0.5, 0.5, 0.5, 0.5), 2),
        ((0.5, 0.0, 0.0, 0.0), 3),
        ((1.0, 1.0, 1.0, 0.9), 1),
        ((1.0, 1.0, 1.0, 1.0), 1),
        ((), 4),  # a system that does not say
    ],
)
def test_free_are_the_processors_that_nobody_uses(
    monkeypatch: pytest.MonkeyPatch, shares: tuple[float, ...], expected: int
) -> None:
    busy(monkeypatch, *shares)

    assert free_threads() == expected


@pytest.mark.usefixtures("machine")
def test_a_quota_bounds_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    busy(monkeypatch, 0.0, 0.0, 0.0, 1.0)
    monkeypatch.setattr(threads, "_quota", lambda *_: 2.5)

    assert (allowed_threads(), free_threads()) == (2, 2)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("quota", "expected"), [(None, 4), (0.5, 1), (3.0, 3), (64.0, 4)])
def test_allowed(monkeypatch: pytest.MonkeyPatch, quota: float | None, expected: int) -> None:
    monkeypatch.setattr(threads, "_quota", lambda *_: quota)

    assert allowed_threads() == expected


@pytest.mark.parametrize(("text", "expected"), [("", None), ("0", None), ("many", None), ("3", 3)])
def test_asked(monkeypatch: pytest.MonkeyPatch, text: str, expected: int | None) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)

    assert asked_threads() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own count")
def test_the_kernels_ticks_are_read() -> None:
    processors = threads._processors()

    found = threads._times(processors)

    assert found.keys() == processors
    assert all(0 <= idle <= whole for idle, whole in found.values())


@pytest.mark.skipif(sys.platform != "linux", reason="affinity as Linux has it")
def test_only_allowed_processors_are_looked_at() -> None:
    one = str(min(os.sched_getaffinity(0)))
    code = "from clsfw_torch import threads as t; print(sorted(t._times(t._processors())), t.free_threads())"

    done = subprocess.run(
        ["taskset", "-c", one, sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"[{one}] 1\n"


def group(root: Path, path: str, **files: str) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(content + "\n")


@pytest.mark.parametrize(
    ("membership", "expected"),
    [
        ("0::/user/job", 1.5),  # the smallest limit on the way up
        ("0::/user", 4.0),
        ("0::/", None),
        ("0::/elsewhere", None),
        ("4:memory:/a\n3:cpu,cpuacct:/old\n0::/", 2.0),
        ("3:cpu,cpuacct:/open", None),
    ],
)
def test_quotas_of_control_groups(tmp_path: Path, membership: str, expected: float | None) -> None:
    group(tmp_path, "user", cpu_max="400000 100000")
    group(tmp_path, "user/job", cpu_max="150000 100000")
    group(tmp_path, ".", cpu_max="max 100000")
    group(tmp_path, "cpu/old", cpu_cfs_quota_us="200000", cpu_cfs_period_us="100000")
    group(tmp_path, "cpu/open", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    file = tmp_path / "cgroup"
    file.write_text(membership + "\n")

    assert threads._quota(file, tmp_path) == expected


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert threads._quota(tmp_path / "cgroup", tmp_path) is None
