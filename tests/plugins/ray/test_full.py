"""A store or a disk of Ray's that is too small: the work is done all the same, or ends in one message."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess

import pytest
from support.ray_cluster import ABOUT, started

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.pools import find_executor, opened
from clsfw_ray import cluster as joined

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings are not ours

LENGTH = functools.partial(getattr, len, "__call__")
"""Begins a worker that returns the length of its piece."""
LARGE = b"x" * (ABOUT["object_store_memory"] + 10 * 2**20)


@pytest.fixture
def disk(tmp_path_factory):
    """Give a folder on a small file system of its own, which takes the right to mount one."""
    folder = tmp_path_factory.mktemp("r")  # short: Ray's sockets lie in it
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def lengths(workers):
    """Give what workers return for two pieces each that are larger than the object store."""
    found = {}
    with opened(find_executor("ray", discover()), LENGTH, workers, clsfw.Resources(1)) as pool:
        for number in range(2 * workers):
            pool.begin(number, LARGE)
        while len(found) < 2 * workers:
            found |= {event.number: (event.kind, event.content) for event in pool.wait(1)}
    return found


def test_pieces_that_are_larger_than_the_object_store(cluster):
    assert dict.fromkeys(range(6), ("done", len(LARGE))) == lengths(3)


def test_the_object_store_and_its_disk_are_full(disk, monkeypatch):
    with started(1, temp_dir=str(disk)) as found:
        monkeypatch.setenv("RAY_ADDRESS", found.address)
        with pytest.raises(clsfw.HostError, match=r"the object store of the Ray node .* is full, and so is the disk"):
            lengths(1)


def test_a_node_whose_ray_folder_is_full_is_named(disk, monkeypatch):
    monkeypatch.setattr(joined, "_LOOK", 8.0)
    with started(1) as found:
        found.add_node(**ABOUT, temp_dir=str(disk))
        with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        monkeypatch.setenv("RAY_ADDRESS", found.address)
        with pytest.raises(clsfw.HostError, match=rf"node '{os.uname().nodename}' .* whether the disk of that folder"):
            find_executor("ray", discover()).hosts()
