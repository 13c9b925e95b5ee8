"""Memory that torch frees is kept for the next operation."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import torch
from clsfw_torch.freed import all_freed_memory_kept, keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def used(times, blocks=2):
    before = faults()
    for _ in range(times):
        kept = [torch.ones(3 << 20) for _ in range(blocks)]  # 12 MiB each, freed together
        del kept
    return faults() - before

used(1)
before = used(20)
keep_freed_memory()
used(1)
after = used(20)
large = used(20, blocks=16)  # more than what is kept always
with all_freed_memory_kept():
    used(10, blocks=16)  # all of what they are given in turn
    kept = used(20, blocks=16)
print(before, after, large, kept)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep freed memory by their own rules")
def test_freed_memory_is_not_asked_for_again() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=60)
    before, after, large, kept = map(int, done.stdout.split())

    assert before > 100  # pages that were given back and mapped anew, thousands where they have 4 KiB
    assert after < before / 10
    assert large > 100  # more than 64 MiB are given back outside training
    assert kept < large / 10
